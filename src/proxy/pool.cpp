#include "proxy/pool.hpp"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/event.hpp"
#include "proxy/h1_client.hpp"
#include "proxy/h2_client.hpp"

namespace bulkhead::proxy {
namespace {

// The connections of one key.
struct Host {
  explicit Host(net::Loop& loop) : changed(loop) {}

  std::deque<std::unique_ptr<H1ClientConnection>> idle;  // the last one is the warmest
  std::unordered_map<H1ClientExchange*, std::uint64_t> busy;
  std::vector<std::shared_ptr<H2ClientConnection>> shared;
  std::size_t connecting = 0;
  std::size_t connecting_shared = 0;  // of those, by callers that others wait for
  std::uint64_t failures = 0;         // of shared connects, so that who waits learns of one
  Fault last_failure;
  std::size_t waiting = 0;
  bool agreed_on_http1 = false;  // by ALPN: nobody needs to wait for a connection to share
  net::Notify changed;

  std::size_t connections() const { return idle.size() + busy.size() + shared.size() + connecting; }
  bool forgotten() const { return connections() == 0 && waiting == 0; }
};

using Acquired = Result<std::unique_ptr<ClientExchange>>;

}  // namespace

class Pool::Impl {
 public:
  Impl(net::Loop& loop, const PoolOptions& options)
      : loop_(loop), options_(options), sweep_(&Impl::on_sweep, this), gate_(loop) {
    options_.h2.fields = options_.fields;
  }

  net::Task<Acquired> acquire(const PoolTarget& target, const Connector& connector, net::Deadline deadline);
  void close_host(Host& host);
  void close_all_if(const std::function<bool(std::string_view)>& concerns);
  void retire_before(std::uint64_t generation);
  const Host* find(std::string_view key) const;
  net::Task<> close();

 private:
  // Counts a connect while it runs, even if the task that runs it is dropped.
  struct Connecting {
    Connecting(Host& counted, bool shared) : host(counted), is_shared(shared) {
      ++host.connecting;
      host.connecting_shared += is_shared ? 1 : 0;
    }
    Connecting(const Connecting&) = delete;
    Connecting& operator=(const Connecting&) = delete;
    ~Connecting() {
      --host.connecting;
      host.connecting_shared -= is_shared ? 1 : 0;
      host.changed.notify_all();
    }
    Host& host;
    bool is_shared;
  };
  struct Waiting {
    explicit Waiting(Host& counted) : host(counted) { ++host.waiting; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { --host.waiting; }
    Host& host;
  };

  Host& host_of(std::string_view key);
  std::unique_ptr<ClientExchange> take_kept(Host& host, const PoolTarget& target);
  std::unique_ptr<ClientExchange> take_shared(Host& host, std::uint64_t generation);
  std::unique_ptr<ClientExchange> take_idle(Host& host, std::uint64_t generation);
  net::Task<Acquired> connect(Host& host, const PoolTarget& target, const Connector& connector, net::Deadline deadline);
  std::unique_ptr<ClientExchange> begin(Host& host, const PoolTarget& target, net::Stream stream);
  std::unique_ptr<ClientExchange> wrap(Host& host, std::unique_ptr<H1ClientConnection> connection);
  void give_back(Host& host, H1ClientExchange* exchange, std::unique_ptr<H1ClientConnection> connection);
  void prune(Host& host);
  void arm_sweep();
  static void on_sweep(void* self);
  void sweep();

