#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "control/desired.hpp"

// What every service was before, so that it can be that again: its revisions, each with who wanted it, when, why, and
// how it went, and with what was desired then. Kept below one directory of mode 0700, each file 0600: what was desired
// may hold secrets. At most kKept revisions of a service; the oldest is forgotten.
namespace bulkhead::control {

struct Revision {
  int number = 0;         // counts from 1, for each service
  std::string hash;       // Goal::revision
  std::string desired;    // id of what was desired when it was first wanted; "" if it could not be kept
  std::string files;      // KeptFiles::id_of what it ran from; "" if nobody looked
  std::int64_t time = 0;  // seconds since the epoch
  std::string who;
  std::string why;      // "up", "rollback to 3", "went back: ..."
  bool proven = false;  // every instance was ready, within the bounds
  std::string failed;   // why it was given up; "" if it was not
  bool operator==(const Revision&) const = default;
};

class History {
 public:
  static constexpr std::size_t kKept = 10;

  // Reads what is there. A history that is broken is Cause::invalid; nothing there is an empty one.
  static Result<History> open(const std::string& directory);

  // Writes down what is desired, once; gives its id.
  Result<std::string> keep(const Desired& desired);
  Result<Desired> desired(const std::string& id) const;

  // The same revision is called `to` from now on: another build of this program makes another hash of it.
  void rename(const std::string& service, const std::string& from, const std::string& to);
  // The service's revision from now on; a new entry where it is another than that of the last one.
  const Revision& note(const std::string& service, Revision revision);
  void prove(const std::string& service, const std::string& hash);
  void give_up(const std::string& service, const std::string& hash, const std::string& reason);

  const std::vector<Revision>& of(const std::string& service) const;  // oldest first
  const Revision* current(const std::string& service) const;
  const Revision* find(const std::string& service, int number) const;
  // Of all that are kept.
  std::set<std::string> files() const;
  // The newest proven one that is not `hash`: what the service goes back to.
  const Revision* before(const std::string& service, const std::string& hash) const;

  // Writes the list if it changed, and forgets what nothing refers to; `in_use` are further ids that are kept.
  Result<> save(const std::vector<std::string>& in_use);

 private:
  explicit History(std::string directory) : directory_(std::move(directory)) {}
  Revision* last(const std::string& service, const std::string& hash);
  void remove_unused(const std::vector<std::string>& in_use) const;

  std::string directory_;
  std::map<std::string, std::vector<Revision>> revisions_;
  std::string saved_;
  bool changed_ = false;
};

}  // namespace bulkhead::control
