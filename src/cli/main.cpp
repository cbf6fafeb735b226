#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/commands.hpp"

namespace bulkhead::cli {
namespace {

constexpr const char* kDescription =
    "Bulkhead runs an application of small services from one manifest: each service sealed in a compartment whose "
    "only\n"
    "network is its sidecar, with its own identity, reachable only along the calls that the manifest declares.";

constexpr const char* kFooter =
    "Begin with:  bulkhead init         write a manifest from what lies here\n"
    "             bulkhead check        is the manifest right?\n"
    "             bulkhead up           start everything; its logs follow, Ctrl-C takes it down\n"
    "             bulkhead reach NAME   what could this service reach, if it were compromised?\n"
    "\n"
    "Exit codes:  0 done    1 it could not be done, or not everything is up\n"
    "             2 the command line or the manifest is wrong    3 the application is not running";

// The options that every subcommand takes.
CLI::App* command(CLI::App& app, Context& context, const std::string& name, const std::string& description) {
  CLI::App* sub = app.add_subcommand(name, description);
  sub->add_option("-f,--file", context.file, "the manifest")->capture_default_str();
  sub->add_option("--profile", context.profiles, "activate this profile of the manifest; may be repeated");
  return sub;
}

// `logs` knows -f twice: as everywhere the manifest, where a file follows it, and as in every other tool "go on".
std::vector<std::string> with_follow_told_apart(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words.front() != "logs") return words;
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::error_code error;
    if (words[i] == "-f")
      words[i] = i + 1 < words.size() && std::filesystem::is_regular_file(words[i + 1], error) ? "--file" : "--follow";
  }
  return words;
}

void with_json(CLI::App* sub, Context& context) { sub->add_flag("--json", context.json, "print JSON, for scripts"); }

// The words did not all get out. Whoever reads a pipe may stop when it has enough; anything else is said.
int cut_short(int error) {
  if (error == EPIPE) return kFailed;
  return complain(os_fault("write to standard output", error));
}

}  // namespace

int run(int argc, char** argv) {
  Context context;
  std::error_code error;
  context.executable = std::filesystem::read_symlink("/proc/self/exe", error).string();

  CLI::App app(kDescription, "bulkhead");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("bulkhead ") + BULKHEAD_VERSION);
  int code = kDone;

  bool detach = false;
  CLI::App* sub =
      command(app, context, "up", "Start the application, or change what runs to what the manifest says now");
  sub->add_flag("-d,--detach", detach, "return as soon as everything is ready, and leave it running");
  sub->callback([&] { code = up(context, detach); });

  sub = command(app, context, "down", "Take the application down: callers before what they call, nothing left behind");
  bool volumes = false;
  sub->add_flag("--volumes", volumes, "remove what the services kept in their volumes, too");
  sub->callback([&] { code = down(context, volumes); });

  sub = command(app, context, "status", "Show every service: instances, state, identity, requests, errors, latencies");
  with_json(sub, context);
  sub->callback([&] { code = status(context); });

  LogsOptions log_options;
  sub = command(app, context, "logs", "Show what services wrote to their standard output and error");
  sub->remove_option(sub->get_option("--file"));
  sub->add_option("--file", context.file, "the manifest; -f too, where a file follows it")->capture_default_str();
  sub->add_option("SERVICE", log_options.service, "a service, or one instance such as catalog-2; all if absent");
  sub->add_flag("--follow", log_options.follow, "go on with what is written from now; -f too");
  sub->add_option("-n,--lines", log_options.lines, "how many of each instance's last lines")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  with_json(sub, context);
  sub->callback([&] { code = logs(context, log_options); });

  sub =
      command(app, context, "check", "Check the manifest: every mistake with its place, and warnings; starts nothing");
  with_json(sub, context);
  sub->callback([&] { code = check(context); });

  InitOptions init_options;
  sub = app.add_subcommand("init", "Write a manifest from what lies in the folder, or from a Compose file");
  sub->add_option("-f,--file", context.file, "the manifest to write; its folder is looked at")->capture_default_str();
  sub->add_option("--from", init_options.from, "convert this Compose file");
  sub->add_flag("--force", init_options.force, "replace a manifest that is there");
  with_json(sub, context);
  sub->callback([&] { code = init(context, init_options); });

  std::string format = "text";
  sub = command(app, context, "graph", "Show who may call whom, as the manifest declares it");
  sub->add_option("--format", format, "text, dot (Graphviz) or json")
      ->check(CLI::IsMember({"text", "dot", "json"}))
      ->capture_default_str();
  with_json(sub, context);
  sub->callback([&] { code = graph(context, format); });

  std::string service;
  sub = command(app, context, "restart", "Stop and start each instance of a service, one at a time");
  sub->add_option("SERVICE", service, "the service")->required();
  sub->callback([&] { code = restart(context, service); });

  int count = 1;
  sub = command(app, context, "scale", "Run this many instances of a service, until `up` applies the manifest again");
  sub->add_option("SERVICE", service, "the service")->required();
  sub->add_option("N", count, "how many")->required();
  sub->callback([&] { code = scale(context, service, count); });

  std::string from;
  std::string to;
  sub = command(app, context, "reach",
                "What can a service reach, directly and through others? With TO: can it, and by which rule?");
  sub->add_option("FROM", from, "a service, or gateway")->required();
  sub->add_option("TO", to, "a service, or a declared way out");
  with_json(sub, context);
  sub->callback([&] { code = reach(context, from, to); });

  sub = command(app, context, "identity", "Show a service's SPIFFE ID, its certificates and whom it trusts");
  sub->add_option("SERVICE", service, "the service")->required();
  with_json(sub, context);
  sub->callback([&] { code = identity(context, service); });

  std::string shell;
  sub = app.add_subcommand("completion", "Print a completion script: source <(bulkhead completion bash)");
  sub->add_option("SHELL", shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  sub->callback([&] { code = completion(shell); });

  try {
    std::vector<std::string> words = with_follow_told_apart(argc, argv);
    std::ranges::reverse(words);  // as CLI11 wants them
    app.parse(words);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? kDone : kUsage;
  } catch (const std::system_error& problem) {  // fmt::print's, where stdout takes no more
    return cut_short(problem.code().value());
  }
  if (std::fflush(stdout) != 0) return cut_short(errno);
  return code;
}

}  // namespace bulkhead::cli
