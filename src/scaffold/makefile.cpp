#include "scaffold/makefile.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

bool is_file_name(std::string_view word) {
  constexpr std::string_view kMarks = "._-+";
  const auto plain = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  };
  const bool object = word.ends_with(".o") || word.ends_with(".a") || word.ends_with(".so");
  return !word.empty() && word.front() != '.' && word.front() != '-' && !object && std::ranges::all_of(word, plain);
}

struct Rules {
  std::string first;
  std::map<std::string, std::vector<std::string>> needs;
  std::set<std::string> phony;
};

// "all: server tool", not a recipe, an assignment or a pattern.
void read_line(std::string_view line, Rules& rules) {
  const std::size_t colon = line.find(':');
  if (line.starts_with('\t') || line.starts_with('#') || colon == std::string_view::npos) return;
  if (line.substr(0, colon).find('=') != std::string_view::npos) return;
  std::string_view rest = line.substr(colon + 1);
  if (rest.starts_with('=') || rest.starts_with(':')) return;
  rest = rest.substr(0, rest.find_first_of(";#"));
  const std::vector<std::string> targets = split(line.substr(0, colon), " \t\r");
  const std::vector<std::string> needs = split(rest, " \t\r");
  for (const std::string& target : targets) {
    if (target == ".PHONY") rules.phony.insert(needs.begin(), needs.end());
    if (target.starts_with('.') || target.find('%') != std::string::npos) continue;
    if (rules.first.empty()) rules.first = target;
    rules.needs.try_emplace(target, needs);
  }
}

}  // namespace

std::string made_program(std::string_view makefile) {
  Rules rules;
  for (const std::string_view line : lines_of(makefile)) read_line(line, rules);
  std::string name = rules.first;
  if (name == "all" || rules.phony.contains(name)) {
    const std::vector<std::string>& needs = rules.needs[name];
    name = needs.empty() ? "" : needs.front();
  }
  return is_file_name(name) && !rules.phony.contains(name) ? name : "";
}

}  // namespace bulkhead::scaffold
