#pragma once

// What a service writes, kept as JSON lines {"time","stream","line"} in a file of bounded size with a bounded number of
// predecessors. Bytes that aren't UTF-8 become U+FFFD. For one thread. A full or broken disk loses lines, never blocks
// the service. Its directory says who besides the launcher may read it (control/places.hpp).

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Cuts a stream of bytes into lines. A line longer than kLongestLine comes in pieces.
class LineCutter {
 public:
  static constexpr std::size_t kLongestLine = 256U << 10U;

  template <class Sink>  // void(std::string_view line)
  void add(std::string_view bytes, Sink&& sink) {
    while (!bytes.empty()) {
      const std::size_t room = kLongestLine - rest_.size();
      const std::size_t end = bytes.substr(0, room).find('\n');
      if (end == std::string_view::npos && bytes.size() < room) return void(rest_.append(bytes));
      const std::size_t size = end == std::string_view::npos ? room : end;
      emit(bytes.substr(0, size), sink);
      bytes.remove_prefix(end == std::string_view::npos ? size : size + 1);
    }
  }
  const std::string& rest() const { return rest_; }
  // What stands there without a line's end.
  template <class Sink>
  void finish(Sink&& sink) {
    if (!rest_.empty()) emit({}, sink);
  }

 private:
  template <class Sink>
  void emit(std::string_view tail, Sink& sink) {
    if (rest_.empty()) return void(sink(tail));
    rest_.append(tail);
    sink(std::string_view(rest_));
    // An idle keeper keeps no large buffer.
    if (rest_.capacity() > 4096) rest_.shrink_to_fit();
    rest_.clear();
  }
  std::string rest_;
};

class LogFile {
 public:
  using Time = std::chrono::system_clock::time_point;
  explicit LogFile(LogSpec spec) : spec_(std::move(spec)) {}

  // Lines wait for flush(); one write for all of them.
  void add(Time now, std::string_view stream, std::string_view line);
  void flush();

 private:
  void rotate();
  LogSpec spec_;
  Fd file_;
  std::uint64_t size_ = 0;
  std::string pending_;
};

// "2026-01-31T23:59:59.999Z"
std::string format_time(LogFile::Time time);

}  // namespace bulkhead::compartments
