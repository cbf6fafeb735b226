#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

// What the verbs of the control socket have in common.
namespace bulkhead::control {

// {"ok": false, "error"}.
inline nlohmann::json failure(std::string error) { return {{"ok", false}, {"error", std::move(error)}}; }

// As one line; bytes that are no UTF-8 are replaced.
inline std::string text_of(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Seconds since the epoch.
inline std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace bulkhead::control
