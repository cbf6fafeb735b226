#include "scaffold/look.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "scaffold/finish.hpp"
#include "scaffold/programs.hpp"
#include "scaffold/sources.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

constexpr std::size_t kMostPrograms = 100;
constexpr std::size_t kDeepest = 3;
constexpr std::array<std::string_view, 22> kNoServices{
    "test",   "tests",  "docs",   "doc",       "examples", "example", "scripts", "migrations",
    "static", "public", "assets", "templates", "lib",      "libs",    "include", "node_modules",
    "vendor", "target", "dist",   "build",     "fixtures", "tools"};
constexpr std::array<std::string_view, 9> kWebNames{"web",   "frontend", "ui",  "gateway", "www",
                                                    "front", "site",     "app", "client"};
constexpr std::array<std::string_view, 7> kMarkers{"package.json", "requirements.txt", "Dockerfile", "pyproject.toml",
                                                   "pom.xml",      "go.mod",           "Cargo.toml"};

class Looker {
 public:
  Looker(const Folder& folder, const Host& host) : folder_(folder), host_(host) {}

  Result<Plan> run() {
    plan_.app = name_for(folder_.name);
    plan_.head = "Made by `bulkhead init` from what lies in this folder; a comment says where each guess was seen.";
    enter("", 0, false);
    if (programs_.empty()) return nothing();
    for (Program& program : programs_) add_service(program);
    for (std::size_t i = 0; i < programs_.size(); ++i) find_port(i);
    for (std::size_t i = 0; i < programs_.size(); ++i) find_calls(i);
    open_gateway();
    for (const std::string& bound : folder_.not_seen) plan_.left_out.push_back({"", "", 0, "not looked at: " + bound});
    finish(plan_, host_);
    return std::move(plan_);
  }

 private:
  std::unexpected<Fault> nothing() const {
    std::string hint;
    for (std::string_view name : {"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"})
      if (folder_.find(name)) hint = fmt::format("\n  there is a Compose file: bulkhead init --from {}", name);
    return fail(Cause::not_found,
                "no program was found here or in its folders\n"
                "  looked for: Procfile, Dockerfile with a CMD, package.json with a start script or main, app.py, "
                "main.py, server.py,\n"
                "  manage.py, pyproject.toml with scripts, server.js, index.js, app.rb, config.ru, index.php, compiled "
                "programs, main.go, src/main.rs, a Makefile's first target, *.jar,\n"
                "  scripts that may be executed{}\n"
                "  a manifest by hand is short: docs/manifest.md begins with one",
                hint);
  }

  void enter(const std::string& dir, std::size_t depth, bool inside_program) {
    if (programs_.size() >= kMostPrograms) return;
    bool marked = std::ranges::any_of(
        kMarkers, [&](std::string_view name) { return folder_.find(join_path(dir, name)) != nullptr; });
    bool looked = !inside_program || marked;
    std::vector<Program> found = looked ? programs_in(folder_, dir) : std::vector<Program>();
    bool weak = std::ranges::all_of(found, &Program::is_last_resort);
    bool any = !found.empty() && !weak;
    std::size_t before = programs_.size();
    if (!weak) take(found);
    if (depth < kDeepest && (!any || depth == 0))
      for (const std::string& name : folder_.directories_in(dir))
        if (!name.starts_with('.') && !is_one_of(lower(name), kNoServices))
          enter(join_path(dir, name), depth + 1, inside_program || any);
    if (weak && programs_.size() == before) take(found);
  }

  void take(std::vector<Program>& found) {
    for (Program& program : found) programs_.push_back(std::move(program));
  }

  std::string free_name(const Program& program) const {
    std::string wanted = name_for(!program.name.empty() ? program.name
                                  : program.dir.empty() ? folder_.name
                                                        : base_name(program.dir));
    std::string name = wanted;
    for (int i = 2; plan_.service(name) || name == "localhost"; ++i)
      name = i == 2 && !program.dir.empty() && !program.name.empty()
                 ? name_for(base_name(program.dir) + "-" + program.name)
                 : fmt::format("{}-{}", wanted.substr(0, 58), i);
    return name;
  }

