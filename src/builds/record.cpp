#include "builds/record.hpp"

#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bulkhead::builds {

using nlohmann::json;

namespace {

std::string told(const std::string& path, const std::string& dir) {
  return std::filesystem::path(path).lexically_proximate(dir).string();
}

// The outputs that are as they were left: all others are somebody's files.
Files untouched_outputs(const Record& record, const Files& files) {
  Files untouched;
  for (const auto& [path, hash] : record.outputs)
    if (const auto found = files.find(path); found == files.end() || found->second == hash) untouched[path] = hash;
  return untouched;
}

Files inputs_of(const Now& now, const Files& outputs) {
  Files inputs;
  for (const std::string& path : now.inputs)
    if (!outputs.contains(path)) inputs[path] = now.files.at(path);
  return inputs;
}

std::string missing_output(const Files& outputs, const Now& now) {
  for (const auto& [path, hash] : outputs)
    if (!now.files.contains(path)) return path;
  return "";
}

}  // namespace

std::string difference(const Files& before, const Files& after, const std::string& dir) {
  std::string first;
  std::size_t more = 0;
  const auto tell = [&](const std::string& path, std::string_view what) {
    if (first.empty())
      first = fmt::format("{} {}", told(path, dir), what);
    else
      ++more;
  };
  for (const auto& [path, hash] : after) {
    const auto old = before.find(path);
    if (old == before.end())
      tell(path, "is new");
    else if (old->second != hash)
      tell(path, hash.empty() ? "is not there" : "has changed");
  }
  for (const auto& [path, hash] : before)
    if (!after.contains(path)) tell(path, "is gone");
  return more == 0 ? first : fmt::format("{}, and {} more", first, more);
}

std::string reason_to_build(const Record* last, const Commands& commands, const Now& now, const std::string& dir) {
  if (last == nullptr) return "it was not built here before";
  if (last->commands != commands) return "its command has changed";
  const Files outputs = untouched_outputs(*last, now.files);
  if (std::string changed = difference(last->inputs, inputs_of(now, outputs), dir); !changed.empty()) return changed;
  if (!last->succeeded) return "its last build failed";
  if (const std::string path = missing_output(outputs, now); !path.empty()) return told(path, dir) + " is gone";
  for (const auto& [path, hash] : now.programs) {
    const auto old = last->programs.find(path);
    if (old != last->programs.end() && old->second != hash)
      return told(path, dir) + (hash.empty() ? " is not there" : " has changed");
  }
  return "";
}

Record learn(const Record* last, const Commands& commands, const Now& before, const Now& after, bool succeeded) {
  Record record{.commands = commands, .programs = after.programs};
  const Files known = last == nullptr ? Files() : untouched_outputs(*last, before.files);
  for (const auto& [path, hash] : after.files) {
    const auto old = before.files.find(path);
    const bool appeared = old == before.files.end();
    const bool changed = !appeared && old->second != hash;
    const bool again = changed && last != nullptr && last->doubtful.contains(path);
    if (appeared || again || known.contains(path))
      record.outputs[path] = hash;
    else if (changed)
      record.doubtful.insert(path);
  }
  record.inputs = inputs_of(before, record.outputs);
  record.succeeded = succeeded;
  return record;
}

std::string fingerprint(const Record& record, const Now& now) {
  Files all = now.files;
  all.insert(now.programs.begin(), now.programs.end());
  return hash_of(hash_of(all) + json(record.commands).dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string to_json(const Record& record) {
  return json{{"commands", record.commands}, {"inputs", record.inputs},     {"programs", record.programs},
              {"outputs", record.outputs},   {"doubtful", record.doubtful}, {"succeeded", record.succeeded}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Record> record_from_json(std::string_view text) {
  const json value = json::parse(text, nullptr, false);
  try {
    Record record;
    value.at("commands").get_to(record.commands);
    value.at("inputs").get_to(record.inputs);
    value.at("programs").get_to(record.programs);
    value.at("outputs").get_to(record.outputs);
    value.at("doubtful").get_to(record.doubtful);
    value.at("succeeded").get_to(record.succeeded);
    return record;
  } catch (const json::exception& error) {
    return fail(Cause::invalid, "the record of a build is not as expected: {}", error.what());
  }
}

}  // namespace bulkhead::builds
