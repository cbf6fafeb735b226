#include "conditions/functions.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

namespace bulkhead::conditions {

namespace {

using enum Kind;

// Overloads are written down in the order of the language's definition.
class Table {
 public:
  void function(Function id, std::string_view name, std::vector<Type> parameters, Type result) {
    all_.push_back({id, name, false, std::move(parameters), std::move(result)});
  }
  void member(Function id, std::string_view name, std::vector<Type> parameters, Type result) {
    all_.push_back({id, name, true, std::move(parameters), std::move(result)});
  }
  // The same kinds on both sides.
  void operation(Function id, std::string_view name, std::initializer_list<Kind> kinds) {
    for (const Kind kind : kinds) function(id, name, {kind, kind}, kind);
  }
  std::vector<Overload> take() { return std::move(all_); }

 private:
  std::vector<Overload> all_;
};

const Type kA = Type::variable(0);
const Type kB = Type::variable(1);

void add_logic(Table& table) {
  table.function(Function::logical_or, "_||_", {boolean, boolean}, boolean);
  table.function(Function::logical_and, "_&&_", {boolean, boolean}, boolean);
  table.function(Function::logical_not, "!_", {boolean}, boolean);
  table.function(Function::conditional, "_?_:_", {boolean, kA, kA}, kA);
  table.function(Function::equal, "_==_", {kA, kA}, boolean);
  table.function(Function::not_equal, "_!=_", {kA, kA}, boolean);
  table.function(Function::in, "@in", {kA, Type::list(kA)}, boolean);
  table.function(Function::in, "@in", {kA, Type::map(kA, kB)}, boolean);
  table.function(Function::index, "_[_]", {Type::list(kA), int64}, kA);
  table.function(Function::index, "_[_]", {Type::map(kA, kB), kA}, kB);
}

// Numbers of two kinds are compared by value.
void add_order(Table& table) {
  constexpr std::array<std::pair<Function, std::string_view>, 4> kOrders = {{
      {Function::less, "_<_"},
      {Function::less_equal, "_<=_"},
      {Function::greater, "_>_"},
      {Function::greater_equal, "_>=_"},
  }};
  for (const auto& [id, name] : kOrders) {
    for (const Kind kind : {boolean, int64, uint64, float64, string, bytes, timestamp, duration}) {
      table.function(id, name, {kind, kind}, boolean);
    }
    for (const Kind a : {int64, uint64, float64}) {
      for (const Kind b : {int64, uint64, float64}) {
        if (a != b) table.function(id, name, {a, b}, boolean);
      }
    }
  }
}

void add_arithmetic(Table& table) {
  table.operation(Function::add, "_+_", {int64, uint64, float64, string, bytes, duration});
  table.function(Function::add, "_+_", {timestamp, duration}, timestamp);
  table.function(Function::add, "_+_", {duration, timestamp}, timestamp);
  table.function(Function::add, "_+_", {Type::list(kA), Type::list(kA)}, Type::list(kA));
  table.operation(Function::subtract, "_-_", {int64, uint64, float64, duration});
  table.function(Function::subtract, "_-_", {timestamp, timestamp}, duration);
  table.function(Function::subtract, "_-_", {timestamp, duration}, timestamp);
  table.operation(Function::multiply, "_*_", {int64, uint64, float64});
  table.operation(Function::divide, "_/_", {int64, uint64, float64});
  table.operation(Function::modulo, "_%_", {int64, uint64});
  table.function(Function::negate, "-_", {int64}, int64);
  table.function(Function::negate, "-_", {float64}, float64);
}

void add_conversions(Table& table) {
  const auto from = [&](Function id, std::string_view name, Kind to, std::initializer_list<Kind> kinds) {
    for (const Kind kind : kinds) table.function(id, name, {kind}, to);
  };
  from(Function::to_int, "int", int64, {int64, uint64, float64, string, timestamp});
  from(Function::to_uint, "uint", uint64, {uint64, int64, float64, string});
  from(Function::to_double, "double", float64, {float64, int64, uint64, string});
  from(Function::to_string, "string", string, {string, int64, uint64, float64, boolean, bytes, timestamp, duration});
  from(Function::to_bytes, "bytes", bytes, {bytes, string});
  from(Function::to_bool, "bool", boolean, {boolean, string});
  from(Function::to_timestamp, "timestamp", timestamp, {timestamp, string, int64});
  from(Function::to_duration, "duration", duration, {duration, string});
  table.function(Function::to_dyn, "dyn", {kA}, dyn);
  table.function(Function::type_of, "type", {kA}, Type::of_types(kA));
}

void add_times(Table& table) {
  constexpr std::array<std::pair<Function, std::string_view>, 10> kParts = {{
      {Function::get_full_year, "getFullYear"},
      {Function::get_month, "getMonth"},
      {Function::get_date, "getDate"},
      {Function::get_day_of_month, "getDayOfMonth"},
      {Function::get_day_of_week, "getDayOfWeek"},
      {Function::get_day_of_year, "getDayOfYear"},
      {Function::get_hours, "getHours"},
      {Function::get_minutes, "getMinutes"},
      {Function::get_seconds, "getSeconds"},
      {Function::get_milliseconds, "getMilliseconds"},
  }};
  for (const auto& [id, name] : kParts) {
    table.member(id, name, {timestamp}, int64);
    table.member(id, name, {timestamp, string}, int64);
    if (id >= Function::get_hours) table.member(id, name, {duration}, int64);
  }
}

void add_texts(Table& table) {
  for (const Type& type : {Type(string), Type(bytes), Type::list(kA), Type::map(kA, kB)}) {
    table.function(Function::size, "size", {type}, int64);
    table.member(Function::size, "size", {type}, int64);
  }
  table.member(Function::contains, "contains", {string, string}, boolean);
  table.member(Function::starts_with, "startsWith", {string, string}, boolean);
  table.member(Function::ends_with, "endsWith", {string, string}, boolean);
  table.function(Function::matches, "matches", {string, string}, boolean);
  table.member(Function::matches, "matches", {string, string}, boolean);
  table.member(Function::char_at, "charAt", {string, int64}, string);
  table.member(Function::index_of, "indexOf", {string, string}, int64);
  table.member(Function::index_of, "indexOf", {string, string, int64}, int64);
  table.member(Function::last_index_of, "lastIndexOf", {string, string}, int64);
  table.member(Function::last_index_of, "lastIndexOf", {string, string, int64}, int64);
  table.member(Function::lower_ascii, "lowerAscii", {string}, string);
  table.member(Function::upper_ascii, "upperAscii", {string}, string);
  table.member(Function::replace, "replace", {string, string, string}, string);
  table.member(Function::replace, "replace", {string, string, string, int64}, string);
  table.member(Function::split, "split", {string, string}, Type::list(string));
  table.member(Function::split, "split", {string, string, int64}, Type::list(string));
  table.member(Function::substring, "substring", {string, int64}, string);
  table.member(Function::substring, "substring", {string, int64, int64}, string);
  table.member(Function::trim, "trim", {string}, string);
  table.member(Function::join, "join", {Type::list(string)}, string);
  table.member(Function::join, "join", {Type::list(string), string}, string);
}

std::vector<Overload> make_overloads() {
  Table table;
  add_logic(table);
  add_order(table);
  add_arithmetic(table);
  add_conversions(table);
  add_times(table);
  add_texts(table);
  return table.take();
}

}  // namespace

const std::vector<Overload>& overloads() {
  static const std::vector<Overload> all = make_overloads();
  return all;
}

std::string_view spelled(std::string_view name) {
  if (name == "_[_]") return "[]";
  if (name == "_?_:_") return "?:";
  if (name == "@in") return "in";
  const std::size_t first = name.find_first_not_of('_');
  const std::size_t last = name.find_last_not_of('_');
  const bool is_operator = first != std::string_view::npos && !(name[first] >= 'A' && name[first] <= 'z');
  return is_operator ? name.substr(first, last - first + 1) : name;
}

}  // namespace bulkhead::conditions
