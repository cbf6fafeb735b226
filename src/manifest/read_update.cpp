// How instances are replaced, and how jobs run.

#include <algorithm>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::uint32_t kMostAtATime = 1000;
constexpr Duration kLongestPause{3'600'000};
constexpr Duration kShortestWatch{1000};
constexpr Duration kLongestLatency{600'000};

void read_auto_rollback(Context& context, const Fields& outer, const std::string& owner, Update& update) {
  const Node* node = outer.find("auto_rollback");
  if (!node) return;
  Fields fields(context, *node, Section::auto_rollback, fmt::format("'auto_rollback' of {}", owner));
  if (!fields.readable()) return;
  AutoRollback& bounds = update.auto_rollback.emplace();
  if (fields.find("errors")) fields.read_share_into("errors", bounds.errors.emplace());
  fields.read_duration_into("p99", Duration(1), kLongestLatency, bounds.p99);
  fields.read_duration_into("over", kShortestWatch, kLongestPause, bounds.over);
  if (bounds.errors || bounds.p99 != Duration(0)) return;
  context.report.add(outer.mark("auto_rollback"), "update", fmt::format("{} has no bound", outer.what("auto_rollback")))
      .help.emplace_back("write one, such as {errors: 2%, p99: 300ms}; what does not get ready goes back without it");
}

// What can be there twice is added before the old one goes; a database, or whatever else speaks a protocol of its own,
// might not be: two of them would open the same files.
bool may_run_twice(const Service& service) {
  return !service.ports.empty() &&
         std::ranges::none_of(service.ports, [](const DeclaredPort& port) { return port.protocol == Protocol::tcp; });
}

}  // namespace

void read_update(Context& context, const Fields& fields, Service& service) {
  Update& update = service.update;
  update.max_surge = may_run_twice(service) ? 1 : 0;
  update.max_unavailable = 1 - update.max_surge;
  const Node* node = fields.find("update");
  if (!node) return;
  const std::string owner = fmt::format("service '{}'", service.name);
  Fields inner(context, *node, Section::update, fmt::format("'update' of {}", owner));
  if (!inner.readable()) return;
  if (inner.find("max_surge")) {
    inner.read_number_into("max_surge", 0, kMostAtATime, update.max_surge);
    update.max_unavailable = update.max_surge == 0 ? 1 : 0;
  }
  if (inner.find("max_unavailable")) {
    inner.read_number_into("max_unavailable", 0, kMostAtATime, update.max_unavailable);
    if (!inner.find("max_surge") && update.max_unavailable > 0) update.max_surge = 0;
  }
  inner.read_duration_into("pause", Duration(0), kLongestPause, update.pause);
  if (inner.find("canary")) inner.read_share_into("canary", update.canary.emplace());
  read_auto_rollback(context, inner, owner, update);
  if (update.max_surge == 0 && update.max_unavailable == 0) {
    context.report
        .add(fields.mark("update"), "update",
             fmt::format("{} leaves no room to replace an instance", inner.what("max_surge")))
        .help.emplace_back("with 'max_surge: 0' and 'max_unavailable: 0' no instance may come and none may go");
  }
  if (update.canary && update.max_surge == 0) {
    context.report
        .add(inner.mark("canary"), "update", fmt::format("{} needs 'max_surge' of 1 or more", inner.what("canary")))
        .help.emplace_back("a share of the requests is only to be had beside instances that serve the others");
  }
}

void read_job(Context& context, const Fields& fields, Service& service) {
  const Node* node = fields.find("job");
  if (!node) return;
  if (service.type != ServiceType::job) {
    context.report.add(fields.mark("job"), "job", fmt::format("{} is for jobs", fields.what("job")))
        .help.emplace_back("write 'type: job' too, or remove the key");
  }
  Fields inner(context, *node, Section::job, fmt::format("'job' of service '{}'", service.name));
  if (!inner.readable()) return;
  constexpr std::uint32_t kMostRetries = 100;
  constexpr Duration kLongestRun{7 * 24 * 3'600'000};
  inner.read_number_into("retries", 0, kMostRetries, service.job.retries);
  inner.read_duration_into("timeout", Duration(1), kLongestRun, service.job.timeout);
  const auto text = inner.text("schedule");
  if (!text) return;
  if (auto schedule = Schedule::parse(text->value)) {
    service.job.schedule = std::move(*schedule);
  } else {
    Mistake& mistake = context.report.add(inner.find("schedule")->mark, "schedule",
                                          fmt::format("{}: {}", inner.what("schedule"), schedule.error().message));
    mistake.allowed = "\"30 3 * * mon-fri\" (minute, hour, day, month, day of the week), @hourly, @daily, @weekly";
  }
}

}  // namespace bulkhead::manifest
