// forward: a port of this host's loopback, or a Unix socket, that leads into a compartment.

#include <charconv>
#include <memory>
#include <sstream>

#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "cli/commands.hpp"
#include "control/client.hpp"
#include "control/conversation.hpp"
#include "net/event.hpp"
#include "net/frames.hpp"
#include "net/gate.hpp"
#include "net/listener.hpp"
#include "net/signals.hpp"

namespace bulkhead::cli {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr std::size_t kPiece = 64U << 10U;
constexpr std::size_t kMostWaiting = 64;

struct Ports {
  std::uint16_t local = 0, inside = 0;
};

std::optional<std::uint16_t> number(std::string_view text, unsigned least) {
  unsigned value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value > 65535 || value < least)
    return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

// "5432", "15432:5432", "0:5432"
std::optional<Ports> ports_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto inside = number(colon == std::string_view::npos ? text : text.substr(colon + 1), 1);
  const auto local =
      colon == std::string_view::npos ? std::optional<std::uint16_t>(0) : number(text.substr(0, colon), 0);
  if (!inside || !local) return std::nullopt;
  return Ports{*local, *inside};
}

// As /proc/net/tcp writes an address of loopback.
std::string proc_address(bool six, std::uint16_t port) {
  std::string text;
  if (six)
    for (const std::uint32_t word : in6addr_loopback.s6_addr32) text += fmt::format("{:08X}", word);
  else
    text = fmt::format("{:08X}", htonl(INADDR_LOOPBACK));
  return text + fmt::format(":{:04X}", port);
}

// Whether a process of this user (or of root) holds the other end of a connection over loopback now: any local user can
// connect to the port. A socket that nobody holds any more tells no user, and is not let in.
bool is_own(bool six, std::uint16_t peer, std::uint16_t own) {
  const auto table = read_file(six ? "/proc/net/tcp6" : "/proc/net/tcp");
  if (!table) return false;
  std::istringstream lines(*table);
  const std::string from = proc_address(six, peer);
  const std::string to = proc_address(six, own);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string> fields;
    for (std::string word; words >> word;) fields.push_back(std::move(word));
    if (fields.size() < 10 || fields[1] != from || fields[2] != to) continue;
    return fields[9] != "0" && (fields[7] == "0" || fields[7] == std::to_string(::geteuid()));
  }
  return false;
}

// One way, until its end or a failure.
net::Task<> copy(net::Stream& from, net::Stream& to) {
  std::vector<char> piece(kPiece);
  for (;;) {
    const auto got = co_await from.read(piece, net::Deadline::never());
    if (!got) co_return to.close();
    if (*got == 0) break;
    const auto put = co_await to.write(std::string_view(piece.data(), *got), net::Deadline::never());
    if (!put) co_return from.close();
  }
  const auto ended = co_await to.shutdown_write(to.loop().in(5s));
  if (!ended) to.close();
}

class Forward {
 public:
  Forward(net::Loop& loop, net::FrameChannel channel)
      : loop_(loop),
        channel_(std::move(channel)),
        accepted_(loop, kMostWaiting),
        answers_(loop, kMostWaiting),
        over_(loop),
        gate_(loop) {}

  Result<> listen(const net::Address& address) {
    auto listener = net::Listener::open(loop_, address);
    if (!listener) return fail(within(address.text(), std::move(listener.error())));
    listeners_.push_back(std::make_unique<net::Listener>(std::move(*listener)));
    return {};
  }
  const net::Address& address() const { return listeners_.front()->address(); }

  net::Task<int> run() {
    auto signals = net::Signals::open(loop_, {SIGINT, SIGTERM, SIGHUP});
    if (!signals) co_return complain(signals.error());
    for (const auto& listener : listeners_) gate_.spawn(accept(*listener));
    gate_.spawn(hear());
    gate_.spawn(connect());
    gate_.spawn(end_on(*signals));
    const auto over = co_await over_.wait(net::Deadline::never());
    static_cast<void>(over);
    if (!lost_) co_return kDone;
    co_return complain(
        "the controller ended the forwarding: the application went down, or the controller was replaced");
  }

 private:
  net::Task<> end_on(net::Signals& signals) {
    const auto signal = co_await signals.next(net::Deadline::never());
    static_cast<void>(signal);
    over_.set();
  }

  net::Task<> hear() {
    for (;;) {
      auto frame = co_await channel_.receive(net::Deadline::never());
      if (!frame || !answers_.try_push(std::move(*frame))) break;
    }
    answers_.close();
    lost_ = true;
    over_.set();
  }

  net::Task<> accept(net::Listener& listener) {
    for (;;) {
      auto stream = co_await listener.accept();
      if (!stream) co_return;
      if (!is_welcome(*stream)) continue;
      const auto queued = co_await accepted_.push(std::move(*stream), net::Deadline::never());
      if (!queued) co_return;
    }
  }

