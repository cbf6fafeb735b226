#include "telemetry/secret_marks.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/ascii.hpp"
#include "telemetry/trace.hpp"

namespace bulkhead::telemetry {

namespace {

static_assert(SecretMarks::kShortest == sizeof(std::uint64_t));
constexpr std::string_view kUnnamed = "[secret]";
static_assert(kUnnamed.size() <= SecretMarks::kShortest);

// What hide() may spend, in octets of which codes are made, for each octet of its text.
constexpr std::size_t kEffort = 8;
constexpr std::size_t kMarksAnEffort = 64;  // one more for so many marks
constexpr std::size_t kLeastEffort = 4096;
constexpr std::size_t kCodeCost = 128;  // of a code by itself

std::string percent_encoded(std::string_view value, std::string_view kept) {
  std::string text;
  for (const char c : value) {
    const bool unreserved = is_letter(c) || is_digit(c) || std::string_view("-._~").find(c) != std::string_view::npos;
    if (unreserved || kept.find(c) != std::string_view::npos)
      text += c;
    else
      text += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return text;
}

std::string in_json(std::string_view value) {
  const std::string quoted = nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

std::string_view next_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void SecretMarks::set_key(const Key& key) {
  key_ = key;
  const Code code = code_of("bulkhead secret marks");
  std::memcpy(&factor_, code.data(), sizeof factor_);
  factor_ |= 1U;
}

SecretMarks::SecretMarks(const Key& key, const Redactor& secrets) {
  set_key(key);
  secrets.each([this](const std::string& name, std::string_view value) {
    if (size_ < kMost) add(name, value);
  });
}

SecretMarks::Code SecretMarks::code_of(std::string_view value) const {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> whole{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(value.data()),
       value.size(), whole.data(), &size);
  Code code;
  std::copy_n(whole.begin(), code.size(), code.begin());
  return code;
}

std::uint16_t SecretMarks::first_of(std::string_view octets) const {
  std::uint64_t first = 0;
  std::memcpy(&first, octets.data(), sizeof first);
  return static_cast<std::uint16_t>((first * factor_) >> 48U);
}

void SecretMarks::add(const std::string& name, std::string_view value) {
  for (const std::string& form :
       {std::string(value), in_json(value), percent_encoded(value, ""), percent_encoded(value, "/")})
    insert(first_of(form), {form.size(), code_of(form), name});
}

void SecretMarks::insert(std::uint16_t first, Mark mark) {
  known_.resize(0x10000 / 64);
  known_[first / 64] |= std::uint64_t{1} << (first % 64);
  std::vector<Mark>& marks = marks_[first];
  const auto same = [&](const Mark& each) { return each.size == mark.size && each.code == mark.code; };
  if (std::ranges::any_of(marks, same)) return;
  marks.insert(std::ranges::upper_bound(marks, mark, std::greater()), std::move(mark));
  ++size_;
}

const SecretMarks::Mark* SecretMarks::find(std::string_view rest, std::size_t& effort) const {
  std::size_t size = 0;
  Code code{};
  for (const Mark& mark : marks_.at(first_of(rest))) {  // those of one length after each other
    if (mark.size > rest.size()) continue;
    if (mark.size != size) {
      const std::size_t cost = mark.size + kCodeCost;
      if (effort < cost) return effort = 0, nullptr;
      effort -= cost;
      size = mark.size;
      code = code_of(rest.substr(0, size));
    }
    if (code == mark.code) return &mark;
  }
  return nullptr;
}

void SecretMarks::hide(std::string& text) const {
  if (marks_.empty()) return;
  // Several times what a text needs that has the 16 bits of marks by chance.
  std::size_t effort = kLeastEffort + text.size() * (kEffort + size_ / kMarksAnEffort);
  for (std::size_t at = 0; at + kShortest <= text.size();) {
    const std::string_view rest = std::string_view(text).substr(at);
    const std::uint16_t first = first_of(rest);
    const bool known = (known_[first / 64] >> (first % 64) & 1U) != 0;
    const Mark* found = known ? find(rest, effort) : nullptr;
    if (effort == 0) return text.replace(at, rest.size(), rest.size(), '*'), void();
    if (found == nullptr) {
      ++at;
      continue;
    }
    const std::string named = "[secret " + found->name + "]";
    const std::string_view shown = named.size() <= found->size ? std::string_view(named) : kUnnamed;
    text.replace(at, shown.size(), shown);
    text.replace(at + shown.size(), found->size - shown.size(), found->size - shown.size(), '*');
    at += found->size;
  }
}

std::string SecretMarks::text() const {
  if (marks_.empty()) return "";
  std::string text = hex(key_);
  for (const auto& [first, marks] : marks_)
    for (const Mark& mark : marks) text += fmt::format("\n{} {} {} {}", first, mark.size, hex(mark.code), mark.name);
  return text;
}

Result<SecretMarks> SecretMarks::from_texts(std::span<const std::string> texts) {
  SecretMarks marks;
  for (const std::string& text : texts)
    if (auto added = marks.add_text(text); !added) return fail(std::move(added.error()));
  return marks;
}

Result<> SecretMarks::add_text(std::string_view text) {
  const auto next_line = [&] {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
  };
  Key key{};
  if (!read_hex(next_line(), key)) return fail(Cause::invalid, "the marks of secrets begin with no key");
  if (marks_.empty()) set_key(key);
  if (key != key_) return fail(Cause::invalid, "the marks of secrets have two keys");
  while (!text.empty()) {
    std::string_view line = next_line();
    std::uint16_t first = 0;
    Mark mark;
    const bool whole = read_number(next_word(line), first) && read_number(next_word(line), mark.size) &&
                       mark.size >= kShortest && read_hex(next_word(line), mark.code) && !line.empty();
    if (!whole) return fail(Cause::invalid, "the marks of secrets have one that is none");
    mark.name = line;
    insert(first, std::move(mark));
  }
  return {};
}

}  // namespace bulkhead::telemetry
