#include <cstring>
#include <map>
#include <set>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sealed.hpp"

namespace bulkhead::hostile {
namespace {

class Matrix : public Sealed {};

// What a service may do; everything else that the probe tries has to be denied.
const std::set<std::string> kAllowed = {"declared tcp 198.18.1.1:8080",
                                        "declared tcp 127.0.0.1:4001",
                                        "declared tcp 0.0.0.0:4001",
                                        "declared tcp ::1:4001",
                                        "dns 198.18.0.53:53",
                                        "listen on 80",
                                        "listen on the peer's port 8080",
                                        "route netlink socket",
                                        "own socket pair",
                                        "create /data/x",
                                        "create /tmp/x",
                                        "create /run/x",
                                        "create /dev/shm/x"};

// With one uid for launcher and service a signal to init is permitted, but the kernel shields it: init goes on.
const std::set<std::string> kAllowedWithOneUid = {"kill init"};

// A host that can be reached if a wall is missing: a TCP and UDP port on every address, and an abstract socket.
struct Host {
  Fd tcp{socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  Fd udp{socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  Fd abstract{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int port = 0;
  std::string abstract_name;

  explicit Host(const std::string& name) : abstract_name(name) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    socklen_t size = sizeof address;
    bind(tcp.get(), reinterpret_cast<const sockaddr*>(&address), size);
    listen(tcp.get(), 8);
    getsockname(tcp.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin6_port);
    bind(udp.get(), reinterpret_cast<const sockaddr*>(&address), size);
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    std::memcpy(local.sun_path + 1, name.data(), name.size());
    bind(abstract.get(), reinterpret_cast<const sockaddr*>(&local),
         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size()));
    listen(abstract.get(), 8);
  }
};

std::map<std::string, std::string> matrix_of(const Instance& instance) {
  std::map<std::string, std::string> matrix;
  for (const auto& line : instance.log("stdout")) {
    const auto bar = line.find('|');
    if (bar != std::string::npos) matrix[line.substr(0, bar)] = line.substr(bar + 1);
  }
  return matrix;
}

TEST_P(Matrix, ExactlyWhatIsDeclaredSucceeds) {
  const Host host("bulkhead-hostile-" + std::to_string(getpid()));
  instance->compartment().environment.merge(
      std::map<std::string, std::string>{{"HOST_PORT", std::to_string(host.port)},
                                         {"HOST_ADDRESS", "10.0.2.15"},
                                         {"HOST_SOCKET", instance->directory() + "/keepers.sock"},
                                         {"CONTROLLER_SOCKET", instance->directory() + "/keepers.sock"},
                                         {"HOST_ABSTRACT", host.abstract_name},
                                         {"HOST_HOME", getenv("HOME") == nullptr ? "/root" : getenv("HOME")},
                                         {"HOST_PID", std::to_string(getpid())}});
  instance->start();
  ASSERT_FALSE(instance->wait_for_log("stdout", "matrix complete").empty())
      << testing::PrintToString(instance->log("keeper"));
  const auto matrix = matrix_of(*instance);
  EXPECT_GT(matrix.size(), 120U);
  for (const auto& [tried, verdict] : matrix) {
    std::printf("%-45s %s\n", tried.c_str(), verdict.c_str());
    const bool allowed = kAllowed.contains(tried) || (single() && kAllowedWithOneUid.contains(tried));
    EXPECT_EQ(verdict == "allowed", allowed) << tried << ": " << verdict;
  }
  for (const auto& tried : kAllowed) EXPECT_TRUE(matrix.contains(tried)) << tried;
}

TEST_P(Matrix, UndeclaredDialsAreRefusedAndRecorded) {
  instance->start();
  ASSERT_FALSE(instance->wait_for_log("stdout", "matrix complete").empty());
  EXPECT_EQ(matrix_of(*instance).at("internet tcp 1.1.1.1:443"), "denied ECONNREFUSED");
  EXPECT_EQ(matrix_of(*instance).at("internet udp 8.8.8.8:53"), "denied ECONNREFUSED");
  for (const char* attempt : {"tried 6 1.1.1.1:443", "tried 17 8.8.8.8:53", "tried 6 2606:4700::1111:443",
                              "tried 6 198.18.1.9:8080", "tried 17 224.0.0.251:5353"}) {
    EXPECT_FALSE(instance->wait_for_log("sidecar", attempt).empty()) << attempt;
  }
}

FOR_EVERY_LAUNCHER(Matrix);

}  // namespace
}  // namespace bulkhead::hostile
