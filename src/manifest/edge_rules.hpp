#pragma once

// What a gateway asks of whoever comes before a request goes anywhere: from where, how often, how much; and what it
// tells browsers. Pure values; as they travel to the gateway, too.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "manifest/auth.hpp"
#include "manifest/limit.hpp"
#include "manifest/units.hpp"

namespace bulkhead::manifest {

// An address, or those that begin like it: "203.0.113.7", "10.0.0.0/8", "2001:db8::/32".
class Network {
 public:
  using Octets = std::array<std::uint8_t, 16>;  // IPv4's as in RFC 4291 §2.5.5.2

  // Cause::invalid, also where a bit behind the prefix is set: somebody meant another network.
  static Result<Network> parse(std::string_view text);

  bool contains(const Octets& address) const;
  bool operator==(const Network&) const = default;

 private:
  Octets octets_{};
  std::uint8_t bits_ = 0;  // of the 128
};

// Cross-origin requests of browsers (Fetch §3.2, "CORS protocol").
struct Cors {
  std::vector<std::string> origins;  // "https://app.example", as browsers send it; "*" alone: all
  std::vector<std::string> methods{"GET", "HEAD", "POST"};
  std::vector<std::string> headers;  // of requests, lower case
  std::vector<std::string> expose;   // of answers, lower case
  bool credentials = false;          // never with "*"
  Duration max_age{600'000};
  bool operator==(const Cors&) const = default;
};

// A field that an answer gets unless the service says it itself.
struct AnswerField {
  std::string name;   // lower case
  std::string value;  // not empty
  bool operator==(const AnswerField&) const = default;
};

struct EdgeRules {
  std::vector<Limit> limits;
  std::vector<std::string> allow_from;  // each a Network; none: everybody
  std::vector<std::string> deny_from;   // these not, whatever allow_from says
  std::optional<Cors> cors;
  std::vector<AnswerField> headers;
  std::uint64_t most_request = 0;  // octets of a request's body; 0: any
  std::uint64_t most_answer = 0;   // octets of an answer's body; 0: any
  std::optional<Auth> auth;        // none: as if it had no `by`
  bool operator==(const EdgeRules&) const = default;
};

}  // namespace bulkhead::manifest
