#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/commands.hpp"
#include "control/conversation.hpp"
#include "control/log_reader.hpp"

namespace bulkhead::cli {

using nlohmann::json;

void print_log_line(bool as_json, const std::string& instance, json line) {
  if (as_json) {
    line["instance"] = instance;
    fmt::print("{}\n", line.dump());
    return;
  }
  const bool error = line.value("stream", "") == "stderr";
  fmt::print("{} {} {}\n", tinted(fmt::format("{:<16}", instance), Tone::dim), error ? tinted("!", Tone::red) : "|",
             line.value("line", ""));
}

namespace {

int nothing_found(const LogsOptions& options) {
  return complain(options.service.empty()
                      ? "no service has written anything yet"
                      : fmt::format("'{}' has not run, or is no service or instance", options.service));
}

// From the files themselves, also where nothing runs any more.
int read_files(const Context& context, const control::Places& places, const LogsOptions& options) {
  control::LogReader reader(places.logs(), options.service, options.lines);
  const auto print = [&](const std::string& instance, json line) {
    print_log_line(context.json, instance, std::move(line));
  };
  reader.read_new(print);
  std::fflush(stdout);
  if (!reader.found_any() && !options.follow) return nothing_found(options);
  while (options.follow) {
    ::usleep(100'000);
    reader.read_new(print);
    std::fflush(stdout);
  }
  return kDone;
}

// The files are the launcher's: an operator asks the controller.
int ask_controller(const Context& context, const control::Places& places, const LogsOptions& options) {
  const auto conversation = control::Conversation::open(places);
  if (!conversation && conversation.error().cause == Cause::unreachable)
    return complain("logs are the launcher's files, and no controller is there to read them to others");
  if (!conversation) return complain(conversation.error());
  const json request = {
      {"verb", "logs"}, {"service", options.service}, {"lines", options.lines}, {"follow", options.follow}};
  if (auto sent = conversation->send(request); !sent) return complain(sent.error());
  for (;;) {
    const auto message = conversation->receive();
    if (!message) return complain(within("the controller is gone", message.error()));
    json told = json::parse(message->text, nullptr, false);
    if (!told.is_object()) return complain("the controller's answer is not understood");
    if (!told.value("ok", false)) return complain(told.value("error", "refused"));
    if (told.contains("end")) return told.value("found", true) ? kDone : nothing_found(options);
    for (json& line : told["lines"]) {
      const std::string instance = line.value("instance", "");
      line.erase("instance");
      print_log_line(context.json, instance, std::move(line));
    }
    std::fflush(stdout);
  }
}

}  // namespace

int logs(const Context& context, const LogsOptions& options) {
  if (!options.trace.empty()) return logs_of_trace(context, options);
  const auto places = open_places(context);
  if (!places) return places.error();
  const bool others = ::access(places->logs().c_str(), R_OK) != 0 && errno == EACCES;
  return others ? ask_controller(context, *places, options) : read_files(context, *places, options);
}

}  // namespace bulkhead::cli
