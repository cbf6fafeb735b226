#include "compartments/network.hpp"

#include <array>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compartments/privileges.hpp"
#include "compartments/rtnetlink.hpp"
#include "compartments/ruleset.hpp"
#include "net/instance_link.hpp"

namespace bulkhead::compartments {
namespace {

constexpr int kBacklog = 4096;
constexpr std::array kNft = {"/usr/sbin/nft", "/usr/bin/nft", "/sbin/nft"};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(std::string_view text, std::uint16_t port) {
  SocketAddress address;
  const std::string copy(text);
  auto* four = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* six = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, copy.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    address.size = sizeof *four;
  } else if (inet_pton(AF_INET6, copy.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    address.size = sizeof *six;
  }
  return address;
}

// Lets a socket be bound to an address that no interface carries, and be handed connections to any.
bool make_transparent(int socket, int family) {
  const int on = 1;
  if (family == AF_INET) return setsockopt(socket, SOL_IP, IP_TRANSPARENT, &on, sizeof on) == 0;
  return setsockopt(socket, SOL_IPV6, IPV6_TRANSPARENT, &on, sizeof on) == 0;
}

Result<Fd> bound(int type, std::string_view text, std::uint16_t port, bool transparent) {
  const SocketAddress address = socket_address(text, port);
  const int family = address.storage.ss_family;
  Fd socket(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return os_fail("open a socket");
  if (transparent && !make_transparent(socket.get(), family)) return os_fail("make a transparent socket");
  // Connections that the door takes have the peer's port as their own: with this a service may listen on it all the
  // same. Not for datagrams, where it would let the service take the address.
  const int on = 1;
  if (type == SOCK_STREAM) setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(socket.get(), address.get(), address.size) != 0) return os_fail(fmt::format("bind {}:{}", text, port));
  if (type == SOCK_STREAM && listen(socket.get(), kBacklog) != 0) return os_fail("listen");
  return socket;
}

Result<> write_setting(const char* path, std::string_view value) {
  const Fd file(open(path, O_WRONLY | O_CLOEXEC));
  if (!file || write(file.get(), value.data(), value.size()) < 0) return os_fail(std::string("set ") + path);
  return {};
}

Result<> nflog_request(int socket, std::uint16_t attribute, const void* data, std::size_t size) {
  struct {
    nlmsghdr header;
    nfgenmsg message;
    nlattr attribute;
    std::array<char, 16> data;
  } request{};
  request.header.nlmsg_type = (NFNL_SUBSYS_ULOG << 8U) | NFULNL_MSG_CONFIG;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.message = {AF_UNSPEC, NFNETLINK_V0, htons(kNflogGroup)};
  request.attribute = {static_cast<std::uint16_t>(sizeof(nlattr) + size), attribute};
  std::memcpy(request.data.data(), data, size);
  request.header.nlmsg_len =
      static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof(nfgenmsg)) + NLA_ALIGN(sizeof(nlattr) + size));
  if (send(socket, &request, request.header.nlmsg_len, 0) < 0) return os_fail("configure the packet log");
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } reply{};
  if (recv(socket, &reply, sizeof reply, 0) < static_cast<ssize_t>(sizeof reply.header + sizeof(int))) {
    return os_fail("configure the packet log");
  }
  if (reply.error.error != 0) return os_fail("configure the packet log", -reply.error.error);
  return {};
}

Result<Fd> open_nflog() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!socket) return os_fail("open the packet log");
  const nfulnl_msg_config_cmd bind_group{NFULNL_CFG_CMD_BIND};
  const nfulnl_msg_config_mode copy{htonl(96), NFULNL_COPY_PACKET, 0};
  if (const auto done = nflog_request(socket.get(), NFULA_CFG_CMD, &bind_group, sizeof bind_group); !done) {
    return fail(done.error());
  }
  if (const auto done = nflog_request(socket.get(), NFULA_CFG_MODE, &copy, sizeof copy); !done) {
    return fail(done.error());
  }
  fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  return socket;
}

Result<> add(std::vector<NamedFd>& all, std::string_view name, Result<Fd> fd) {
  if (!fd) return fail(within(name, fd.error()));
  all.push_back({std::string(name), std::move(*fd)});
  return {};
}

Result<bool> set_up_addresses() {
  if (const auto up = bring_loopback_up(); !up) return fail(up.error());
  auto routes = RouteSocket::open();
  if (!routes) return fail(routes.error());
  if (const auto done = routes->add_loopback_address(AF_INET, net::kOwnAddress); !done) return fail(done.error());
  if (const auto done = routes->add_local_default(AF_INET, net::kOwnAddress); !done) return fail(done.error());
  // A host without IPv6 has no such door to close either.
  return routes->add_local_default(AF_INET6, {}).has_value();
}

[[noreturn]] void exec_nft(int input, int output) {
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  keep_capabilities_across_exec();
  const char* argv[] = {"nft", "-f", "-", nullptr};
  const char* environment[] = {"LC_ALL=C", nullptr};
  for (const char* path : kNft) {
    execve(path, const_cast<char**>(argv), const_cast<char**>(environment));
  }
  constexpr std::string_view kMissing = "nft is not installed";
  [[maybe_unused]] const auto ignored = write(STDERR_FILENO, kMissing.data(), kMissing.size());
  _exit(127);
}

