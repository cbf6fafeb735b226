#pragma once

// Tells a backend what the store has, over OTLP (OTLP/HTTP 1.x, in protobuf, gzip). It reads the store behind the
// intake, and remembers in a file how far it came: while the backend is away nothing is held in memory, and what is
// kept is sent when it is back. A batch may arrive twice, where its answer was lost; none is left out unless the
// backend refused it, or the store dropped it first, and both are counted. Nobody waits for it. Loop's thread; reads in
// another.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "collect/export_settings.hpp"
#include "collect/intake.hpp"
#include "collect/metrics.hpp"
#include "collect/otlp_out.hpp"
#include "net/event.hpp"
#include "net/worker.hpp"
#include "proxy/outside.hpp"

namespace bulkhead::collect {

enum class Exported : std::uint8_t { traces, logs, metrics };

// How far one signal came: a window of the store, by the name of its file, and the last row of it that was taken.
struct ExportCursor {
  std::string window;
  std::int64_t row = 0;
  bool operator==(const ExportCursor&) const = default;
};

struct ExportBatch {
  std::string message;  // "": there is nothing (more)
  std::size_t items = 0;
  std::int64_t last_us = 0;  // when the last of them was
  std::optional<ExportCursor> next;
  std::uint64_t skipped = 0;  // windows that were dropped before they were read to their end
};

// The next batch behind `cursor`; without one it begins with the window that is written. Keeps a window open. Any one
// thread.
class ExportReader {
 public:
  static constexpr std::size_t kMostItems = 2'000;
  static constexpr std::size_t kMostOctets = 1U << 20U;

  Result<ExportBatch> next(const Store& store, Exported signal, const std::optional<ExportCursor>& cursor,
                           const std::string& app, const std::string& gateway);

 private:
  Result<WindowReader*> open(const WindowInfo& window);
  std::string path_;
  std::optional<WindowReader> window_;
};

class Exporter {
 public:
  struct Sources {
    std::function<std::shared_ptr<const Store>()> store;  // null: not open yet
    std::function<std::vector<Family>()> metrics;         // as they are now
    std::function<std::string(const std::string& app, net::SteadyTime since)> program_metrics;
    std::function<std::string()> gateway;             // what the gateway is called
    std::function<void(const std::string&)> trouble;  // for the log
    std::function<void(const std::string&)> failing;  // what fails now; "" nothing does
  };
  // `file`: where it remembers how far it came.
  Exporter(net::Loop& loop, std::string file, Sources sources,
           proxy::Resolver::Lookup lookup = proxy::Resolver::system_lookup);

  // From the controller, now and then. Without settings nothing is sent, and how far it came is forgotten.
  void set(std::optional<ExportSettings> settings);
  net::Task<> run();
  void stop();

  // What fails, for a person; "" nothing does.
  std::string failing() const;
  // As docs/api.md has it ("export").
  nlohmann::json state() const;
  void add_families(std::vector<Family>& into) const;

 private:
  struct Signal {
    std::optional<ExportCursor> cursor;   // not of metrics
    std::uint64_t sent = 0, refused = 0;  // spans, log records, data points
    std::uint64_t skipped = 0;            // windows
    std::int64_t behind_ms = 0;
    std::string failing;  // "": it does not
    std::int64_t failing_since_ms = 0;
    std::unique_ptr<ExportReader> reader = std::make_unique<ExportReader>();
  };
  struct Reply {
    int status = 0;    // 0: there was none
    std::string text;  // why, or the body
    std::optional<net::Duration> wait;
  };

  void load();
  net::Task<> save();
  net::Task<bool> send_next(Exported exported);
  net::Task<> send_metrics();
  net::Task<bool> deliver(Exported exported, std::string message, std::size_t items);
  net::Task<Reply> post(const std::string& target, std::string body);
  net::Task<Result<Reply>> ask(const std::string& target, const std::string& body, net::Deadline deadline);
  net::Task<> pause(net::Duration duration);
  bool is_wanted(Exported exported) const;
  // "": it does not fail (any more).
  void report(Exported exported, const std::string& what);

  net::Loop& loop_;
  const std::string file_;
  const Sources sources_;
  const proxy::Resolver::Lookup lookup_;
  bool told_ = false;  // by the controller, since this process began
  std::optional<ExportSettings> settings_;
  std::shared_ptr<const ExportSettings> used_;  // by what is under way
  std::unique_ptr<proxy::Outside> outside_;
  std::map<Exported, Signal> signals_;
  const std::int64_t since_ms_;
  net::SteadyTime metrics_at_{};
  net::SteadyTime told_until_{};  // what programs told until then was taken
  net::Duration backoff_{};
  bool stopping_ = false;
  net::Notify wake_;
  net::Worker worker_;  // last: it uses what is above
};

}  // namespace bulkhead::collect
