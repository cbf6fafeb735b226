#include "compartments/sessions.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include <signal.h>

namespace bulkhead::compartments {

using Json = nlohmann::json;

namespace {

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

bool send(int init, const InitMessage& message, std::string_view words = {}) {
  std::vector<std::byte> packet(sizeof message + words.size());
  std::memcpy(packet.data(), &message, sizeof message);
  if (!words.empty()) std::memcpy(packet.data() + sizeof message, words.data(), words.size());
  return static_cast<bool>(send_with_rights(init, packet, {}));
}

// Each word with its NUL; nothing where that can't be.
std::optional<std::string> words_of(const Json& argv) {
  std::string words;
  if (!argv.is_array() || argv.empty()) return std::nullopt;
  for (const Json& word : argv) {
    if (!word.is_string()) return std::nullopt;
    const auto& text = word.get_ref<const std::string&>();
    if (text.find('\0') != std::string::npos || words.size() + text.size() >= kMostWords) return std::nullopt;
    words += text + '\0';
  }
  return words;
}

std::uint16_t small_number(const Json& message, const char* key) {
  const Json value = message.value(key, Json());
  if (!value.is_number_unsigned()) return 0;
  return static_cast<std::uint16_t>(std::min(value.get<std::uint64_t>(), std::uint64_t{UINT16_MAX}));
}

}  // namespace

void Sessions::refuse(std::uint32_t session, const std::string& error) {
  controller_.send(dump({{"type", "session"}, {"session", session}, {"error", error}}));
}

void Sessions::on_controller(const Json& message, int init, Millis now) {
  const Json number = message.value("session", Json());
  if (!number.is_number_unsigned()) return;
  const auto session = number.get<std::uint32_t>();
  const std::string type = message["type"];
  if (type == "hang_up") return hang_up(session, init, now);
  if (init < 0) return refuse(session, "the service does not run");
  if (type == "guest") return start(session, message, init);
  if (type == "connect") {
    InitMessage wanted{.kind = InitMessage::Kind::connect, .session = session, .value = small_number(message, "port")};
    if (!send(init, wanted)) refuse(session, "the compartment takes no requests");
  }
}

void Sessions::start(std::uint32_t session, const Json& message, int init) {
  const auto words = words_of(message.value("argv", Json()));
  if (!words) return refuse(session, "the command is no list of words, or longer than 32 KiB");
  InitMessage wanted{.kind = InitMessage::Kind::guest,
                     .rows = small_number(message, "rows"),
                     .columns = small_number(message, "columns"),
                     .session = session};
  if (const Json term = message.value("terminal", Json()); term.is_string()) {
    wanted.terminal = true;
    term.get_ref<const std::string&>().copy(wanted.text.data(), wanted.text.size() - 1);
  }
  if (!send(init, wanted, *words)) return refuse(session, "the compartment takes no requests");
  guests_.emplace(session, std::nullopt);
}

void Sessions::hang_up(std::uint32_t session, int init, Millis now) {
  const auto found = guests_.find(session);
  if (found == guests_.end() || found->second || init < 0) return;
  found->second = now + kHangUp;
  send(init, {.kind = InitMessage::Kind::signal, .session = session, .value = SIGHUP});
}

void Sessions::on_init(const InitMessage& message, Received& received) {
  Json told = {{"type", "session"}, {"session", message.session}};
  switch (message.kind) {
    case InitMessage::Kind::guest_started: told["started"] = true; break;
    case InitMessage::Kind::connected:
      told["connected"] = message.value == 0;
      if (message.value != 0) told["error"] = std::strerror(message.value);  // NOLINT(concurrency-mt-unsafe)
      break;
    case InitMessage::Kind::guest_ended:
      guests_.erase(message.session);
      if (message.text.front() != '\0') return refuse(message.session, message.text.data());
      told["ended"] = true;
      told[message.signalled ? "signal" : "code"] = message.value;
      break;
    default: return;
  }
  controller_.send(dump(told), std::move(received.rights));
}

void Sessions::tick(Millis now, int init) {
  if (controller_.fd() < 0)
    for (const auto& [session, until] : guests_) hang_up(session, init, now);
  for (auto& [session, until] : guests_) {
    if (!until || now < *until || init < 0) continue;
    send(init, {.kind = InitMessage::Kind::signal, .session = session, .value = SIGKILL});
    until = now + kHangUp;
  }
}

std::optional<Sessions::Millis> Sessions::deadline() const {
  std::optional<Millis> next;
  for (const auto& [session, until] : guests_)
    if (until && (!next || *until < *next)) next = until;
  return next;
}

}  // namespace bulkhead::compartments
