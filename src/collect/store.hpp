#pragma once

// The files of one application's telemetry, oldest first: one that is written, and sealed ones, dropped whole by age
// and size. One thread writes; windows() is for any thread. Sealing happens on a thread of its own.

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "collect/window.hpp"

namespace bulkhead::collect {

// What is dropped: stretches that are older, and the oldest while all are larger.
struct Kept {
  std::chrono::milliseconds age = std::chrono::hours(72);
  std::uint64_t most_bytes = 1U << 30U;  // of all files; the one that is written is never dropped for it
};

struct StoreOptions {
  std::string directory;
  std::uint64_t window_spans = 1'000'000;
  std::chrono::milliseconds window_age = std::chrono::hours(1);
  Kept kept;
  std::uint64_t window_most_spans = 500'000;  // of a sealed one: what is above is thinned out
  std::chrono::microseconds slow = std::chrono::milliseconds(250);
};

struct WindowInfo {
  std::string path;
  std::int64_t first_ms = 0;  // rows in it came after this; those of a source that was away may be older themselves
  bool open = false;          // it is being written
};

class Store {
 public:
  static Result<std::unique_ptr<Store>> open(StoreOptions options, std::int64_t now_ms);
  ~Store();  // waits for a sealing

  Positions& positions() { return positions_; }
  Window& window() { return *window_; }

  // From now on; any thread.
  void set_kept(const Kept& kept);

  // Between transactions: begins another window where this one is full or old, drops what is past keeping.
  Result<> turn(std::int64_t now_ms);
  // The disk is full: the oldest sealed window goes. False: there is none.
  bool make_room();

  // Oldest first. Whoever has opened one goes on reading it when it was dropped.
  std::vector<WindowInfo> windows() const;
  // What stands in the log about files that could not be used.
  std::vector<std::string> take_problems();

 private:
  explicit Store(StoreOptions options) : options_(std::move(options)), kept_(options_.kept) {}
  bool is_full(std::int64_t now_ms) const;
  Result<> begin_window(std::int64_t now_ms);
  void seal_left_over();
  void seal_behind(std::vector<std::string> paths);
  void drop(std::size_t index);
  std::uint64_t bytes() const;
  Kept kept() const;

  const StoreOptions options_;
  std::optional<Window> window_;
  std::int64_t opened_ms_ = 0;
  Positions positions_;
  std::thread sealer_;
  mutable std::mutex mutex_;  // guards what follows
  Kept kept_;
  std::vector<WindowInfo> windows_;
  std::vector<std::string> problems_;
};

}  // namespace bulkhead::collect
