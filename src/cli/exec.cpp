// exec and run: a command inside of a compartment that runs, or of one of its own.

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "control/client.hpp"
#include "control/conversation.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

constexpr int kNotStarted = 126;  // as shells say it of a command that can not be run

json request_of(const std::string& verb, const std::string& service, const std::vector<std::string>& command) {
  json request = {{"verb", verb}, {"service", service_name(service)}, {"argv", command}};
  if (!has_terminal()) return request;
  const char* term = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe)
  const Window window = window_size();
  request["terminal"] = term == nullptr ? "dumb" : term;
  request["rows"] = window.rows;
  request["columns"] = window.columns;
  return request;
}

// The exit code that the controller's last word stands for; nothing while it is not the last.
std::optional<Result<int>> hear(const control::Conversation& conversation) {
  const auto message = conversation.receive();
  if (!message) return fail(within("the controller is gone, and the command with it", message.error()));
  const json told = json::parse(message->text, nullptr, false);
  if (!told.is_object()) return fail(Cause::protocol, "the controller's answer is not understood");
  if (!told.value("ok", false)) return fail(Cause::conflict, "{}", told.value("error", "refused"));
  if (!told.contains("ended")) return std::nullopt;
  if (told.contains("code")) return told["code"].get<int>();
  if (told.contains("signal")) return 128 + told["signal"].get<int>();
  return fail(Cause::closed, "the instance ended, and the command with it");
}

int carry_out(const control::Conversation& conversation, std::vector<Fd> fds) {
  const auto ended = [&] {
    std::optional<RawTerminal> raw;
    if (fds.size() == 1) raw.emplace();
    return carry(std::move(fds), conversation.fd(), [&] { return hear(conversation); });
  }();
  return ended ? *ended : complain(ended.error());
}

int converse(const Context& context, const json& request) {
  const auto places = open_places(context);
  if (!places) return places.error();
  auto conversation = control::Conversation::open(*places);
  if (!conversation && conversation.error().cause == Cause::unreachable) return not_running(context);
  if (!conversation) return complain(conversation.error());
  if (auto sent = conversation->send(request); !sent) return complain(sent.error());
  auto begun = conversation->receive();
  if (!begun) return complain(begun.error());
  const json told = json::parse(begun->text, nullptr, false);
  if (!told.is_object()) return complain("the controller's answer is not understood");
  if (!told.value("ok", false)) {
    complain(told.value("error", "refused"));
    return told.value("not_started", false) ? kNotStarted : kFailed;
  }
  return carry_out(*conversation, std::move(begun->fds));
}

}  // namespace

int exec(const Context& context, const std::string& service, const std::vector<std::string>& command) {
  return converse(context, request_of("exec", service, command));
}

int run_command(const Context& context, const std::string& service, const std::vector<std::string>& command,
                bool beside) {
  json request = request_of("run", service, command);
  request["beside"] = beside;
  return converse(context, request);
}

}  // namespace bulkhead::cli
