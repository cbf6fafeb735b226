#include "manifest/utf8.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace bulkhead::manifest {

namespace {

unsigned char byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

bool is_bad_control(std::string_view text) {
  unsigned char c = byte_at(text, 0);
  bool c1 = c == 0xc2 && text.size() > 1 && byte_at(text, 1) < 0xa0;
  return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f || c1;
}

}  // namespace

std::size_t first_bad_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    std::string_view rest = text.substr(i);
    std::size_t length = utf8_length(rest);
    if (length == 0 || is_bad_control(rest)) return i;
    i += length;
  }
  return std::string_view::npos;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

}  // namespace bulkhead::manifest
