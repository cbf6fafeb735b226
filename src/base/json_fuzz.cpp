// JSON as read_json() and nlohmann's parser read it: the same value, or refused for a reason that only we have.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace bulkhead {
namespace {

using nlohmann::json;

bool is_ours(std::string_view reason, std::string_view text) {
  for (const std::string_view each : {"stands there twice", "nested too deeply", "number is too long"})
    if (reason.find(each) != reason.npos) return true;
  const bool has_long_exponent = text.find_first_of("eE") != text.npos;
  // It reads over a mark of byte order, and ends at a zero byte.
  return has_long_exponent || text.starts_with("\xef\xbb\xbf") || text.find('\0') != text.npos;
}

}  // namespace
}  // namespace bulkhead

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto ours = read_json(text);
  const json theirs = json::parse(text, nullptr, false);
  if (ours ? theirs != *ours : !theirs.is_discarded() && !is_ours(ours.error().message, text)) std::abort();
  if (ours && read_json(ours->dump()) != *ours) std::abort();
  return 0;
}
