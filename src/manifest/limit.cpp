#include "manifest/limit.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "manifest/field_names.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::uint32_t kMost = 1'000'000;
constexpr Duration kLongestWindow{86'400'000};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

bool read_count(std::string_view text, std::uint32_t& into) {
  const bool plain = !text.empty() && text.front() != '0';
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return plain && error == std::errc() && end == text.data() + text.size() && into <= kMost;
}

// "s", "m", "h", "10s"
bool read_window(std::string_view text, Duration& into) {
  const bool unit = !text.empty() && (text.front() < '0' || text.front() > '9');
  const auto parsed = parse_duration(unit ? "1" + std::string(text) : std::string(text));
  if (!parsed || *parsed <= Duration(0) || *parsed > kLongestWindow) return false;
  into = *parsed;
  return true;
}

// What stands behind the count. Takes the words that it understands from the front.
class Rest {
 public:
  Rest(Limit& limit, std::vector<std::string_view> words) : limit_(limit), words_(std::move(words)) {}

  bool read() {
    while (at_ < words_.size())
      if (!read_one()) return false;
    return true;
  }

 private:
  std::string_view word(std::size_t ahead = 0) const {
    return at_ + ahead < words_.size() ? words_[at_ + ahead] : std::string_view();
  }

  bool read_one() {
    if (word() == "per" && word(1) == "address" && once(per_)) {
      limit_.per = Limit::Per::address;
      at_ += 2;
      return true;
    }
    if (word() == "per" && word(1) == "user" && once(per_)) {
      limit_.per = Limit::Per::user;
      at_ += 2;
      return true;
    }
    if (word() == "per" && word(1) == "header" && once(per_)) {
      limit_.per = Limit::Per::header;
      limit_.header = lower_case(word(2));
      at_ += 3;
      return is_token(limit_.header) && !is_of_the_hop(limit_.header);
    }
    if (word() == "burst" && limit_.window > Duration(0) && once(burst_)) {
      const bool read = read_count(word(1), limit_.burst);
      at_ += 2;
      return read;
    }
    return false;
  }

  static bool once(bool& seen) { return !std::exchange(seen, true); }

  Limit& limit_;
  const std::vector<std::string_view> words_;
  std::size_t at_ = 0;
  bool per_ = false;
  bool burst_ = false;
};

bool read_limit(std::string_view text, Limit& limit) {
  std::vector<std::string_view> words = words_of(text);
  if (words.empty()) return false;
  const std::string_view first = words.front();
  const std::size_t slash = first.find('/');
  if (!read_count(first.substr(0, slash), limit.count)) return false;
  std::size_t taken = 1;
  if (slash != std::string_view::npos) {
    if (!read_window(first.substr(slash + 1), limit.window)) return false;
    limit.burst = limit.count;
  } else {
    if (words.size() < 3 || words[1] != "at" || words[2] != "once") return false;
    taken = 3;
  }
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(taken));
  return Rest(limit, std::move(words)).read();
}

}  // namespace

std::string_view to_string(Limit::Per per) {
  switch (per) {
    case Limit::Per::all: return "all";
    case Limit::Per::address: return "address";
    case Limit::Per::header: return "header";
    case Limit::Per::user: return "user";
  }
  return "all";
}

Result<Limit> parse_limit(std::string_view text) {
  Limit limit;
  if (!read_limit(text, limit)) return fail(Cause::invalid, "found '{}', allowed is {}", text, kLimitAllowed);
  return limit;
}

std::string to_string(const Limit& limit) {
  std::string text = limit.window == Duration(0) ? fmt::format("{} at once", limit.count)
                                                 : fmt::format("{}/{}", limit.count, to_string(limit.window));
  if (limit.per == Limit::Per::address) text += " per address";
  if (limit.per == Limit::Per::user) text += " per user";
  if (limit.per == Limit::Per::header) text += " per header " + limit.header;
  if (limit.burst != 0 && limit.burst != limit.count) text += fmt::format(" burst {}", limit.burst);
  return text;
}

}  // namespace bulkhead::manifest
