#pragma once

// Values as conditions compute with them: 24 bytes, copied freely, owning nothing. Strings, lists and maps are borrowed
// from the request, from the compiled expression or from the evaluation's arena.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "conditions/kind.hpp"

namespace bulkhead::conditions {

class Value;
struct MapEntry;

// How lists of one representation are read: one object for all of them, `list` is what Value::list() was given. Neither
// allocates nor throws; safe from any thread that may read the list.
class ListView {
 public:
  virtual std::size_t size(const void* list) const = 0;
  virtual Value at(const void* list, std::size_t index) const = 0;  // index < size()

 protected:
  ~ListView() = default;
};

// Likewise for maps. Keys are bool, int, uint or string; the order of entries is the same at each reading, and at()
// takes no time that grows with `index`.
class MapView {
 public:
  virtual std::size_t size(const void* map) const = 0;
  virtual std::optional<Value> find(const void* map, const Value& key) const = 0;
  virtual MapEntry at(const void* map, std::size_t index) const = 0;  // index < size()

 protected:
  ~MapView() = default;
};

// Why an expression has no value.
enum class Reason : std::uint8_t {
  no_such_overload,    // an operator or function has no meaning for these kinds of values
  no_such_key,         // a map has no such entry
  index_out_of_range,  // a list or string is not that long
  divided_by_zero,
  out_of_range,  // the result does not fit its type
  unreadable,    // a text is not what it is to be converted to
  not_utf8,
  absent,         // what the expression asks for is not known of this request
  later,          // it is known to whoever decides after this: it outlasts every other failure
  bad_key,        // a map's key is of no kind that keys are
  repeated_key,   // a map is written with a key twice
  bad_zone,       // neither UTC nor a fixed offset
  too_deep,       // lists and maps are nested too deeply
  out_of_steps,   // it takes longer than conditions may
  out_of_memory,  // the arena is full
};
std::string_view to_string(Reason reason);

// `offset` is where in the source the expression stands that failed.
struct Failure {
  Reason reason = Reason::no_such_overload;
  std::uint32_t offset = 0;
  bool operator==(const Failure&) const = default;
};

// Seconds since 1970-01-01T00:00:00Z and nanoseconds of that second; between the years 1 and 9999.
struct Timestamp {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  auto operator<=>(const Timestamp&) const = default;
};

class Value {
 public:
  Value() = default;  // null
  static Value boolean(bool value) { return {Kind::boolean, static_cast<std::uint64_t>(value)}; }
  static Value int64(std::int64_t value) { return {Kind::int64, static_cast<std::uint64_t>(value)}; }
  static Value uint64(std::uint64_t value) { return {Kind::uint64, value}; }
  static Value float64(double value);
  static Value string(std::string_view text) { return {Kind::string, text}; }
  static Value bytes(std::string_view octets) { return {Kind::bytes, octets}; }
  static Value list(const ListView& view, const void* list) { return {Kind::list, list, &view}; }
  static Value map(const MapView& view, const void* map) { return {Kind::map, map, &view}; }
  static Value timestamp(Timestamp time);
  static Value duration(std::int64_t nanoseconds) { return {Kind::duration, static_cast<std::uint64_t>(nanoseconds)}; }
  static Value type(Kind kind) { return {Kind::type, static_cast<std::uint64_t>(kind)}; }
  static Value failure(Failure failure);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_failure() const { return kind_ == Kind::failure; }
  bool is_true() const { return kind_ == Kind::boolean && word_ != 0; }
  bool is_false() const { return kind_ == Kind::boolean && word_ == 0; }

  // Each for its kind alone; the text also for bytes.
  bool as_bool() const { return word_ != 0; }
  std::int64_t as_int() const { return static_cast<std::int64_t>(word_); }
  std::uint64_t as_uint() const { return word_; }
  double as_double() const;
  std::string_view as_text() const { return {static_cast<const char*>(data_), word_}; }
  Timestamp as_timestamp() const { return {as_int(), extra_}; }
  std::int64_t as_duration() const { return as_int(); }  // nanoseconds
  Kind as_type() const { return static_cast<Kind>(word_); }
  Failure as_failure() const { return {static_cast<Reason>(word_), extra_}; }

  std::size_t list_size() const { return list_view().size(data_); }
  Value element(std::size_t index) const { return list_view().at(data_, index); }
  std::size_t map_size() const { return map_view().size(data_); }
  std::optional<Value> find(const Value& key) const { return map_view().find(data_, key); }
  MapEntry entry(std::size_t index) const;

 private:
  Value(Kind kind, std::uint64_t word) : kind_(kind), word_(word) {}
  Value(Kind kind, std::string_view text) : kind_(kind), word_(text.size()), data_(text.data()) {}
  Value(Kind kind, const void* data, const void* view) : kind_(kind), view_(view), data_(data) {}

  const ListView& list_view() const { return *static_cast<const ListView*>(view_); }
  const MapView& map_view() const { return *static_cast<const MapView*>(view_); }

  Kind kind_ = Kind::null;
  std::uint32_t extra_ = 0;  // nanoseconds of a timestamp, offset of a failure
  union {
    std::uint64_t word_ = 0;  // number, length, kind or reason
    const void* view_;        // of a list or map
  };
  const void* data_ = nullptr;
};

struct MapEntry {
  Value key;
  Value value;
};

inline MapEntry Value::entry(std::size_t index) const { return map_view().at(data_, index); }

}  // namespace bulkhead::conditions
