#include "proxy/resolver.hpp"

#include <algorithm>

#include <netdb.h>

#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

Result<std::vector<net::Address>> Resolver::system_lookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) return fail(Cause::not_found, "{}: {}", host, ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  std::vector<net::Address> addresses;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    if (auto address = net::Address::from(each->ai_addr, each->ai_addrlen)) addresses.push_back(*address);
  }
  if (addresses.empty()) return fail(Cause::not_found, "{}: no address", host);
  return addresses;
}

Resolver::Resolver(net::Loop& loop, Lookup lookup)
    : loop_(loop), lookup_(std::move(lookup)), self_(std::make_shared<Resolver*>(this)) {}

Resolver::~Resolver() {
  *self_ = nullptr;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wanted_.notify_one();
  if (thread_.joinable()) thread_.join();
}

net::Task<Result<std::vector<net::Address>>> Resolver::resolve(std::string host, net::Deadline deadline) {
  if (const auto literal = net::Address::ip(host, 0)) co_return std::vector{*literal};
  const auto found = entries_.find(host);
  const bool stale =
      found == entries_.end() || (found->second->answered.is_set() && found->second->fresh_until <= loop_.now());
  if (stale) ask(host);
  const std::shared_ptr<Entry> entry = entries_[host];
  const auto answered = co_await entry->answered.wait(deadline);
  if (!answered) co_return fail(Cause::timeout, "{}: no answer from the resolver", host);
  co_return entry->answer;
}

void Resolver::ask(const std::string& host) {
  entries_[host] = std::make_shared<Entry>(loop_);
  const std::lock_guard lock(mutex_);
  questions_.push_back(host);
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  wanted_.notify_one();
}

void Resolver::take(const std::string& host, Result<std::vector<net::Address>> answer) {
  const auto found = entries_.find(host);
  if (found == entries_.end()) return;
  const auto fresh = answer ? defaults::kDnsFresh : defaults::kDnsNegative;
  found->second->fresh_until = loop_.now() + fresh;
  found->second->answer = std::move(answer);
  found->second->answered.set();
}

void Resolver::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wanted_.wait(lock, [this] { return ending_ || !questions_.empty(); });
    if (ending_) return;
    const std::string host = std::move(questions_.front());
    questions_.pop_front();
    lock.unlock();
    auto answer = lookup_(host);
    loop_.post([self = self_, host, answer = std::move(answer)]() mutable {
      if (*self != nullptr) (*self)->take(host, std::move(answer));
    });
    lock.lock();
  }
}

}  // namespace bulkhead::proxy
