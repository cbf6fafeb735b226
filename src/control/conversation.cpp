#include "control/conversation.hpp"

#include <array>
#include <span>

#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "compartments/rights.hpp"
#include "net/address.hpp"
#include "net/frames.hpp"

namespace bulkhead::control {
namespace {

constexpr std::size_t kHeader = 4;

// Exactly `buffer`; the descriptors that came with it are appended.
Result<> read_whole(int socket, std::span<std::byte> buffer, std::vector<Fd>& fds) {
  while (!buffer.empty()) {
    auto got = compartments::receive_with_rights(socket, buffer);
    if (!got && got.error().os_error == EINTR) continue;
    if (!got) return fail(got.error());
    if (got->size == 0) return fail(Cause::closed, "the controller ended the connection");
    for (Fd& fd : got->rights) fds.push_back(std::move(fd));
    buffer = buffer.subspan(got->size);
  }
  return {};
}

}  // namespace

Result<Conversation> Conversation::open(const Places& places) {
  const std::string path = socket_to_reach(places);
  const auto address = net::Address::unix_socket(path.empty() ? places.control_socket() : path);
  if (!address) return fail(address.error());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return os_fail("make a socket");
  if (::connect(socket.get(), address->data(), address->size()) != 0) {
    Fault fault = os_fault("connect to the controller");
    if (fault.os_error == ENOENT || fault.os_error == ECONNREFUSED) fault.cause = Cause::unreachable;
    return fail(std::move(fault));
  }
  return Conversation(std::move(socket));
}

Result<> Conversation::send(const nlohmann::json& request) const {
  const std::string text = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(text.size() >> shift);
  bytes += text;
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto sent = compartments::send_with_rights(socket_.get(), std::as_bytes(std::span(rest)), {});
    if (!sent) return fail(sent.error());
    rest.remove_prefix(*sent);
  }
  return {};
}

Result<Conversation::Message> Conversation::receive() const {
  Message message;
  std::array<std::byte, kHeader> header{};
  if (auto read = read_whole(socket_.get(), header, message.fds); !read) return fail(read.error());
  std::size_t size = 0;
  for (const std::byte byte : header) size = size << 8U | std::to_integer<std::size_t>(byte);
  if (size > net::kMaxFrame) return fail(Cause::protocol, "an answer of {} bytes", size);
  message.text.resize(size);
  if (auto read = read_whole(socket_.get(), std::as_writable_bytes(std::span(message.text)), message.fds); !read)
    return fail(read.error());
  return message;
}

}  // namespace bulkhead::control
