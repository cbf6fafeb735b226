#pragma once

#include <string>
#include <vector>

#include "conditions/kind.hpp"

namespace bulkhead::conditions {

// A type of the language: a kind, and for list, map and type what they are of. Used while compiling alone.
class Type {
 public:
  Type(Kind kind = Kind::dyn) : kind_(kind) {}  // NOLINT: a kind without parameters is a type
  static Type list(Type element) { return {Kind::list, {std::move(element)}}; }
  static Type map(Type key, Type value) { return {Kind::map, {std::move(key), std::move(value)}}; }
  static Type of_types(Type type) { return {Kind::type, {std::move(type)}}; }
  static Type variable(int number) {
    Type type(Kind::variable);
    type.number_ = number;
    return type;
  }

  Kind kind() const { return kind_; }
  const std::vector<Type>& parameters() const { return parameters_; }
  std::vector<Type>& parameters() { return parameters_; }
  int number() const { return number_; }  // of a variable
  bool operator==(const Type&) const = default;

 private:
  Type(Kind kind, std::vector<Type> parameters) : kind_(kind), parameters_(std::move(parameters)) {}

  Kind kind_;
  int number_ = 0;
  std::vector<Type> parameters_;
};

// "map(string, list(int))"; "A", "B" for variables.
std::string to_string(const Type& type);

}  // namespace bulkhead::conditions
