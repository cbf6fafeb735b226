#include "manifest/secret.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "manifest/secret_form.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::array<std::string_view, 10> kSecretEndings{"PASSWORD", "PASSWD",    "PASSPHRASE",  "SECRET",
                                                          "TOKEN",    "APIKEY",    "CREDENTIALS", "API_KEY",
                                                          "AUTH_KEY", "CREDENTIAL"};
constexpr std::array<std::string_view, 5> kKeyKinds{"PRIVATE_KEY", "ACCESS_KEY", "SECRET_KEY", "SIGNING_KEY",
                                                    "ENCRYPTION_KEY"};
constexpr std::array<std::string_view, 16> kKnownBeginnings{
    "AKIA",  "ASIA",     "ghp_",     "gho_",     "ghs_", "github_pat_", "glpat-", "xoxb-",
    "xoxp-", "sk_live_", "sk_test_", "rk_live_", "sk-",  "AIza",        "npm_",   "-----BEGIN "};
constexpr std::size_t kShortestKey = 16;

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

// Whether `name` is `word` or ends in "_" and it.
bool ends_in_word(std::string_view name, std::string_view word) {
  return name == word || (name.ends_with(word) && name[name.size() - word.size() - 1] == '_');
}

bool is_secret_name(std::string_view name) {
  std::string wanted = upper(name);
  if (wanted.ends_with("PASSWORD")) return true;  // of one word with what it is for: PGPASSWORD
  auto matches = [&](std::string_view word) { return ends_in_word(wanted, word); };
  return std::ranges::any_of(kSecretEndings, matches) || std::ranges::any_of(kKeyKinds, matches);
}

bool is_setting(std::string_view value) {
  bool number = std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
  const bool hidden = std::ranges::all_of(value, [](char c) { return c == '*'; });  // what is refused already
  return value.size() < 3 || hidden || value == "true" || value == "false" || value == "none" ||
         (number && value.size() < 6);
}

bool begins_like_key(std::string_view value) {
  bool known = std::ranges::any_of(kKnownBeginnings, [&](std::string_view begin) { return value.starts_with(begin); });
  bool token = value.starts_with("eyJ") && std::ranges::count(value, '.') == 2;
  return value.size() >= kShortestKey && (known || token);
}

// "scheme://user:password@host"
bool holds_password(std::string_view value) {
  std::size_t scheme = value.find("://");
  if (scheme == std::string_view::npos) return false;
  std::string_view authority = value.substr(scheme + 3);
  authority = authority.substr(0, authority.find('/'));
  std::size_t at = authority.rfind('@');
  std::size_t colon = authority.find(':');
  return at != std::string_view::npos && colon != std::string_view::npos && colon + 1 < at;
}

// Bits per byte.
double entropy(std::string_view text) {
  std::array<int, 256> counts{};
  for (char c : text) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (int count : counts) {
    if (count == 0) continue;
    double share = static_cast<double>(count) / static_cast<double>(text.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

bool is_random(std::string_view value) {
  constexpr double kRandom = 4.0;
  if (value.size() < 24 || value.size() > 512) return false;
  bool has_digit = false;
  bool has_letter = false;
  for (char c : value) {
    bool digit = c >= '0' && c <= '9';
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!digit && !letter && c != '+' && c != '=' && c != '_' && c != '-') return false;
    has_digit = has_digit || digit;
    has_letter = has_letter || letter;
  }
  bool hexadecimal = value.size() >= 32 && std::ranges::all_of(value, [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
                     });
  return has_digit && has_letter && (entropy(value) > kRandom || (hexadecimal && entropy(value) > 3.0));
}

}  // namespace

std::string_view to_string(Secret::Source source) {
  switch (source) {
    case Secret::Source::file: return "file";
    case Secret::Source::environment: return "environment";
    case Secret::Source::directory: return "directory";
  }
  return "file";
}

bool is_secret_by_name(std::string_view name, std::string_view value) {
  return is_secret_name(name) && !is_setting(value) && !value.starts_with('/');
}

std::string_view written_secret(std::string_view name, std::string_view value) {
  const auto forms = secret_forms(value);
  if (!forms.empty()) return forms.front().why;
  return is_secret_by_name(name, value) ? "by its name" : "";
}

std::string_view looks_secret(std::string_view name, std::string_view value) {
  if (begins_like_key(value)) return "it begins like a known kind of key";
  if (holds_password(value)) return "it holds a password";
  if (is_secret_by_name(name, value)) return "by its name";
  if (is_random(value)) return "it looks random";
  return "";
}

}  // namespace bulkhead::manifest
