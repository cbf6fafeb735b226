#include "cli/changes_view.hpp"

#include <ctime>
#include <map>
#include <vector>

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include "cli/context.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kLongest = 60;

std::string text_of(const json& object, const char* key) { return object.value(key, ""); }

std::string shortened(const std::string& text) {
  return text.size() <= kLongest ? text : text.substr(0, kLongest - 3) + "...";
}

std::string instances(int count) { return fmt::format("{} {}", count, count == 1 ? "instance" : "instances"); }

struct Shown {
  char sign;
  Tone tone;
  std::string text;
};

Shown effect_of(const json& effect) {
  const std::string kind = text_of(effect, "kind");
  const int before = effect.value("before", 0);
  const int after = effect.value("after", 0);
  if (kind == "start") return {'+', Tone::green, fmt::format("is started ({})", instances(after))};
  if (kind == "stop") return {'-', Tone::red, fmt::format("is stopped ({})", instances(before))};
  if (kind == "replace") return {'~', Tone::yellow, fmt::format("is replaced ({})", instances(after))};
  if (kind == "scale") return {'~', Tone::yellow, fmt::format("{} to {}", before, instances(after))};
  return {'~', Tone::plain, "nothing is restarted"};
}

std::string time_text(std::int64_t seconds) {
  const auto at = static_cast<std::time_t>(seconds);
  std::tm local{};
  localtime_r(&at, &local);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

std::string state_of(const json& revision, bool is_current) {
  if (const std::string failed = text_of(revision, "failed"); !failed.empty())
    return tinted("given up: " + failed, Tone::red);
  if (!revision.value("proven", false)) return tinted("not all of it was ready yet", Tone::yellow);
  return is_current ? tinted("current", Tone::green) : "";
}

}  // namespace

std::string change_line(const json& change) {
  const std::string before = text_of(change, "before");
  const std::string after = text_of(change, "after");
  const std::string key = text_of(change, "key");
  if (key == "sources") return "its files have changed";
  if (before == after) return fmt::format("{}  changed", key);
  if (before.empty()) return fmt::format("{}  is new: {}", key, shortened(after));
  if (after.empty()) return fmt::format("{}  is gone, was {}", key, shortened(before));
  return fmt::format("{}  {} -> {}", key, shortened(before), shortened(after));
}

std::string changes_text(const json& reply) {
  std::map<std::string, std::vector<std::string>> lines;
  for (const json& change : reply.value("changes", json::array()))
    if (!text_of(change, "key").empty()) lines[text_of(change, "subject")].push_back(change_line(change));
  std::string text;
  for (const json& effect : reply.value("effects", json::array())) {
    const std::string subject = text_of(effect, "subject");
    const Shown shown = effect_of(effect);
    text += fmt::format("{} {}: {}\n", tinted(std::string(1, shown.sign), shown.tone), tinted(subject, Tone::bold),
                        shown.text);
    for (const std::string& line : lines[subject]) text += "    " + line + "\n";
    lines.erase(subject);
  }
  for (const auto& [subject, rest] : lines)
    for (const std::string& line : rest) text += fmt::format("~ {}: {}\n", tinted(subject, Tone::bold), line);
  return text;
}

std::string history_text(const json& reply) {
  std::string text;
  for (const json& service : reply.value("services", json::array())) {
    const std::string owner = text_of(service, "owner");
    text += fmt::format("{}{}\n", tinted(text_of(service, "service"), Tone::bold), owner.empty() ? "" : " of " + owner);
    const json& revisions = service.at("revisions");
    for (auto revision = revisions.rbegin(); revision != revisions.rend(); ++revision) {
      text += fmt::format("  {:>3}  {}  {}  {}  {}\n", revision->value("number", 0),
                          time_text(revision->value("time", std::int64_t{0})), text_of(*revision, "who"),
                          text_of(*revision, "why"), state_of(*revision, revision == revisions.rbegin()));
      for (const json& change : revision->value("changes", json::array()))
        text += "         " + change_line(change) + "\n";
      if (const std::string lost = text_of(*revision, "lost_files"); !lost.empty())
        text += "         its files are not kept: " + lost + "\n";
    }
  }
  return text;
}

}  // namespace bulkhead::cli