  void add_service(Program& program) {
    ServicePlan service;
    service.name = free_name(program);
    service.why = program.why;
    service.is_job = program.is_job;
    service.dir = program.dir.empty() ? "." : "./" + program.dir;
    Place place{folder_, host_, program.dir, program.dockerfile.workdir, &program.dockerfile.copies};
    HostCommand command = host_command(program.words, place);
    if (command.uses_python && !command.words.empty() && command.words.front() == "/usr/bin/python3")
      for (std::string_view venv : {".venv", "venv"})
        if (folder_.directories.contains(join_path(program.dir, venv)))
          command.words.front() = std::string(venv) + "/bin/python";
    service.command = command.words;
    for (const auto& [name, value] : program.dockerfile.environment)
      if (name != "PATH" && name != "PORT") service.environment.push_back({name, escaped(value), ""});
    for (const auto& [name, value] : command.environment)
      if (name != "PORT") service.environment.push_back({name, value, ""});
    for (const std::string& note : command.notes) plan_.left_out.push_back({service.name, "command", 0, note});
    plan_.packages.insert(command.packages.begin(), command.packages.end());
    bool has_venv = !command.words.empty() && command.words.front().ends_with("/bin/python");
    if (!has_venv) take_steps(service, program, command, place);
    plan_.services.push_back(std::move(service));
  }

  void take_steps(ServicePlan& service, const Program& program, const HostCommand& command, const Place& place) {
    Steps steps = steps_for(program.dockerfile.runs, command, place);
    for (const std::string& note : steps.notes) plan_.left_out.push_back({service.name, "", 0, note});
    plan_.packages.insert(steps.packages.begin(), steps.packages.end());
    service.build = escaped(steps.build);
    if (steps.python_packages)
      service.environment.push_back({"PYTHONPATH", "/app/.packages", "where pip puts what it fetches"});
    for (Step& step : steps.steps) plan_.add_edit({service.name, "command", step.text, step.run, ""});
  }

  // The texts that are this program's: its entry, then what lies beside it and is no other program's.
  std::vector<std::string> texts_of(std::size_t index) const {
    const Program& program = programs_[index];
    std::vector<std::string> texts;
    if (!program.entry.empty()) texts.push_back(program.entry);
    for (const std::string& path : folder_.below(program.dir)) {
      if (!is_source(path) || path == program.entry) continue;
      bool other = std::ranges::any_of(programs_, [&](const Program& each) {
        bool deeper = each.dir.size() > program.dir.size() && path.starts_with(each.dir + "/");
        return deeper || each.entry == path;
      });
      if (!other) texts.push_back(path);
    }
    return texts;
  }

  void find_port(std::size_t index) {
    const Program& program = programs_[index];
    ServicePlan& service = plan_.services[index];
    if (service.is_job) return;
    for (const PortSeen& seen : ports_in(replaced(joined(service.command, " "), "\n", " ")))
      if (seen.number != 0 && !seen.from_environment) return set_port(service, seen.number, "the command's own");
    PortSeen best;
    std::string where;
    for (const std::string& path : texts_of(index)) {
      for (const PortSeen& seen : ports_in(folder_.text(path))) {
        int strength = seen.from_environment ? 4 : seen.strength;
        if (strength <= best.strength && !(strength == best.strength && best.number == 0)) continue;
        best = seen;
        best.strength = strength;
        where = fmt::format("{}:{}", path, seen.line);
      }
      if (best.strength >= 3 && path == program.entry) break;
    }
    if (best.from_environment)
      return set_port(service, best.number != 0 ? best.number : 8080,
                      fmt::format("{} reads PORT{}", where, best.number != 0 ? ", with this default" : ""));
    if (best.number != 0) return set_port(service, best.number, "a guess from " + where);
    if (!program.exposed.empty()) return set_port(service, program.exposed.front(), "EXPOSE in " + program.why);
    if (program.usual_port != 0) return set_port(service, program.usual_port, program.usual_why);
    plan_.left_out.push_back(
        {service.name, "port", 0, "nothing says that it listens: if it does, write 'port: N' below it"});
  }

  static void set_port(ServicePlan& service, std::uint16_t number, std::string why) {
    bool grpc = number >= 50050 && number <= 50060;
    service.ports = {{number, grpc ? Protocol::grpc : Protocol::http, std::move(why)}};
  }

  void find_calls(std::size_t index) {
    ServicePlan& service = plan_.services[index];
    for (const std::string& path : texts_of(index)) {
      for (const HostSeen& seen : hosts_in(folder_.text(path))) {
        std::string where = fmt::format("{}:{}", path, seen.line);
        seen.host == "localhost" ? wired(service, seen.port, where) : called(service, seen.host, seen.port, where);
      }
      for (const VariableSeen& seen : variables_in(folder_.text(path)))
        by_variable(service, seen, fmt::format("{}:{}", path, seen.line));
    }
    for (const VariablePlan& variable : std::vector(service.environment))
      for (const HostSeen& seen : hosts_in(variable.value)) called(service, seen.host, seen.port, variable.name);
  }

