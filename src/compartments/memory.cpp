#include "compartments/memory.hpp"

#include <array>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace bulkhead::compartments {

Result<Fd> put_in_memory(std::string_view text) {
  Fd memory(memfd_create("bulkhead", MFD_CLOEXEC));
  if (!memory || write(memory.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      lseek(memory.get(), 0, SEEK_SET) != 0)
    return os_fail("put a text into memory");
  return memory;
}

Result<std::string> read_to_end(Fd fd) {
  constexpr std::size_t kMost = 16U << 20U;
  std::string text;
  std::array<char, 16384> bytes{};
  for (ssize_t size = 0; (size = read(fd.get(), bytes.data(), bytes.size())) != 0;) {
    if (size < 0) return os_fail("read what was handed over");
    text.append(bytes.data(), static_cast<std::size_t>(size));
    if (text.size() > kMost) return fail(Cause::exhausted, "what was handed over is above 16 MiB");
  }
  return text;
}

Result<AcrossExec> AcrossExec::keep(std::string_view text, std::vector<int> descriptors) {
  auto memory = put_in_memory(text);
  if (!memory) return fail(std::move(memory.error()));
  descriptors.push_back(memory->get());
  for (const int fd : descriptors) fcntl(fd, F_SETFD, 0);
  return AcrossExec(std::move(*memory), std::move(descriptors));
}

AcrossExec::~AcrossExec() {
  for (const int fd : kept_) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

}  // namespace bulkhead::compartments