  net::Loop& loop_;
  PoolOptions options_;
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };
  std::unordered_map<std::string, std::unique_ptr<Host>, KeyHash, std::equal_to<>> hosts_;
  std::uint64_t oldest_generation_ = 0;
  bool closed_ = false;
  net::Timer sweep_;
  net::Gate gate_;
};

Host& Pool::Impl::host_of(std::string_view key) {
  const auto found = hosts_.find(key);
  if (found != hosts_.end()) return *found->second;
  return *hosts_.emplace(std::string(key), std::make_unique<Host>(loop_)).first->second;
}

const Host* Pool::Impl::find(std::string_view key) const {
  const auto found = hosts_.find(key);
  return found == hosts_.end() ? nullptr : found->second.get();
}

net::Task<Acquired> Pool::Impl::acquire(const PoolTarget& target, const Connector& connector, net::Deadline deadline) {
  Host& host = host_of(target.key);
  const Waiting waiting(host);
  const bool shares = target.protocol != UpstreamProtocol::http1;
  while (true) {
    if (closed_) co_return fail(Cause::closed, "the pool is closed");
    std::unique_ptr<ClientExchange> kept = take_kept(host, target);
    if (kept) co_return kept;
    const bool joins = shares && !host.agreed_on_http1 && host.connecting_shared > 0;
    if (!joins && host.connections() < options_.max_connections) {
      Acquired made = co_await connect(host, target, connector, deadline);
      co_return made;
    }
    const std::uint64_t failures = host.failures;
    const Result<> woken = co_await host.changed.wait(deadline);
    if (joins && host.failures != failures) co_return fail(host.last_failure);
    if (woken) continue;
    if (joins || woken.error().cause != Cause::timeout) co_return fail(woken.error());
    co_return fail(Cause::exhausted, "all of the {} connections to the upstream are busy", options_.max_connections);
  }
}

std::unique_ptr<ClientExchange> Pool::Impl::take_kept(Host& host, const PoolTarget& target) {
  const std::uint64_t generation = std::max(target.generation, oldest_generation_);
  if (target.protocol != UpstreamProtocol::http1) {
    std::unique_ptr<ClientExchange> shared = take_shared(host, generation);
    if (shared || target.protocol == UpstreamProtocol::http2) return shared;
  }
  return take_idle(host, generation);
}

std::unique_ptr<ClientExchange> Pool::Impl::take_shared(Host& host, std::uint64_t generation) {
  prune(host);
  H2ClientConnection* best = nullptr;
  for (const auto& connection : host.shared) {
    if (!connection->has_room() || connection->generation < generation) continue;
    if (best == nullptr || connection->load() < best->load()) best = connection.get();
  }
  return best == nullptr ? nullptr : best->open();
}

std::unique_ptr<ClientExchange> Pool::Impl::take_idle(Host& host, std::uint64_t generation) {
  while (!host.idle.empty()) {
    std::unique_ptr<H1ClientConnection> connection = std::move(host.idle.back());
    host.idle.pop_back();
    const bool fresh = loop_.now() - connection->idle_since < options_.idle_timeout;
    if (fresh && connection->generation >= generation && connection->channel.stream().is_idle()) {
      return wrap(host, std::move(connection));
    }
  }
  return nullptr;
}

net::Task<Acquired> Pool::Impl::connect(Host& host, const PoolTarget& target, const Connector& connector,
                                        net::Deadline deadline) {
  const Connecting connecting(host, target.protocol != UpstreamProtocol::http1);
  Result<net::Stream> stream = co_await connector(deadline);
  if (!stream) {
    ++host.failures;
    host.last_failure = stream.error();
    co_return fail(std::move(stream.error()));
  }
  if (closed_) co_return fail(Cause::closed, "the pool is closed");
  co_return begin(host, target, std::move(*stream));
}

std::unique_ptr<ClientExchange> Pool::Impl::begin(Host& host, const PoolTarget& target, net::Stream stream) {
  const bool agreed = stream.is_tls() && stream.alpn() == "h2";
  const bool http2 =
      target.protocol == UpstreamProtocol::http2 || (target.protocol == UpstreamProtocol::by_alpn && agreed);
  host.agreed_on_http1 = !http2;
  if (!http2) {
    auto connection = std::make_unique<H1ClientConnection>(std::move(stream), options_.fields);
    connection->generation = target.generation;
    return wrap(host, std::move(connection));
  }
  const H2ClientOptions options{options_.h2, options_.idle_timeout, options_.ping_after, options_.ping_timeout,
                                options_.write_timeout};
  std::function<void()> changed = [this, key = std::string(target.key)] {
    const auto found = hosts_.find(key);
    if (found == hosts_.end()) return;
    found->second->changed.notify_all();
    arm_sweep();
  };
  auto connection = std::make_shared<H2ClientConnection>(std::move(stream), options, std::move(changed));
  connection->generation = target.generation;
  host.shared.push_back(connection);
  gate_.spawn(connection->run());
  return connection->open();
}

std::unique_ptr<ClientExchange> Pool::Impl::wrap(Host& host, std::unique_ptr<H1ClientConnection> connection) {
  const std::uint64_t generation = connection->generation;
  // The host is not forgotten while it has a busy connection.
  H1ClientExchange::GiveBack back = [this, &host](H1ClientExchange* ended, std::unique_ptr<H1ClientConnection> kept) {
    give_back(host, ended, std::move(kept));
  };
  auto exchange = std::make_unique<H1ClientExchange>(std::move(connection), options_.write_timeout, std::move(back));
  host.busy.emplace(exchange.get(), generation);
  return exchange;
}

void Pool::Impl::give_back(Host& host, H1ClientExchange* exchange, std::unique_ptr<H1ClientConnection> connection) {
  host.busy.erase(exchange);
  if (connection && !closed_ && connection->generation >= oldest_generation_) {
    connection->reused = true;
    connection->idle_since = loop_.now();
    connection->channel.release();
    host.idle.push_back(std::move(connection));
    arm_sweep();
  }
  host.changed.notify_all();
}

void Pool::Impl::prune(Host& host) {
  std::erase_if(host.shared, [](const auto& connection) { return connection->over(); });
}

void Pool::Impl::close_host(Host& host) {
  host.idle.clear();
  std::vector<H1ClientExchange*> busy;
  busy.reserve(host.busy.size());
  for (const auto& [exchange, generation] : host.busy) busy.push_back(exchange);
  for (H1ClientExchange* exchange : busy) exchange->cut();
  for (const auto& connection : host.shared) connection->close();
}

void Pool::Impl::close_all_if(const std::function<bool(std::string_view)>& concerns) {
  for (const auto& [key, host] : hosts_) {
    if (concerns(key)) close_host(*host);
  }
}

void Pool::Impl::retire_before(std::uint64_t generation) {
  oldest_generation_ = std::max(oldest_generation_, generation);
  for (const auto& [key, host] : hosts_) {
    std::erase_if(host->idle, [&](const auto& connection) { return connection->generation < generation; });
    const std::vector<std::shared_ptr<H2ClientConnection>> shared = host->shared;
    for (const auto& connection : shared) {
      if (connection->generation < generation) connection->retire();
    }
  }
}

void Pool::Impl::arm_sweep() {
  if (!closed_ && !sweep_.armed()) loop_.arm(sweep_, loop_.in(options_.idle_timeout));
}

void Pool::Impl::on_sweep(void* self) { static_cast<Impl*>(self)->sweep(); }

// Ends what was idle for too long and forgets keys that have nothing any more.
void Pool::Impl::sweep() {
  const net::SteadyTime now = loop_.now();
  for (const auto& [key, host] : hosts_) {
    prune(*host);
    std::erase_if(host->idle, [&](const auto& each) { return now - each->idle_since >= options_.idle_timeout; });
  }
  std::erase_if(hosts_, [](const auto& entry) { return entry.second->forgotten(); });
  const bool kept = std::ranges::any_of(hosts_, [](const auto& entry) { return !entry.second->idle.empty(); });
  if (kept) loop_.arm(sweep_, loop_.in(options_.idle_timeout / 4));
}

net::Task<> Pool::Impl::close() {
  closed_ = true;
  sweep_.cancel();
  for (const auto& [key, host] : hosts_) {
    close_host(*host);
    host->changed.notify_all();
  }
  co_await gate_.close();
}

Pool::Pool(net::Loop& loop, const PoolOptions& options) : impl_(std::make_unique<Impl>(loop, options)) {}
Pool::~Pool() = default;

net::Task<Acquired> Pool::acquire(const PoolTarget& target, const Connector& connector, net::Deadline deadline) {
  return impl_->acquire(target, connector, deadline);
}

void Pool::close_all(std::string_view key) {
  impl_->close_all_if([&](std::string_view each) { return each == key; });
}

void Pool::close_all_if(const std::function<bool(std::string_view key)>& concerns) { impl_->close_all_if(concerns); }
void Pool::retire_before(std::uint64_t generation) { impl_->retire_before(generation); }

std::size_t Pool::connections(std::string_view key) const {
  const Host* host = impl_->find(key);
  return host == nullptr ? 0 : host->connections();
}

net::Task<> Pool::close() { return impl_->close(); }

}  // namespace bulkhead::proxy
