// status, identity, history, restart and scale: asked of the controller.

#include <chrono>

#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "cli/changes_view.hpp"
#include "cli/commands.hpp"
#include "cli/status_view.hpp"
#include "cli/table.hpp"
#include "control/client.hpp"
#include "control/runtime.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// What is known of a running application without its controller: who was there when it was last seen, whether it still
// is, and for how long its certificate holds (services go on until then).
int status_without_controller(const control::Places& places, const Context& context) {
  const auto text = read_file(places.instances());
  const auto left = text ? control::left_from_json(*text) : fail(text.error());
  if (!left) return complain(left.error());
  std::vector<std::vector<Cell>> rows;
  json list = json::array();
  for (const control::Record& record : left->records) {
    const bool alive = control::is_alive(record.keeper);
    const std::int64_t seconds = record.not_after - unix_now();
    rows.push_back({{record.slot.id, Tone::bold},
                    {alive ? "running" : "gone", alive ? Tone::green : Tone::red},
                    {record.not_after == 0 ? "-" : time_left_text(seconds), Tone::plain, true}});
    list.push_back({{"id", record.slot.id}, {"running", alive}, {"certificate_seconds_left", seconds}});
  }
  if (context.json) {
    say(json{{"controller", nullptr}, {"settled", false}, {"instances", list}}.dump(2));
  } else {
    fmt::print("{}", table({"INSTANCE", "STATE", "CERTIFICATE"}, rows));
  }
  complain(
      fmt::format("the controller is not running; what runs goes on until its certificate ends. Bring it back with: "
                  "bulkhead up -f {}",
                  context.file));
  return kNotRunning;
}

}  // namespace

int status(const Context& context) {
  if (const auto places = open_places(context);
      places && !control::is_running(*places) && control::has_remains(*places))
    return status_without_controller(*places, context);
  const auto reply = ask(context, {{"verb", "status"}});
  if (!reply) return reply.error();
  fmt::print("{}", context.json ? reply->dump(2) + "\n" : status_text(*reply, unix_now()));
  return reply->value("settled", false) ? kDone : kFailed;
}

int identity(const Context& context, const std::string& service) {
  const auto reply = ask(context, {{"verb", "identity"}, {"service", service_name(service)}});
  if (!reply) return reply.error();
  if (context.json) {
    say(reply->dump(2));
    return kDone;
  }
  say(fmt::format("{}\n", (*reply)["spiffe_id"].get<std::string>()));
  std::vector<std::vector<Cell>> rows;
  for (const json& instance : (*reply)["instances"])
    rows.push_back({{instance["instance"].get<std::string>()},
                    {instance["serial"].get<std::string>()},
                    {time_left_text(instance["not_after"].get<std::int64_t>() - unix_now()), Tone::plain, true}});
  fmt::print("{}\n{}", table({"INSTANCE", "CERTIFICATE SERIAL", "TIME LEFT"}, rows),
             (*reply)["trust_bundle"].get<std::string>());
  return kDone;
}

int history(const Context& context, const std::string& service) {
  const auto reply = ask(context, {{"verb", "history"}, {"service", service}});
  if (!reply) return reply.error();
  fmt::print("{}", context.json ? reply->dump(2) + "\n" : history_text(*reply));
  return kDone;
}

int restart(const Context& context, const std::string& service) {
  const auto reply = ask(context, {{"verb", "restart"}, {"service", service_name(service)}});
  if (!reply) return reply.error();
  say(fmt::format("{} is being restarted; bulkhead status shows how it goes", service));
  return kDone;
}

int scale(const Context& context, const std::string& service, int count) {
  const auto reply = ask(context, {{"verb", "scale"}, {"service", service_name(service)}, {"count", count}});
  if (!reply) return reply.error();
  say(fmt::format("{} goes to {} {}", service, count, count == 1 ? "instance" : "instances"));
  return kDone;
}

}  // namespace bulkhead::cli
