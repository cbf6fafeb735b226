#include <cstdint>
#include <cstdlib>

#include <fcntl.h>

#include "proxy/hello.hpp"

// The first byte says how many descriptors come with it. What is accepted has all that a process needs to begin.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead;
  if (size == 0) return 0;
  net::Frame frame;
  frame.payload.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t descriptors = data[0] % 4;
  for (std::size_t i = 0; i < descriptors; ++i) frame.fds.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto hello = proxy::parse_hello(std::move(frame));
  if (!hello) return 0;
  if (hello->instance.empty() || hello->app.empty() || hello->controller_socket.empty()) std::abort();
  if (hello->fds.size() > descriptors || (descriptors > 0 && hello->fds.empty())) std::abort();
  for (const auto& [name, fd] : hello->fds) {
    if (!fd) std::abort();
  }
  return 0;
}
