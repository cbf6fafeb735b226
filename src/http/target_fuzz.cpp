#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "http/h1_decoder.hpp"
#include "http/octets.hpp"
#include "http/target.hpp"

// What is accepted has one reading: decoding its escapes and removing its dot segments (RFC 3986 §5.2.4) leave the same
// segments, and a request with it says the same bytes again.
namespace {

using namespace bulkhead::http;

std::vector<std::string> segments(std::string_view path) {
  std::vector<std::string> found;
  for (path.remove_prefix(1);; path.remove_prefix(1)) {
    const std::size_t end = std::min(path.find('/'), path.size());
    found.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
    if (path.empty()) return found;
  }
}

std::string unescape(std::string_view path) {
  std::string text;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      text += path[i];
    } else {
      text += static_cast<char>(hex_value(path[i + 1]) * 16 + hex_value(path[i + 2]));
      i += 2;
    }
  }
  return text;
}

void check_path(std::string_view path) {
  const std::string decoded = unescape(path);
  if (decoded.find_first_of(std::string_view("\0\\\r\n", 4)) != std::string::npos) std::abort();
  const auto raw = segments(path);
  const auto plain = segments(decoded);
  if (raw.size() != plain.size()) std::abort();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (plain[i] == "." || plain[i] == ".." || (plain[i].empty() && i + 1 < raw.size())) std::abort();
    if (unescape(raw[i]) != plain[i]) std::abort();
  }
}

void check_authority(std::string_view text) {
  if (!is_authority(text)) return;
  H1Decoder decoder(H1Decoder::Role::request);
  const std::string request = "GET / HTTP/1.1\r\nHost: " + std::string(text) + "\r\n\r\n";
  if (decoder.decode(request).kind != H1Step::Kind::head || decoder.request().authority != text) std::abort();
  if (text.find_first_of("/?#@\\ ,%") != std::string_view::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_authority(text);
  const auto target = check_target(text);
  if (!target) return 0;
  const bool has_query = target->path.size() < text.size();
  if (std::string(target->path) + (has_query ? "?" : "") + std::string(target->query) != text) std::abort();
  check_path(target->path);
  H1Decoder decoder(H1Decoder::Role::request);
  const std::string request = "GET " + std::string(text) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  if (decoder.decode(request).kind != H1Step::Kind::head || decoder.request().target != text) std::abort();
  return 0;
}
