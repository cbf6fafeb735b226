#include "manifest/secret_form.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/ascii.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::string_view kAsterisks = "***";
constexpr std::string_view kDashes = "-----";
constexpr std::size_t kLongestToken = 512;  // as much as is looked at of one

enum class Alphabet : std::uint8_t { capitals, hexadecimal, letters, words };

bool is_of(Alphabet alphabet, char c) {
  switch (alphabet) {
    case Alphabet::capitals: return is_digit(c) || (c >= 'A' && c <= 'Z');
    case Alphabet::hexadecimal: return is_hex(c);
    case Alphabet::letters: return is_digit(c) || is_letter(c);
    case Alphabet::words: return is_digit(c) || is_letter(c) || c == '_' || c == '-';
  }
  return false;
}

bool is_word(char c) { return is_of(Alphabet::words, c); }
bool is_base64(char c) { return is_word(c) || c == '+' || c == '/'; }

template <typename Predicate>
std::size_t run(std::string_view text, std::size_t from, Predicate is_part) {
  std::size_t end = std::min(from, text.size());
  while (end < text.size() && is_part(text[end])) ++end;
  return end - std::min(from, text.size());
}

// How a maker of tokens writes them: the beginning, then so many characters of an alphabet.
struct TokenForm {
  std::string_view begin;
  std::size_t least;
  Alphabet alphabet;
  std::string_view why;
};

constexpr std::string_view kAws = "it is an AWS access key";
constexpr std::string_view kGitHub = "it is a GitHub token";
constexpr std::string_view kGitLab = "it is a GitLab token";
constexpr std::string_view kSlack = "it is a Slack token";
constexpr std::string_view kStripe = "it is a Stripe key";
constexpr std::string_view kGoogle = "it is a Google key";
constexpr std::string_view kDigitalOcean = "it is a DigitalOcean token";
constexpr std::string_view kShopify = "it is a Shopify token";
constexpr std::string_view kVault = "it is a Vault token";
constexpr std::string_view kRegistry = "it is a token of a package registry";
constexpr std::string_view kService = "it is a token of a service";

constexpr auto kTokenKinds = std::to_array<TokenForm>({
    {"AKIA", 16, Alphabet::capitals, kAws},
    {"ASIA", 16, Alphabet::capitals, kAws},
    {"ghp_", 36, Alphabet::letters, kGitHub},
    {"gho_", 36, Alphabet::letters, kGitHub},
    {"ghu_", 36, Alphabet::letters, kGitHub},
    {"ghs_", 36, Alphabet::letters, kGitHub},
    {"ghr_", 36, Alphabet::letters, kGitHub},
    {"github_pat_", 60, Alphabet::words, kGitHub},
    {"glpat-", 20, Alphabet::words, kGitLab},
    {"gldt-", 20, Alphabet::words, kGitLab},
    {"glrt-", 20, Alphabet::words, kGitLab},
    {"glptt-", 40, Alphabet::words, kGitLab},
    {"xoxb-", 20, Alphabet::words, kSlack},
    {"xoxp-", 20, Alphabet::words, kSlack},
    {"xoxa-", 20, Alphabet::words, kSlack},
    {"xoxr-", 20, Alphabet::words, kSlack},
    {"xoxs-", 20, Alphabet::words, kSlack},
    {"xapp-", 30, Alphabet::words, kSlack},
    {"sk_live_", 16, Alphabet::letters, kStripe},
    {"sk_test_", 16, Alphabet::letters, kStripe},
    {"rk_live_", 16, Alphabet::letters, kStripe},
    {"rk_test_", 16, Alphabet::letters, kStripe},
    {"whsec_", 24, Alphabet::letters, kStripe},
    {"AIza", 35, Alphabet::words, kGoogle},
    {"GOCSPX-", 24, Alphabet::words, kGoogle},
    {"ya29.", 30, Alphabet::words, kGoogle},
    {"dop_v1_", 64, Alphabet::hexadecimal, kDigitalOcean},
    {"doo_v1_", 64, Alphabet::hexadecimal, kDigitalOcean},
    {"dor_v1_", 64, Alphabet::hexadecimal, kDigitalOcean},
    {"shpat_", 32, Alphabet::hexadecimal, kShopify},
    {"shpss_", 32, Alphabet::hexadecimal, kShopify},
    {"shpca_", 32, Alphabet::hexadecimal, kShopify},
    {"hvs.", 24, Alphabet::words, kVault},
    {"hvb.", 24, Alphabet::words, kVault},
    {"npm_", 36, Alphabet::letters, kRegistry},
    {"pypi-AgEI", 50, Alphabet::words, kRegistry},
    {"dckr_pat_", 24, Alphabet::words, kRegistry},
    {"rubygems_", 48, Alphabet::hexadecimal, kRegistry},
    {"hf_", 34, Alphabet::letters, kService},
    {"glsa_", 32, Alphabet::words, kService},
    {"lin_api_", 32, Alphabet::letters, kService},
    {"sk-ant-", 32, Alphabet::words, kService},
    {"sk-proj-", 32, Alphabet::words, kService},
});

