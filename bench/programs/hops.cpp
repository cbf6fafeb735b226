// Two hops in one process and one loop: two sidecars, or the gateway with TLS, a user, a limit and a condition, and a
// sidecar. `bench/instructions` counts with it what a request costs, `bench/profile` records with it which code is hot,
// `bench/telemetry` compares it with and without records.
//
//   hops requests=N connections=N body=BYTES [gateway=1 | records=0]   warms up, then counts N requests that go through
//                                               both, and prints the process's CPU time of each, in microseconds
//   hops ask PORT N CONNECTIONS BYTES           the client: keep-alive, the next request follows each answer
//   hops ask PORT N CONNECTIONS BYTES TOKEN     the same by TLS, as the user whose token that is
//   hops answer BYTES                           the service, at the listening socket that it inherits
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

#include "gateway/gateway_harness.hpp"
#include "transport.hpp"

namespace {

using namespace bulkhead;
using namespace bulkhead::proxy;
using namespace bulkhead::proxy::testing;

constexpr std::string_view kPath = "/bytes/*";
constexpr std::string_view kRequest =
    "GET /bytes/128 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n";
constexpr int kInherited = 3;

std::string answer_of(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " + body + "\r\n\r\n" +
         std::string(std::stoul(body), 'x');
}

void write_all(int fd, std::string_view text) {
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) throw std::runtime_error("write");
}

// Takes one message that ends `behind` bytes after its head out of `have`; false where it is not whole yet.
bool take_message(std::string& have, std::size_t behind) {
  const std::size_t head = have.find("\r\n\r\n");
  if (head == std::string::npos || have.size() < head + 4 + behind) return false;
  if (!have.starts_with("GET ") && !have.starts_with("HTTP/1.1 200 ")) throw std::runtime_error("not 200: " + have);
  have.erase(0, head + 4 + behind);
  return true;
}

class Asker {
 public:
  Asker(const bench::Address& address, SSL_CTX* tls, std::string_view request)
      : transport_(address, tls), request_(request) {}

  // Whether it has sent all that it has to.
  bool ask() {
    transport_.queue(request_);
    return flush();
  }
  bool flush() {
    const bench::Io io = transport_.flush();
    if (io == bench::Io::closed) throw std::runtime_error("the connection ended");
    return io == bench::Io::done;
  }
  // Whether an answer has come.
  bool hear(std::size_t body) {
    for (bool more = true; more;) {
      const auto got = transport_.read();
      if (got.io == bench::Io::closed) throw std::runtime_error("the connection ended");
      have_.append(got.bytes.data(), got.bytes.size());
      more = got.more;
    }
    return take_message(have_, body);
  }
  int fd() const { return transport_.fd(); }

 private:
  bench::Transport transport_;
  std::string_view request_;
  std::string have_;
};

