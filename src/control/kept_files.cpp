#include "control/kept_files.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include "base/log.hpp"
#include "control/launch.hpp"

namespace bulkhead::control {

namespace {

constexpr int kNiceness = 10;  // what is started has the processor first

}  // namespace

std::string KeptFiles::id_of(const manifest::Service& service, const std::string& directory) {
  if (service.sources.empty() || service.dir.empty()) return "";
  const std::string from = absolute_path(directory, service.dir);
  return fmt::format("{:.{}}-{}", hash_of(from), FileStore::kPrefix, hash_of(from + "\n" + service.sources));
}

std::string KeptFiles::problem(const std::string& id) const {
  const auto known = problems_.find(id);
  return known == problems_.end() ? "" : known->second;
}

void KeptFiles::keep(Wanted wanted) {
  if (wanted.id.empty() || !begun_.insert(wanted.id).second) return;
  gate_.spawn(copy(std::move(wanted)));
}

net::Task<> KeptFiles::copy(Wanted wanted) {
  const std::string id = wanted.id, from = wanted.from;
  const auto taken = co_await worker_.ask([this, wanted = std::move(wanted)] {
    ::setpriority(PRIO_PROCESS, 0, kNiceness);  // of this thread
    // Asked here, behind every removal that was wanted before.
    return writing_.has(wanted.id) ? Result<>() : writing_.take(wanted, ending_);
  });
  begun_.erase(id);
  problems_.erase(id);
  if (taken && *taken) co_return;
  problems_[id] = taken ? taken->error().message : "too many wait for it";
  log_line("the files of {} are not kept: {}", from, problems_[id]);
}

void KeptFiles::keep_only(std::set<std::string> ids) {
  std::erase_if(problems_, [&](const auto& entry) { return !ids.contains(entry.first); });
  wanted_ = std::move(ids);
  if (removing_) return;
  removing_ = true;
  gate_.spawn(remove_others());
}

net::Task<> KeptFiles::remove_others() {
  std::set<std::string> done;
  do {
    done = wanted_;
    const auto removed = co_await worker_.ask([this, done] {
      writing_.keep_only(done, ending_);
      return true;
    });
    static_cast<void>(removed);  // too many wait: the next time
  } while (done != wanted_);
  removing_ = false;
}

}  // namespace bulkhead::control
