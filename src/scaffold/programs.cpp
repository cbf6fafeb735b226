#include "scaffold/programs.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "scaffold/makefile.hpp"
#include "scaffold/plan.hpp"
#include "scaffold/sources.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

constexpr std::array<std::string_view, 6> kPythonEntries{"app.py", "main.py", "server.py",
                                                         "run.py", "wsgi.py", "__main__.py"};
constexpr std::array<std::string_view, 8> kNodeEntries{"server.js",  "index.js",  "app.js",  "main.js",
                                                       "server.mjs", "index.mjs", "app.mjs", "main.mjs"};
constexpr std::array<std::string_view, 4> kRubyEntries{"app.rb", "main.rb", "server.rb", "config.ru"};
// Scripts that people run, not programs that stay.
constexpr std::array<std::string_view, 14> kTools{"build",   "test",   "install",   "setup",     "deploy",
                                                  "lint",    "format", "configure", "gradlew",   "mvnw",
                                                  "release", "clean",  "bootstrap", "entrypoint"};

std::string stem(const std::string& name) { return name.substr(0, name.rfind('.')); }

class Finder {
 public:
  Finder(const Folder& folder, const std::string& dir) : folder_(folder), dir_(dir), names_(folder.in(dir)) {}

  std::vector<Program> run() {
    if (procfile() || dockerfile() || package_json()) {
      add_other_listeners();
      return std::move(found_);
    }
    if (!manage_py() && !entry(kPythonEntries, ".py") && !entry(kNodeEntries, ".js") && !entry(kRubyEntries, ".rb")) {
      if (!named_as_directory()) pyproject();
    }
    add_other_listeners();
    compiled("");
    compiled("bin");
    compiled("target/release");
    if (found_.empty()) not_compiled();
    if (found_.empty()) jar();
    if (found_.empty()) php();
    if (found_.empty()) last_resort();
    return std::move(found_);
  }

 private:
  std::string path(std::string_view name) const { return join_path(dir_, name); }
  std::string_view text(std::string_view name) const { return folder_.text(path(name)); }
  bool has(std::string_view name) const { return folder_.find(path(name)) != nullptr; }

  Program& add(std::string why, std::vector<std::string> words, const std::string& entry = "") {
    Program program;
    program.dir = dir_;
    program.why = std::move(why);
    program.words = std::move(words);
    program.entry = entry.empty() ? "" : path(entry);
    return found_.emplace_back(std::move(program));
  }

  bool procfile() {
    if (!has("Procfile")) return false;
    int number = 0;
    for (std::string_view line : lines_of(text("Procfile"))) {
      ++number;
      std::size_t colon = line.find(':');
      std::string_view content = trimmed(line);
      if (content.starts_with('#') || colon == std::string_view::npos || trimmed(line.substr(colon + 1)).empty())
        continue;
      std::string name(trimmed(line.substr(0, colon)));
      std::string command(trimmed(line.substr(colon + 1)));
      Program& program = add(fmt::format("{}:{}", path("Procfile"), number), {"/bin/sh", "-c", escaped(command)});
      program.name = name;
      program.is_web = name == "web";
      program.is_job = name == "release";
      if (contains(command, "$PORT") || contains(command, "${PORT")) program.usual_port = 8080;
      program.usual_why = "the command reads PORT";
      for (const std::string& word : split(command, " "))
        if (has(word)) program.entry = path(word);
    }
    return !found_.empty();
  }

  bool dockerfile() {
    std::string name = has("Dockerfile") ? "Dockerfile" : "Containerfile";
    if (!has(name)) return false;
    Dockerfile file = read_dockerfile(text(name));
    std::vector<std::string> words = file.entrypoint;
    if (!file.entrypoint_is_shell) words.insert(words.end(), file.command.begin(), file.command.end());
    if (words.empty()) return false;
    for (std::string& word : words) word = escaped(word);
    Program& program = add(fmt::format("{}:{}", path(name), file.command_line), std::move(words));
    program.exposed = file.ports;
    program.dockerfile = std::move(file);
    return true;
  }

  bool package_json() {
    if (!has("package.json")) return false;
    if (!npm_script(text("package.json"), "start").empty()) {
      Program& program = add("package.json's start script, " + path("package.json"), {"npm", "start"});
      std::string script = npm_script(text("package.json"), "start");
      for (const std::string& word : split(script, " "))
        if (auto tidy = tidy_path(word); tidy && has(*tidy)) program.entry = path(*tidy);
      if (contains(script, "next ")) {
        program.usual_port = 3000;
        program.usual_why = "where Next.js listens";
      }
      return true;
    }
    std::string main = tidy_path(npm_main(text("package.json"))).value_or("");
    if (main.empty() || !has(main)) return false;
    add("package.json's main, " + path("package.json"), {"node", main}, main);
    return true;
  }

