#pragma once

// All limits of a gateway: its own, those of its routes and those of API keys. A request counts against each limit that
// concerns it, or against none: one that is refused has used nothing. Pure. What is counted outlives a change of the
// configuration for each limit that is still there, word for word, at the same route; it does not outlive the process.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gateway/client.hpp"
#include "gateway/limiter.hpp"
#include "http/fields.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::gateway {

class Limits {
 public:
  using Time = Limiter::Time;

  // A place in each limit of how many there may be at once, for as long as it lives.
  class Held {
   public:
    Held() = default;
    Held(Held&& other) noexcept : places_(std::exchange(other.places_, {})) {}
    Held& operator=(Held&& other) noexcept;
    ~Held() { release(); }

   private:
    friend class Limits;
    void release();
    std::vector<std::pair<std::shared_ptr<Limiter>, std::uint64_t>> places_;
  };

  struct Verdict {
    const manifest::Limit* refused_by = nullptr;  // null: admitted. Lives as long as the configuration
    std::string_view key;                         // whose own limit that is: an API key's id, or "". Lives as long
    Limiter::Nanos wait{0};                       // until it may be tried again; zero where nobody knows
    bool limited = false;                         // by a rate: `policy` and `left` say how
    // RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10 §3, §4): every rate that counts this
    // client by something of its own, and the one of which least is left.
    std::string policy;
    std::string left;
    Held held;
  };

  explicit Limits(std::uint64_t seed) : seed_(seed) {}

  void configure(const proxy::Gateway& gateway);
  // `route` is an index into the configured gateway's.
  // `user` is the key of whom the request is for (Identity::key); "" is nobody.
  Verdict admit(std::size_t route, const Octets& client, const http::Fields& fields, std::string_view user, Time now);

 private:
  using LimiterPtr = std::shared_ptr<Limiter>;
  struct Rule {
    LimiterPtr limiter;
    std::string name;    // "per-address", as RateLimit has it; "": of a limit for everybody together, or of how many
                         // there may be at once, a client learns nothing
    std::string policy;  // what RateLimit-Policy says of it
  };
  struct Scope {
    std::vector<Rule> rules;
    std::string key{};  // the API key's id, of its own limits
  };
  struct Counted {
    const Rule* rule = nullptr;
    std::uint64_t place = 0;
    Limiter::Standing standing{};
  };

  static void describe(std::span<const Counted> counted, bool refused, Verdict& verdict);

  Scope scope_of(const std::string& name, const std::vector<manifest::Limit>& limits, const std::string& key = "");

  const std::uint64_t seed_;
  std::map<std::string, LimiterPtr> known_;  // by scope and words
  std::map<std::string, LimiterPtr> next_;   // while it is configured
  Scope all_;
  std::vector<Scope> routes_;
  std::map<std::string, Scope, std::less<>> keys_;  // by user_key()
  std::vector<Counted> counted_;                    // of the request that is looked at: its memory is for the next one
};

}  // namespace bulkhead::gateway
