#include <cstdlib>

#include "jose/key_set.hpp"

// Key sets of a stranger: no more keys than there may be, each of an algorithm that fits; a set reads the same again;
// no key verifies what nobody signed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace jose = bulkhead::jose;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto set = jose::KeySet::parse(text);
  if (!set) {
    if (set.error().message.empty()) std::abort();
    return 0;
  }
  if (set->keys().empty() || set->keys().size() + set->left_out().size() > jose::KeySet::kMaxKeys) std::abort();
  const auto again = jose::KeySet::parse(text);
  if (!again || again->revision() != set->revision() || again->keys().size() != set->keys().size()) std::abort();
  const jose::Key& key = set->keys()[0];
  if (key.verify(text, "") || key.verify(text, std::string(64, '\0'))) std::abort();
  return 0;
}