  void called(ServicePlan& service, const std::string& host, std::uint16_t port, const std::string& where) {
    ServicePlan* callee = plan_.service(host);
    if (!callee || callee == &service || callee->is_job) return;
    if (callee->ports.empty() && port == 0) return;
    if (callee->ports.empty()) callee->ports = {{port, Protocol::http, fmt::format("{} names it", where)}};
    service.add_call({callee->name, 0, where});
  }

  // A peer's port of localhost: it answers there as well.
  void wired(ServicePlan& service, std::uint16_t port, const std::string& where) {
    if (port == 0 || (!service.ports.empty() && service.ports.front().number == port)) return;
    ServicePlan* callee = nullptr;
    for (ServicePlan& other : plan_.services) {
      if (&other == &service || other.ports.empty() || other.ports.front().number != port) continue;
      if (callee) {
        plan_.left_out.push_back(
            {service.name, "calls", 0,
             fmt::format("{} names port {} of localhost, where several services listen", where, port)});
        return;
      }
      callee = &other;
    }
    if (callee) service.add_call({callee->name, port, where});
  }

  // CATALOG_URL, CATALOG_HOST, CATALOG_ADDR: a peer by the name of a variable.
  void by_variable(ServicePlan& service, const VariableSeen& seen, const std::string& where) {
    for (std::string_view ending : {"_SERVICE_URL", "_SERVICE_ADDR", "_SERVICE_HOST", "_BASE_URL", "_API_URL", "_URL",
                                    "_ADDR", "_ENDPOINT", "_HOST"}) {
      if (!seen.name.ends_with(ending)) continue;
      ServicePlan* callee = plan_.service(name_for(seen.name.substr(0, seen.name.size() - ending.size())));
      if (!callee || callee == &service || callee->ports.empty()) continue;
      bool has_default = contains_any(seen.line_text, {"localhost:", "127.0.0.1:"});
      service.add_call({callee->name, 0, where});
      if (has_default && service.call(callee->name)->at != 0) return;  // it answers at the default
      if (service.variable(seen.name)) return;
      std::string address = fmt::format("{}:{}", callee->name, callee->ports.front().number);
      std::string value = ending.ends_with("_HOST")   ? callee->name
                          : ending.ends_with("_ADDR") ? address
                                                      : "http://" + address;
      service.environment.push_back({seen.name, value, where});
      return;
    }
  }

  void open_gateway() {
    std::vector<ServicePlan*> web;
    for (std::size_t i = 0; i < programs_.size(); ++i) {
      ServicePlan& service = plan_.services[i];
      if (service.ports.empty() || service.ports.front().protocol != Protocol::http) continue;
      bool called = std::ranges::any_of(plan_.services,
                                        [&](const ServicePlan& other) { return other.call(service.name) != nullptr; });
      if (programs_[i].is_web)
        web.insert(web.begin(), &service);
      else if (!called)
        web.push_back(&service);
    }
    if (web.empty())
      for (ServicePlan& service : plan_.services)
        if (web.empty() && !service.ports.empty() && service.ports.front().protocol == Protocol::http)
          web.push_back(&service);
    if (web.empty()) return;
    bool by_procfile = std::ranges::any_of(programs_, [](const Program& each) { return each.is_web; });
    auto first = std::ranges::find_if(web, [](const ServicePlan* each) { return is_one_of(each->name, kWebNames); });
    if (!by_procfile && first != web.end()) std::rotate(web.begin(), first, first + 1);
    plan_.gateway.routes.push_back(
        {web.front()->name, "", "/*", web.size() == 1 ? "nobody calls it" : "the first that nobody calls"});
    for (std::size_t i = 1; i < web.size(); ++i)
      plan_.gateway.routes.push_back({web[i]->name, web[i]->name + ".localhost", "/*", ""});
  }

  const Folder& folder_;
  const Host& host_;
  Plan plan_;
  std::vector<Program> programs_;
};

}  // namespace

Result<Plan> look_at(const Folder& folder, const Host& host) { return Looker(folder, host).run(); }

}  // namespace bulkhead::scaffold
