#include <cstdlib>

#include "gateway/authenticator.hpp"
#include "jose/fixture.hpp"

namespace {

using namespace bulkhead;  // NOLINT(google-build-using-namespace)

proxy::Gateway snapshot_part() {
  proxy::Provider customers{.name = "customers", .issuer = "i", .audiences = {"a"}};
  customers.jwks = jose::test::jwk("a");
  customers.rsa_algorithm = "RS256";
  customers.claims = {"tier"};
  proxy::Provider partners{.name = "partners"};
  partners.api_keys = {{"acme", "sha256:" + std::string(64, '0')}};
  proxy::Gateway made;
  made.providers = {customers, partners};
  return made;
}

// Each line is a field, "name: value".
http::Fields fields_of(std::string_view text) {
  http::Fields fields;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const std::size_t colon = std::min(line.find(':'), line.size());
    fields.add(line.substr(0, colon), line.substr(std::min(colon + 1, line.size())));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return fields;
}

}  // namespace

// Nobody who has neither a signature nor a key is anybody, and no credential is left where somebody was asked.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static bulkhead::gateway::Authenticator authenticator = [] {
    bulkhead::gateway::Authenticator made;
    if (!made.configure(snapshot_part())) std::abort();
    return made;
  }();
  http::Fields fields = fields_of({reinterpret_cast<const char*>(data), size});
  const auto answer = authenticator.ask({{"customers", "partners"}, true}, fields, jose::test::kNow);
  if (answer.identity) std::abort();
  if (answer.challenge && to_string(*answer.challenge, "shop").find_first_of("\r\n") != std::string::npos) std::abort();
  authenticator.strip(fields, true);
  if (fields.has("authorization") || fields.has("x-api-key")) std::abort();
  return 0;
}
