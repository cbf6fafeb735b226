#include "conditions/names.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/nearest.hpp"

namespace bulkhead::conditions {

namespace {

constexpr std::size_t kMostShown = 8;

struct LeftOut {
  std::string_view name;
  std::string_view reason;
};

constexpr std::array<LeftOut, 9> kLeftOut = {{
    {"optional", "optional values are not part of conditions: use has()"},
    {"cel", "cel.bind() and cel.block() are not part of conditions"},
    {"math", "the functions of math are not part of conditions"},
    {"base64", "base64 is not part of conditions"},
    {"strings", "strings.quote() is not part of conditions"},
    {"proto", "messages are not part of conditions"},
    {"google", "of google.protobuf conditions have Timestamp and Duration alone"},
    {"format", "format() is not part of conditions: join texts with +"},
    {"transformList", "macros of two variables are not part of conditions: use map()"},
}};

std::string_view why_left_out(std::string_view name) {
  const auto* found = std::ranges::find(kLeftOut, name.substr(0, name.find('.')), &LeftOut::name);
  return found != kLeftOut.end() ? found->reason : std::string_view();
}

std::ptrdiff_t dots(std::string_view name) { return std::ranges::count(name, '.'); }

// What is most likely meant by the name, or by its first parts with the rest behind them.
std::string nearest_name(std::string_view name, const std::vector<std::string>& names) {
  for (std::size_t end = name.size(); end != std::string_view::npos && end > 0; end = name.rfind('.', end - 1)) {
    std::vector<std::string> alike;
    std::ranges::copy_if(names, std::back_inserter(alike),
                         [&](const std::string& each) { return dots(each) == dots(name.substr(0, end)); });
    const std::string near = nearest(name.substr(0, end), std::span<const std::string>(alike));
    if (!near.empty()) return near + std::string(name.substr(end));
  }
  return "";
}

std::string some_of(std::vector<std::string> names) {
  const std::size_t all = names.size();
  if (all > kMostShown) names.resize(kMostShown);
  return fmt::format("{}{}", fmt::join(names, ", "), all > kMostShown ? " and others" : "");
}

std::string types_of(std::span<const Type> types) {
  std::vector<std::string> texts;
  for (const Type& type : types) texts.push_back(to_string(type));
  return fmt::format("{}", fmt::join(texts, ", "));
}

bool is_operator(std::string_view name) { return spelled(name) != name; }

// As it would be written with values of these types.
std::string call_of(std::string_view name, bool member, std::span<const Type> arguments) {
  if (!is_operator(name)) {
    const std::string receiver = member ? to_string(arguments.front()) + "." : "";
    return fmt::format("{}{}({})", receiver, name, types_of(arguments.subspan(member ? 1 : 0)));
  }
  if (name == "_[_]") return fmt::format("{}[{}]", to_string(arguments[0]), to_string(arguments[1]));
  if (arguments.size() == 1) return fmt::format("{}{}", spelled(name), to_string(arguments[0]));
  if (arguments.size() == 3) {
    return fmt::format("{} ? {} : {}", to_string(arguments[0]), to_string(arguments[1]), to_string(arguments[2]));
  }
  return fmt::format("{} {} {}", to_string(arguments[0]), spelled(name), to_string(arguments[1]));
}

}  // namespace

std::string unknown_name(std::string_view name, const Environment& environment, std::span<const std::string> elements) {
  if (const auto reason = why_left_out(name); !reason.empty()) return std::string(reason);
  std::vector<std::string> names(elements.begin(), elements.end());
  for (const auto& variable : environment.variables()) names.push_back(variable.name);
  if (const std::string near = nearest_name(name, names); !near.empty()) {
    return fmt::format("no name is '{}'; did you mean '{}'?", name, near);
  }
  const std::string root = std::string(name.substr(0, name.find('.'))) + ".";
  std::vector<std::string> of_root;
  std::ranges::copy_if(names, std::back_inserter(of_root),
                       [&](const std::string& each) { return each.starts_with(root); });
  if (names.empty()) return fmt::format("no name is '{}': none is declared", name);
  return fmt::format("no name is '{}'; there are {}", name, some_of(of_root.empty() ? names : of_root));
}

std::string unknown_call(std::string_view name, bool member, std::span<const Type> arguments) {
  std::vector<std::string> known;
  std::vector<std::string> names;
  for (const Overload& overload : overloads()) {
    if (!is_operator(overload.name)) names.emplace_back(overload.name);
    if (overload.name == name) known.push_back(call_of(name, overload.member, overload.parameters));
  }
  if (name == "_==_" || name == "_!=_" || (name == "_?_:_" && arguments[0].kind() == Kind::boolean)) {
    return fmt::format("there is no {}: both values have the same type", call_of(name, member, arguments));
  }
  if (!known.empty()) {
    return fmt::format("there is no {}; there {} {}", call_of(name, member, arguments),
                       known.size() == 1 ? "is" : "are", some_of(known));
  }
  if (const auto reason = why_left_out(name); !reason.empty()) return std::string(reason);
  const std::string near = nearest(name, names);
  if (!near.empty()) return fmt::format("no function is '{}'; did you mean '{}'?", name, near);
  return fmt::format("no function is '{}'", name);
}

}  // namespace bulkhead::conditions
