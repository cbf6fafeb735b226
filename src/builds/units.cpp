#include "builds/units.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/ranges.h>

namespace bulkhead::builds {

namespace {

// "app.py", "./web", "shop.main" and "shop.main:app" of Python, and each of the same in a line for a shell.
bool names_a_file(const std::vector<std::string>& command, const std::string& directory) {
  const auto is_there = [&](const std::string& name) {
    const std::string path = placed(directory, name);
    std::error_code error;
    return is_below(path, directory) && std::filesystem::exists(path, error);
  };
  for (std::string_view rest : command) {
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find_first_of(" \t\n;&|()'\""), rest.size());
      const std::string word(rest.substr(0, end));
      std::string module = word.substr(0, word.find(':'));
      std::ranges::replace(module, '.', '/');
      if (!word.empty() && (is_there(word) || is_there(module + ".py") || is_there(module + "/__main__.py")))
        return true;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return false;
}

}  // namespace

std::string Unit::name() const { return fmt::format("{}", fmt::join(services, " and ")); }

std::vector<Unit> units_of(const manifest::Application& application, const std::string& directory,
                           const std::function<bool(const std::string&)>& wanted) {
  std::vector<Unit> units;
  for (const manifest::Service& service : application.services) {
    if (!service.build || !wanted(service.name)) continue;
    const manifest::Build& build = *service.build;
    const Scope scope{placed(directory, build.dir), build.inputs, build.ignore};
    auto unit = std::ranges::find_if(
        units, [&](const Unit& each) { return each.commands == build.commands && each.scope == scope; });
    if (unit == units.end())
      unit = units.insert(
          units.end(),
          Unit{.services = {}, .commands = build.commands, .scope = scope, .run_from = {}, .programs = {}});
    unit->services.push_back(service.name);
    if (service.dir.empty()) continue;
    const std::string own = placed(directory, service.dir);
    if (!build.inputs.empty() || !is_below(own, scope.dir))
      unit->run_from.push_back({.dir = scope.dir, .inputs = {}, .ignore = build.ignore, .below = own});
    for (const std::string& word : service.command)
      if (const std::string path = placed(own, word); path != own && is_below(path, own)) unit->programs.insert(path);
  }
  return units;
}

std::optional<Scope> files_of(const manifest::Application& application, const manifest::Service& service,
                              const std::string& directory) {
  if (service.dir.empty()) return std::nullopt;
  if (placed(directory, service.dir) == directory && !names_a_file(service.command, directory)) return std::nullopt;
  Scope scope{.dir = placed(directory, service.dir), .inputs = {}, .ignore = {}};
  for (const manifest::Service& other : application.services)
    for (const std::string& dir : {other.dir, other.build ? other.build->dir : std::string()})
      if (const std::string path = placed(directory, dir); !dir.empty() && path != scope.dir)
        scope.apart.push_back(path);
  return scope;
}

}  // namespace bulkhead::builds
