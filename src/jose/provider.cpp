#include "jose/provider.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;

constexpr int kDeepestMetadata = 16;
constexpr std::size_t kMaxUrl = 2048;
constexpr std::string_view kScheme = "https://";
constexpr std::string_view kDefaultPort = ":443";
constexpr std::string_view kWellKnown = "/.well-known/openid-configuration";

bool is_of_host(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9') || std::string_view("-.:[]").contains(character);
}

bool is_of_url(char character) {
  return character > ' ' && character <= '~' && !std::string_view("#\"<>\\^`{|}").contains(character);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char each) { return each >= 'A' && each <= 'Z' ? each + 32 : each; });
  return out;
}

// "id.example" or "id.example:8443", in lower case and without the default port.
std::string plain(std::string_view authority) {
  if (authority.ends_with(kDefaultPort)) authority.remove_suffix(kDefaultPort.size());
  return lower(authority);
}

// Host and port of an https URL. A user or a backslash, which readers of URLs disagree on, are no characters of a host.
Result<std::string> authority_of(std::string_view url) {
  if (url.size() > kMaxUrl || !url.starts_with(kScheme) || !std::ranges::all_of(url, is_of_url)) {
    return fail(Cause::invalid, "it is no https URL of up to {} octets without a fragment", kMaxUrl);
  }
  const std::string_view rest = url.substr(kScheme.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (authority.empty() || !std::ranges::all_of(authority, is_of_host)) {
    return fail(Cause::invalid, "its host is not a name or address with an optional port");
  }
  return plain(authority);
}

Result<std::string> metadata_text(const json& metadata, const char* name) {
  const auto member = metadata.find(name);
  if (member == metadata.end() || !member->is_string()) return fail(Cause::invalid, "it has no text '{}'", name);
  return member->get<std::string>();
}

Result<ProviderMetadata> read(std::string_view text, std::string_view issuer, std::span<const std::string> hosts) {
  if (text.size() > kMaxMetadata) {
    return fail(Cause::invalid, "it has {} octets; at most {} are read", text.size(), kMaxMetadata);
  }
  const auto metadata = read_json(text, kDeepestMetadata);
  if (!metadata) return fail(metadata.error());
  if (!metadata->is_object()) return fail(Cause::invalid, "it is not an object");
  auto said = metadata_text(*metadata, "issuer");
  auto jwks_uri = metadata_text(*metadata, "jwks_uri");
  if (!said) return fail(said.error());
  if (!jwks_uri) return fail(jwks_uri.error());
  if (*said != issuer) return fail(Cause::invalid, "it is of another issuer");
  const auto authority = authority_of(*jwks_uri);
  if (!authority) return fail(within("jwks_uri", authority.error()));
  if (std::ranges::find(hosts, *authority, plain) == hosts.end()) {
    return fail(Cause::denied, "jwks_uri is at {}, which is none of the declared hosts: {}", *authority,
                fmt::join(hosts, ", "));
  }
  return ProviderMetadata{std::move(*said), std::move(*jwks_uri)};
}

}  // namespace

Result<std::string> metadata_url(std::string_view issuer) {
  const auto authority = authority_of(issuer);
  if (!authority) return fail(within(fmt::format("issuer {}", issuer), authority.error()));
  if (issuer.contains('?')) return fail(Cause::invalid, "issuer {}: an issuer has no query", issuer);
  const bool slash = issuer.ends_with('/');
  return fmt::format("{}{}", issuer.substr(0, issuer.size() - (slash ? 1 : 0)), kWellKnown);
}

Result<ProviderMetadata> read_metadata(std::string_view text, std::string_view issuer,
                                       std::span<const std::string> hosts) {
  auto metadata = read(text, issuer, hosts);
  if (!metadata) return fail(within(fmt::format("the metadata of {}", issuer), metadata.error()));
  return metadata;
}

}  // namespace bulkhead::jose
