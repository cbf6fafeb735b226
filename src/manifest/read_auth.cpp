// Who vouches for end users, and which of them a route asks for.

#include <algorithm>
#include <array>

#include <fmt/ranges.h>

#include "base/nearest.hpp"
#include "conditions/time.hpp"
#include "manifest/draft.hpp"
#include "manifest/field_names.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kMostProviders = 16;
constexpr std::size_t kMostKeys = 1024;
constexpr std::size_t kMostWords = 64;
constexpr std::size_t kLongestKeyId = 32;
constexpr std::string_view kNone = "none";
constexpr std::string_view kHash = "sha256:";
constexpr std::string_view kHashAllowed = "sha256: and 64 hexadecimal digits, as `bulkhead api-key` prints it";
constexpr std::string_view kKeyLimitAllowed =
    "20/s, 100/10m or 8 at once, of all who bring this key together; then burst COUNT for a rate";
constexpr std::array<std::string_view, 4> kSubjects{"uri", "email", "dns", "common_name"};
constexpr std::array<std::string_view, 3> kOfCertificates{"issuer", "serial", "names"};
constexpr std::array<std::string_view, 6> kRsa{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};

bool is_scope(std::string_view text) {  // RFC 6749 §3.3
  return is_plain_value(text) && text.find_first_of(" \"\\") == std::string_view::npos;
}

bool is_key_id(std::string_view text) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= kLongestKeyId && std::ranges::all_of(text, allowed);
}

