// init: a manifest from what is there.

#include <cstdlib>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "cli/commands.hpp"
#include "scaffold/compose.hpp"
#include "scaffold/look.hpp"
#include "scaffold/write.hpp"

namespace bulkhead::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLargestCompose = 1U << 20U;

std::string directory_of(const std::string& file) {
  std::string directory = fs::path(file).parent_path().string();
  return directory.empty() ? "." : directory;
}

// What a stranger's file says goes to a terminal: no control characters.
std::string printable(std::string_view text) {
  std::string line;
  for (char c : text) line += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? ' ' : c == 0x7f ? ' ' : c;
  return line;
}

Result<scaffold::Plan> plan_of_compose(const std::string& from, const std::string& manifest) {
  auto text = read_file(from, kLargestCompose);
  if (!text) return fail(text.error());
  auto folder = scaffold::read_folder(directory_of(from));
  if (!folder) return fail(folder.error());
  std::error_code error;
  fs::path way = fs::proximate(fs::weakly_canonical(directory_of(from), error),
                               fs::weakly_canonical(directory_of(manifest), error), error);
  scaffold::Host host = scaffold::this_host();
  scaffold::ComposeInput input{.file = fs::path(from).filename().string(),
                               .text = *text,
                               .folder = *folder,
                               .host = host,
                               .from_manifest = way == "." ? "" : way.string(),
                               .environment = [](std::string_view name) -> std::optional<std::string> {
                                 const char* value =
                                     std::getenv(std::string(name).c_str());  // NOLINT(concurrency-mt-unsafe)
                                 return value ? std::optional<std::string>(value) : std::nullopt;
                               }};
  return scaffold::read_compose(input);
}

Result<scaffold::Plan> plan_of_folder(const std::string& manifest) {
  auto folder = scaffold::read_folder(directory_of(manifest));
  if (!folder) return fail(folder.error());
  return scaffold::look_at(*folder, scaffold::this_host());
}

nlohmann::json to_json(const scaffold::Plan& plan, const std::string& file) {
  nlohmann::json edits = nlohmann::json::array();
  for (const scaffold::Edit& edit : plan.edits)
    edits.push_back({{"service", edit.service},
                     {"key", edit.key},
                     {"line", edit.line},
                     {"text", edit.text},
                     {"run", edit.run},
                     {"write", edit.write}});
  nlohmann::json left_out = nlohmann::json::array();
  for (const scaffold::LeftOut& each : plan.left_out)
    left_out.push_back({{"service", each.service}, {"key", each.key}, {"line", each.line}, {"why", each.why}});
  nlohmann::json services = nlohmann::json::array();
  for (const scaffold::ServicePlan& service : plan.services) services.push_back(service.name);
  nlohmann::json secrets = nlohmann::json::array();
  for (const scaffold::SecretFilePlan& each : plan.secret_files) secrets.push_back(each.path);
  return {{"file", file},   {"app", plan.app},      {"services", services},
          {"edits", edits}, {"left_out", left_out}, {"secret_files", secrets}};
}

void print_services(const scaffold::Plan& plan) {
  std::size_t width = 0;
  for (const scaffold::ServicePlan& service : plan.services) width = std::max(width, service.name.size());
  for (const scaffold::ServicePlan& service : plan.services) {
    std::string calls;
    for (const scaffold::CallPlan& call : service.calls) calls += (calls.empty() ? "  calls " : ", ") + call.service;
    std::string port = service.ports.empty() ? "no port" : fmt::format("port {}", service.ports.front().number);
    say(printable(fmt::format("  {:<{}}  {:<10}  {}{}", service.name, width, port, service.why, calls)));
  }
}

void print_edits(const scaffold::Plan& plan, const std::string& file) {
  if (plan.edits.empty()) return;
  say(fmt::format("\nTo do before `bulkhead up`, {} {}:", plan.edits.size(),
                  plan.edits.size() == 1 ? "thing" : "things"));
  int number = 0;
  for (const scaffold::Edit& edit : plan.edits) {
    std::string place = edit.line == 0 ? "" : fmt::format("{}:{}: ", file, edit.line);
    std::string owner = edit.service.empty() ? "" : edit.service + ": ";
    say(printable(fmt::format("  {}. {}{}{}", ++number, place, owner, edit.text)));
    if (!edit.run.empty()) say(printable("       run:    " + edit.run));
    if (!edit.write.empty()) say(printable("       write:  " + edit.write));
  }
}

void print_left_out(const scaffold::Plan& plan, const std::string& from) {
  if (plan.left_out.empty()) return;
  say("\nLeft out or not as it was; nothing has to be done:");
  for (const scaffold::LeftOut& each : plan.left_out) {
    std::string place = each.line == 0 ? "" : fmt::format("{}:{}: ", from, each.line);
    std::string owner = each.service.empty() ? "" : each.service + ": ";
    std::string key = each.key.empty() ? "" : each.key + ": ";
    say(printable(fmt::format("  {}{}{}{}", place, owner, key, each.why)));
  }
}

// Only their owner may read them; what is there already stays.
Result<> write_secrets(const scaffold::Plan& plan, const std::string& manifest) {
  for (const scaffold::SecretFilePlan& file : plan.secret_files) {
    const fs::path path = fs::path(directory_of(manifest)) / file.path;
    std::error_code error;
    if (fs::exists(fs::symlink_status(path, error))) continue;
    if (auto made = make_directories(path.parent_path().string(), 0700); !made) return made;
    if (auto written = write_file_atomically(path.string(), file.content, 0600); !written) return written;
  }
  return {};
}

void print_secrets(const scaffold::Plan& plan) {
  for (const scaffold::SecretFilePlan& file : plan.secret_files)
    say(printable(fmt::format("  {}  a secret that stood in what was read, for you alone", file.path)));
}

void print_next(const std::string& file) {
  std::string option = file == "bulkhead.yaml" ? "" : " -f " + file;
  say(fmt::format("\nNext:  bulkhead check{}    read it again after an edit\n       bulkhead up{}       start it",
                  option, option));
}

}  // namespace

int init(const Context& context, const InitOptions& options) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(context.file, error)) && !options.force)
    return complain(fmt::format(
        "{} is there already and stays as it is\n  --force replaces it, -f FILE writes another one", context.file));
  auto plan = options.from.empty() ? plan_of_folder(context.file) : plan_of_compose(options.from, context.file);
  if (!plan) {
    complain(plan.error());
    return plan.error().cause == Cause::invalid ? kUsage : kFailed;
  }
  std::string text = scaffold::write(*plan);
  if (auto written = write_secrets(*plan, context.file); !written) return complain(written.error());
  if (auto written = write_file_atomically(context.file, text, 0644); !written) return complain(written.error());
  if (context.json) {
    say(to_json(*plan, context.file).dump(2));
    return kDone;
  }
  say(fmt::format("Wrote {}: {} {}", context.file, plan->services.size(),
                  plan->services.size() == 1 ? "service" : "services"));
  print_services(*plan);
  print_secrets(*plan);
  print_edits(*plan, context.file);
  print_left_out(*plan, options.from);
  print_next(context.file);
  return kDone;
}

}  // namespace bulkhead::cli
