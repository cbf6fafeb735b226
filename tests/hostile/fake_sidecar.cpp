#include "fake_sidecar.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <map>
#include <span>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "compartments/rights.hpp"
#include "net/instance_link.hpp"
#include "net/listener.hpp"
#include "net/nflog.hpp"

namespace bulkhead::hostile {
namespace {

using Json = nlohmann::json;

std::string text_of(const sockaddr_storage& address, bool with_port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const auto& four = reinterpret_cast<const sockaddr_in&>(address);
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
  const bool is_four = address.ss_family == AF_INET;
  inet_ntop(address.ss_family, is_four ? static_cast<const void*>(&four.sin_addr) : &six.sin6_addr, text.data(),
            text.size());
  std::string result = text.data();
  if (with_port) result += ":" + std::to_string(ntohs(is_four ? four.sin_port : six.sin6_port));
  return result;
}

class FakeSidecar {
 public:
  int run() {
    while (!finished_) {
      std::vector<pollfd> watched{{net::kInstanceLinkFd, POLLIN, 0}};
      for (const auto& [name, fd] : fds_) watched.push_back({fd.get(), POLLIN, 0});
      poll(watched.data(), watched.size(), -1);
      if (watched[0].revents != 0 && !hear()) return 0;
      for (const auto& [name, fd] : fds_) serve(name, fd.get());
    }
    return 0;
  }

 private:
  void say(const std::string& line) {
    std::puts(line.c_str());
    std::fflush(stdout);
  }
  void tell(const char* type, const std::vector<int>& rights = {}) {
    const std::string text = Json{{"type", type}}.dump();
    std::ignore = compartments::send_with_rights(net::kInstanceLinkFd, std::as_bytes(std::span(text)), rights);
  }

  bool hear() {
    std::array<std::byte, 65536> bytes{};
    auto got = compartments::receive_with_rights(net::kInstanceLinkFd, bytes);
    if (!got || got->size == 0) return false;
    const Json message = Json::parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), got->size));
    if (message["type"] == "hello") greet(message, std::move(got->rights));
    if (message["type"] == "service_started") say("service_started");
    if (stubborn_) return true;
    if (message["type"] == "drain") tell("drained");
    if (message["type"] == "retire") retire();
    finished_ = message["type"] == "finish";
    return true;
  }

  void greet(const Json& hello, std::vector<Fd> rights) {
    for (std::size_t i = 0; i < rights.size(); ++i) fds_.emplace(hello["fds"][i], std::move(rights[i]));
    stubborn_ = hello.value("stubborn", false);
    if (hello.value("silent", false)) return;
    if (hello.contains("listen")) {
      listen(hello["listen"]);
    } else {
      tell("ready");
    }
    if (hello.contains("dial")) dial(hello["dial"]);
    if (hello.contains("flood")) flood(hello["flood"]);
  }

  void listen(const std::string& path) {
    say(fds_.contains(std::string(net::kInner)) ? "inherited" : "opened");
    if (fds_.contains(std::string(net::kInner))) return tell("ready");
    const auto listener = net::open_listening_socket(*net::Address::unix_socket(path));
    tell("ready", {listener->get()});
  }

  // Nothing more is taken from the doors.
  void retire() {
    say("retire");
    std::erase_if(fds_, [](const auto& each) { return each.first != net::kVendor; });
    tell("retired");
  }

  // Until the service listens, at most some seconds.
  void dial(std::uint16_t port) {
    const int vendor = fds_.at(std::string(net::kVendor)).get();
    Result<net::Vended> vended = net::Vended{};
    for (std::uint32_t attempt = 1; attempt <= 1000; ++attempt) {
      std::ignore = net::send_vend_request(vendor, {attempt, port, 0});
      pollfd ready{vendor, POLLIN, 0};
      poll(&ready, 1, 5000);
      vended = net::receive_vend_reply(vendor);
      if (!vended || vended->reply.error != ECONNREFUSED) break;
      poll(nullptr, 0, 5);
    }
    if (!vended) return say("dialled " + vended.error().message);
    std::array<char, 128> text{};
    if (vended->socket) {
      pollfd ready{vended->socket.get(), POLLIN, 0};
      poll(&ready, 1, 5000);
      if (read(vended->socket.get(), text.data(), text.size() - 1) < 0) text[0] = '\0';
    }
    say("dialled " + std::to_string(vended->reply.error) + " " + text.data());
  }

  // Asks for more sockets than the replies' queue holds before it reads the first: every request has to be answered.
  void flood(std::uint16_t port) {
    const int vendor = fds_.at(std::string(net::kVendor)).get();
    constexpr std::uint32_t kRequests = 600;
    std::uint32_t answered = 0;
    for (std::uint32_t id = 0; id < kRequests;) {
      if (net::send_vend_request(vendor, {id, port, 0})) {
        ++id;
        continue;
      }
      pollfd ready{vendor, POLLIN | POLLOUT, 0};
      poll(&ready, 1, 5000);
      if ((ready.revents & POLLOUT) == 0 && net::receive_vend_reply(vendor)) ++answered;
    }
    for (pollfd ready{vendor, POLLIN, 0}; answered < kRequests && poll(&ready, 1, 5000) == 1;) {
      if (!net::receive_vend_reply(vendor)) break;
      ++answered;
    }
    say("answered " + std::to_string(answered));
  }

  void serve(const std::string& name, int fd) {
    if (name == net::kDoor4 || name == net::kDoor6) return accept_at(fd);
    if (name == net::kDnsUdp) {
      std::array<char, 512> question{};
      while (recv(fd, question.data(), question.size(), MSG_DONTWAIT) >= 0) say("dns");
    }
    if (name == net::kNflog) {
      std::array<std::byte, 8192> bytes{};
      for (ssize_t size = 0; (size = recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0;) {
        for (const auto& attempt : net::parse_nflog(std::span(bytes).first(static_cast<std::size_t>(size)))) {
          say("tried " + std::to_string(attempt.protocol) + " " + attempt.destination + ":" +
              std::to_string(attempt.destination_port));
        }
      }
    }
  }

  void accept_at(int door) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    while (true) {
      const Fd connection(accept4(door, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!connection) return;
      sockaddr_storage declared{};
      size = sizeof declared;
      getsockname(connection.get(), reinterpret_cast<sockaddr*>(&declared), &size);
      const std::string line = "door " + text_of(declared, true) + " from " + text_of(peer, false);
      say(line);
      std::ignore = ::send(connection.get(), line.data(), line.size(), MSG_NOSIGNAL);
    }
  }

  std::map<std::string, Fd> fds_;
  bool stubborn_ = false;
  bool finished_ = false;
};

}  // namespace

int fake_sidecar_main() { return FakeSidecar().run(); }

}  // namespace bulkhead::hostile
