#include "collect/collector.hpp"

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/build_id.hpp"
#include "base/log.hpp"
#include "collect/clock.hpp"
#include "net/instance_link.hpp"

namespace bulkhead::collect {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto kTick = 100ms;
constexpr auto kLockAgain = 50ms;
constexpr auto kDrain = 2s;
// Where the console is looked for first; the port that was free stays the application's.
constexpr std::uint16_t kFirstPort = 9400;
constexpr std::uint16_t kPorts = 100;

std::uint16_t remembered_port(const std::string& path) {
  const auto text = read_file(path, 64);
  const int port = text ? std::atoi(text->c_str()) : 0;  // NOLINT(cert-err34-c): anything else is no port
  return port > 1023 && port < 65536 ? static_cast<std::uint16_t>(port) : 0;
}

// Who serves requests goes first, whatever there is to be read. Among processes of one session a nice value says so;
// where the kernel shares processors by session first (sched_autogroup_enabled), the session of the collector and its
// keeper has a value, too. From Linux 6.12 on who asks for long slices is interrupted by everybody who wakes up, and
// not after a slice of 3 ms: sched_setattr(2), of threads that begin later, too; before it, that part means nothing.
void stand_back() {
  constexpr int kNicer = 10;
  // sched_attr of linux/sched/types.h, which in Debian 12 can not be included beside <thread>.
  struct {
    std::uint32_t size = 48, policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = kNicer;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 100'000'000, deadline = 0, period = 0;  // the longest slice there is
  } attributes;
  static_assert(sizeof attributes == 48);
  ::syscall(SYS_sched_setattr, 0, &attributes, 0);  // NOLINT(cert-err33-c): then it is as all others
  const Fd session(::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC));
  constexpr int kTries = 5;  // without privileges one is set in 100 ms, in the whole machine
  for (int i = 0; session && i < kTries; ++i) {
    if (::dprintf(session.get(), "%d", kNicer) > 0 || errno != EAGAIN) return;
    std::this_thread::sleep_for(kTick);
  }
}

}  // namespace

Result<std::unique_ptr<Collector>> Collector::make(net::Loop& loop, proxy::Hello hello, proxy::KeeperLink keeper) {
  if (!hello.collect) return fail(Cause::invalid, "hello: nothing says what to collect");
  Fd inherited;
  if (const auto inner = hello.fds.find(std::string(net::kInner)); inner != hello.fds.end())
    inherited = std::move(inner->second);
  std::unique_ptr<Collector> collector(new Collector(loop, std::move(hello), std::move(keeper)));
  if (auto opened = collector->open(std::move(inherited)); !opened) return fail(std::move(opened.error()));
  return collector;
}

Collector::Collector(net::Loop& loop, proxy::Hello hello, proxy::KeeperLink keeper)
    : loop_(loop),
      hello_(std::move(hello)),
      keeper_(std::move(keeper)),
      live_(loop),
      control_(loop, hello_.controller_socket,
               {[this] { greet(); }, [this](const std::string& type, const json& message) { take(type, message); },
                [this](const Fault& fault) {
                  if (api_) api_->set_controller_away();
                  if (fault.cause != Cause::closed) log_line("collector: the controller: {}", fault.message);
                }}),
      shutdown_(loop),
      gate_(loop) {}

Result<> Collector::open(Fd inherited) {
  const auto address = net::Address::parse(hello_.inner);
  if (!address) return fail(within("hello: inner", address.error()));
  auto listener = inherited ? net::Listener::adopt(loop_, std::move(inherited)) : net::Listener::open(loop_, *address);
  if (!listener) return fail(std::move(listener.error()));
  unix_ = std::move(*listener);
  return {};
}

void Collector::start() {
  control_.start();
  gate_.spawn(begin());
}

