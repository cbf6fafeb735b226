#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "builds/builder.hpp"
#include "cli/context.hpp"

namespace bulkhead::cli {

// What `up` does on this side before it asks the controller: reads the manifest, finds the services that are meant,
// builds them, unpacks images, and looks at the files that they run from. Under --watch it is done again and again: it
// remembers what it saw.
class Preparation {
 public:
  // `names` as they were typed; none are all services.
  Preparation(Context context, std::vector<std::string> names, bool watches);

  struct Prepared {
    Opened opened;
    std::set<std::string> failed;                  // under --watch: services whose build did
    std::map<std::string, std::string> seen;       // see `apply` in control/api.cpp
    std::map<std::string, std::int64_t> as_of_ns;  // likewise
    std::map<std::string, std::string> reasons;    // by service: what of its files has changed since the last time
    std::map<std::string, std::chrono::milliseconds> took;  // by service: its build
  };
  // Says what is wrong, and gives the exit code. After the first time a build that fails concerns its services alone.
  std::expected<Prepared, int> make();
  // Whether a file has changed since, whatever was heard of it. Not of the manifest.
  bool is_stale();
  // For --dry-run: nothing is built, and `reasons` says what would be.
  std::expected<Prepared, int> plan();

  // The request of control/api.cpp.
  nlohmann::json request(const Prepared& prepared, const char* verb) const;

  builds::FileReader& files() { return files_; }
  const Context& context() const { return context_; }
  // Every file that the manifest was read from, or would have been, absolute.
  const std::set<std::string>& manifest_files() const { return manifest_files_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::expected<Opened, int> open();
  std::expected<std::set<std::string>, int> select(const control::Loaded& loaded) const;
  void leave_apart(const Opened& opened);
  void look_at_files(Prepared& prepared);
  bool build(Prepared& prepared);
  Result<builds::Files> files_of(const builds::Scope& scope);
  builds::Builder::Show show();

  Context context_;
  std::vector<std::string> names_;
  bool watches_;
  bool again_ = false;  // it was made before
  builds::FileReader files_{{}};
  builds::Builder builder_;
  std::set<std::string> manifest_files_;
  std::vector<builds::Unit> units_;              // of the last time
  std::map<std::string, builds::Scope> scopes_;  // likewise, of services without a build
  std::map<std::string, builds::Files> known_;   // what was there
  std::set<std::string> outputs_;                // of builds
  std::map<std::string, std::string> changed_;   // those of which a file has changed since: the hash now
  std::map<std::string, std::string> reasons_;   // of the builds of this time
  std::map<std::string, std::chrono::milliseconds> took_;
};

}  // namespace bulkhead::cli