std::string drain(int fd) {
  std::string text;
  std::array<char, 512> chunk{};
  for (ssize_t size = 0; (size = read(fd, chunk.data(), chunk.size())) > 0;) {
    text.append(chunk.data(), static_cast<std::size_t>(size));
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

std::string nft_program() {
  for (const char* path : kNft)
    if (access(path, X_OK) == 0) return path;
  return {};
}

Result<> load_ruleset(const std::string& ruleset) {
  std::array<int, 2> input{};
  std::array<int, 2> output{};
  if (pipe2(input.data(), O_CLOEXEC) != 0) return os_fail("make a pipe");
  const Fd input_read(input[0]);
  Fd input_write(input[1]);
  if (pipe2(output.data(), O_CLOEXEC) != 0) return os_fail("make a pipe");
  const Fd output_read(output[0]);
  Fd output_write(output[1]);
  const pid_t child = fork();
  if (child < 0) return os_fail("fork nft");
  if (child == 0) exec_nft(input_read.get(), output_write.get());
  output_write.reset();
  std::size_t written = 0;
  while (written < ruleset.size()) {
    const ssize_t size = write(input_write.get(), ruleset.data() + written, ruleset.size() - written);
    if (size <= 0) break;
    written += static_cast<std::size_t>(size);
  }
  input_write.reset();
  const std::string complaint = drain(output_read.get());
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(Cause::unsupported, "the packet filter can't be set: {}", complaint);
  }
  return {};
}

Result<std::vector<NamedFd>> set_up_network(const std::vector<Door>& doors) {
  const auto ruleset = render_ruleset(doors);
  if (!ruleset) return fail(ruleset.error());
  const auto has_ipv6 = set_up_addresses();
  if (!has_ipv6) return fail(has_ipv6.error());
  // Filter first: nothing of ours listens in a namespace without one.
  if (const auto done = load_ruleset(*ruleset); !done) return fail(done.error());
  if (const auto done = write_setting("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"); !done) {
    return fail(done.error());
  }
  std::vector<NamedFd> all;
  if (const auto done = add(all, net::kDoor4, bound(SOCK_STREAM, kDoorAddress, kDoorPort, true)); !done) {
    return fail(done.error());
  }
  if (*has_ipv6) {
    auto door = bound(SOCK_STREAM, kDoorAddress6, kDoorPort, true);
    // IPv6 may be there and switched off: then nobody can dial it either.
    const bool is_off = !door && door.error().os_error == EADDRNOTAVAIL;
    if (!is_off) {
      if (const auto done = add(all, net::kDoor6, std::move(door)); !done) return fail(done.error());
    }
  }
  if (const auto done = add(all, net::kDnsUdp, bound(SOCK_DGRAM, net::kDnsAddress, 53, false)); !done) {
    return fail(done.error());
  }
  if (const auto done = add(all, net::kDnsTcp, bound(SOCK_STREAM, net::kDnsAddress, 53, false)); !done) {
    return fail(done.error());
  }
  if (const auto done = add(all, net::kNflog, open_nflog()); !done) return fail(done.error());
  return all;
}

namespace {

VendOutcome connect_from(std::string_view source, std::string_view destination, std::uint16_t port) {
  const SocketAddress from = socket_address(source, 0);
  const SocketAddress to = socket_address(destination, port);
  const int family = from.storage.ss_family;
  VendOutcome outcome{Fd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
  if (!outcome.socket) return {Fd(), errno};
  const int on = 1;
  // The port is chosen at connect, so that one source address serves more than 28,000 connections to several ports.
  setsockopt(outcome.socket.get(), SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (family == AF_INET6 && !make_transparent(outcome.socket.get(), family)) return {Fd(), errno};
  if (bind(outcome.socket.get(), from.get(), from.size) != 0) return {Fd(), errno};
  if (connect(outcome.socket.get(), to.get(), to.size) == 0) return outcome;
  if (errno != EINPROGRESS) return {Fd(), errno};
  // Over loopback the answer is there before connect returns, unless the backlog is full.
  pollfd ready{outcome.socket.get(), POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  if (poll(&ready, 1, 0) == 1 && getsockopt(ready.fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
    return {Fd(), error};
  }
  return outcome;
}

}  // namespace

VendOutcome connect_to_service(std::uint16_t port, int family_hint) {
  struct Way {
    std::string_view source, destination;
  };
  constexpr Way kFour{net::kMeshSource, "127.0.0.1"};
  constexpr Way kSix{net::kMeshSource6, "::1"};
  constexpr Way kOwn{net::kMeshSource, net::kOwnAddress};  // a program that bound its own hostname's address
  const auto ways = family_hint == AF_INET6 ? std::array{kSix, kFour, kOwn} : std::array{kFour, kSix, kOwn};
  int first_error = 0;
  for (const auto& way : ways) {
    VendOutcome outcome = connect_from(way.source, way.destination, port);
    if (outcome.error != ECONNREFUSED && outcome.socket) return outcome;
    if (first_error == 0) first_error = outcome.error;
  }
  return {Fd(), first_error};
}

VendOutcome connect_over_loopback(std::uint16_t port) {
  constexpr std::array kWays{std::string_view("127.0.0.1"), std::string_view("::1")};
  int first_error = 0;
  for (const auto address : kWays) {
    VendOutcome outcome = connect_from(address, address, port);
    if (outcome.error != ECONNREFUSED && outcome.socket) return outcome;
    if (first_error == 0) first_error = outcome.error;
  }
  // A program that bound its own hostname's address.
  VendOutcome outcome = connect_from(net::kOwnAddress, net::kOwnAddress, port);
  return outcome.socket ? std::move(outcome) : VendOutcome{Fd(), first_error};
}

}  // namespace bulkhead::compartments
