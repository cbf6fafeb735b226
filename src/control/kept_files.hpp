#pragma once

// The files that the revisions of services ran from, so that a service that goes back starts with those of then. Loop's
// thread; a thread of its own does what takes long. What is kept is not forced to the disk: after a power cut files of
// the last half minute may be too short, and then nothing starts from them.

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "control/file_store.hpp"
#include "manifest/application.hpp"
#include "net/gate.hpp"
#include "net/loop.hpp"
#include "net/worker.hpp"

namespace bulkhead::control {

class KeptFiles {
 public:
  KeptFiles(net::Loop& loop, const std::string& directory)
      : reading_(directory), writing_(directory), gate_(loop), worker_(loop) {}
  ~KeptFiles() { ending_ = true; }
  KeptFiles(const KeptFiles&) = delete;
  KeptFiles& operator=(const KeptFiles&) = delete;

  // Of the service's files as the manifest of `directory` and Service::sources say it; "" where nobody looked at them,
  // or it runs from an image.
  static std::string id_of(const manifest::Service& service, const std::string& directory);

  // Begins to copy what a service runs from now, unless that is there. Nothing without an id.
  void keep(Wanted wanted);
  bool has(const std::string& id) const { return reading_.has(id); }
  // The directory with those of an id that it has.
  Result<std::string> lay_out(const std::string& id) const { return reading_.lay_out(id); }
  // Why it could not be kept, as far as this process tried; "" where it could.
  std::string problem(const std::string& id) const;
  // Removes all others, soon.
  void keep_only(std::set<std::string> ids);

 private:
  net::Task<> copy(Wanted wanted);
  net::Task<> remove_others();

  FileStore reading_;                            // the loop's
  FileStore writing_;                            // the thread's
  std::map<std::string, std::string> problems_;  // by id
  std::set<std::string> begun_;                  // not done yet
  std::set<std::string> wanted_;                 // keep_only()
  bool removing_ = false;
  std::atomic<bool> ending_ = false;
  net::Gate gate_;
  net::Worker worker_;  // last: it uses what is above, and what tasks of the gate wait for
};

}  // namespace bulkhead::control
