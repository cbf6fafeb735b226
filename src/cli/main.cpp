#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "base/build_id.hpp"
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
    "             2 the command line or the manifest is wrong    3 the application is not running\n"
    "             4 a new revision failed, and its service went back to the one before";

void with_files(CLI::App* sub, Context& context, const std::string& names, const std::string& description) {
  sub->add_option(names, context.files, description)->type_name("FILE")->allow_extra_args(false);
  sub->parse_complete_callback([&context] {
    context.named_files = !context.files.empty();
    choose_files(context);
  });
}

// The options that every subcommand takes.
CLI::App* command(CLI::App& app, Context& context, const std::string& name, const std::string& description) {
  CLI::App* sub = app.add_subcommand(name, description);
  with_files(sub, context, "-f,--file",
             "the manifest, bulkhead.yaml and bulkhead.override.yaml by default; repeated, later files are laid over "
             "earlier ones, and - is standard input");
  sub->add_option("--profile", context.profiles, "activate this profile of the manifest; may be repeated");
  return sub;
}

// `logs` knows -f twice: as everywhere the manifest, where a file follows it, and as in every other tool "go on".
std::vector<std::string> with_follow_told_apart(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words.front() != "logs") return words;
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::error_code error;
    if (words[i] != "-f") continue;
    const std::string next = i + 1 < words.size() ? words[i + 1] : "";
    words[i] = next == "-" || std::filesystem::is_regular_file(next, error) ? "--file" : "--follow";
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
  app.set_version_flag("--version", fmt::format("bulkhead {} ({})", BULKHEAD_VERSION, build_id()));
  int code = kDone;

  UpOptions up_options;
  CLI::App* sub =
      command(app, context, "up", "Start the application, or change what runs to what the manifest says now");
  sub->add_option("SERVICE", up_options.services,
                  "start these and what they call, and leave the others as they are; all if absent");
  CLI::Option* watch =
      sub->add_flag("-w,--watch", up_options.watch,
                    "build and replace what is edited; Ctrl-C ends it as without, with -d the application stays up");
  sub->add_flag("-d,--detach", up_options.detach, "return as soon as everything is ready, and leave it running");
  sub->add_flag("--dry-run", up_options.dry_run, "only tell what would change, be built and be restarted for it")
      ->excludes(watch);
  with_json(sub, context);
  sub->callback([&] { code = up(context, up_options); });

  sub = command(app, context, "down", "Take the application down: callers before what they call, nothing left behind");
  bool volumes = false;
  sub->add_flag("--volumes", volumes, "remove what the services kept in their volumes, too");
  sub->callback([&] { code = down(context, volumes); });

  std::string name;
  sub = app.add_subcommand("suspend", "Take an application down as `down` does, and keep what it takes to resume it");
  sub->add_option("APP", name, "the application's name")->required();
  sub->callback([&] { code = suspend(context, name); });

  sub = app.add_subcommand("resume", "Bring an application back that was suspended, or was up when the host stopped");
  sub->add_option("APP", name, "the application's name")->required();
  sub->callback([&] { code = resume(context, name); });

  sub = command(app, context, "upgrade", "Move every process of the platform to this program, while the services run");
  sub->add_option("--app", name, "the application's name, instead of a manifest");
  sub->callback([&] { code = upgrade(context, name); });

  sub = command(app, context, "status", "Show every service: instances, state, identity, requests, errors, latencies");
  with_json(sub, context);
  sub->callback([&] { code = status(context); });

  LogsOptions log_options;
  sub = command(app, context, "logs", "Show what services wrote to their standard output and error");
  sub->remove_option(sub->get_option("--file"));
  with_files(sub, context, "--file", "the manifest, as everywhere; -f too, where a file follows it");
  sub->add_option("SERVICE", log_options.service, "a service, or one instance such as catalog-2; all if absent");
  sub->add_flag("--follow", log_options.follow, "go on with what is written from now; -f too");
  sub->add_option("-n,--lines", log_options.lines, "how many of each instance's last lines")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  sub->add_option("--trace", log_options.trace, "only lines that name this trace, as the collector has kept them");
  with_json(sub, context);
  sub->callback([&] { code = logs(context, log_options); });

  sub =
      command(app, context, "check", "Check the manifest: every mistake with its place, and warnings; starts nothing");
  with_json(sub, context);
  sub->callback([&] { code = check(context); });

  sub = command(app, context, "config",
                "Print what all files of the manifest say together, and where each value is from");
  with_json(sub, context);
  sub->callback([&] { code = config(context); });
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
  sub = command(app, context, "restart", "Replace each instance of a service by a new one, as its 'update' says");
  sub->add_option("SERVICE", service, "the service")->required();
  sub->callback([&] { code = restart(context, service); });

  int count = 1;
  sub = command(app, context, "scale", "Run this many instances of a service, until `up` applies the manifest again");
  sub->add_option("SERVICE", service, "the service")->required();
  sub->add_option("N", count, "how many")->required();
  sub->callback([&] { code = scale(context, service, count); });

  sub = command(app, context, "history", "Show the revisions of services: when, by whom, what changed, how it went");
  sub->add_option("SERVICE", service, "the service; all if absent");
  with_json(sub, context);
  sub->callback([&] { code = history(context, service); });

  int revision = 0;
  sub = command(app, context, "rollback", "Make a service what it was before, until `up` applies the manifest again");
  sub->add_option("SERVICE", service, "the service")->required();
  sub->add_option("--to", revision, "this revision of `bulkhead history`; else the last one that was ready")
      ->check(CLI::PositiveNumber);
  sub->callback([&] { code = rollback(context, service, revision); });

  std::string from;
  std::string to;
  sub = command(app, context, "reach",
                "What can a service reach, directly and through others? With TO: can it, and by which rule?");
  sub->add_option("FROM", from, "a service, or gateway")->required();
  sub->add_option("TO", to, "a service, or a declared way out");
  with_json(sub, context);
  sub->callback([&] { code = reach(context, from, to); });

  CanOptions asked;
  sub = command(app, context, "can",
                "May this user send that request to the gateway, by which rule, and what may it cause behind it?");
  sub->add_option("USER", asked.user, "its name, such as ann, or customers:ann with who vouches for it; - is nobody")
      ->required();
  sub->add_option("METHOD", asked.method, "such as GET")->required();
  sub->add_option("URL", asked.url, "a path, or a host and a path")->required();
  sub->add_option("--claim", asked.claims, "what is said of the user, such as role=staff or level=3; may be repeated")
      ->allow_extra_args(false);
  with_json(sub, context);
  sub->footer("It asks the manifest, and nothing that runs. Exit codes: 0 allowed, 1 denied, or it depends on more.");
  sub->callback([&] { code = can(context, asked); });

  sub = command(app, context, "identity", "Show a service's SPIFFE ID, its certificates and whom it trusts");
  sub->add_option("SERVICE", service, "the service")->required();
  with_json(sub, context);
  sub->callback([&] { code = identity(context, service); });

  std::vector<std::string> program;
  sub =
      command(app, context, "exec", "Run a command inside a running compartment: as the service is, behind its walls");
  sub->add_option("SERVICE", service, "a service, or one instance such as catalog-2")->required();
  sub->add_option("CMD", program, "the command and its arguments, after --")->required();
  sub->footer(
      "Its exit code is the command's; 128 and the signal's number where one killed it; 126 where it could not be "
      "run.");
  sub->callback([&] { code = exec(context, service, program); });

  bool beside = false;
  sub = command(app, context, "run", "Run a command as a service: its compartment, identity, environment and doors");
  sub->add_option("SERVICE", service, "the service")->required();
  sub->add_option("CMD", program, "the command and its arguments, after --")->required();
  sub->add_flag("--beside", beside, "beside the service, without its requests; otherwise in its place until it ends");
  sub->footer("Its exit code is the command's, as with exec.");
  sub->callback([&] { code = run_command(context, service, program, beside); });

  ForwardOptions forward_options;
  sub = command(app, context, "forward", "Open a port of this host's loopback that leads into a compartment");
  sub->add_option("SERVICE", forward_options.service, "a service, or one instance such as catalog-2")->required();
  sub->add_option("PORT", forward_options.ports, "the port inside, or LOCAL:PORT; any free one here if not said")
      ->required();
  sub->add_option("--unix", forward_options.unix_path, "a Unix socket at this path instead, which only you can open");
  sub->callback([&] { code = forward(context, forward_options); });

  TracesOptions traces_options;
  sub = command(app, context, "traces",
                "Find requests that were made: what they asked, how long they took, how they ended");
  const std::string since_text = "not older than this, such as 90s, 10m, 2h or 3d";
  sub->add_option("--since", traces_options.since, since_text)->capture_default_str();
  sub->add_option("--service", traces_options.service, "that this service called or answered");
  sub->add_option("--route", traces_options.route, "whose path begins so");
  sub->add_option("--min", traces_options.min, "that took at least so long, such as 200ms");
  sub->add_option("--text", traces_options.text, "with this in a path or attribute, or of this user or request id");
  sub->add_flag("--error", traces_options.error, "in which something failed");
  sub->add_flag("--denied", traces_options.denied, "in which something was refused");
  sub->add_option("--limit", traces_options.limit, "at most so many")->check(CLI::Range(1, 500))->capture_default_str();
  with_json(sub, context);
  sub->callback([&] { code = traces(context, traces_options); });

  sub = command(app, context, "trace",
                "Show one request through all services: who asked whom, when, and what came of it");
  sub->add_option("ID", name, "a trace's id, or the x-request-id that the gateway answered with")->required();
  with_json(sub, context);
  sub->callback([&] { code = trace(context, name); });

  WhyOptions why_options;
  sub = command(app, context, "why",
                "Tell one request in words: where its time went, what failed first, and by which rule; without an id, "
                "what went wrong most");
  CLI::Option* one =
      sub->add_option("ID", why_options.id, "a trace's id, or the x-request-id that the gateway answered with");
  sub->add_option("--service", why_options.service, "only requests that went through this service")->excludes(one);
  sub->add_option("--since", why_options.since, since_text)->capture_default_str()->excludes(one);
  with_json(sub, context);
  sub->callback([&] { code = why(context, why_options); });

  EdgesOptions edges_options;
  sub = command(app, context, "edges", "Show what flowed over every edge of the trust graph, and what was refused");
  sub->add_option("--since", edges_options.since, since_text)->capture_default_str();
  sub->add_flag("--denied", edges_options.denied, "only those on which something was refused");
  sub->add_flag("--new", edges_options.fresh,
                "only those that were never used before, as far back as anything is kept");
  with_json(sub, context);
  sub->callback([&] { code = edges(context, edges_options); });

  std::string since = "15m";
  sub = command(app, context, "metrics", "Show a service's requests, errors and latencies over time");
  sub->add_option("SERVICE", service, "the service; the gateway if absent");
  sub->add_option("--since", since, since_text)->capture_default_str();
  with_json(sub, context);
  sub->callback([&] { code = metrics(context, service, since); });

  CLI::App* policies = app.add_subcommand("policy", "The manifest and the calls that were really made: suggest, try");
  policies->require_subcommand(1);
  std::string held_since = "3d";
  sub = policies->add_subcommand("suggest", "The lines that calls would need, and what is declared and never used");
  with_files(sub, context, "-f,--file", "the manifest; repeated, later files are laid over earlier ones");
  sub->add_option("--since", held_since, since_text)->capture_default_str();
  with_json(sub, context);
  sub->callback([&] { code = policy_suggest(context, held_since); });
  sub = policies->add_subcommand("try", "Which recorded calls would be decided otherwise by another manifest");
  sub->add_option("MANIFEST", name, "the changed manifest")->required();
  with_files(sub, context, "-f,--file", "the present one; repeated, later files are laid over earlier ones");
  sub->add_option("--since", held_since, since_text)->capture_default_str();
  with_json(sub, context);
  sub->footer("Exit codes: 0 none would, 1 some would.");
  sub->callback([&] { code = policy_try(context, name, held_since); });

  sub = command(app, context, "console", "Print a fresh address of the web console: it logs its first visitor in");
  int token_days = 0;
  sub->add_option("--token", token_days, "a token instead that a program may use for so many days, such as Prometheus")
      ->type_name("DAYS")
      ->check(CLI::Range(1, 366));
  with_json(sub, context);
  sub->callback([&] { code = token_days > 0 ? console_token(context, token_days) : console(context); });

  AuditOptions audit_options;
  sub = command(app, context, "audit", "Show who changed what, and who went into which compartment");
  sub->add_option("--since", audit_options.since, "only what is not older than this, such as 30m or 12h");
  sub->add_option("--service", audit_options.service, "only what concerns this service");
  with_json(sub, context);
  sub->callback([&] { code = audit(context, audit_options); });

  sub =
      app.add_subcommand("doctor", "Look at this host: what it has and lacks for compartments, with the fix for each");
  with_json(sub, context);
  sub->callback([&] { code = doctor(context); });

  CLI::App* images = app.add_subcommand("image", "The container images that are unpacked: ls, rm");
  images->require_subcommand(1);
  sub = images->add_subcommand("ls", "Show the unpacked images, and which applications use them");
  with_json(sub, context);
  sub->callback([&] { code = image_list(context); });
  sub = images->add_subcommand("rm", "Remove an unpacked image that no application uses");
  sub->add_option("IMAGE", name, "as the manifest names it, or the first digits of its digest")->required();
  sub->callback([&] { code = image_remove(name); });

  CLI::App* contracts = app.add_subcommand("contract", "The services' contracts: show, diff");
  contracts->require_subcommand(1);
  const std::string manifests = "the manifest; repeated, later files are laid over earlier ones";
  with_files(contracts, context, "-f,--file", manifests);
  sub = contracts->add_subcommand(
      "show", "Print the API of the whole application as one OpenAPI document, gRPC's as x-bulkhead-grpc in it");
  with_files(sub, context, "-f,--file", manifests);
  sub->callback([&] { code = contract_show(context); });
  std::string before;
  std::string after;
  sub =
      contracts->add_subcommand("diff", "Show what changed from one contract to another, and which callers it breaks");
  sub->add_option("OLD", before, "an OpenAPI document")->required();
  sub->add_option("NEW", after, "the one after it")->required();
  with_files(sub, context, "-f,--file", manifests);
  with_json(sub, context);
  sub->callback([&] { code = contract_diff(context, before, after); });

  ApiKeyOptions key_options;
  sub = app.add_subcommand("api-key", "Make an API key for a program that calls the gateway");
  sub->add_option("ID", key_options.id, "whose it is: 1 to 32 of a-z, 0-9 and '-'")->required();
  sub->add_option("--scope", key_options.scopes, "what it is good for; may be repeated")->allow_extra_args(false);
  sub->add_option("--expires", key_options.expires, "when it ends, such as 2027-01-31");
  sub->callback([&] { code = api_key(key_options); });

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
