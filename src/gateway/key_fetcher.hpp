#pragma once

// Keeps the keys of one provider at hand that publishes them: at a URL, or where its metadata says (OpenID Connect
// Discovery 1.0). When they are fetched, and for how long old ones are used, is jose::KeySource's decision. Only hosts
// that the manifest declares are spoken to, no redirect is followed. Loop's thread only.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "jose/key_set.hpp"
#include "jose/key_source.hpp"
#include "proxy/core.hpp"
#include "proxy/outside.hpp"

namespace bulkhead::gateway {

class KeyFetcher {
 public:
  using Take = std::function<void(std::optional<jose::KeySet>)>;

  // `egress` are those of the snapshot; `take` gets each key set that was fetched, and none where the last one is too
  // old. Core and outside outlive this.
  KeyFetcher(proxy::Core& core, proxy::Outside& outside, proxy::Provider provider,
             const std::vector<proxy::Egress>& egress, Take take);

  const proxy::Provider& provider() const { return provider_; }

  // Fetches whenever it is due, until stop(). `self` is this, which so lives as long as its task.
  net::Task<> run(std::shared_ptr<KeyFetcher> self);
  void stop();

  // A token names a key that is not at hand. True where a key set came before the deadline; false at once where one
  // was asked for too short a while ago. Hold this while waiting.
  net::Task<bool> refresh(net::Deadline deadline);

 private:
  struct Answer {
    std::string body;
    std::optional<std::chrono::seconds> fresh;
  };
  struct Place {
    const proxy::Egress* egress = nullptr;
    std::string authority;
    std::string target;
  };

  net::Task<> fetch_once();
  net::Task<Result<Answer>> fetch();
  net::Task<Result<Answer>> get(std::string url, std::size_t most);
  net::Task<Result<Answer>> ask(proxy::Visit& visit, const Place& place, std::size_t most);
  Result<Place> place_of(const std::string& url) const;

  proxy::Core& core_;
  proxy::Outside& outside_;
  const proxy::Provider provider_;
  std::vector<proxy::Egress> egress_;  // its own
  const Take take_;
  jose::KeySource source_;
  std::uint64_t fetched_ = 0;
  bool stopped_ = false;
  net::Notify wake_;
  net::Notify done_;  // one fetch, well or not
};

}  // namespace bulkhead::gateway
