#pragma once

// What reads: from the files that sidecars, gateway and keepers write into the store, in one thread of its own. It goes
// on where it stood: rows and positions are one transaction. Nobody waits for it.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "collect/counts.hpp"
#include "collect/joins.hpp"
#include "collect/store.hpp"
#include "collect/tail.hpp"

namespace bulkhead::collect {

// One request among those that a histogram counts, which a trace shows: an exemplar.
struct Shown {
  bool caller_side = true;
  std::string caller, callee;
  std::int64_t port = 0;
  std::int64_t us = 0;
  std::int64_t at_us = 0;  // when it ended
  telemetry::TraceId trace{};
};

// What is new since the last call, for those who look on; from the intake's thread.
struct News {
  std::vector<Flowed> flowed;
  std::vector<std::string> decisions;  // JSON, as docs/api.md has them
  std::vector<Shown> shown;            // some of the spans
};

struct IntakeOptions {
  std::string records;  // directories
  std::string logs;
  StoreOptions store;
};

class Intake {
 public:
  struct Handlers {
    std::function<void(News)> news;
    std::function<void(const std::string&)> trouble;  // for the log
  };
  Intake(IntakeOptions options, Handlers handlers);
  ~Intake();  // what is not read yet the next one finds
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  void start();
  // For readers; null until the store is open.
  std::shared_ptr<const Store> store() const;
  // From now on; any thread.
  void set_kept(const Kept& kept);
  // A span, log line or note that came another way (OTLP): `write` runs in the intake's thread, in a transaction.
  // False: too much waits already. What a failing store gave up is lost.
  bool put(std::move_only_function<Result<>(Window&)> write);
  // How many lines of records have been read since start().
  std::uint64_t lines() const { return lines_; }

 private:
  struct Source {
    Tail tail;
    std::string instance;
    bool logs = false;
    bool sidecar = false;  // its spans show which requests made which calls
  };
  void run();
  bool open_store();
  void find_sources();
  bool read_round();
  Result<bool> read_source(const std::string& name, Source& source);
  void show(const SpanRow& row);
  Result<> take_record(Source& source, std::string_view line, std::string& state);
  void look_at_joins();
  Result<> add_settled();
  Result<> take_counts(std::string_view line, std::string& state);
  Result<> take_log(const Source& source, std::string_view line);
  void give_up_round(const Fault& fault);
  void say(const std::string& text);

  const IntakeOptions options_;
  const Handlers handlers_;
  std::shared_ptr<Store> store_;  // replaced only under the mutex
  std::map<std::string, std::unique_ptr<Source>> sources_;
  News news_;
  std::string last_trouble_;
  Joiner joiner_;
  Joiner::Settled settled_;   // not in the store yet
  std::int64_t read_ms_ = 0;  // what had been written by then has been read
  std::chrono::steady_clock::time_point looked_{};
  std::atomic<std::uint64_t> lines_{0};
  mutable std::mutex mutex_;  // guards store_ and what follows
  std::condition_variable wake_;
  std::vector<std::move_only_function<Result<>(Window&)>> put_;
  std::optional<Kept> kept_;
  bool ending_ = false;
  std::thread thread_;
};

// "checkout" of "checkout-2".
std::string service_of(std::string_view instance);

}  // namespace bulkhead::collect