bool is_hash(std::string_view text) {
  constexpr std::size_t kDigits = 64;
  if (!text.starts_with(kHash)) return false;
  text.remove_prefix(kHash.size());
  return text.size() == kDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "2027-01-31" is its beginning in UTC.
std::optional<std::uint64_t> read_expiry(std::string_view text) {
  constexpr std::size_t kDate = 10;
  const auto time =
      conditions::read_timestamp(text.size() == kDate ? std::string(text) + "T00:00:00Z" : std::string(text));
  if (!time || time->seconds < 0) return std::nullopt;
  return static_cast<std::uint64_t>(time->seconds);
}

// A text or a list of them, each as `good` wants it.
template <class Good>
void read_words(Context& context, const Fields& fields, std::string_view key, std::string_view allowed, Good good,
                std::vector<std::string>& into) {
  const Node* node = fields.find(key);
  if (!node) return;
  if (node->kind == Node::Kind::list && (node->items.empty() || node->items.size() > kMostWords)) {
    return refuse_value(context, *node, fields.what(key), fmt::format("1 to {} of them", kMostWords), allowed);
  }
  for (Text& text : read_texts(context, *node, fields.what(key), allowed)) {
    if (good(text.value)) {
      if (std::ranges::find(into, text.value) == into.end()) into.push_back(std::move(text.value));
      continue;
    }
    Mistake& mistake = context.report.add(text.mark, "bad-value", fields.what(key) + " has what it cannot have");
    mistake.found = fmt::format("'{}'", text.value);
    mistake.allowed = allowed;
  }
}

std::optional<KeyHost> key_host_of(std::string_view text, Port usual = {443}) {
  KeyHost host{.port = usual};
  if (const auto pair = split_host_port(text)) {
    host.host = lower_case(pair->host);
    host.port = pair->port;
  } else {
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    host.host = lower_case(text);
  }
  host.is_address = is_ipv4(host.host) || is_ipv6(host.host);
  if (!host.is_address && !is_host_name(host.host)) return std::nullopt;
  return host;
}

class ProviderReader {
 public:
  ProviderReader(Context& context, const Fields& fields, Provider& provider)
      : context_(context), fields_(fields), provider_(provider) {}

  void run() {
    if (const Node* keys = fields_.find("api_keys")) {
      read_api_keys(*keys);
      return refuse_beside("api_keys", {"client_certificates", "issuer", "audience", "jwks", "hosts", "rsa", "claims"});
    }
    if (const Node* certificates = fields_.find("client_certificates")) {
      read_client_certificates(*certificates);
      return refuse_beside("client_certificates", {"issuer", "audience", "jwks", "hosts", "rsa"});
    }
    fields_.require("issuer",
                    "the `iss` of its tokens: issuer: https://id.example (or 'api_keys', for keys of your own, or "
                    "'client_certificates')");
    fields_.require("audience", "the `aud` of tokens for this application: audience: shop");
    fields_.read_text_into("issuer", provider_.issuer);
    read_keys();
    read_words(context_, fields_, "audience", "shop or [shop, \"https://api.shop.example\"]", is_plain_value,
               provider_.audiences);
    read_words(context_, fields_, "claims", "names of claims: [tier, roles]", is_plain_value, provider_.claims);
    provider_.rsa_algorithm = kRsa.front();
    const auto rsa = fields_.text("rsa");
    if (!rsa) return;
    if (std::ranges::find(kRsa, rsa->value) != kRsa.end())
      provider_.rsa_algorithm = rsa->value;
    else
      refuse_value(context_, *fields_.find("rsa"), fields_.what("rsa"), "an algorithm of RSA keys",
                   fmt::format("{}", fmt::join(kRsa, ", ")));
  }

 private:
  void refuse_beside(std::string_view kind, std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) {
      if (!fields_.find(key)) continue;
      context_.report.add(fields_.mark(key), "auth", fmt::format("{} stands beside '{}'", fields_.what(key), kind))
          .help.emplace_back(
              "a provider has tokens, API keys or certificates: make two of it, a route can ask for both");
    }
  }

  void read_client_certificates(const Node& node) {
    const Fields fields(context_, node, Section::client_certificates, fields_.what("client_certificates"));
    ClientCertificates& words = provider_.client_certificates.emplace();
    if (!fields.readable()) return;
    fields.require("ca", "the certificates of those who sign them, in PEM: ca: pki/devices.pem");
    fields.read_text_into("ca", words.ca);
    if (const auto subject = fields.text("subject")) {
      words.subject = subject->value;
      if (std::ranges::find(kSubjects, words.subject) == kSubjects.end())
        refuse_value(context_, *fields.find("subject"), fields.what("subject"), "a kind of name",
                     fmt::format("{}", fmt::join(kSubjects, ", ")));
    }
    const auto known = [](std::string_view text) {
      return std::ranges::find(kOfCertificates, text) != kOfCertificates.end();
    };
    read_words(context_, fields_, "claims", fmt::format("{}", fmt::join(kOfCertificates, ", ")), known,
               provider_.claims);
  }

  // Where its public keys are: in a file, at a URL, or where the issuer says.
  void read_keys() {
    const auto jwks = fields_.text("jwks");
    const bool at_url = jwks && jwks->value.find("://") != std::string::npos;
    if (jwks && !at_url) {
      provider_.jwks = jwks->value;
    } else if (jwks) {
      provider_.jwks_url = jwks->value;
      if (auto host = host_of_url(jwks->value))
        provider_.hosts.push_back(std::move(*host));
      else
        refuse_value(context_, *fields_.find("jwks"), fields_.what("jwks"), "a file or an https URL",
                     "id/jwks.json or https://id.example/keys");
    } else if (fields_.find("issuer")) {
      if (auto host = host_of_url(provider_.issuer); host && host->tls)
        provider_.hosts.push_back(std::move(*host));
      else
        fields_.require("jwks", "the file or URL of its public keys, as the issuer is no https URL that could tell");
    }
    const Node* hosts = fields_.find("hosts");
    if (!hosts) return;
    if (!provider_.jwks.empty()) {
      context_.report
          .add(fields_.mark("hosts"), "auth",
               fields_.what("hosts") + " is for keys that are fetched, and 'jwks' is a file")
          .help.emplace_back("remove one of them");
    }
    for (const Text& text : read_texts(context_, *hosts, fields_.what("hosts"), "keys.example or keys.example:8443")) {
      if (auto host = key_host_of(text.value))
        provider_.hosts.push_back(std::move(*host));
      else
        refuse_value(context_, *hosts, fields_.what("hosts"), "hosts, each a name or address",
                     "keys.example or keys.example:8443");
    }
  }

  void read_api_keys(const Node& node) {
    if (node.kind != Node::Kind::map || node.entries.empty() || node.entries.size() > kMostKeys) {
      return refuse_value(context_, node, fields_.what("api_keys"), fmt::format("a map of 1 to {} keys", kMostKeys),
                          "{acme: {hash: \"sha256:...\"}}, as `bulkhead api-key acme` prints it");
    }
    for (const Entry& entry : node.entries) read_api_key(entry);
  }

  void read_api_key(const Entry& entry) {
    if (!is_key_id(entry.key)) {
      Mistake& mistake =
          context_.report.add(entry.mark, "bad-name", fmt::format("'{}' cannot be an API key's id", entry.key));
      mistake.allowed = fmt::format("1 to {} of a-z, 0-9 and '-'", kLongestKeyId);
      return;
    }
    // The key itself, where its hash should stand, is a secret in a file: it is not shown.
    for (const Entry& member : entry.value->entries)
      if (member.key != "scopes" && member.key != "expires" && member.key != "limit")
        context_.report.hide(member.value->mark);
    Fields fields(context_, *entry.value, Section::api_key, fmt::format("API key '{}'", entry.key), entry.mark);
    if (!fields.readable()) return;
    ApiKey key{.id = entry.key};
    fields.require("hash", "the hash of its secret: `bulkhead api-key` makes a key and prints it");
    if (const auto hash = fields.text("hash")) {
      if (is_hash(hash->value))
        key.hash = hash->value;
      else
        context_.report.add(hash->mark, "bad-value", fields.what("hash") + " is no hash").allowed = kHashAllowed;
    }
    read_words(context_, fields, "scopes", "words: [orders:read]", is_scope, key.scopes);
    if (const auto expires = fields.text("expires")) {
      key.expires = read_expiry(expires->value);
      if (!key.expires)
        refuse_value(context_, *fields.find("expires"), fields.what("expires"), "a date or a time",
                     "2027-01-31 or 2027-01-31T12:00:00Z");
    }
    if (const Node* limit = fields.find("limit")) {
      key.limits = read_limits(context_, *limit, fields.what("limit"));
      if (std::ranges::any_of(key.limits, [](const Limit& each) { return each.per != Limit::Per::all; })) {
        context_.report.add(limit->mark, "bad-value", fields.what("limit") + " says 'per'").allowed = kKeyLimitAllowed;
      }
    }
    provider_.api_keys.push_back(std::move(key));
  }

  Context& context_;
  const Fields& fields_;
  Provider& provider_;
};

