// What has to be fetched once, and what builds the program, outside of the compartments.

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "scaffold/command.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

// Packages of PyPI whose module has another name.
struct Renamed {
  std::string_view package;
  std::string_view module;
};
constexpr auto kRenamed = std::to_array<Renamed>({{"psycopg2-binary", "psycopg2"},
                                                  {"pyyaml", "yaml"},
                                                  {"python-dotenv", "dotenv"},
                                                  {"pillow", "PIL"},
                                                  {"beautifulsoup4", "bs4"},
                                                  {"python-dateutil", "dateutil"},
                                                  {"scikit-learn", "sklearn"},
                                                  {"grpcio", "grpc"},
                                                  {"protobuf", "google/protobuf"},
                                                  {"pyjwt", "jwt"}});

std::string module_of(std::string_view requirement) {
  std::string name = lower(requirement.substr(0, requirement.find_first_of("=<>!~[; @")));
  auto renamed = std::ranges::find(kRenamed, name, &Renamed::package);
  return renamed == kRenamed.end() ? replaced(name, "-", "_") : std::string(renamed->module);
}

class StepFinder {
 public:
  StepFinder(const HostCommand& command, const Place& place) : command_(command), place_(place) {}

  Steps run(const std::vector<std::string>& runs) {
    for (const std::string& text : runs) {
      std::string rest = replaced(replaced(text, "||", "&&"), ";", "&&");
      while (!rest.empty()) {
        std::size_t at = std::min(rest.find("&&"), rest.size());
        take(std::string(trimmed(std::string_view(rest).substr(0, at))));
        rest.erase(0, std::min(at + 2, rest.size()));
      }
    }
    if (command_.uses_python && here("requirements.txt") && requirements_.empty())
      requirements_.emplace_back("-r requirements.txt");
    add_python();
    add_node();
    add_build();
    return std::move(steps_);
  }

 private:
  bool here(std::string_view name) const { return place_.folder.has(join_path(place_.dir, name)); }
  std::string_view text_here(std::string_view name) const { return place_.folder.text(join_path(place_.dir, name)); }

  void take(const std::string& part) {
    if (contains_any(part, {"pip install", "pip3 install"})) return take_pip(part);
    if (contains_any(part, {"apt-get install", "apt install", "apk add", "apk --no-cache add"}))
      return take_system(part);
    bool builds = contains_any(part, {"go build", "cargo build", "mvn ", "gradle", "dotnet publish", "npm run build",
                                      "make", "yarn build", "cmake", "g++ ", "gcc "});
    if (builds && !part.starts_with("mkdir")) builds_.push_back(part);
  }

