#include "scaffold/dockerfile.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "manifest/parse.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

constexpr std::size_t kMostStages = 50;
constexpr std::size_t kMostInstructions = 2000;

struct Instruction {
  std::string name;  // upper case
  std::string rest;
  int line = 0;
};

std::vector<Instruction> instructions_of(std::string_view text) {
  std::vector<Instruction> found;
  std::string whole;
  int number = 0;
  int begin = 0;
  for (std::string_view line : lines_of(text)) {
    ++number;
    std::string_view content = trimmed(line);
    if (content.starts_with('#') || (content.empty() && whole.empty())) continue;
    if (whole.empty()) begin = number;
    bool goes_on = content.ends_with('\\');
    if (goes_on) content.remove_suffix(1);
    whole += std::string(trimmed(content)) + " ";
    if (goes_on) continue;
    std::string_view all = trimmed(whole);
    std::size_t blank = std::min(all.find_first_of(" \t"), all.size());
    found.push_back({upper(all.substr(0, blank)), std::string(trimmed(all.substr(blank))), begin});
    whole.clear();
    if (found.size() == kMostInstructions) break;
  }
  return found;
}

// The words of a JSON array, nothing where it is none.
std::optional<std::vector<std::string>> json_words(std::string_view text) {
  if (!text.starts_with('[')) return std::nullopt;
  auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_array()) return std::nullopt;
  std::vector<std::string> words;
  for (const auto& each : parsed) {
    if (!each.is_string()) return std::nullopt;
    words.push_back(each.get<std::string>());
  }
  return words;
}

std::vector<std::string> without_options(std::vector<std::string> words, std::string* from_stage) {
  std::erase_if(words, [&](const std::string& word) {
    if (word.starts_with("--from=") && from_stage) *from_stage = word.substr(7);
    return word.starts_with("--");
  });
  return words;
}

std::string absolute(const std::string& workdir, const std::string& path) {
  std::string whole = path.starts_with('/') ? path : workdir + "/" + path;
  return "/" + tidy_path(whole).value_or("");
}

class DockerfileReader {
 public:
  explicit DockerfileReader(std::string_view target) : target_(target) {}

  Dockerfile run(std::string_view text) {
    for (const Instruction& each : instructions_of(text)) {
      if (each.name == "FROM") {
        if (!stages_.empty() && is_target()) break;
        if (stages_.size() == kMostStages) break;
        begin_stage(each.rest);
      } else if (!stages_.empty()) {
        take(each, stages_.back().file);
      }
    }
    if (stages_.empty()) return {.workdir = "/"};
    Dockerfile file = stages_.back().file;
    file.runs = runs_;
    return file;
  }

 private:
  struct Stage {
    std::string name;
    Dockerfile file;
  };

  bool is_target() const { return !target_.empty() && stages_.back().name == target_; }

  const Stage* stage(std::string_view name) const {
    for (const Stage& each : stages_)
      if (each.name == name) return &each;
    auto number = number_of(name);
    return number && *number < stages_.size() ? &stages_[*number] : nullptr;
  }

  void begin_stage(const std::string& rest) {
    std::vector<std::string> words = without_options(split(rest, " \t"), nullptr);
    Stage begun;
    begun.file.workdir = "/";
    if (words.empty()) return;
    if (const Stage* base = stage(words.front()))
      begun.file = base->file;
    else
      begun.file.image = words.front();
    begun.name = words.size() >= 3 ? words[2] : "";
    stages_.push_back(std::move(begun));
  }

  void take(const Instruction& each, Dockerfile& file) {
    if (each.name == "WORKDIR") {
      file.workdir = absolute(file.workdir, put_in(each.rest, file));
    } else if (each.name == "ENV" || each.name == "ARG") {
      take_variables(each, file);
    } else if (each.name == "EXPOSE") {
      for (const std::string& word : split(put_in(each.rest, file), " \t"))
        if (auto port = port_of(word.substr(0, word.find('/')))) file.ports.push_back(*port);
    } else if (each.name == "CMD") {
      file.command = words_of(each.rest);
      file.command_line = each.line;
    } else if (each.name == "ENTRYPOINT") {
      file.entrypoint_is_shell = !each.rest.starts_with('[');
      file.entrypoint = words_of(each.rest);
      file.command.clear();
      file.command_line = each.line;
    } else if (each.name == "RUN") {
      if (runs_.size() < 200) runs_.push_back(run_text(each.rest));
    } else if (each.name == "COPY" || each.name == "ADD") {
      take_copy(each.rest, file);
    }
  }

  static std::string run_text(const std::string& rest) {
    if (auto words = json_words(rest)) return joined(*words, " ");
    std::string_view text = rest;
    while (text.starts_with("--")) text = trimmed(text.substr(std::min(text.find(' '), text.size())));
    return std::string(text);
  }

  static std::vector<std::string> words_of(const std::string& rest) {
    if (auto words = json_words(rest)) return *words;
    return {"/bin/sh", "-c", rest};
  }

  void take_variables(const Instruction& each, Dockerfile& file) {
    std::vector<std::pair<std::string, std::string>> found;
    std::size_t blank = each.rest.find_first_of(" \t");
    std::size_t equals = each.rest.find('=');
    if (equals == std::string::npos || blank < equals) {  // the old form: NAME value
      if (each.name == "ENV" && blank != std::string::npos)
        found.emplace_back(each.rest.substr(0, blank), std::string(trimmed(std::string_view(each.rest).substr(blank))));
    } else if (auto words = manifest::split_command(each.rest)) {
      for (const std::string& word : *words)
        if (std::size_t at = word.find('='); at != std::string::npos)
          found.emplace_back(word.substr(0, at), word.substr(at + 1));
    }
    for (auto& [name, value] : found) {
      std::string known = put_in(value, file);
      if (each.name == "ENV") {
        std::erase_if(file.environment, [&](const auto& other) { return other.first == name; });
        file.environment.emplace_back(name, known);
      }
      arguments_.insert_or_assign(name, known);
    }
  }

  // $NAME and ${NAME} of ENV and ARG that are known; the rest as it is.
  std::string put_in(const std::string& text, const Dockerfile&) const {
    std::string result = text;
    for (const auto& [name, value] : arguments_) {
      if (result.size() + value.size() > 4096) break;
      result = replaced(replaced(result, "${" + name + "}", value), "$" + name, value);
    }
    return result;
  }

  void take_copy(const std::string& rest, Dockerfile& file) const {
    std::string from;
    std::vector<std::string> words;
    if (auto array = json_words(rest))
      words = *array;
    else
      words = without_options(split(rest, " \t"), &from);
    if (words.size() < 2 || file.copies.size() > 200) return;
    std::string to = absolute(file.workdir, words.back());
    if (words.back().ends_with('/') || words.back() == "." || words.size() > 2) to += to.ends_with('/') ? "" : "/";
    const Stage* source = from.empty() ? nullptr : stage(from);
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
      file.copies.push_back({words[i], to, !from.empty(), source ? source->file.workdir : "/"});
  }

  std::string target_;
  std::vector<Stage> stages_;
  std::vector<std::string> runs_;
  std::map<std::string, std::string> arguments_;
};

}  // namespace

Dockerfile read_dockerfile(std::string_view text, std::string_view target) {
  return DockerfileReader(target).run(text);
}

}  // namespace bulkhead::scaffold