void ask(const std::string& port, std::size_t requests, std::size_t connections, std::size_t body,
         const std::string& token) {
  const bench::Address address = bench::resolve("127.0.0.1", port);
  const bench::SslContext tls = token.empty() ? nullptr : bench::client_context({"http/1.1"}, "");
  const std::string request =
      std::string(kRequest) + (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") + "\r\n";
  std::vector<pollfd> polled;
  std::vector<std::unique_ptr<Asker>> askers;
  std::size_t asked = 0;
  const auto events = [](bool sent) { return static_cast<short>(sent ? POLLIN : POLLIN | POLLOUT); };
  for (std::size_t i = 0; i < connections; ++i) {
    askers.push_back(std::make_unique<Asker>(address, tls.get(), request));
    polled.push_back({.fd = askers[i]->fd(), .events = POLLIN, .revents = 0});
    if (asked++ < requests) polled[i].events = events(askers[i]->ask());
  }
  for (std::size_t answered = 0; answered < requests;) {
    if (::poll(polled.data(), polled.size(), 60'000) <= 0) throw std::runtime_error("no answer within a minute");
    for (std::size_t i = 0; i < connections; ++i) {
      if (polled[i].revents == 0) continue;
      polled[i].events = events(askers[i]->flush());
      if (!askers[i]->hear(body)) continue;
      ++answered;
      if (asked++ < requests) polled[i].events = events(askers[i]->ask());
    }
  }
}

void serve(const std::string& answer) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<pollfd> polled{{.fd = kInherited, .events = POLLIN, .revents = 0}};
  std::vector<std::string> have(1);
  std::array<char, 4096> buffer{};
  while (true) {
    ::poll(polled.data(), polled.size(), -1);
    for (std::size_t i = polled.size() - 1; i > 0; --i) {
      if (polled[i].revents == 0) continue;
      const ssize_t size = ::read(polled[i].fd, buffer.data(), buffer.size());
      if (size <= 0) {
        ::close(polled[i].fd);
        polled[i].fd = -1;
        continue;
      }
      have[i].append(buffer.data(), static_cast<std::size_t>(size));
      while (take_message(have[i], 0)) write_all(polled[i].fd, answer);
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

struct Counted {
  std::string program;  // this one
  std::size_t requests;
  std::size_t connections;
  std::string body;
  bool records;
};

// The service's process, behind `payments`.
class Service {
 public:
  Service(const Counted& counted, Node& payments) {
    const Fd listener = net::open_listening_socket(net::Address::loopback(0)).value();
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&storage), &size);
    ::fcntl(listener.get(), F_SETFL, 0);
    payments.compartment().listen(8080, net::Address::from(reinterpret_cast<sockaddr*>(&storage), size).value());
    pid_ = start_program({counted.program, "answer", counted.body}, listener.get());
  }
  ~Service() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

 private:
  pid_t pid_;
};

// The client's end shows as the end of a pipe: Debian 12's valgrind has no pidfd_open.
net::Task<> one_client(net::Loop& loop, std::vector<std::string> argv) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  const pid_t client = start_program(argv, ends[1]);
  ::close(ends[1]);
  net::Watch ended = net::Watch::adopt(loop, Fd(ends[0])).value();
  ended.not_readable();
  const Result<> waited = co_await ended.readable(loop.in(std::chrono::minutes(5)));
  int status = 0;
  ::waitpid(client, &status, waited ? 0 : WNOHANG);
  if (!waited || status != 0) throw std::runtime_error("the client failed");
}

net::Task<> count(net::Loop& loop, const Counted& counted, const net::Address& door, const std::string& token) {
  const auto client = [&](std::size_t requests) {
    std::vector<std::string> argv{counted.program,
                                  "ask",
                                  std::to_string(door.port()),
                                  std::to_string(requests),
                                  std::to_string(counted.connections),
                                  counted.body};
    if (!token.empty()) argv.push_back(token);
    return one_client(loop, std::move(argv));
  };
  co_await client(500);
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  const double before = cpu_seconds();
  co_await client(counted.requests);
  CALLGRIND_DUMP_STATS;
  CALLGRIND_STOP_INSTRUMENTATION;
  std::printf("%.3f\n", (cpu_seconds() - before) * 1e6 / static_cast<double>(counted.requests));
}

class TwoSidecars : public MeshFixture {
 public:
  void TestBody() override {}
  void run(const Counted& counted) {
    Node& checkout = node("checkout", "checkout-1", {}, counted.records);
    Node& payments = node("payments", "payments-1", {}, counted.records);
    const Service service(counted, payments);
    loop_.run([&]() -> net::Task<> {
      co_await start(checkout, payments, declare(checkout, payments, Protocol::http, {fmt::format("GET {}", kPath)}));
      co_await count(loop_, counted, checkout.door(), "");
    }());
  }
};

class GatewayAndSidecar : public gateway::testing::GatewayFixture {
 public:
  void TestBody() override {}
  void run(const Counted& counted) {
    Node& payments = node("payments", "payments-1", {}, counted.records);
    const Service service(counted, payments);
    loop_.run([&]() -> net::Task<> {
      co_await start(payments, asking(payments), behind(payments));
      controller_->ask("_gateway-1", {{"type", "tokens"}, {"seals", true}});
      co_await count(loop_, counted, addresses_[0], token());
    }());
  }

 private:
  static constexpr std::string_view kWhen = R"(request.method == "GET" && request.path.startsWith("/bytes/"))";

  static manifest::When when() { return {std::string(kWhen), route_edge().position, *manifest::compile_when(kWhen)}; }
  Snapshot asking(Node& payments) {
    Provider people{.name = "people", .issuer = "bench", .audiences = {"bench"}};
    people.jwks = issuer_->public_jwk();
    people.rsa_algorithm = "RS256";
    people.claims = {"role"};
    Snapshot made = with_users(snapshot(payments), people);
    made.gateway.routes[0].path = kPath;
    made.gateway.routes[0].rewrite.reset();
    made.gateway.routes[0].rules.limits = {*manifest::parse_limit("1000000/s per address")};
    made.gateway.seals = {seal_};
    made.upstreams[0].edge.when = when();
    user_keys_ = made.user_keys;
    return made;
  }
  Snapshot behind(Node& payments) {
    Snapshot made = callee(payments);
    made.inbound.edges[0].when = when();
    made.user_keys = user_keys_;
    made.user_seal = seal_;
    return made;
  }
  std::string token() const {
    const auto now = wall_seconds().time_since_epoch().count();
    return *issuer_->sign(
        "JWT",
        {{"iss", "bench"}, {"aud", "bench"}, {"sub", "c0001"}, {"role", "customer"}, {"iat", now}, {"exp", now + 600}});
  }

  const Result<jose::SigningKey> issuer_ = jose::SigningKey::generate(jose::Algorithm::es256);
  const std::string seal_ = jose::SealKey::derive(std::string(32, 's'), "payments").text();
  std::string user_keys_;
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
  } else if (role == "ask" && (argc == 6 || argc == 7)) {
    ask(argv[2], std::stoul(argv[3]), std::stoul(argv[4]), std::stoul(argv[5]), argc == 7 ? argv[6] : "");
  } else {
    const Counted counted{.program = argv[0],
                          .requests = number_of("requests=", argc, argv),
                          .connections = number_of("connections=", argc, argv),
                          .body = std::to_string(number_of("body=", argc, argv)),
                          .records = number_of("records=", argc, argv, 1) != 0};
    if (number_of("gateway=", argc, argv, 0) != 0)
      GatewayAndSidecar().run(counted);
    else
      TwoSidecars().run(counted);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "hops: %s\n", error.what());
  return 1;
}