void read_by(Context& context, const Node& node, const std::string& what, const std::vector<Provider>& providers,
             Auth& auth) {
  if (node.kind == Node::Kind::list && (node.items.empty() || node.items.size() > kMostProviders))
    return refuse_value(context, node, what, fmt::format("1 to {} providers", kMostProviders));
  std::vector<std::string> names;
  for (const Provider& provider : providers) names.push_back(provider.name);
  for (Text& text : read_texts(context, node, what, "the name of a provider")) {
    if (std::ranges::find(names, text.value) != names.end()) {
      if (std::ranges::find(auth.by, text.value) == auth.by.end()) auth.by.push_back(std::move(text.value));
      continue;
    }
    Mistake& mistake =
        context.report.add(text.mark, "no-such-provider", fmt::format("no provider is named '{}'", text.value));
    mistake.did_you_mean = nearest(text.value, names);
    if (names.empty())
      mistake.help.emplace_back(
          "name one in 'auth' of the manifest: auth: {customers: {issuer: ..., audience: ..., jwks: FILE}}");
    else
      mistake.allowed = fmt::format("{}", fmt::join(names, ", "));
  }
}

bool all_by_certificate(const Auth& auth, const std::vector<Provider>& providers) {
  return !auth.by.empty() && std::ranges::all_of(auth.by, [&](const std::string& name) {
    const auto found = std::ranges::find(providers, name, &Provider::name);
    return found != providers.end() && found->client_certificates;
  });
}

}  // namespace