  void take_pip(const std::string& part) {
    std::vector<std::string> words = split(part.substr(part.find("install") + 7), " \t");
    std::string kept;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string& word = words[i];
      if ((word == "-r" || word == "--requirement") && i + 1 < words.size()) {
        kept += " -r " + shell_word(own_path(words[++i]));
      } else if (!word.starts_with('-') && word != "pip" && word != "setuptools" && word != "wheel" && word != ".") {
        kept += " " + shell_word(replaced(replaced(word, "\"", ""), "'", ""));
      }
    }
    if (!kept.empty()) requirements_.push_back(kept.substr(1));
  }

  // A path of the image as one of the folder: below the working directory, or copied there.
  std::string own_path(const std::string& path) const {
    if (!path.starts_with('/')) return path;
    std::string prefix = place_.workdir == "/" ? "/" : place_.workdir + "/";
    return path.starts_with(prefix) ? path.substr(prefix.size()) : base_name(path);
  }

  void take_system(const std::string& part) {
    std::size_t at = std::max(part.find("install"), part.find("add"));
    std::vector<std::string> names;
    for (std::string& word :
         split(part.substr(std::min(part.find(' ', std::min(at, part.size() - 1)), part.size())), " \t"))
      if (!word.starts_with('-') && word != "add" && !contains(word, "/")) names.push_back(std::move(word));
    if (!names.empty())
      steps_.notes.push_back(fmt::format("the image installs {}: what the program needs of that comes from the host",
                                         joined(names, ", ")));
  }

  // Whether Debian's Python has every module that is asked for.
  bool host_has_modules() const {
    std::vector<std::string> wanted;
    for (const std::string& line : requirements_) {
      std::vector<std::string> words = split(line, " ");
      for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] != "-r") {
          wanted.push_back(words[i]);
          continue;
        }
        if (++i == words.size()) break;
        std::string_view text = text_here(words[i]);
        if (text.empty()) return false;
        for (std::string_view each : lines_of(text))
          if (!trimmed(each).empty() && !trimmed(each).starts_with('#')) wanted.emplace_back(trimmed(each));
      }
    }
    return std::ranges::all_of(
        wanted, [&](const std::string& each) { return !contains(each, "/") && is_module(module_of(each)); });
  }

  bool is_module(const std::string& module) const {
    std::string at = "/usr/lib/python3/dist-packages/" + module;
    return place_.host.exists(at) || place_.host.exists(at + ".py");
  }

  void add_python() {
    if (!command_.uses_python || requirements_.empty()) return;
    if (here(".packages")) {
      steps_.python_packages = true;
    } else if (host_has_modules()) {
      steps_.notes.emplace_back("its Python packages are those of Debian, which this host has, in Debian's versions");
    } else {
      steps_.python_packages = true;
      steps_.packages.insert("python3-pip");
      add("its Python packages have to be there",
          fmt::format("/usr/bin/python3 -m pip install --target .packages {}", joined(requirements_, " ")));
    }
  }

  void add_node() {
    if (!command_.uses_node || here("node_modules")) return;
    auto parsed = nlohmann::json::parse(text_here("package.json"), nullptr, false);
    bool wanted = parsed.is_object() && parsed.contains("dependencies") && !parsed["dependencies"].empty();
    bool by_tool = std::ranges::any_of(command_.words,
                                       [](const std::string& word) { return word.starts_with("node_modules/.bin/"); });
    if (!wanted && !by_tool) return;
    steps_.packages.insert("npm");
    add("its Node packages have to be there", "npm install");
  }

  void add_build() {
    if (command_.is_foreign) return add_foreign();
    if (command_.missing.empty()) return set_build(command_.build);
    std::string build = command_.build.empty() ? build_of_dockerfile() : command_.build;
    if (build.empty()) build = build_of_folder();
    if (build.empty()) return add(fmt::format("'{}' is not there: build it, or put it there", command_.missing), "");
    set_build(build);
  }

  void add_foreign() {
    std::string first = builds_.empty() ? "" : builds_.front();
    std::string build = first.empty() ? "" : fmt::format(", then build the program (the Dockerfile: {})", first);
    add(fmt::format("'{}' is no program of this host: install it where a compartment sees it (/usr, or a "
                    "folder under 'mounts'){}",
                    command_.missing, build),
        "");
  }

  // What the Dockerfile runs, with what comes of it where the command looks for it.
  std::string build_of_dockerfile() const {
    std::string first = builds_.empty() ? "" : builds_.front();
    if (std::size_t at = first.find("go build"); at != std::string::npos) {
      std::string package = first.substr(first.rfind(' ') + 1);
      bool named = package.starts_with("./") || package == ".";
      return fmt::format("go build -o {} {}", command_.missing, named ? package : ".");
    }
    if (!contains(first, "-o ") || !contains_any(first, {"g++ ", "gcc "})) return first;
    std::vector<std::string> words = split(first, " ");
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
      if (words[i] == "-o") words[i + 1] = command_.missing;
    return joined(words, " ");
  }

  // What the files that lie there are built with, by everybody who has such files.
  std::string build_of_folder() const {
    if (here("go.mod")) return fmt::format("go build -o {} .", command_.missing);
    if (here("Cargo.toml") && command_.missing.starts_with("target/")) return "cargo build --release";
    if (command_.missing.ends_with(".jar")) {
      if (here("pom.xml")) return "mvn -q package";
      if (here("gradlew")) return "./gradlew build";
    }
    if (!npm_script(text_here("package.json"), "build").empty()) return "npm run build";
    return here("Makefile") ? "make" : "";
  }

  void set_build(const std::string& build) {
    struct Tool {
      std::string_view name;
      std::string_view package;
    };
    constexpr auto kBuildTools = std::to_array<Tool>({{"go", "golang-go"},
                                                      {"cargo", "cargo"},
                                                      {"mvn", "maven"},
                                                      {"npm", "npm"},
                                                      {"make", "make"},
                                                      {"cmake", "cmake"},
                                                      {"gcc", "gcc"},
                                                      {"g++", "g++"}});
    steps_.build = build;
    const std::string tool = build.substr(0, build.find(' '));
    for (const Tool& each : kBuildTools)
      if (each.name == tool && !place_.host.exists("/usr/bin/" + tool))
        steps_.packages.insert(std::string(each.package));
  }

  void add(std::string text, const std::string& run) {
    std::string change = place_.dir.empty() ? "" : fmt::format("cd {} && ", shell_word(place_.dir));
    bool runs = !run.empty();
    if (runs && !change.empty()) change.insert(0, "(");
    steps_.steps.push_back({std::move(text), !runs ? "" : change + run + (change.empty() ? "" : ")")});
  }

  const HostCommand& command_;
  const Place& place_;
  std::vector<std::string> requirements_;
  std::vector<std::string> builds_;
  Steps steps_;
};

}  // namespace

Steps steps_for(const std::vector<std::string>& runs, const HostCommand& command, const Place& place) {
  return StepFinder(command, place).run(runs);
}

}  // namespace bulkhead::scaffold
