#include "compartments/command_check.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compartments/root_plan.hpp"

namespace bulkhead::compartments {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr int kMostLinks = 40;

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find(':'));
    if (!part.empty()) parts.emplace_back(part);
    path.remove_prefix(std::min(path.size(), part.size() + 1));
  }
  return parts;
}

// A file of the planned root, as the host has it.
struct Place {
  std::string inside, host;
  std::vector<std::string> directories;  // on the host, those that are walked through, outermost first
};

// Walks paths of the planned root without building it.
class PlannedRoot {
 public:
  explicit PlannedRoot(const RootPlan& plan) : plan_(plan) {}

  std::optional<Place> find(const std::string& path) const {
    std::deque<std::string> rest = components(path);
    Place place{"/", "", {}};
    int links = 0;
    while (!rest.empty()) {
      const std::string name = rest.front();
      rest.pop_front();
      if (name == "..") {
        place.inside = fs::path(place.inside).parent_path().string();
        continue;
      }
      const std::string next = (place.inside == "/" ? "" : place.inside) + "/" + name;
      const auto target = link_at(next);
      if (target) {
        if (++links > kMostLinks) return std::nullopt;
        if (target->starts_with('/')) place.inside = "/";
        const auto more = components(*target);
        rest.insert(rest.begin(), more.begin(), more.end());
        continue;
      }
      if (!exists(next)) return std::nullopt;
      place.inside = next;
      if (const auto host = host_path(next)) {
        place.host = *host;
        if (!rest.empty()) place.directories.push_back(*host);
      }
    }
    if (place.host.empty()) return std::nullopt;
    return place;
  }

 private:
  static std::deque<std::string> components(const std::string& path) {
    std::deque<std::string> parts;
    for (const auto& part : fs::path(path)) {
      const std::string text = part.string();
      if (!text.empty() && text != "." && text != "/") parts.push_back(text);
    }
    return parts;
  }
  std::optional<std::string> host_path(const std::string& inside) const {
    const Bind* best = nullptr;
    for (const auto& bind : plan_.binds) {
      const bool covers = inside == bind.target || inside.starts_with(bind.target + "/");
      if (covers && (best == nullptr || bind.target.size() >= best->target.size())) best = &bind;
    }
    if (best == nullptr) return std::nullopt;
    return best->source + inside.substr(best->target.size());
  }
  std::optional<std::string> link_at(const std::string& inside) const {
    for (const auto& link : plan_.links) {
      if (link.path == inside) return link.content;
    }
    const auto host = host_path(inside);
    std::error_code none;
    if (!host || is_target(inside) || !fs::is_symlink(fs::symlink_status(*host, none))) return std::nullopt;
    return fs::read_symlink(*host, none).string();
  }
  bool is_target(const std::string& inside) const {
    return std::ranges::any_of(plan_.binds, [&](const Bind& bind) { return bind.target == inside; });
  }
  // On the host, or on the way to something of the plan's.
  bool exists(const std::string& inside) const {
    std::error_code none;
    if (const auto host = host_path(inside)) return fs::exists(fs::symlink_status(*host, none));
    const auto below = [&](const std::string& path) { return path == inside || path.starts_with(inside + "/"); };
    return std::ranges::any_of(plan_.binds, [&](const Bind& bind) { return below(bind.target); }) ||
           std::ranges::any_of(plan_.directories, below);
  }
  const RootPlan& plan_;
};

class CommandCheck {
 public:
  CommandCheck(const Compartment& compartment, const std::string& launcher_path)
      : compartment_(compartment), plan_(plan_root(compartment)), root_(plan_), launcher_path_(launcher_path) {
    const auto path = compartment.environment.find("PATH");
    path_ = split_path(path == compartment.environment.end() ? kDefaultPath : path->second);
  }

  std::vector<CommandProblem> run() {
    if (!compartment_.directory.empty()) check_directory();
    if (problems_.empty()) check_program(compartment_.command.front(), 0);
    return std::move(problems_);
  }

 private:
  void refuse(std::string message, std::string fix) { problems_.push_back({std::move(message), std::move(fix)}); }

  void check_directory() {
    struct stat status{};
    if (stat(compartment_.directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
      return refuse(fmt::format("dir {} is not a directory", compartment_.directory),
                    "let dir name an existing directory");
    }
    if (!permitted(compartment_.directory, 5)) {
      refuse(fmt::format("dir {} can't be read by the service, which has a uid of its own", compartment_.directory),
             fmt::format("chmod o+rx {}", compartment_.directory));
    }
  }

  // `wanted` as in a mode: 4 read, 1 execute or traverse. Nobody shares a group with the service.
  bool permitted(const std::string& path, unsigned wanted) const {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0) return false;
    if (compartment_.ids.mapping == IdMapping::single) {
      return faccessat(AT_FDCWD, path.c_str(), static_cast<int>(wanted), AT_EACCESS) == 0;
    }
    const unsigned shift = status.st_uid == compartment_.ids.service_uid ? 6 : 0;
    return (status.st_mode >> shift & wanted) == wanted;
  }