std::optional<KeyHost> host_of_url(std::string_view url) {
  constexpr std::string_view kHttps = "https://";
  constexpr std::string_view kHttp = "http://";
  const bool tls = url.starts_with(kHttps);
  if (!tls && !url.starts_with(kHttp)) return std::nullopt;
  const std::string_view rest = url.substr(tls ? kHttps.size() : kHttp.size());
  auto host = key_host_of(rest.substr(0, rest.find_first_of("/?#")), Port{static_cast<std::uint16_t>(tls ? 443 : 80)});
  if (!host || url.find('#') != std::string_view::npos || !is_plain_value(url)) return std::nullopt;
  host->tls = tls;
  const bool loopback = host->host == "::1" || (host->is_address && host->host.starts_with("127."));
  return tls || loopback ? host : std::nullopt;
}

void read_providers(Context& context, const Node& node, Application& application) {
  if (node.kind != Node::Kind::map || node.entries.empty() || node.entries.size() > kMostProviders) {
    return refuse_value(context, node, "'auth' of the manifest",
                        fmt::format("a map of 1 to {} providers", kMostProviders),
                        "{customers: {issuer: https://id.example, audience: shop, jwks: id/jwks.json}}");
  }
  for (const Entry& entry : node.entries) {
    if (entry.key == kNone) {
      context.report.add(entry.mark, "bad-name", "'none' cannot be a provider: a route says it to ask for nobody");
      continue;
    }
    if (!check_name(context, entry.mark, entry.key, "a provider")) continue;
    const Fields fields(context, *entry.value, Section::provider, fmt::format("provider '{}'", entry.key), entry.mark);
    if (!fields.readable()) continue;
    Provider provider{.name = entry.key, .position = context.report.position(entry.mark)};
    ProviderReader(context, fields, provider).run();
    application.auth.push_back(std::move(provider));
  }
}

void read_auth(Context& context, const Fields& fields, const std::vector<Provider>& providers,
               std::optional<Auth>& into) {
  const Node* node = fields.find("auth");
  if (!node) return;
  Auth& auth = into.emplace();
  if (node->kind == Node::Kind::map) {
    const Fields words(context, *node, Section::auth, fields.what("auth"));
    words.require("by", "who vouches for whoever comes: by: customers");
    if (const Node* by = words.find("by")) read_by(context, *by, words.what("by"), providers, auth);
    words.read_bool_into("optional", auth.optional);
    read_words(context, words, "scopes", "words: [orders:read]", is_scope, auth.scopes);
    if (!auth.scopes.empty() && all_by_certificate(auth, providers)) {
      context.report.add(words.mark("scopes"), "auth", "nobody has scopes by a client certificate")
          .help.emplace_back("write a condition: when: 'user.sub in [...]'");
    }
    if (!auth.optional || auth.scopes.empty()) return;
    context.report.add(words.mark("optional"), "auth", "who brings nothing passes, and who brings too little does not")
        .help.emplace_back("write 'scopes' or 'optional', or a condition: when: 'user.sub != \"\"'");
    return;
  }
  if (node->kind == Node::Kind::scalar) {
    const auto text = read_text(context, *node, fields.what("auth"));
    if (text && text->value == kNone) return;
  }
  read_by(context, *node, fields.what("auth"), providers, auth);
}

}  // namespace bulkhead::manifest
