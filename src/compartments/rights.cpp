#include "compartments/rights.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace bulkhead::compartments {
namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(int) * kMaxRights) + CMSG_SPACE(sizeof(ucred));

cmsghdr* append(msghdr& message, cmsghdr* previous, int type, const void* data, std::size_t size) {
  message.msg_controllen += CMSG_SPACE(size);
  cmsghdr* header = previous == nullptr ? CMSG_FIRSTHDR(&message) : CMSG_NXTHDR(&message, previous);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(header), data, size);
  return header;
}

Fault socket_fault(std::string_view doing) {
  const int error = errno;
  Fault fault = os_fault(doing, error);
  if (error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS) fault.cause = Cause::exhausted;
  if (error == EPIPE || error == ECONNRESET || error == ENOTCONN) fault.cause = Cause::closed;
  return fault;
}

void take_control(cmsghdr* header, Received& received) {
  if (header->cmsg_level != SOL_SOCKET) return;
  if (header->cmsg_type == SCM_CREDENTIALS) {
    ucred credentials{};
    std::memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
    received.pid = credentials.pid;
  }
  if (header->cmsg_type != SCM_RIGHTS) return;
  const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  std::vector<int> numbers(count);
  std::memcpy(numbers.data(), CMSG_DATA(header), count * sizeof(int));
  for (const int number : numbers) received.rights.emplace_back(number);
}

}  // namespace

Result<std::size_t> send_with_rights(int socket, std::span<const std::byte> bytes, std::span<const int> rights,
                                     std::optional<int> pid) {
  if (rights.size() > kMaxRights) return fail(Cause::invalid, "{} descriptors in one packet", rights.size());
  iovec chunk{const_cast<std::byte*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  msghdr message{};
  message.msg_iov = &chunk;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  cmsghdr* last = nullptr;
  // CMSG_NXTHDR looks at msg_controllen, which append() raises first.
  if (!rights.empty()) last = append(message, last, SCM_RIGHTS, rights.data(), rights.size_bytes());
  if (pid) {
    const ucred credentials{*pid, getuid(), getgid()};
    last = append(message, last, SCM_CREDENTIALS, &credentials, sizeof credentials);
  }
  if (last == nullptr) message.msg_control = nullptr;
  const ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  if (sent < 0) return fail(socket_fault("send a packet"));
  return static_cast<std::size_t>(sent);
}

Result<Received> receive_with_rights(int socket, std::span<std::byte> buffer) {
  iovec chunk{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  msghdr message{};
  message.msg_iov = &chunk;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (size < 0) return fail(socket_fault("receive a packet"));
  Received received;
  received.size = static_cast<std::size_t>(size);
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    take_control(header, received);
  }
  if ((message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) return fail(Cause::protocol, "a packet was cut");
  return received;
}

}  // namespace bulkhead::compartments
