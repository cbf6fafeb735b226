#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/result.hpp"
#include "builds/watcher.hpp"
#include "cli/preparation.hpp"
#include "cli/progress.hpp"
#include "control/log_reader.hpp"

namespace bulkhead::cli {

// up --watch: hears of edits, and makes what runs what the files say now. What is wrong in them is said, and what runs
// stays.
class Watching {
 public:
  // Before the first look at the files, which tells what is to be watched. It keeps the reference.
  static Result<Watching> begin(Preparation& preparation);

  // Until Ctrl-C, or the end of the application; then takes it down unless it `stays`, which prints no logs either.
  int go_on(const control::Places& places, bool stays);

 private:
  struct Hook {  // of the reader, which outlives moves of this
    builds::Watcher watcher;
    std::string problem;
  };
  Watching(Preparation& preparation, std::unique_ptr<Hook> hook) : preparation_(&preparation), hook_(std::move(hook)) {}

  void watch_manifest();
  bool is_news(const builds::Watcher::Seen& seen);
  void hear(const builds::Watcher::Seen& seen);
  void try_again();
  void apply(const Preparation::Prepared& prepared, Clock::time_point edited);
  void follow(const std::set<std::string>& services, const Preparation::Prepared& prepared, Clock::time_point edited,
              Clock::time_point applied);
  void print_logs();
  std::set<std::string> manifest_edits(const builds::Watcher::Seen& seen) const;

  Preparation* preparation_;
  std::unique_ptr<Hook> hook_;
  control::Places places_;
  builds::Watcher::Seen next_;  // what was heard while something started
  struct Refused {              // by the controller: an edit that is not live
    std::string problem;
    Clock::time_point edited;
    Clock::time_point again;  // when it is tried again
  };
  std::optional<Refused> refused_;
  std::unique_ptr<control::LogReader> logs_;
};

}  // namespace bulkhead::cli