  bool manage_py() {
    if (!has("manage.py")) return false;
    Program& program = add("Django's " + path("manage.py"),
                           {"python3", "manage.py", "runserver", "--noreload", "0.0.0.0:8000"}, "manage.py");
    program.usual_port = 8000;
    program.usual_why = "the command's own";
    return true;
  }

  template <class Entries>
  bool entry(const Entries& entries, std::string_view) {
    for (std::string_view name : entries) {
      if (!has(name)) continue;
      add_source(std::string(name));
      return true;
    }
    return false;
  }

  // catalog/catalog.py
  bool named_as_directory() {
    std::string base = base_name(dir_);
    for (std::string_view end : {".py", ".js", ".mjs", ".rb"}) {
      if (base.empty() || !has(base + std::string(end))) continue;
      add_source(base + std::string(end));
      return true;
    }
    return false;
  }

  // A program's text, started as its kind is.
  void add_source(const std::string& name) {
    std::string_view content = text(name);
    std::string module = stem(name);
    std::string whole = path(name);
    if (name.ends_with(".py")) {
      bool starts_itself = contains_any(content, {".run(", "uvicorn.run", "serve(", "__main__", "serve_forever"});
      if (contains(content, "Flask(") && !starts_itself)
        return framework("Flask in " + whole,
                         {"python3", "-m", "flask", "--app", module, "run", "--host", "0.0.0.0", "--port", "5000"},
                         name, 5000);
      if (contains_any(content, {"FastAPI(", "Starlette("}) && !starts_itself)
        return framework("ASGI in " + whole,
                         {"python3", "-m", "uvicorn", module + ":app", "--host", "0.0.0.0", "--port", "8000"}, name,
                         8000);
      Program& program = add("Python, " + whole, {"python3", name}, name);
      if (contains(content, "Flask(") && contains(content, ".run(")) usual(program, 5000, "where Flask listens");
      return;
    }
    if (name == "config.ru")
      return framework("Rack, " + whole, {"rackup", "--host", "0.0.0.0", "--port", "9292"}, name, 9292);
    if (name.ends_with(".rb")) {
      Program& program = add("Ruby, " + whole, {"ruby", name}, name);
      if (contains(content, "sinatra")) usual(program, 4567, "where Sinatra listens");
      return;
    }
    add("Node, " + whole, {"node", name}, name);
  }

  void framework(std::string why, std::vector<std::string> words, const std::string& name, std::uint16_t port) {
    usual(add(std::move(why), std::move(words), name), port, "the command's own");
  }

  static void usual(Program& program, std::uint16_t port, std::string why) {
    program.usual_port = port;
    program.usual_why = std::move(why);
  }

  // [project.scripts] of pyproject.toml: name = "module:function".
  bool pyproject() {
    bool inside = false;
    for (std::string_view line : lines_of(text("pyproject.toml"))) {
      std::string_view content = trimmed(line);
      if (content.starts_with('[')) inside = content == "[project.scripts]" || content == "[tool.poetry.scripts]";
      std::size_t equals = content.find('=');
      if (!inside || equals == std::string_view::npos) continue;
      std::string target = replaced(replaced(std::string(trimmed(content.substr(equals + 1))), "\"", ""), "'", "");
      std::size_t colon = target.find(':');
      if (colon == std::string::npos || target.find_first_of(" ;()$") != std::string::npos) continue;
      std::string module = target.substr(0, colon);
      std::string file = replaced(module, ".", "/");
      std::string top = has(file + ".py") || folder_.directories.contains(path(file)) ? "" : "src";
      if (!top.empty() && !folder_.has(path("src/" + file + ".py")) &&
          !folder_.directories.contains(path("src/" + file)))
        continue;
      std::string start = top.empty() ? "" : "import sys; sys.path.insert(0, '/app/src'); ";
      Program& program = add("pyproject.toml's scripts, " + path("pyproject.toml"),
                             {"python3", "-c",
                              fmt::format("{}from {} import {}; {}()", start, module, target.substr(colon + 1),
                                          target.substr(colon + 1))});
      program.entry = path(join_path(top, file + ".py"));
      return true;
    }
    return false;
  }

  bool listens(const std::string& name) const {
    auto seen = ports_in(text(name));
    return std::ranges::any_of(seen, [](const PortSeen& each) { return each.strength >= 2; });
  }

