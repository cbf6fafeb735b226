// check, graph and reach: what the manifest says, without anything running.

#include <algorithm>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "control/secret_source.hpp"
#include "manifest/warnings.hpp"
#include "policy/graph.hpp"
#include "policy/reach.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

json mistakes_json(const std::vector<manifest::Mistake>& mistakes) {
  json list = json::array();
  for (const manifest::Mistake& mistake : mistakes)
    list.push_back({{"severity", mistake.severity == manifest::Severity::error ? "error" : "warning"},
                    {"file", mistake.position.file},
                    {"line", mistake.position.line},
                    {"column", mistake.position.column},
                    {"code", mistake.code},
                    {"message", mistake.message},
                    {"found", mistake.found},
                    {"allowed", mistake.allowed},
                    {"did_you_mean", mistake.did_you_mean},
                    {"help", mistake.help}});
  return list;
}

// What the manifest and the files of its secrets give cause to say.
std::vector<manifest::Mistake> findings_of(const control::Desired& desired, const control::Loaded& loaded) {
  auto findings = manifest::warnings(loaded.application, loaded.sources);
  const auto secrets = control::secret_findings(loaded.application, desired.directory, own_variable);
  findings.insert(findings.end(), secrets.begin(), secrets.end());
  return findings;
}

bool is_error(const manifest::Mistake& finding) { return finding.severity == manifest::Severity::error; }

int check_json(const Context& context) {
  auto desired = control::read_desired(context.files, context.profiles);
  if (!desired) return complain(desired.error()), kUsage;
  const auto loaded = control::load(*desired);
  const auto found = loaded ? findings_of(*desired, *loaded) : loaded.error().mistakes;
  const bool valid = std::ranges::none_of(found, is_error);
  say(json{{"file", desired->file},
           {"files", file_names(loaded ? loaded->sources : control::sources_of(*desired))},
           {"valid", valid},
           {"findings", mistakes_json(found)}}
          .dump(2));
  return valid ? kDone : kUsage;
}

}  // namespace

int check(const Context& context) {
  if (context.json) return check_json(context);
  const auto opened = open_manifest(context);
  if (!opened) return opened.error();
  const auto findings = findings_of(opened->desired, opened->loaded);
  if (!findings.empty()) fmt::print("{}\n", manifest::render(findings));
  if (const auto errors = std::ranges::count_if(findings, is_error); errors > 0) {
    fmt::print(stderr, "{} {} in {}\n", errors, errors == 1 ? "mistake" : "mistakes", spoken_files(context));
    return kUsage;
  }
  const auto declared = std::ranges::count_if(opened->loaded.model.edges, &policy::Edge::is_declared);
  say(fmt::format("{} is valid: {} services, {} declared calls, routes and ways out; {} {}", spoken_files(context),
                  opened->loaded.application.services.size(), declared, findings.size(),
                  findings.size() == 1 ? "warning" : "warnings"));
  return kDone;
}

int graph(const Context& context, const std::string& format) {
  const auto opened = open_manifest(context);
  if (!opened) return opened.error();
  const policy::Model& model = opened->loaded.model;
  if (format == "json" || context.json) {
    say(policy::graph_json(model).dump(2));
  } else {
    fmt::print("{}", format == "dot" ? policy::graph_dot(model) : policy::graph_text(model));
  }
  return kDone;
}

int reach(const Context& context, const std::string& from, const std::string& to) {
  const auto opened = open_manifest(context);
  if (!opened) return opened.error();
  const policy::Model& model = opened->loaded.model;
  if (to.empty()) {
    const auto found = policy::reach(model, from);
    if (!found) return complain(found.error()), kUsage;
    fmt::print("{}", context.json ? policy::to_json(*found).dump(2) + "\n" : policy::to_text(*found));
    return kDone;
  }
  const auto answer = policy::reach(model, from, to);
  if (!answer) return complain(answer.error()), kUsage;
  fmt::print("{}",
             context.json ? policy::to_json(*answer, from, to).dump(2) + "\n" : policy::to_text(*answer, from, to));
  return answer->verdict == policy::Verdict::allowed ? kDone : kFailed;
}

}  // namespace bulkhead::cli