// A successor is ready before its predecessor has left the store.
net::Task<> Collector::begin() {
  keeper_.say("ready", unix_.fd());
  const bool locked = co_await take_lock();
  if (!locked) co_return;
  auto visitors = Visitors::open(hello_.collect->store + "/console.key");
  if (!visitors) {
    keeper_.fatal(visitors.error());
    co_return;
  }
  visitors_ = std::move(*visitors);
  if (auto opened = open_console(); !opened) log_line("collector: {}", opened.error().message);
  IntakeOptions options{hello_.collect->records, hello_.collect->logs, {.directory = hello_.collect->store}};
  intake_ = std::make_unique<Intake>(
      std::move(options), Intake::Handlers{[this](News news) {
                                             auto shared = std::make_shared<News>(std::move(news));
                                             loop_.post([this, shared] { live_.add(*shared); });
                                           },
                                           [](const std::string& text) { log_line("collector: {}", text); }});
  const std::string origin = tcp_ ? fmt::format("localhost:{}", tcp_.address().port()) : "";
  exporter_ = make_exporter();
  api_ = std::make_unique<Api>(loop_, *intake_, live_, *exporter_, program_metrics_, *visitors_,
                               read_assets(hello_.collect->console), origin);
  if (application_.is_object()) api_->set_application(std::move(application_));
  otlp_door_ = std::make_unique<OtlpDoor>(loop_, *intake_, program_metrics_);
  if (settings_.is_object()) take_settings(settings_);
  intake_->start();
  gate_.spawn(exporter_->run());
  gate_.spawn(accept(unix_, true));
  if (tcp_) gate_.spawn(accept(tcp_, false));
  const auto told = net::Address::unix_socket(hello_.collect->otlp);
  auto otlp = told ? net::Listener::open(loop_, *told) : Result<net::Listener>(std::unexpect, told.error());
  if (otlp) {
    otlp_ = std::move(*otlp);
    gate_.spawn(accept_otlp());
  } else {
    log_line("collector: what programs tell of themselves is not taken: {}", otlp.error().message);
  }
  gate_.spawn(tick());
}

void Collector::say_export() {
  control_.send({{"type", "export"}, {"failing", exporter_ ? exporter_->failing() : ""}});
}

std::unique_ptr<Exporter> Collector::make_exporter() {
  return std::make_unique<Exporter>(
      loop_, hello_.collect->store + "/export.json",
      Exporter::Sources{
          [this] { return intake_ ? intake_->store() : nullptr; },
          [this] { return api_ ? api_->own_families() : std::vector<Family>(); },
          [this](const std::string& app, net::SteadyTime since) { return program_metrics_.otlp(app, since); },
          [this] { return api_ ? api_->gateway() : std::string(); },
          [](const std::string& text) { log_line("collector: {}", text); },
          [this](const std::string&) { say_export(); },
      });
}

net::Task<bool> Collector::take_lock() {
  const std::string path = hello_.collect->store + "/lock";
  if (auto made = make_directories(hello_.collect->store); !made) keeper_.fatal(made.error());
  lock_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_) keeper_.fatal(os_fault("open " + path));
  while (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (stopping_) co_return false;
    co_await net::sleep(loop_, loop_.in(kLockAgain));
  }
  co_return !stopping_;
}

Result<> Collector::open_console() {
  const std::string path = hello_.collect->store + "/console.port";
  const std::uint16_t before = remembered_port(path);
  std::vector<std::uint16_t> ports;
  if (before != 0) ports.push_back(before);
  for (std::uint16_t i = 0; i < kPorts; ++i) ports.push_back(static_cast<std::uint16_t>(kFirstPort + i));
  for (const std::uint16_t port : ports) {
    auto listener = net::Listener::open(loop_, net::Address::loopback(port));
    if (!listener) continue;
    tcp_ = std::move(*listener);
    if (port != before) return write_file_atomically(path, fmt::format("{}\n", port), 0600);
    return {};
  }
  return fail(Cause::conflict, "no port from {} to {} is free on 127.0.0.1, so the console has no address", kFirstPort,
              kFirstPort + kPorts - 1);
}

void Collector::greet() {
  json missing = json::array();
  for (const NotEnforced& each : hello_.not_enforced)
    missing.push_back({{"what", each.what}, {"reason", each.reason}, {"fix", each.fix}});
  control_.send({{"type", "hello"},
                 {"instance", hello_.instance},
                 {"role", "collector"},
                 {"build", build_id()},
                 {"not_enforced", missing}});
  control_.send({{"type", "health"}, {"state", stopping_ ? "unready" : "ready"}, {"detail", ""}});
  say_export();
}