  void check_program(const std::string& program, int depth) {
    const auto place = locate(program);
    if (!place) return explain_missing(program, depth);
    for (const auto& directory : place->directories) {
      if (permitted(directory, 1)) continue;
      return refuse(fmt::format("{} can't be entered by the service, which has a uid of its own", directory),
                    fmt::format("chmod o+x {}", directory));
    }
    struct stat status{};
    if (stat(place->host.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
      return refuse(fmt::format("{} is not a program", program), "let command name an executable file");
    }
    if (!permitted(place->host, 5)) {
      return refuse(
          fmt::format("{} can't be read and executed by the service, which has a uid of its own", place->host),
          fmt::format("chmod o+rx {}", place->host));
    }
    if (depth < 4) check_interpreter(*place, depth);
  }

  std::optional<Place> locate(const std::string& program) const {
    if (program.starts_with('/')) return root_.find(program);
    if (program.find('/') != std::string::npos) return root_.find(compartment_.start_in + "/" + program);
    for (const auto& directory : path_) {
      if (auto place = root_.find(directory + "/" + program)) return place;
    }
    return std::nullopt;
  }

  // "#!/usr/bin/env python3", "#!/bin/sh -e"
  void check_interpreter(const Place& place, int depth) {
    const Fd file(open(place.host.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 256> bytes{};
    const ssize_t size = file ? read(file.get(), bytes.data(), bytes.size()) : 0;
    std::string_view line(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    if (!line.starts_with("#!")) return;
    line = line.substr(2, line.find('\n') - 2);
    const auto words = words_of(line);
    if (words.empty()) return;
    check_program(words[0], depth + 1);
    if (fs::path(words[0]).filename() != "env" || !problems_.empty()) return;
    for (std::size_t i = 1; i < words.size(); ++i) {
      const bool is_program = !words[i].starts_with('-') && words[i].find('=') == std::string::npos;
      if (is_program) return check_program(words[i], depth + 1);
    }
  }

  static std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    while (true) {
      const auto start = line.find_first_not_of(" \t\r");
      if (start == std::string_view::npos) return words;
      line.remove_prefix(start);
      const auto end = std::min(line.find_first_of(" \t\r"), line.size());
      words.emplace_back(line.substr(0, end));
      line.remove_prefix(end);
    }
  }

  void explain_missing(const std::string& program, int depth) {
    const std::string role = depth == 0 ? "command" : "interpreter";
    const std::string host = on_host(program);
    if (host.empty()) {
      const std::string where = program.find('/') == std::string::npos ? "PATH " + joined_path() : "the compartment";
      return refuse(fmt::format("{} {} is not found in {}", role, program, where),
                    program.find('/') == std::string::npos
                        ? "install it, or name it relative to dir (./" + program + ")"
                        : "put it below dir, or add it with mounts");
    }
    const std::string top = mount_for(host);
    refuse(fmt::format("{} {} is not visible inside the compartment", role,
                       host == program ? program : program + " (" + host + ")"),
           fmt::format("mounts: [\"{}:{}:ro\"] and command: [{}, …]", top, top, host));
  }

  std::string joined_path() const { return fmt::format("{}", fmt::join(path_, ":")); }

  // Where the launcher would find it.
  std::string on_host(const std::string& program) const {
    if (program.find('/') != std::string::npos) {
      return program.starts_with('/') && access(program.c_str(), F_OK) == 0 ? program : "";
    }
    for (const auto& directory : split_path(launcher_path_)) {
      const std::string candidate = directory + "/" + program;
      if (access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return {};
  }

  // /home/me/.pyenv/shims/python3 → /home/me/.pyenv; a lone file's own directory otherwise.
  static std::string mount_for(const std::string& program) {
    const fs::path directory = fs::path(program).parent_path();
    const std::string last = directory.filename().string();
    const bool has_parent = directory.parent_path().has_relative_path();
    return ((last == "bin" || last == "shims" || last == "sbin") && has_parent ? directory.parent_path() : directory)
        .string();
  }

  const Compartment& compartment_;
  RootPlan plan_;
  PlannedRoot root_;
  std::string launcher_path_;
  std::vector<std::string> path_;
  std::vector<CommandProblem> problems_;
};

}  // namespace

std::vector<CommandProblem> check_command(const Compartment& compartment, const std::string& launcher_path) {
  if (compartment.command.empty()) return {{"there is no command", "command: [PROGRAM, ARGUMENT…]"}};
  return CommandCheck(compartment, launcher_path).run();
}

}  // namespace bulkhead::compartments