// "sk_live_xxxxxxxxxxxxxxxx", as documentation has it.
bool is_filler(std::string_view text) {
  const char first = text.front();
  return (lower(first) == 'x' || first == '0') && std::ranges::all_of(text, [&](char c) { return c == first; });
}

class Forms {
 public:
  explicit Forms(std::string_view text) : text_(text) {}

  std::vector<SecretForm> run_all() {
    find_private_keys();
    find_encoded_private_keys();
    find_words();
    find_credentials("Bearer ");
    find_credentials("Basic ");
    find_passwords_in_urls();
    return std::move(found_);
  }

 private:
  void add(std::string_view why, std::string_view name, std::size_t begin, std::size_t end, bool is_key = false) {
    found_.push_back({why, name, begin, end, is_key});
  }

  void add_private_key(std::size_t begin, std::size_t end) {
    add("it is a private key", "private_key", begin, end, true);
  }

  // "-----BEGIN RSA PRIVATE KEY-----" up to its end, if it has one: what else begins a PEM is public.
  void find_private_keys() {
    constexpr std::string_view kBegin = "-----BEGIN ";
    constexpr std::string_view kEnd = "-----END ";
    // The rest of one that was cut off, where YAML took its first line for something else.
    const std::size_t first_end = text_.find(kEnd);
    if (first_end < text_.find(kBegin)) {
      const std::string_view label = label_at(first_end + kEnd.size());
      if (label.ends_with("PRIVATE KEY"))
        add_private_key(0, std::min(first_end + kEnd.size() + label.size() + kDashes.size(), text_.size()));
    }
    for (std::size_t at = text_.find(kBegin); at != std::string_view::npos; at = text_.find(kBegin, at)) {
      const std::string_view label = label_at(at + kBegin.size());
      if (!label.ends_with("PRIVATE KEY") && !label.ends_with("PRIVATE KEY BLOCK")) {
        at += kBegin.size();
        continue;
      }
      const std::size_t end = text_.find(kEnd, at);
      const std::size_t behind =
          end == std::string_view::npos ? end : end + kEnd.size() + label.size() + kDashes.size();
      add_private_key(at, std::min(behind, text_.size()));
      at = found_.back().end;
    }
    const std::size_t putty = text_.find("PuTTY-User-Key-File-");
    if (putty != std::string_view::npos) add_private_key(putty, text_.size());
  }

  std::string_view label_at(std::size_t at) const {
    constexpr std::size_t kLongestLabel = 64;
    const std::string_view rest = text_.substr(at, kLongestLabel);
    const std::size_t end = rest.find(kDashes);
    return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
  }

