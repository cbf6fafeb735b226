#include "scaffold/command.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "manifest/parse.hpp"
#include "scaffold/plan.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

constexpr int kMostTurns = 8;  // scripts that name scripts

// Python programs whose module has another name, or is run by `-m` under its own.
struct Module {
  std::string_view program;
  std::string_view module;
};
constexpr auto kModules = std::to_array<Module>({{"gunicorn", "gunicorn"},
                                                 {"uvicorn", "uvicorn"},
                                                 {"hypercorn", "hypercorn"},
                                                 {"flask", "flask"},
                                                 {"fastapi", "fastapi"},
                                                 {"celery", "celery"},
                                                 {"rq", "rq.cli"},
                                                 {"daphne", "daphne"},
                                                 {"waitress-serve", "waitress"},
                                                 {"django-admin", "django"},
                                                 {"alembic", "alembic.config"},
                                                 {"streamlit", "streamlit"},
                                                 {"jupyter", "jupyter"},
                                                 {"pytest", "pytest"},
                                                 {"pip", "pip"},
                                                 {"pip3", "pip"},
                                                 {"dramatiq", "dramatiq"},
                                                 {"sanic", "sanic"}});

// They start what follows them and add nothing that a compartment lacks.
constexpr std::array<std::string_view, 10> kWrappers{
    "exec", "tini", "dumb-init", "docker-entrypoint.sh", "env", "cross-env", "nice", "catatonit", "dotenv", "time"};
constexpr std::array<std::string_view, 3> kUserChanges{"gosu", "su-exec", "setpriv"};

struct Interpreter {
  std::string_view name;
  std::string_view path;
  std::string_view package;
};
constexpr auto kInterpreters = std::to_array<Interpreter>({{"node", "/usr/bin/node", "nodejs"},
                                                           {"nodejs", "/usr/bin/node", "nodejs"},
                                                           {"java", "/usr/bin/java", "default-jre-headless"},
                                                           {"ruby", "/usr/bin/ruby", "ruby"},
                                                           {"bundle", "/usr/bin/bundle", "bundler"},
                                                           {"rackup", "/usr/bin/rackup", "ruby-rack"},
                                                           {"php", "/usr/bin/php", "php-cli"},
                                                           {"perl", "/usr/bin/perl", "perl"},
                                                           {"redis-server", "/usr/bin/redis-server", "redis-server"},
                                                           {"memcached", "/usr/bin/memcached", "memcached"},
                                                           {"haproxy", "/usr/sbin/haproxy", "haproxy"},
                                                           {"nginx", "/usr/sbin/nginx", "nginx-light"},
                                                           {"psql", "/usr/bin/psql", "postgresql-client"},
                                                           {"redis-cli", "/usr/bin/redis-cli", "redis-tools"},
                                                           {"curl", "/usr/bin/curl", "curl"},
                                                           {"sleep", "/usr/bin/sleep", ""},
                                                           {"tail", "/usr/bin/tail", ""}});

bool is_shell(std::string_view name) { return name == "sh" || name == "bash" || name == "ash" || name == "dash"; }
bool is_python(std::string_view name) {
  return name == "python" || (name.starts_with("python3") && name.size() <= 10) || name == "python2";
}
bool needs_shell(std::string_view text) {
  return text.find_first_of("|<>;`(*?~#") != std::string_view::npos || contains(text, "$$") || contains(text, "&");
}

// The name of a program in the places where images keep them; a path elsewhere is its own name.
std::string program_name(const std::string& word) {
  for (std::string_view place : {"/usr/local/bin/", "/usr/bin/", "/bin/", "/sbin/", "/usr/sbin/", "/usr/local/sbin/"}) {
    if (word.starts_with(place)) return word.substr(place.size());
  }
  if (word == "/tini" || word == "/sbin/tini" || word.ends_with("docker-entrypoint.sh")) return base_name(word);
  return word;
}

