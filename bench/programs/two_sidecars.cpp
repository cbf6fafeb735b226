// Two sidecars in one process and one loop: `bench/instructions` counts with it what a request costs, `bench/profile`
// records with it which code is hot, `bench/telemetry` compares it with and without records.
//
//   two_sidecars requests=N connections=N body=BYTES [records=0]   warms up, then counts N requests that go through
//   both,
//                                                        and prints the process's CPU time of each, in microseconds
//   two_sidecars ask PORT N CONNECTIONS BYTES            the client: keep-alive, the next request follows each answer
//   two_sidecars answer BYTES                            the service, at the listening socket that it inherits
//
// Client and service are processes of their own, so that valgrind does not count them.

#include <array>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#include "proxy/mesh_harness.hpp"
#include "socket.hpp"

namespace {

using namespace bulkhead;
using namespace bulkhead::proxy;
using namespace bulkhead::proxy::testing;

constexpr std::string_view kRequest =
    "GET /bytes/128 HTTP/1.1\r\nHost: back:8080\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";
constexpr int kInherited = 3;

std::string answer_of(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " + body + "\r\n\r\n" +
         std::string(std::stoul(body), 'x');
}

void write_all(int fd, std::string_view text) {
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) throw std::runtime_error("write");
}

// Reads up to one message that ends `behind` bytes after its head; false at the connection's end.
bool read_message(int fd, std::string& have, std::size_t behind) {
  std::array<char, 4096> buffer{};
  while (true) {
    const std::size_t head = have.find("\r\n\r\n");
    if (head != std::string::npos && have.size() >= head + 4 + behind) {
      if (!have.starts_with("GET ") && !have.starts_with("HTTP/1.1 200 ")) throw std::runtime_error("not 200: " + have);
      have.erase(0, head + 4 + behind);
      return true;
    }
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size <= 0) return false;
    have.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

void ask(const std::string& port, std::size_t requests, std::size_t connections, std::size_t body) {
  const bench::Address address = bench::resolve("127.0.0.1", port);
  std::vector<pollfd> polled;
  std::vector<std::string> have(connections);
  std::size_t asked = 0;
  for (std::size_t i = 0; i < connections; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) {
      throw std::runtime_error("connect");
    }
    polled.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  }
  for (; asked < connections && asked < requests; ++asked) write_all(polled[asked].fd, kRequest);
  for (std::size_t answered = 0; answered < requests;) {
    if (::poll(polled.data(), polled.size(), 60'000) <= 0) throw std::runtime_error("no answer within a minute");
    for (std::size_t i = 0; i < connections; ++i) {
      if (polled[i].revents == 0) continue;
      if (!read_message(polled[i].fd, have[i], body)) throw std::runtime_error("the connection ended");
      ++answered;
      if (asked++ < requests) write_all(polled[i].fd, kRequest);
    }
  }
}

void serve(const std::string& answer) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<pollfd> polled{{.fd = kInherited, .events = POLLIN, .revents = 0}};
  std::vector<std::string> have(1);
  while (true) {
    ::poll(polled.data(), polled.size(), -1);
    for (std::size_t i = polled.size() - 1; i > 0; --i) {
      if (polled[i].revents == 0) continue;
      if (read_message(polled[i].fd, have[i], 0)) {
        write_all(polled[i].fd, answer);
      } else {
        ::close(polled[i].fd);
        polled[i].fd = -1;
      }
    }
    if (polled[0].revents == 0) continue;
    polled.push_back({.fd = ::accept4(kInherited, nullptr, nullptr, SOCK_CLOEXEC), .events = POLLIN, .revents = 0});
    have.emplace_back();
  }
}

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// `inherited` becomes descriptor 3.
pid_t start_program(const std::vector<std::string>& argv, int inherited) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::dup2(inherited, kInherited);
  ::execv(words[0], words.data());
  ::_exit(127);
}

class TwoSidecars : public MeshFixture {
 public:
  void TestBody() override {}
  void count(const std::string& program, std::size_t requests, std::size_t connections, const std::string& body,
             bool records) {
    Node& checkout = node("checkout", "checkout-1", {}, records);
    Node& payments = node("payments", "payments-1", {}, records);
    const Fd listener = net::open_listening_socket(net::Address::loopback(0)).value();
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&storage), &size);
    ::fcntl(listener.get(), F_SETFL, 0);
    payments.compartment().listen(8080, net::Address::from(reinterpret_cast<sockaddr*>(&storage), size).value());
    const pid_t service = start_program({program, "answer", body}, listener.get());
    loop_.run([&]() -> net::Task<> {
      co_await start(checkout, payments, declare(checkout, payments, Protocol::http, {"GET /bytes/*"}));
      const std::string port = std::to_string(checkout.door().port());
      co_await one_client({program, "ask", port, "500", std::to_string(connections), body});
      CALLGRIND_START_INSTRUMENTATION;
      CALLGRIND_ZERO_STATS;
      const double before = cpu_seconds();
      co_await one_client({program, "ask", port, std::to_string(requests), std::to_string(connections), body});
      CALLGRIND_DUMP_STATS;
      CALLGRIND_STOP_INSTRUMENTATION;
      std::printf("%.3f\n", (cpu_seconds() - before) * 1e6 / static_cast<double>(requests));
    }());
    ::kill(service, SIGKILL);
    ::waitpid(service, nullptr, 0);
  }

 private:
  // The client's end shows as the end of a pipe: Debian 12's valgrind has no pidfd_open.
  net::Task<> one_client(std::vector<std::string> argv) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    const pid_t client = start_program(argv, ends[1]);
    ::close(ends[1]);
    net::Watch ended = net::Watch::adopt(loop_, Fd(ends[0])).value();
    ended.not_readable();
    const Result<> waited = co_await ended.readable(loop_.in(std::chrono::minutes(5)));
    int status = 0;
    ::waitpid(client, &status, waited ? 0 : WNOHANG);
    if (!waited || status != 0) throw std::runtime_error("the client failed");
  }
};

std::size_t number_of(std::string_view name, int argc, char** argv, std::optional<std::size_t> otherwise = {}) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with(name)) return std::stoul(std::string(word.substr(name.size())));
  }
  if (otherwise) return *otherwise;
  throw std::runtime_error("expected " + std::string(name) + "N");
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string_view role = argc > 1 ? argv[1] : "";
  if (role == "answer" && argc == 3) {
    serve(answer_of(argv[2]));
  } else if (role == "ask" && argc == 6) {
    ask(argv[2], std::stoul(argv[3]), std::stoul(argv[4]), std::stoul(argv[5]));
  } else {
    TwoSidecars().count(argv[0], number_of("requests=", argc, argv), number_of("connections=", argc, argv),
                        std::to_string(number_of("body=", argc, argv)), number_of("records=", argc, argv, 1) != 0);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "two_sidecars: %s\n", error.what());
  return 1;
}
