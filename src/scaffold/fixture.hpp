#pragma once

// What the tests share: folders written down, and a host that has what a test says.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manifest/parse.hpp"
#include "scaffold/compose.hpp"
#include "scaffold/look.hpp"
#include "scaffold/words.hpp"
#include "scaffold/write.hpp"

namespace bulkhead::scaffold {

inline Folder folder_of(const std::vector<std::pair<std::string, std::string>>& files) {
  Folder folder;
  folder.name = "shop";
  for (const auto& [path, text] : files) {
    File file;
    file.is_program = text == "ELF";
    file.is_executable = file.is_program || text.starts_with("#!");
    file.is_read = !file.is_program;
    file.text = file.is_program ? "" : text;
    folder.add(path, file);
  }
  return folder;
}

inline Host host_with(std::set<std::string, std::less<>> paths) {
  return {[paths = std::move(paths)](std::string_view path) { return paths.contains(path); }};
}

inline Host full_host() { return {}; }

// The manifest of a plan has no mistake, in any profile.
inline std::string checked_manifest(Plan& plan) {
  std::string text = write(plan);
  manifest::ParseOptions options;
  auto parsed = manifest::parse(text, options);
  EXPECT_EQ(manifest::render(parsed.mistakes), "") << text;
  options.profiles = {"*"};
  parsed = manifest::parse(text, options);
  EXPECT_EQ(manifest::render(parsed.mistakes), "") << text;
  return text;
}

struct Converted {
  Plan plan;
  std::string manifest;

  // Lines of the manifest are put below each other, so that a test reads like one.
  const ServicePlan& service(std::string_view name) const {
    const ServicePlan* found = plan.service(name);
    if (!found) throw std::runtime_error("no service " + std::string(name));
    return *found;
  }
  std::string left_out(std::string_view service_name, std::string_view key) const {
    for (const LeftOut& each : plan.left_out)
      if (each.service == service_name && each.key == key) return each.why;
    return "";
  }
  std::string edit(std::string_view service_name) const {
    for (const Edit& each : plan.edits)
      if (each.service == service_name) return each.run.empty() ? each.text : each.run;
    return "";
  }
};

inline Converted convert(std::string_view compose, const Folder& folder, const Host& host) {
  ComposeInput input{.text = compose, .folder = folder, .host = host, .from_manifest = "", .environment = {}};
  auto plan = read_compose(input);
  if (!plan) throw std::runtime_error(plan.error().message);
  Converted converted{std::move(*plan), ""};
  converted.manifest = checked_manifest(converted.plan);
  return converted;
}

inline Converted convert(std::string_view compose, const std::vector<std::pair<std::string, std::string>>& files = {}) {
  Folder folder = folder_of(files);
  Host host = full_host();
  return convert(compose, folder, host);
}

inline Converted look(const std::vector<std::pair<std::string, std::string>>& files) {
  Host host = full_host();
  auto plan = look_at(folder_of(files), host);
  if (!plan) throw std::runtime_error(plan.error().message);
  Converted converted{std::move(*plan), ""};
  converted.manifest = checked_manifest(converted.plan);
  return converted;
}

inline std::string command_of(const ServicePlan& service) { return joined(service.command, " "); }

inline std::string calls_of(const ServicePlan& service) {
  std::vector<std::string> names;
  for (const CallPlan& call : service.calls)
    names.push_back(call.at == 0 ? call.service : call.service + "@" + std::to_string(call.at));
  std::ranges::sort(names);
  return joined(names, " ");
}

}  // namespace bulkhead::scaffold
