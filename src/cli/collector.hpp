#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/context.hpp"

// Asking the collector, and what its answers share.
namespace bulkhead::cli {

// Says what is the matter where it does not answer. `target` as docs/api.md has it.
std::expected<nlohmann::json, int> ask_collector(const Context& context, const std::string& method,
                                                 const std::string& target);

// "?a=1&b=2" of what is there.
class Query {
 public:
  Query& add(std::string_view name, const std::string& value);
  Query& add_if(bool wanted, std::string_view name) { return wanted ? add(name, "1") : *this; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Microseconds since 1970 in this process's time zone, as strftime has it.
std::string local_time(std::int64_t micros, const char* format);

// What the answer covers, and what it cannot have seen.
void say_window(const nlohmann::json& answer);

}  // namespace bulkhead::cli
