#include "manifest/field_names.hpp"

#include <algorithm>
#include <array>

namespace bulkhead::manifest {

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  auto allowed = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  };
  return !text.empty() && std::ranges::all_of(text, allowed);
}

bool is_plain_value(std::string_view text) {
  auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  return !text.empty() && text.size() <= kLongestFieldValue && text.front() != ' ' && text.back() != ' ' &&
         std::ranges::all_of(text, printable);
}

bool is_of_the_hop(std::string_view name) {
  constexpr std::array<std::string_view, 11> kNames{
      "connection", "host",    "http2-settings", "keep-alive",        "proxy-authenticate", "proxy-authorization",
      "te",         "trailer", "upgrade",        "transfer-encoding", "proxy-connection"};
  return std::ranges::find(kNames, name) != kNames.end() || name.starts_with("x-bulkhead-");
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

}  // namespace bulkhead::manifest
