#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.hpp"
#include "control/roles.hpp"

// The audit log: who changed what, and who went into which compartment. JSON lines in a file of bounded size with a
// bounded number of predecessors, 0600, below the state directory: it outlives the application. No environment, no text
// of a manifest and nothing that was typed goes in.
namespace bulkhead::control {

struct AuditBounds {
  std::uint64_t bytes = 2U << 20U;  // of one file
  unsigned files = 4;               // the current one included: all of it fits into one answer
};

class AuditLog {
 public:
  AuditLog(std::string path, AuditBounds bounds) : path_(std::move(path)), bounds_(bounds) {}

  // One line, whole or not at all: a disk that is full is a fault, and no half a line stays.
  Result<> append(const nlohmann::json& entry);

 private:
  void rotate() const;
  std::string path_;
  AuditBounds bounds_;
};

struct AuditFilter {
  std::string since;    // RFC 3339 in UTC, as entries have it; empty: all
  std::string service;  // empty: all
};
// The entries, the oldest first. A line that is broken is left out.
std::vector<nlohmann::json> read_audit(const std::string& path, const AuditFilter& filter);

// {"time","uid","user","pid","role"} and what is given.
nlohmann::json audit_entry(const Peer& who, std::string_view verb, std::string_view service, std::string_view owner,
                           nlohmann::json details, std::string_view outcome);

// What of a request goes into the log: of known verbs the arguments that are no secret.
nlohmann::json audit_details(const nlohmann::json& request);

// Refusals that one caller repeats: a line for the first of a minute, which the next line counts. Otherwise whoever may
// do nothing could push everything else out of the log.
class Repeats {
 public:
  // Whether the refusal gets a line; then `count` is how many before it got none.
  bool is_news(const Peer& who, std::string_view verb, std::string_view service, std::int64_t unix_now, int& count);

 private:
  struct Seen {
    std::int64_t until = 0;
    int unwritten = 0;
  };
  std::map<std::string, Seen> seen_;
};

}  // namespace bulkhead::control
