#include "identity/spiffe_id.hpp"

#include <algorithm>

namespace bulkhead::identity {
namespace {

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_domain_byte(char c) { return is_lower_or_digit(c) || c == '.' || c == '-' || c == '_'; }
bool is_path_byte(char c) { return is_domain_byte(c) || (c >= 'A' && c <= 'Z'); }

// It goes to logs, and may come from a stranger.
std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 128;
  std::string shown(text.substr(0, kShown));
  std::ranges::replace_if(shown, [](char c) { return c < 0x20 || c > 0x7E; }, '?');
  if (text.size() > kShown) shown += "...";
  return shown;
}

Result<> check_segment(std::string_view segment) {
  if (segment.empty()) return fail(Cause::invalid, "an empty path segment");
  if (segment == "." || segment == "..") return fail(Cause::invalid, "the path segment \"{}\"", segment);
  if (std::ranges::all_of(segment, &is_path_byte)) return {};
  return fail(Cause::invalid, "a path segment may have letters, digits, '.', '-' and '_', unlike \"{}\"",
              printable(segment));
}

Result<> check_path(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    if (const auto checked = check_segment(path.substr(0, end)); !checked) return checked;
    path.remove_prefix(end);
  }
  return {};
}

struct TwoSegments {
  std::string_view first;
  std::string_view second;
};

TwoSegments split_in_two(std::string_view path) {
  if (path.empty()) return {};
  const std::size_t middle = path.find('/', 1);
  if (middle == std::string_view::npos || path.find('/', middle + 1) != std::string_view::npos) return {};
  return {path.substr(1, middle - 1), path.substr(middle + 1)};
}

}  // namespace

Result<> check_trust_domain(std::string_view trust_domain) {
  if (trust_domain.empty()) return fail(Cause::invalid, "the trust domain is empty");
  if (trust_domain.size() > kMaxTrustDomain)
    return fail(Cause::invalid, "the trust domain has over {} bytes", kMaxTrustDomain);
  if (std::ranges::all_of(trust_domain, &is_domain_byte)) return {};
  return fail(Cause::invalid, "a trust domain may have lower-case letters, digits, '.', '-' and '_', unlike \"{}\"",
              printable(trust_domain));
}

Result<SpiffeId> SpiffeId::parse(std::string_view text) {
  if (text.size() > kMaxSpiffeId)
    return fail(Cause::invalid, "a SPIFFE ID may have {} bytes, not {}", kMaxSpiffeId, text.size());
  const auto refuse = [&](std::string_view why) {
    return fail(Cause::invalid, "\"{}\" is not a SPIFFE ID: {}", printable(text), why);
  };
  if (!text.starts_with(kScheme)) return refuse("it does not begin with spiffe://");
  const std::string_view rest = text.substr(kScheme.size());
  const std::size_t domain_size = std::min(rest.find('/'), rest.size());
  if (const auto checked = check_trust_domain(rest.substr(0, domain_size)); !checked)
    return refuse(checked.error().message);
  if (const auto checked = check_path(rest.substr(domain_size)); !checked) return refuse(checked.error().message);
  return SpiffeId(std::string(text), domain_size);
}

Result<SpiffeId> SpiffeId::make(std::string_view trust_domain, std::string_view app, std::string_view service) {
  auto id = parse(fmt::format("{}{}/{}/{}", kScheme, trust_domain, app, service));
  // A slash inside a part would parse as another ID.
  if (id && (id->trust_domain() != trust_domain || id->app() != app || id->service() != service)) {
    return fail(Cause::invalid, "\"{}\" and \"{}\" are not an app and a service", printable(app), printable(service));
  }
  return id;
}

std::string_view SpiffeId::trust_domain() const {
  if (empty()) return {};
  return std::string_view(text_).substr(kScheme.size(), domain_size_);
}

std::string_view SpiffeId::path() const {
  if (empty()) return {};
  return std::string_view(text_).substr(kScheme.size() + domain_size_);
}

std::string_view SpiffeId::app() const { return split_in_two(path()).first; }
std::string_view SpiffeId::service() const { return split_in_two(path()).second; }

}  // namespace bulkhead::identity