void Collector::take(const std::string& type, const json& message) {
  if (type == "usage") return live_.take_usage(message);
  if (type == "telemetry") return take_settings(message);
  if (type != "application" || !message.contains("application")) return;
  if (api_) {
    api_->set_application(message["application"]);
  } else {
    application_ = message["application"];
  }
}

void Collector::take_settings(const json& message) {
  if (stopping_) return;  // the store is another one's by now
  if (!otlp_door_) {
    settings_ = message;
    return;
  }
  if (const auto exported = message.find("export"); exported != message.end()) {
    auto settings = read_export(*exported);
    if (!settings) return log_line("collector: the controller: {}", settings.error().message);
    exporter_->set(std::move(*settings));
  }
  const auto number = [&](const char* name) {
    const auto found = message.find(name);
    return found != message.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
  };
  if (number("keep_ms") > 0 && number("most_bytes") > 0)
    intake_->set_kept({std::chrono::milliseconds(number("keep_ms")), static_cast<std::uint64_t>(number("most_bytes"))});
  std::map<std::string, telemetry::SecretMarks> secrets;
  for (const auto& [service, text] : message.value("secret_marks", json::object()).items()) {
    auto marks = telemetry::SecretMarks::from_texts(std::span(&text.get_ref<const std::string&>(), 1));
    if (!marks) return log_line("collector: the controller: {}", marks.error().message);
    secrets.emplace(service, std::move(*marks));
  }
  otlp_door_->hide(std::move(secrets));
}

net::Task<> Collector::accept(net::Listener& listener, bool trusted) {
  while (!stopping_) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    gate_.spawn(serve(std::move(*stream), trusted));
  }
}

net::Task<> Collector::serve(net::Stream stream, bool trusted) {
  const proxy::Handler handler = [this, trusted](proxy::ServerExchange& exchange) {
    return api_->handle(exchange, trusted);
  };
  const auto served = co_await proxy::serve(std::move(stream), handler, options_, shutdown_);
  static_cast<void>(served);  // a flood of whoever is on this machine ends its own connection
}

net::Task<> Collector::accept_otlp() {
  while (!stopping_) {
    auto stream = co_await otlp_.accept();
    if (!stream) co_return;
    gate_.spawn(otlp_door_->serve(std::move(*stream), shutdown_));
  }
}

net::Task<> Collector::tick() {
  while (!stopping_) {
    co_await net::sleep(loop_, loop_.in(kTick));
    if (stopping_) co_return;
    live_.tick(unix_millis());
    if (otlp_door_) otlp_door_->tick();
  }
}

void Collector::drain() {
  if (!stopping_) gate_.spawn(stop("drained"));
}

void Collector::retire() {
  if (!stopping_) gate_.spawn(stop("retired"));
}

net::Task<> Collector::stop(std::string_view word) {
  stopping_ = true;
  if (word == "retired") unix_.leave_path();
  unix_.close();
  tcp_.close();
  otlp_.close();
  if (api_) api_->close();
  if (exporter_) exporter_->stop();
  shutdown_.set();
  // What is being answered may end; a stream of events has been told.
  const net::Deadline deadline = loop_.in(kDrain);
  while (gate_.inside() > 1 && loop_.now() < deadline.time()) co_await net::sleep(loop_, loop_.in(kLockAgain));
  if (otlp_door_) otlp_door_->close();
  if (api_) api_->end();
  // Reads what there is, and closes the store: the next one may have it.
  intake_.reset();
  lock_.reset();
  keeper_.tell(word);
}

net::Task<> Collector::finish() {
  if (!stopping_) co_await stop("drained");
  control_.close();
}

int collector_main(int link_fd, const proxy::Confine& confine) {
  stand_back();
  const proxy::MakeInstance make = [](net::Loop& loop, proxy::Hello hello,
                                      proxy::KeeperLink keeper) -> Result<std::unique_ptr<proxy::Instance>> {
    auto collector = Collector::make(loop, std::move(hello), std::move(keeper));
    if (!collector) return fail(std::move(collector.error()));
    return std::move(*collector);
  };
  return proxy::instance_main(link_fd, make, confine);
}

}  // namespace bulkhead::collect