  // Whether another file of the directory takes it in as a part.
  bool is_part(const std::string& name) const {
    std::string module = stem(name);
    return std::ranges::any_of(names_, [&](const std::string& other) {
      std::string_view content = other == name ? std::string_view() : text(other);
      return contains_any(content, {"import " + module, "from " + module + " ", "./" + module + "'",
                                    "./" + module + "\"", "./" + name, "require_relative '" + module});
    });
  }

  bool is_taken(const std::string& name) const {
    return std::ranges::any_of(found_, [&](const Program& each) {
      return each.entry == path(name) || is_one_of(name, each.words) || is_one_of("./" + name, each.words);
    });
  }

  // Further files that listen are programs of their own: two in a folder are two services.
  void add_other_listeners() {
    bool whole =
        std::ranges::any_of(found_, [&](const Program& each) { return each.entry.empty() || !each.name.empty(); });
    if (whole) return;  // a Procfile or image says what there is
    std::vector<std::string> more;
    for (const std::string& name : names_) {
      bool source = name.ends_with(".py") || name.ends_with(".js") || name.ends_with(".mjs") || name.ends_with(".rb");
      if (source && is_source(name) && !is_taken(name) && listens(name) && !is_part(name)) more.push_back(name);
    }
    for (const std::string& name : more) add_source(name);
    if (found_.size() < 2) return;
    for (Program& program : found_)
      if (program.name.empty() && !program.entry.empty()) program.name = stem(base_name(program.entry));
  }

  void compiled(std::string_view below) {
    for (const std::string& name : folder_.in(path(below))) {
      const File* file = folder_.find(path(join_path(below, name)));
      bool library = contains(name, ".so") || name.ends_with(".o") || name.starts_with("lib") || name == "a.out.debug";
      if (!file || !file->is_program || library || found_.size() >= 20) continue;
      Program& program = add("a compiled program, " + path(join_path(below, name)), {"./" + join_path(below, name)});
      program.name = stem(name);
    }
  }

  // What is built each time before it starts.
  void not_compiled() {
    if (has("go.mod") && contains(text("main.go"), "package main"))
      add("Go, " + path("main.go"), {"go", "run", "."}, "main.go");
    else if (has("Cargo.toml") && has("src/main.rs"))
      add("Rust, " + path("src/main.rs"), {"cargo", "run", "--release"}, "src/main.rs");
    else if (const std::string made = made_program(text("Makefile")); !made.empty())
      add("what make builds first, " + path("Makefile"), {"./" + made});
  }

  void jar() {
    for (std::string_view below : {"", "target", "build/libs"})
      for (const std::string& name : folder_.in(path(below))) {
        if (!name.ends_with(".jar") || contains_any(name, {"-sources", "-javadoc", "-plain", "wrapper"})) continue;
        Program& program =
            add("a Java archive, " + path(join_path(below, name)), {"java", "-jar", join_path(below, name)});
        bool spring =
            contains(text("pom.xml"), "spring-boot") || contains_any(text("build.gradle"), {"springframework"});
        if (spring) usual(program, 8080, "where Spring Boot listens");
        return;
      }
  }

  void php() {
    std::string root = has("public/index.php") ? "public" : has("index.php") ? "." : "";
    if (root.empty()) return;
    usual(add("PHP, " + path(root == "." ? "index.php" : "public/index.php"), {"php", "-S", "0.0.0.0:8000", "-t", root},
              root == "." ? "index.php" : "public/index.php"),
          8000, "the command's own");
  }

  // A script with a line that says who reads it, or the one text that is a program by its own word.
  void last_resort() {
    for (const std::string& name : names_) {
      const File* file = folder_.find(path(name));
      bool script = file->is_executable && file->text.starts_with("#!");
      bool tool = is_one_of(lower(stem(name)), kTools) || contains(lower(name), "test");
      if (!script || tool) continue;
      Program& program = add("a script, " + path(name), {"./" + name}, name);
      program.name = stem(name);
      program.is_last_resort = true;
    }
    if (!found_.empty()) return;
    std::vector<std::string> mains;
    for (const std::string& name : names_)
      if (name.ends_with(".py") && is_source(name) && contains(text(name), "__main__") && !is_part(name))
        mains.push_back(name);
    if (mains.size() == 1) add_source(mains.front());
  }

  const Folder& folder_;
  const std::string& dir_;
  std::vector<std::string> names_;
  std::vector<Program> found_;
};

}  // namespace

std::vector<Program> programs_in(const Folder& folder, const std::string& dir) { return Finder(folder, dir).run(); }

}  // namespace bulkhead::scaffold
