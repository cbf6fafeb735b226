#include <cstdlib>

#include "jose/fixture.hpp"
#include "jose/token.hpp"

namespace {

namespace jose = bulkhead::jose;

const jose::Expectations& expected() {
  static const jose::Expectations expectations{.issuer = "i", .audiences = {"a"}};
  return expectations;
}

// What is accepted is what was expected.
void check(const jose::TokenResult<jose::Token>& token, std::string_view text) {
  if (!token) {
    if (token.error().message.empty()) std::abort();
    return;
  }
  if (text.size() > jose::kMaxToken || token->issuer != "i" || token->subject.empty() || !token->claims.is_object() ||
      token->expires + expected().leeway <= jose::test::kNow) {
    std::abort();
  }
}

}  // namespace

// The bytes as a token, of which none is signed; then, as header and payload with a line's end between them, signed, so
// that what comes behind the signature is reached too. No header may turn the signature's verdict: a flipped bit is
// refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const jose::KeySet keys = jose::test::keys();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (jose::verify(text, keys, expected(), jose::test::kNow)) std::abort();

  const std::size_t line = text.find('\n');
  const bool both = line != text.npos;
  const std::string_view header = both ? text.substr(0, line) : jose::test::kHeader;
  std::string token = jose::test::signed_token(header, both ? text.substr(line + 1) : text);
  check(jose::verify(token, keys, expected(), jose::test::kNow), token);
  token[token.size() - 20] ^= 1;
  if (jose::open_jws(token, keys)) std::abort();
  return 0;
}
