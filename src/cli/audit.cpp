// audit: who did what to the application, and who went inside.

#include "control/audit.hpp"

#include <chrono>

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/table.hpp"
#include "control/client.hpp"
#include "manifest/units.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

std::string time_before(manifest::Duration duration) {
  const auto then = std::chrono::system_clock::now() - duration;
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(then)));
}

// From the controller, or where none runs from the file: it outlives the application.
std::expected<json, int> entries(const Context& context, const control::AuditFilter& filter) {
  const auto places = open_places(context);
  if (!places) return std::unexpected(places.error());
  if (!control::is_running(*places)) return json(control::read_audit(places->audit(), filter));
  const auto reply = ask(context, {{"verb", "audit"}, {"since", filter.since}, {"service", filter.service}});
  if (!reply) return std::unexpected(reply.error());
  return reply->at("entries");
}

// An argument as a shell would take it: what is not plain is quoted, and control characters are made visible.
std::string shown_word(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789-_./:=,@%+") == std::string::npos;
  return plain ? word : json(word).dump(-1, ' ', true, json::error_handler_t::replace);
}

std::string shown(const json& value) {
  if (value.is_string()) return shown_word(value.get<std::string>());
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const json& each : value) text += (text.empty() ? "" : " ") + shown(each);
  return text;
}

// The command last, as it was typed.
std::string details_text(const json& details) {
  std::string text;
  for (const auto& [key, value] : details.items())
    if (key != "argv") text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, shown(value));
  if (const auto argv = details.find("argv"); argv != details.end())
    text += (text.empty() ? "-- " : " -- ") + shown(*argv);
  return text;
}

std::string who_text(const json& entry) {
  const std::string user = entry.value("user", "");
  return fmt::format("{} ({})", user.empty() ? fmt::format("uid {}", entry.value("uid", 0)) : user,
                     entry.value("role", ""));
}

std::vector<Cell> row_of(const json& entry) {
  const std::string outcome = entry.value("outcome", "");
  const bool refused = outcome.starts_with("refused") || outcome.starts_with("failed");
  const std::string owner = entry.value("owner", "");
  return {{entry.value("time", ""), Tone::dim},
          {who_text(entry), Tone::bold},
          {entry.value("verb", "")},
          {entry.value("service", "") + (owner.empty() ? "" : " (" + owner + ")")},
          {details_text(entry.value("details", json::object()))},
          {shown_word(outcome).find('\\') == std::string::npos ? outcome : shown_word(outcome),
           refused ? Tone::red : Tone::plain}};
}

}  // namespace

int audit(const Context& context, const AuditOptions& options) {
  control::AuditFilter filter{{}, options.service.empty() ? "" : service_name(options.service)};
  if (!options.since.empty()) {
    const auto duration = manifest::parse_duration(options.since);
    if (!duration) return complain(within("--since", duration.error())), kUsage;
    filter.since = time_before(*duration);
  }
  const auto found = entries(context, filter);
  if (!found) return found.error();
  if (context.json) {
    for (const json& entry : *found) fmt::print("{}\n", entry.dump());
    return kDone;
  }
  std::vector<std::vector<Cell>> rows;
  for (const json& entry : *found) rows.push_back(row_of(entry));
  if (rows.empty()) return say("nothing is recorded"), kDone;
  fmt::print("{}", table({"TIME", "WHO", "VERB", "SERVICE", "WHAT", "OUTCOME"}, rows));
  return kDone;
}

}  // namespace bulkhead::cli
