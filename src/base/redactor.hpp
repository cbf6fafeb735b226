#pragma once

// Takes the values of secrets out of text that is about to be written down. Pure; one that is not changed any more may
// be used by several threads.
//
// A value is found as it is: what a program prints in another encoding (base64, quoted, a part of it) is not known as
// one. The time is linear in the text, and the number of values hardly counts.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bulkhead {

class Redactor {
 public:
  static constexpr std::size_t kShortest = 8;  // a shorter value stands in much that is none
  static constexpr std::size_t kPiece = 1024;  // a longer line is known by its pieces

  Redactor() = default;
  // A value that stands in one of `public_names` is left as it is: whoever reads "[secret db]" where a name was known
  // to be would know the secret.
  explicit Redactor(std::vector<std::string> public_names) : public_names_(std::move(public_names)) {}

  // The content of the secret `name`: from now on each of its lines is a value, without outer blanks, if it is not
  // shorter than kShortest. The lines that frame a PEM block are none.
  void add(const std::string& name, std::string_view content);
  bool empty() const { return values_.empty(); }
  // Every value, with the secret's name.
  void each(const std::function<void(const std::string&, std::string_view)>& visit) const {
    for (const auto& [value, name] : values_) visit(name, value);
  }

  // The text with "[secret NAME]" in the place of each value; of two that begin at one place, of the longer.
  std::string redact(std::string_view text) const;

  // The same for a text that comes in parts: `held` is what an earlier part ended with and may be the beginning of a
  // value, fewer than 2 * kPiece octets of one line.
  std::string redact_part(std::string& held, std::string_view part) const;

 private:
  using Values = std::map<std::string, std::string, std::less<>>;  // to the secret's name
  struct Found {
    const Values::value_type* value = nullptr;  // stands there as a whole
    bool may_go_on = false;                     // a longer one may, if more follows
  };
  void add_value(const std::string& name, std::string_view text);
  const Values::value_type* longest_at(std::string_view rest) const;
  Found find(std::string_view rest) const;
  std::size_t run(std::string_view text, bool ends, std::string& into) const;

  Values values_;
  std::unordered_set<std::uint64_t> firsts_;  // the first octets of each
  std::array<bool, 256> begins_{};            // a value begins with that octet
  std::vector<std::string> public_names_;
};

}  // namespace bulkhead
