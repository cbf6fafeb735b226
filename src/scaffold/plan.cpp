#include "scaffold/plan.hpp"

#include <algorithm>

namespace bulkhead::scaffold {

namespace {

constexpr std::size_t kLongestName = 63;

template <class List>
auto* find_named(List& list, std::string_view name) {
  auto found = std::ranges::find_if(list, [&](const auto& each) { return each.name == name; });
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

VariablePlan* ServicePlan::variable(std::string_view wanted) { return find_named(environment, wanted); }

const CallPlan* ServicePlan::call(std::string_view callee) const {
  auto found = std::ranges::find(calls, callee, &CallPlan::service);
  return found == calls.end() ? nullptr : &*found;
}

void ServicePlan::add_call(CallPlan added) {
  auto same = std::ranges::find(calls, added.service, &CallPlan::service);
  if (same == calls.end())
    calls.push_back(std::move(added));
  else if (same->at == 0)
    same->at = added.at;
}

void ServicePlan::add_mount(MountPlan mount) {
  if (std::ranges::find(mounts, mount.to, &MountPlan::to) == mounts.end()) mounts.push_back(std::move(mount));
}

ServicePlan* Plan::service(std::string_view name) { return find_named(services, name); }
const ServicePlan* Plan::service(std::string_view name) const { return find_named(services, name); }

void Plan::add_edit(Edit edit) {
  bool same = std::ranges::any_of(
      edits, [&](const Edit& other) { return edit.run.empty() ? other.text == edit.text : other.run == edit.run; });
  if (!same) edits.push_back(std::move(edit));
}

void Plan::add_first_edit(Edit edit) {
  std::size_t before = edits.size();
  add_edit(std::move(edit));
  if (edits.size() > before) std::ranges::rotate(edits, edits.end() - 1);
}

std::string escaped(std::string_view literal) {
  std::string result;
  for (char c : literal) result += c == '$' ? "$$" : std::string(1, c);
  return result;
}

std::string name_for(std::string_view text) {
  std::string name;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (kept)
      name += c;
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  if (!name.empty() && name.front() >= '0' && name.front() <= '9') name.insert(0, "s");
  name.resize(std::min(name.size(), kLongestName));
  while (name.ends_with('-')) name.pop_back();
  return name.empty() ? "app" : name;
}

}  // namespace bulkhead::scaffold