  static bool is_welcome(const net::Stream& stream) {
    const net::Address local = stream.local_address();
    if (local.family() == AF_UNIX) return true;  // its mode says who
    if (is_own(local.family() == AF_INET6, stream.peer_address().port(), local.port())) return true;
    complain("refused a connection of another user; --unix PATH makes a socket that only you can open");
    return false;
  }

  // One after the other: answers come in the order of their questions.
  net::Task<> connect() {
    for (;;) {
      auto client = co_await accepted_.pop(net::Deadline::never());
      if (!client || !channel_.send(R"({"connect":true})")) co_return;
      auto answer = co_await answers_.pop(net::Deadline::never());
      if (!answer) co_return;
      const json told = json::parse(answer->payload, nullptr, false);
      if (!told.is_object()) co_return;
      if (!told.value("ok", false) || answer->fds.size() != 1) {
        complain(told.value("error", "refused"));
        client->reset();
        continue;
      }
      gate_.spawn(carry(std::move(*client), std::move(answer->fds.front()), told.value("connection", 0U)));
    }
  }

  net::Task<> carry(net::Stream client, Fd inside, std::uint32_t connection) {
    auto service = net::Stream::adopt(loop_, std::move(inside));
    const auto connected =
        service ? co_await service->wait_connected(loop_.in(5s)) : Result<>(fail(std::move(service.error())));
    if (connected) {
      net::Gate ways(loop_);
      ways.spawn(copy(client, *service));
      ways.spawn(copy(*service, client));
      co_await ways.close();
    } else {
      complain(connected.error());
    }
    const auto told = channel_.send(json{{"closed", connection}}.dump());
    static_cast<void>(told);  // a controller that is gone ends all of it
  }

  net::Loop& loop_;
  net::FrameChannel channel_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  net::Channel<net::Stream> accepted_;
  net::Channel<net::Frame> answers_;
  net::Event over_;
  bool lost_ = false;
  net::Gate gate_;  // last: its tasks use everything above
};

Result<> open_doors(Forward& forward, const std::string& path, std::uint16_t local) {
  if (!path.empty()) {
    const auto address = net::Address::unix_socket(path);
    return address ? forward.listen(*address) : fail(address.error());
  }
  const auto four = net::Address::ip("127.0.0.1", local);
  if (!four) return fail(four.error());
  if (auto opened = forward.listen(*four); !opened) return opened;
  // Programs try ::1 first for "localhost"; a host may have no IPv6.
  if (const auto six = net::Address::ip("::1", forward.address().port()))
    if (const auto opened = forward.listen(*six); !opened && opened.error().os_error == EADDRINUSE) return opened;
  return {};
}

// The controller's word that the way is open; then frames go over the same connection.
Result<net::FrameChannel> begin(net::Loop& loop, control::Conversation conversation, const std::string& service,
                                std::uint16_t port) {
  const json request = {{"verb", "forward"}, {"service", service_name(service)}, {"port", port}};
  if (auto sent = conversation.send(request); !sent) return fail(sent.error());
  const auto answer = conversation.receive();
  if (!answer) return fail(answer.error());
  const json told = json::parse(answer->text, nullptr, false);
  if (!told.is_object() || !told.value("ok", false))
    return fail(Cause::conflict, "{}", told.is_object() ? told.value("error", "refused") : "refused");
  auto stream = net::Stream::adopt(loop, conversation.release());
  if (!stream) return fail(std::move(stream.error()));
  return net::FrameChannel(std::move(*stream));
}

}  // namespace

int forward(const Context& context, const ForwardOptions& options) {
  const auto ports = ports_of(options.ports);
  if (!ports) {
    complain(fmt::format("'{}' is no PORT or LOCAL:PORT, such as 5432 or 15432:5432", options.ports));
    return kUsage;
  }
  const auto places = open_places(context);
  if (!places) return places.error();
  auto conversation = control::Conversation::open(*places);
  if (!conversation && conversation.error().cause == Cause::unreachable) return not_running(context);
  if (!conversation) return complain(conversation.error());
  net::Loop loop;
  auto channel = begin(loop, std::move(*conversation), options.service, ports->inside);
  if (!channel) return complain(channel.error());
  Forward forward(loop, std::move(*channel));
  if (auto opened = open_doors(forward, options.unix_path, ports->local); !opened) return complain(opened.error());
  say(fmt::format("{} leads to port {} of {}; Ctrl-C ends it", forward.address().text(), ports->inside,
                  options.service));
  return loop.run(forward.run());
}

}  // namespace bulkhead::cli
