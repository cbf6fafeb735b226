#pragma once

// Text as lines, words and numbers.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::scaffold {

std::vector<std::string_view> lines_of(std::string_view text);  // without their ends
std::string_view trimmed(std::string_view text);
std::string lower(std::string_view text);
std::string upper(std::string_view text);
bool contains(std::string_view text, std::string_view part);
template <class List>
bool is_one_of(std::string_view word, const List& list) {
  return std::ranges::find(list, word) != list.end();
}
bool contains_any(std::string_view text, std::initializer_list<std::string_view> parts);
std::vector<std::string> split(std::string_view text, std::string_view between);  // no empty ones
std::string joined(const std::vector<std::string>& words, std::string_view between);
std::string replaced(std::string text, std::string_view from, std::string_view to);
// A whole number without sign or leading zero.
std::optional<std::uint64_t> number_of(std::string_view text);
std::optional<std::uint16_t> port_of(std::string_view text);
// The port that `text` begins with, where it is followed by no further digit, letter or dot.
std::optional<std::uint16_t> port_at(std::string_view text);
// A letter, digit, '-', '_' or '.'.
bool is_host_letter(char c);
// One word for a shell.
std::string shell_word(std::string_view text);
// "a/b" of "./a//b/"; `..` is resolved as far as the path goes, nothing where it leads out.
std::optional<std::string> tidy_path(std::string_view path);
std::string base_name(std::string_view path);
std::string directory_of(std::string_view path);  // "" where there is none
std::string join_path(std::string_view directory, std::string_view name);

}  // namespace bulkhead::scaffold
