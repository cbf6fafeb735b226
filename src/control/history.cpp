#include "control/history.hpp"

#include <algorithm>
#include <filesystem>
#include <ranges>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "base/fd.hpp"
#include "control/launch.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

using nlohmann::json;

namespace {

constexpr const char* kList = "/revisions.json";
constexpr std::size_t kLargestList = 16U << 20U;
constexpr std::string_view kSuffix = ".json";

json revision_json(const Revision& revision) {
  return {{"number", revision.number}, {"hash", revision.hash},     {"desired", revision.desired},
          {"files", revision.files},   {"time", revision.time},     {"who", revision.who},
          {"why", revision.why},       {"proven", revision.proven}, {"failed", revision.failed}};
}

Revision revision_of(const json& value) {
  Revision revision;
  value.at("number").get_to(revision.number);
  value.at("hash").get_to(revision.hash);
  value.at("desired").get_to(revision.desired);
  revision.files = value.value("files", "");  // an earlier build kept none
  value.at("time").get_to(revision.time);
  value.at("who").get_to(revision.who);
  value.at("why").get_to(revision.why);
  value.at("proven").get_to(revision.proven);
  value.at("failed").get_to(revision.failed);
  return revision;
}

}  // namespace

Result<History> History::open(const std::string& directory) {
  History history(directory);
  std::error_code error;
  if (!std::filesystem::exists(directory + kList, error)) return history;
  auto text = read_file(directory + kList, kLargestList);
  if (!text) return fail(std::move(text.error()));
  auto value = policy::read_json(*text);
  if (!value) return fail(within(directory + kList, std::move(value.error())));
  try {
    for (const auto& [service, list] : value->at("services").items())
      for (const json& each : list) history.revisions_[service].push_back(revision_of(each));
  } catch (const json::exception& broken) {
    return fail(Cause::invalid, "{}{} is not as expected: {}", directory, kList, broken.what());
  }
  history.saved_ = std::move(*text);
  return history;
}

Result<std::string> History::keep(const Desired& desired) {
  const std::string text = to_json(desired);
  std::string id = hash_of(text);
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) return os_fail("make " + directory_);
  if (auto written = write_file_atomically(fmt::format("{}/{}{}", directory_, id, kSuffix), text, 0600); !written)
    return fail(std::move(written.error()));
  return id;
}

Result<Desired> History::desired(const std::string& id) const {
  auto text = read_file(fmt::format("{}/{}{}", directory_, id, kSuffix), kLargestList);
  if (!text) return fail(within("what was desired then", std::move(text.error())));
  return desired_from_json(*text);
}

const Revision& History::note(const std::string& service, Revision revision) {
  std::vector<Revision>& all = revisions_[service];
  if (!all.empty() && all.back().hash == revision.hash && all.back().failed.empty()) return all.back();
  const bool known =
      std::ranges::any_of(all, [&](const Revision& each) { return each.hash == revision.hash && each.proven; });
  revision.number = all.empty() ? 1 : all.back().number + 1;
  revision.proven = known;
  changed_ = true;
  all.push_back(std::move(revision));
  if (all.size() > kKept) all.erase(all.begin());
  return all.back();
}

void History::rename(const std::string& service, const std::string& from, const std::string& to) {
  for (Revision& each : revisions_[service]) {
    if (each.hash != from || from == to) continue;
    each.hash = to;
    changed_ = true;
  }
}

Revision* History::last(const std::string& service, const std::string& hash) {
  const auto found = revisions_.find(service);
  if (found == revisions_.end()) return nullptr;
  const auto backwards = std::views::reverse(found->second);
  const auto at = std::ranges::find(backwards, hash, &Revision::hash);
  return at == backwards.end() ? nullptr : &*at;
}

void History::prove(const std::string& service, const std::string& hash) {
  if (Revision* revision = last(service, hash)) revision->proven = changed_ = true;
}

void History::give_up(const std::string& service, const std::string& hash, const std::string& reason) {
  if (Revision* revision = last(service, hash)) {
    revision->failed = reason;
    changed_ = true;
  }
}

const std::vector<Revision>& History::of(const std::string& service) const {
  static const std::vector<Revision> kNone;
  const auto found = revisions_.find(service);
  return found == revisions_.end() ? kNone : found->second;
}

const Revision* History::current(const std::string& service) const {
  const std::vector<Revision>& all = of(service);
  return all.empty() ? nullptr : &all.back();
}

const Revision* History::find(const std::string& service, int number) const {
  const std::vector<Revision>& all = of(service);
  const auto at = std::ranges::find(all, number, &Revision::number);
  return at == all.end() ? nullptr : &*at;
}

std::set<std::string> History::files() const {
  std::set<std::string> files;
  for (const auto& [service, all] : revisions_)
    for (const Revision& each : all)
      if (!each.files.empty()) files.insert(each.files);
  return files;
}

const Revision* History::before(const std::string& service, const std::string& hash) const {
  const auto backwards = std::views::reverse(of(service));
  const auto at = std::ranges::find_if(backwards, [&](const Revision& each) {
    return each.hash != hash && each.proven && each.failed.empty() && !each.desired.empty();
  });
  return at == backwards.end() ? nullptr : &*at;
}

Result<> History::save(const std::vector<std::string>& in_use) {
  if (!changed_) return {};
  json services = json::object();
  for (const auto& [service, all] : revisions_) {
    json& list = services[service] = json::array();
    for (const Revision& each : all) list.push_back(revision_json(each));
  }
  // Reasons may name a file.
  std::string text = json{{"services", services}}.dump(-1, ' ', false, json::error_handler_t::replace);
  changed_ = text != saved_;
  if (!changed_) return {};
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) return os_fail("make " + directory_);
  if (auto written = write_file_atomically(directory_ + kList, text, 0600); !written) return written;
  saved_ = std::move(text);
  changed_ = false;
  remove_unused(in_use);
  return {};
}

void History::remove_unused(const std::vector<std::string>& in_use) const {
  std::set<std::string> used(in_use.begin(), in_use.end());
  for (const auto& [service, all] : revisions_)
    for (const Revision& each : all) used.insert(each.desired);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    const std::string id = name.substr(0, name.size() - std::min(name.size(), kSuffix.size()));
    const bool is_ours = id.size() == 16 && name.ends_with(kSuffix);
    if (is_ours && !used.contains(id)) std::filesystem::remove(entry.path(), error);
  }
}

}  // namespace bulkhead::control