bool is_assignment(std::string_view word) {
  std::size_t equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  return std::ranges::all_of(word.substr(0, equals), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_install(std::string_view part) {
  return contains_any(part, {"pip install", "pip3 install", "npm install", "npm ci", "npm i ", "yarn install",
                             "pnpm install", "bundle install", "composer install", "poetry install", "uv sync",
                             "pip3 install", "apt-get ", "apk add"}) ||
         part == "npm i" || part == "yarn";
}

class Converter {
 public:
  explicit Converter(const Place& place) : place_(place) {}

  HostCommand run(std::vector<std::string> words) {
    turn(std::move(words));
    return std::move(result_);
  }

 private:
  void turn(std::vector<std::string> words) {
    if (++turns_ > kMostTurns || words.empty()) return keep(std::move(words));
    while (words.size() > 1 && is_assignment(words.front())) {
      std::size_t equals = words.front().find('=');
      result_.environment.emplace_back(words.front().substr(0, equals), words.front().substr(equals + 1));
      words.erase(words.begin());
    }
    std::string name = program_name(words.front());
    if (unwrap(name, words)) return turn(std::move(words));
    if (is_shell(name)) return shell(std::move(words));
    if ((name == "go" || name == "cargo") && words.size() > 1 && words[1] == "run") return run_source(words);
    if (is_python(name)) return python(std::move(words));
    if (name == "npm" || name == "yarn" || name == "pnpm" || name == "bun") return npm(std::move(words));
    if (node_tool(name, words)) return;
    if (auto module = std::ranges::find(kModules, name, &Module::program); module != kModules.end()) {
      words.erase(words.begin());
      words.insert(words.begin(), {"python3", "-m", std::string(module->module)});
      return python(std::move(words));
    }
    if (auto known = std::ranges::find(kInterpreters, name, &Interpreter::name); known != kInterpreters.end()) {
      words.front() = known->path;
      if (!known->package.empty()) result_.packages.insert(std::string(known->package));
      result_.uses_node = result_.uses_node || known->path == "/usr/bin/node";
      return keep(std::move(words));
    }
    own_program(std::move(words), name);
  }

  // Takes a wrapper off; whether there was one.
  bool unwrap(const std::string& name, std::vector<std::string>& words) {
    bool waits = name.ends_with("wait-for-it.sh") || name.ends_with("wait-for.sh") || name.ends_with("wait-for-it") ||
                 name.ends_with("wait-for");
    if (waits) {
      auto dashes = std::ranges::find(words, "--");
      if (dashes == words.end() || dashes + 1 == words.end()) return false;
      result_.notes.emplace_back(
          "the wait for a peer's port is left out: services start by the graph of calls, callees first");
      words.erase(words.begin(), dashes + 1);
      return true;
    }
    std::size_t taken = 0;
    if (std::ranges::find(kWrappers, name) != kWrappers.end()) taken = 1;
    if (std::ranges::find(kUserChanges, name) != kUserChanges.end()) taken = 2;
    if ((name == "poetry" || name == "pipenv" || name == "uv") && words.size() > 2 && words[1] == "run") taken = 2;
    if (taken == 0 || words.size() <= taken) return false;
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(taken));
    while (words.size() > 1 && words.front().starts_with('-')) words.erase(words.begin());
    return true;
  }

  void shell(std::vector<std::string> words) {
    auto option = std::ranges::find_if(
        words, [](const std::string& word) { return word == "-c" || word == "-lc" || word == "-ec"; });
    bool bash = program_name(words.front()) == "bash";
    if (option == words.end() || option + 1 == words.end()) {
      words.front() = bash ? "/bin/bash" : "/bin/sh";
      return keep(std::move(words));
    }
    script(*(option + 1), bash);
  }

  // Lines that go on are one.
  static std::string one_line(const std::string& text) {
    std::string whole;
    for (std::string_view line : lines_of(text)) {
      std::string_view content = trimmed(line);
      bool goes_on = whole.empty() || whole.ends_with("&& ") || content.starts_with("&&");
      if (!goes_on && !content.empty()) return text;
      bool cut = content.ends_with('\\') && !content.ends_with("&&");
      if (cut) content = trimmed(content.substr(0, content.size() - 1));
      whole += std::string(content) + " ";
    }
    return std::string(trimmed(whole));
  }

  void script(const std::string& written, bool bash) {
    std::string text = one_line(written);
    std::vector<std::string> kept;
    bool simple = !contains_any(text, {"||", ";", "\n", "if ", "while ", "for ", "<<"});
    if (!simple) return keep({bash ? "/bin/bash" : "/bin/sh", "-c", text});
    std::string rest = text;
    for (std::size_t at = rest.find("&&");; at = rest.find("&&")) {
      std::string part(trimmed(std::string_view(rest).substr(0, at)));
      if (is_install(part))
        installs_.push_back(part);
      else if (!part.empty() && part != "true")
        kept.push_back(part);
      if (at == std::string::npos) break;
      rest = rest.substr(at + 2);
    }
    if (kept.size() == 1 && !needs_shell(kept.front())) {
      if (auto words = manifest::split_command(kept.front()); words && !words->empty()) return turn(std::move(*words));
    }
    for (std::string& part : kept) part = with_host_program(part);
    if (!kept.empty() && !kept.back().starts_with("exec ")) kept.back().insert(0, "exec ");
    keep({bash ? "/bin/bash" : "/bin/sh", "-c", joined(kept, " && ")});
  }

  // A part of a shell line, its program exchanged where that is one word.
  std::string with_host_program(const std::string& part) {
    std::string_view text = part;
    if (text.starts_with("exec ")) text = trimmed(text.substr(5));
    std::size_t blank = std::min(text.find(' '), text.size());
    std::string head(text.substr(0, blank));
    if (is_assignment(head) || head == "cd" || head == "echo" || head == "export") return std::string(text);
    Converter other(place_);
    other.turns_ = turns_;
    HostCommand converted = other.run({head});
    result_.packages.insert(converted.packages.begin(), converted.packages.end());
    result_.uses_python = result_.uses_python || converted.uses_python;
    result_.uses_node = result_.uses_node || converted.uses_node;
    return joined(converted.words, " ") + std::string(text.substr(blank));
  }

  // `go run` and `cargo run` build and start at once; here the one is a step and the other the command.
  void run_source(const std::vector<std::string>& words) {
    std::string program = base_name(place_.dir.empty() ? place_.folder.name : place_.dir);
    if (words.front() == "cargo") {
      for (std::string_view line : lines_of(place_.folder.text(join_path(place_.dir, "Cargo.toml"))))
        if (std::vector<std::string> parts = split(line, " =\""); parts.size() == 2 && parts[0] == "name") {
          program = parts[1];
          break;
        }
      program = "target/release/" + program;
      result_.build = "cargo build --release";
    } else {
      std::string package = words.size() > 2 && !words[2].starts_with('-') ? words[2] : ".";
      program = name_for(program);
      result_.build = fmt::format("go build -o {} {}", program, shell_word(package));
    }
    if (!place_.folder.find(join_path(place_.dir, program))) result_.missing = program;
    keep({"./" + program});
  }

  void python(std::vector<std::string> words) {
    words.front() = "/usr/bin/python3";
    result_.packages.insert("python3");
    result_.uses_python = true;
    std::erase(words, "--reload");
    keep(std::move(words));
  }

  void npm(std::vector<std::string> words) {
    std::string script_name = words.size() > 1 ? words[1] : "start";
    bool run = (script_name == "run" || script_name == "run-script") && words.size() > 2;
    std::size_t used = run ? 3 : 2;
    if (run) script_name = words[2];
    std::string script = npm_script(place_.folder.text(join_path(place_.dir, "package.json")), script_name);
    if (script.empty() && script_name == "start" && place_.folder.has(join_path(place_.dir, "server.js")))
      script = "node server.js";
    if (script.empty()) {
      result_.missing = joined(words, " ");
      result_.packages.insert("npm");
      words.front() = "/usr/bin/npm";
      return keep(std::move(words));
    }
    std::string whole = escaped(script);
    for (std::size_t i = used; i < words.size(); ++i)
      if (words[i] != "--") whole += " " + shell_word(words[i]);
    in_npm_ = true;
    turn({"/bin/sh", "-c", whole});
  }

  // Programs that come with node's packages.
  bool node_tool(const std::string& name, std::vector<std::string>& words) {
    constexpr std::array<std::string_view, 4> kWatchers{"nodemon", "node-dev", "ts-node-dev", "pm2-runtime"};
    if (std::ranges::find(kWatchers, name) != kWatchers.end()) {
      result_.notes.push_back(fmt::format("{} starts a program again when its text changes: plain node runs it", name));
      words.front() = "node";
      while (words.size() > 1 && words[1].starts_with('-')) words.erase(words.begin() + 1);
      turn(std::move(words));
      return true;
    }
    bool npx = name == "npx" && words.size() > 1;
    bool local = in_npm_ && !contains(name, "/") && name != "node" &&
                 std::ranges::find(kInterpreters, name, &Interpreter::name) == kInterpreters.end();
    if (!npx && !local) return false;
    if (npx) words.erase(words.begin());
    words.front() = "node_modules/.bin/" + words.front();
    words.insert(words.begin(), "/usr/bin/node");
    result_.packages.insert("nodejs");
    result_.uses_node = true;
    keep(std::move(words));
    return true;
  }

  // A program of the application's own.
  void own_program(std::vector<std::string> words, const std::string& name) {
    if (std::string source = copied_from(name); !source.empty()) {
      words.front() = "./" + source;
      if (!place_.folder.find(join_path(place_.dir, source))) result_.missing = source;
      return keep(std::move(words));
    }
    convert_rest(words, name);
    std::string local = inside_workdir(name);
    std::string here = join_path(place_.dir, local);
    if (place_.folder.find(here)) {
      words.front() = "./" + local;
    } else if (name.starts_with('/') && place_.host.exists(name)) {
      words.front() = name;
    } else if (!contains(name, "/") && place_.host.exists("/usr/bin/" + name)) {
      words.front() = "/usr/bin/" + name;
    } else if (!contains(name, "/")) {
      words.front() = name;
      result_.missing = name;
      result_.is_foreign = true;
    } else {
      bool below = !name.starts_with('/') || (place_.workdir.size() > 1 && name.starts_with(place_.workdir + "/"));
      words.front() = "./" + (below ? local : base_name(name));
      if (!place_.folder.find(join_path(place_.dir, words.front().substr(2))))
        result_.missing = words.front().substr(2);
    }
    keep(std::move(words));
  }

  // A script of the application's own that becomes what follows it: that is a command as well.
  void convert_rest(std::vector<std::string>& words, const std::string& name) {
    std::string_view text = place_.folder.text(join_path(place_.dir, inside_workdir(name)));
    bool becomes = text.starts_with("#!") && contains(text, "$@");
    if (!becomes || words.size() < 2 || words[1].starts_with('-')) return;
    Converter other(place_);
    other.turns_ = turns_;
    HostCommand rest = other.run({words.begin() + 1, words.end()});
    words.resize(1);
    words.insert(words.end(), rest.words.begin(), rest.words.end());
    result_.packages.insert(rest.packages.begin(), rest.packages.end());
    result_.environment.insert(result_.environment.end(), rest.environment.begin(), rest.environment.end());
    result_.uses_python = result_.uses_python || rest.uses_python;
    result_.uses_node = result_.uses_node || rest.uses_node;
  }

  // The path below the working directory, or the name itself.
  std::string inside_workdir(std::string_view path) const {
    std::string prefix = place_.workdir == "/" ? "/" : place_.workdir + "/";
    if (place_.workdir.size() > 1 && path.starts_with(prefix)) return std::string(path.substr(prefix.size()));
    return tidy_path(path).value_or(base_name(path));
  }

  // Where the build context or another stage has what stands at this path of the image.
  std::string copied_from(const std::string& path) const {
    if (!place_.copies) return "";
    std::string absolute = path.starts_with('/') ? path : place_.workdir + "/" + path;
    absolute = "/" + tidy_path(absolute).value_or("");
    for (const Dockerfile::Copy& copy : *place_.copies) {
      bool fits = copy.to.ends_with('/') ? directory_of(absolute) + "/" == copy.to &&
                                               (base_name(copy.from) == base_name(absolute) || contains(copy.from, "*"))
                                         : copy.to == absolute;
      if (!fits) continue;
      std::string from = copy.from;
      if (copy.of_stage && copy.base.size() > 1 && from.starts_with(copy.base + "/"))
        from = from.substr(copy.base.size() + 1);
      if (copy.of_stage && from.starts_with('/')) from = base_name(from);
      return with_stars(tidy_path(from).value_or(base_name(from)));
    }
    return "";
  }

  // target/*.jar as the one file that is there.
  std::string with_stars(const std::string& pattern) const {
    std::size_t star = pattern.find('*');
    if (star == std::string::npos) return pattern;
    std::string directory = join_path(place_.dir, directory_of(pattern));
    std::string_view end = std::string_view(pattern).substr(star + 1);
    for (const std::string& name : place_.folder.in(directory))
      if (name.ends_with(end) && !contains(name, "-sources") && !contains(name, ".original"))
        return join_path(directory_of(pattern), name);
    return replaced(pattern, "*", "app");
  }

  void keep(std::vector<std::string> words) {
    bool shell = words.size() > 1 && words[1] == "-c";
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (shell) {
        words[i] = in_app(words[i], true);
        continue;
      }
      std::string copied = words[i - 1] == "-jar" ? copied_from(words[i]) : "";
      words[i] = copied.empty() ? in_app(words[i], false) : copied;
      if (words[i - 1] == "-jar" && !place_.folder.find(join_path(place_.dir, words[i]))) result_.missing = words[i];
    }
    result_.words = std::move(words);
  }

  // Paths of the working directory stand below /app.
  std::string in_app(const std::string& word, bool anywhere) const {
    const std::string& workdir = place_.workdir;
    if (workdir.size() < 2 || workdir == "/app") return word;
    if (word == workdir) return "/app";
    if (anywhere) return replaced(word, workdir + "/", "/app/");
    return word.starts_with(workdir + "/") ? "/app" + word.substr(workdir.size()) : word;
  }

  const Place& place_;
  HostCommand result_;
  std::vector<std::string> installs_;
  int turns_ = 0;
  bool in_npm_ = false;
};

}  // namespace

HostCommand host_command(std::vector<std::string> words, const Place& place) {
  return Converter(place).run(std::move(words));
}

std::string npm_script(std::string_view package_json, std::string_view name) {
  auto parsed = nlohmann::json::parse(package_json, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("scripts") || !parsed["scripts"].is_object()) return "";
  const auto& scripts = parsed["scripts"];
  auto found = scripts.find(std::string(name));
  return found != scripts.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string npm_main(std::string_view package_json) {
  auto parsed = nlohmann::json::parse(package_json, nullptr, false);
  if (!parsed.is_object()) return "";
  if (parsed.contains("main") && parsed["main"].is_string()) return parsed["main"].get<std::string>();
  if (!parsed.contains("bin")) return "";
  const auto& bin = parsed["bin"];
  if (bin.is_string()) return bin.get<std::string>();
  bool one = bin.is_object() && bin.size() == 1 && bin.begin()->is_string();
  return one ? bin.begin()->get<std::string>() : "";
}

}  // namespace bulkhead::scaffold