  // The same in base64, as a secret of Kubernetes or a variable of one line has it.
  void find_encoded_private_keys() {
    constexpr std::string_view kBegin = "LS0tLS1CRUdJTi";  // "-----BEGIN "
    for (std::size_t at = text_.find(kBegin); at != std::string_view::npos; at = text_.find(kBegin, at)) {
      const std::size_t end = at + run(text_, at, is_base64);
      const std::string front = decoded(text_.substr(at, std::min(end - at, std::size_t{96})));
      if (front.find("PRIVATE KEY") != std::string::npos) add_private_key(at, end);
      at = end;
    }
  }

  // As far as it is base64, of either alphabet.
  static std::string decoded(std::string_view text) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string result;
    std::uint32_t bits = 0;
    int count = 0;
    for (char c : text) {
      const std::size_t digit = kDigits.find(c == '-' ? '+' : c == '_' ? '/' : c);
      if (digit == std::string_view::npos) break;
      bits = (bits << 6U) | static_cast<std::uint32_t>(digit);
      count += 6;
      if (count < 8) continue;
      count -= 8;
      result += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xffU);
    }
    return result;
  }

  // Tokens begin where a word does.
  void find_words() {
    for (std::size_t at = 0; at < text_.size(); ++at) {
      if (!is_word(text_[at]) || (at > 0 && is_word(text_[at - 1]))) continue;
      const bool found = find_token(at) || find_jwt(at) || find_sendgrid(at) || find_mixed_key(at);
      if (found) at = found_.back().end - 1;
    }
  }

  bool find_token(std::size_t at) {
    const std::string_view rest = text_.substr(at, kLongestToken);
    return std::ranges::any_of(kTokenKinds, [&](const TokenForm& kind) {
      if (!rest.starts_with(kind.begin)) return false;
      const std::size_t length = run(rest, kind.begin.size(), [&](char c) { return is_of(kind.alphabet, c); });
      const bool fits = kind.why == kAws ? length == kind.least : length >= kind.least;
      if (!fits || is_filler(rest.substr(kind.begin.size(), length))) return false;
      add(kind.why, "token", at, at + kind.begin.size() + length);
      return true;
    });
  }

  // Three parts of base64url, the first the JSON object {"...
  bool find_jwt(std::size_t at) {
    constexpr std::size_t kShortestHeader = 12;
    constexpr std::size_t kShortestPart = 4;
    constexpr std::size_t kShortestSignature = 8;
    if (!text_.substr(at).starts_with("eyJ")) return false;
    const std::size_t header = run(text_, at, is_word);
    const std::size_t second = at + header + 1;
    if (header < kShortestHeader || !is_dot(second - 1)) return false;
    const std::size_t payload = run(text_, second, is_word);
    const std::size_t third = second + payload + 1;
    if (payload < kShortestPart || !is_dot(third - 1)) return false;
    const std::size_t signature = run(text_, third, is_word);
    if (signature < kShortestSignature) return false;
    add("it is a JSON Web Token", "token", at, third + signature);
    return true;
  }

  bool is_dot(std::size_t at) const { return at < text_.size() && text_[at] == '.'; }

  // "SG.", 22 characters, "." and 43 more.
  bool find_sendgrid(std::size_t at) {
    constexpr std::size_t kId = 22;
    constexpr std::size_t kKey = 43;
    if (!text_.substr(at).starts_with("SG.") || run(text_, at + 3, is_word) != kId || !is_dot(at + 3 + kId))
      return false;
    const std::size_t key = at + 3 + kId + 1;
    if (run(text_, key, is_word) != kKey) return false;
    add("it is a SendGrid key", "token", at, key + kKey);
    return true;
  }

  // "sk-" begins words as well: only what mixes capitals, small letters and digits is a key.
  bool find_mixed_key(std::size_t at) {
    constexpr std::size_t kShortest = 32;
    if (!text_.substr(at).starts_with("sk-")) return false;
    const std::size_t length = run(text_, at + 3, is_word);
    const std::string_view key = text_.substr(at + 3, length);
    const bool mixed = std::ranges::any_of(key, is_digit) &&
                       std::ranges::any_of(key, [](char c) { return c >= 'a' && c <= 'z'; }) &&
                       std::ranges::any_of(key, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (length < kShortest || !mixed) return false;
    add("it is a key of a service", "token", at, at + 3 + length);
    return true;
  }

  // What stands in an Authorization field behind `scheme`.
  void find_credentials(std::string_view scheme) {
    for (std::size_t at = text_.find(scheme); at != std::string_view::npos; at = text_.find(scheme, at)) {
      const std::size_t begin = at + scheme.size();
      const std::size_t end = begin + run(text_, begin, [](char c) { return is_base64(c) || c == '.' || c == '~'; });
      const std::string_view value = text_.substr(begin, end - begin);
      if (scheme == "Basic " && is_user_and_password(value))
        add("it is a name with its password", "password", begin, end);
      else if (scheme == "Bearer " && is_bearer_token(value))
        add("it is a bearer token", "token", begin, end);
      at = end;
    }
  }

  static bool is_user_and_password(std::string_view value) {
    const std::string text = decoded(value);
    const std::size_t colon = text.find(':');
    return colon != std::string::npos && colon + 1 < text.size() &&
           std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  }

  // No word of a sentence: "Bearer authentication is asked for".
  static bool is_bearer_token(std::string_view value) {
    constexpr std::size_t kShortest = 16;
    return value.size() >= kShortest && std::ranges::any_of(value, is_digit) && std::ranges::any_of(value, is_letter);
  }

  // scheme://user:password@host
  void find_passwords_in_urls() {
    constexpr std::string_view kBehindScheme = "://";
    for (std::size_t at = text_.find(kBehindScheme); at != std::string_view::npos; at = text_.find(kBehindScheme, at)) {
      const bool has_scheme = at > 0 && (is_letter(text_[at - 1]) || is_digit(text_[at - 1]));
      at += kBehindScheme.size();
      const std::size_t end = std::min(text_.find_first_of("/?#; \t\r\n\"'`|\\", at), text_.size());
      if (has_scheme) find_password(at, end);
      at = end;
    }
  }

  void find_password(std::size_t begin, std::size_t end) {
    const std::string_view authority = text_.substr(begin, end - begin);
    const std::size_t host = authority.rfind('@');
    if (host == std::string_view::npos) return;
    const std::size_t colon = authority.substr(0, host).find(':');
    if (colon == std::string_view::npos) return;
    const std::string_view password = authority.substr(colon + 1, host - colon - 1);
    if (password.empty() || is_placeholder(password) || password.find("${") != std::string_view::npos) return;
    add("it is a URL with a password", "password", begin + colon + 1, begin + host);
  }

  std::string_view text_;
  std::vector<SecretForm> found_;
};

}  // namespace

bool is_placeholder(std::string_view value) {
  if (std::ranges::all_of(value, [](char c) { return c == '*'; })) return true;
  const char next = value.size() > 1 ? value[1] : '\0';
  if (value.front() == '`') return true;  // a shell puts in what a command says
  if (value.front() == '$') return is_letter(next) || next == '_' || next == '{' || next == '(';
  const std::string_view pairs = "<>{}%%[]";
  const std::size_t opens = pairs.find(value.front());
  return value.size() > 2 && opens != std::string_view::npos && opens % 2 == 0 && value.back() == pairs[opens + 1];
}

std::vector<SecretForm> secret_forms(std::string_view text) { return Forms(text).run_all(); }

std::string without(std::string_view text, std::vector<SecretForm> forms) {
  std::ranges::sort(forms, {}, &SecretForm::begin);
  std::string result;
  std::size_t at = 0;
  for (const SecretForm& form : forms) {
    if (form.begin >= at) {
      result += text.substr(at, form.begin - at);
      result += kAsterisks;
    }
    at = std::max(at, form.end);
  }
  result += text.substr(at);
  return result;
}

}  // namespace bulkhead::manifest
