#include "builds/ignore.hpp"

#include <algorithm>

namespace bulkhead::builds {

namespace {

constexpr std::string_view kUsual =
    ".git\n.hg\n.svn\n"
    "node_modules/\n__pycache__/\n*.pyc\n.venv/\nvenv/\n.tox/\n.mypy_cache/\n.pytest_cache/\n.ruff_cache/\n"
    ".gradle/\n.cache/\n.idea/\n.vscode/\n.DS_Store\n"
    "*.log\n*~\n.*.sw?\n.#*\n\\#*\\#\n4913\n";

}  // namespace

bool is_below(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/' || directory == "/");
}

std::string_view relative_to(std::string_view directory, std::string_view path) {
  return path.substr(directory == "/" ? 1 : directory.size() + 1);
}

void Ignore::add(const std::string& directory, std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    if (auto pattern = Pattern::parse(lines.substr(0, end))) rules_.push_back({directory, std::move(*pattern)});
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

void Ignore::add_usual(const std::string& directory) { add(directory, kUsual); }

std::optional<bool> Ignore::leaves_out(std::string_view path, bool is_directory) const {
  const auto decides = [&](const Rule& rule) {
    if (!is_below(path, rule.directory) || path == rule.directory) return false;
    return rule.pattern.matches(relative_to(rule.directory, path), is_directory);
  };
  const auto last = std::find_if(rules_.rbegin(), rules_.rend(), decides);
  if (last == rules_.rend()) return std::nullopt;
  return last->pattern.excludes();
}

}  // namespace bulkhead::builds
