// upgrade: what runs moves to the program that this command is of.

#include <chrono>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/build_id.hpp"
#include "cli/commands.hpp"
#include "control/client.hpp"
#include "control/conversation.hpp"

namespace bulkhead::cli {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto kComesBack = 20s;

Result<json> next_of(const control::Conversation& conversation) {
  const auto message = conversation.receive();
  if (!message) return fail(within("the controller is gone", message.error()));
  json told = json::parse(message->text, nullptr, false);
  if (!told.is_object()) return fail(Cause::protocol, "the controller's answer is not understood");
  return told;
}

// Until the controller is of this build.
Result<> wait_for_controller(const control::Places& places) {
  const auto until = std::chrono::steady_clock::now() + kComesBack;
  std::string why = "no controller answers";
  while (std::chrono::steady_clock::now() < until) {
    const auto status = control::ask(places, {{"verb", "status"}});
    if (status && (*status)["controller"].value("build", "") == build_id()) return {};
    why = status ? "the controller is what it was" : status.error().message;
    std::this_thread::sleep_for(50ms);
  }
  return fail(Cause::timeout, "{}; {} may say why", why, places.platform_log());
}

void say_moved(const json& told) {
  std::string instance = told["moved"];
  if (instance.starts_with('_')) instance.erase(0, 1);  // the gateway's
  if (told.contains("error"))
    complain(fmt::format("{} goes on with the former program: {}", instance, told.value("error", "")));
  else
    say(fmt::format("{} serves with this program", instance));
  if (told.contains("keeper_stays"))
    say(fmt::format("  its keeper is of the former one until its next start: {}", told.value("keeper_stays", "")));
  if (told.contains("init_stays"))
    say(fmt::format("  process 1 of its compartment is of the former one until its next start: {}",
                    told.value("init_stays", "")));
}

// True when there is no more to ask; else the controller becomes another one first.
Result<bool> ask_once(const control::Places& places, const std::string& executable) {
  auto conversation = control::Conversation::open(places);
  if (!conversation) return fail(conversation.error());
  const json request = {{"verb", "upgrade"}, {"executable", executable}, {"build", build_id()}};
  if (auto sent = conversation->send(request); !sent) return fail(sent.error());
  for (;;) {
    const auto told = next_of(*conversation);
    if (!told) return fail(told.error());
    if (told->contains("moved")) {
      say_moved(*told);
      continue;
    }
    if (!told->value("ok", false)) return fail(Cause::conflict, "{}", told->value("error", "refused"));
    if (told->value("becomes", false)) return false;
    return true;
  }
}

}  // namespace

int upgrade(const Context& context, const std::string& app) {
  const auto places = app.empty() ? open_places(context) : places_of_name(app);
  if (!places) return places.error();
  if (!control::is_running(*places)) return not_running(context);
  auto done = ask_once(*places, context.executable);
  if (done && !*done) {
    if (auto there = wait_for_controller(*places); !there) return complain(there.error());
    say("the controller is of this program");
    done = ask_once(*places, context.executable);
  }
  if (!done) return complain(done.error());
  say(fmt::format("everything is of {} ({})", BULKHEAD_VERSION, build_id()));
  return kDone;
}

}  // namespace bulkhead::cli
