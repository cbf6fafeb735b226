// Parameters: text as sent becomes a JSON value by what the schema allows, and is checked like any other value.

#include <algorithm>

#include "base/ascii.hpp"
#include "contracts/checker.hpp"
#include "contracts/sensitive.hpp"
#include "contracts/uri.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::size_t kMostPairs = 1000;

bool equal_letters(std::string_view name, std::string_view small) {
  return name.size() == small.size() && std::ranges::equal(name, small, [](char a, char b) { return lower(a) == b; });
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

// Takes what precedes the separator off the front, and the separator; `more` says whether one was there.
std::string_view take_part(std::string_view& rest, std::string_view separator, bool& more) {
  const std::size_t end = rest.find(separator);
  more = end != std::string_view::npos;
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(more ? end + separator.size() : rest.size());
  return part;
}

}  // namespace

std::optional<std::string_view> header_value(const Request& request, std::string_view name, std::string& joined) {
  std::optional<std::string_view> value;
  for (const Header& header : request.headers) {
    if (!equal_letters(header.name, name)) continue;
    if (value) {
      if (value->data() != joined.data()) joined = *value;
      joined.append(", ").append(header.value);
      value = joined;
    } else {
      value = trim(header.value);
    }
  }
  return value;
}

Problem ParameterCheck::problem(const Parameter& parameter, std::string_view what) const {
  return {.status = 400,
          .where = parameter.where,
          .detail = fmt::format("the {} parameter '{}' {}", to_string(parameter.where), parameter.name, what),
          .parameter = parameter.name,
          .rule = parameter.pointer};
}

std::optional<Problem> ParameterCheck::run(std::string_view query) {
  if (auto wrong = read_query(query)) return wrong;
  if (auto wrong = read_cookies()) return wrong;
  for (const Parameter& parameter : operation_.parameters) {
    if (auto wrong = check(parameter)) return wrong;
  }
  return undeclared_query();
}

std::optional<Problem> ParameterCheck::read_query(std::string_view query) {
  auto& pairs = memory_.query;
  pairs.clear();
  for (bool more = !query.empty(); more;) {
    const std::string_view part = take_part(query, "&", more);
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    Pair& pair = pairs.emplace_back();
    pair.has_value = equals != std::string_view::npos;
    if (pair.has_value) pair.value = part.substr(equals + 1);
    if (!decode_percent(part.substr(0, equals), true, pair.name) || pairs.size() > kMostPairs) {
      return Problem{.where = Where::query, .detail = "the query is malformed or too long"};
    }
  }
  return std::nullopt;
}

std::optional<Problem> ParameterCheck::read_cookies() {
  auto& pairs = memory_.cookies;
  pairs.clear();
  for (const Header& header : request_.headers) {
    if (!equal_letters(header.name, "cookie")) continue;
    std::string_view rest = header.value;
    for (bool more = true; more;) {
      const std::string_view part = trim(take_part(rest, ";", more));
      const std::size_t equals = part.find('=');
      if (equals == std::string_view::npos) continue;
      pairs.push_back(
          {.name = std::string(part.substr(0, equals)), .value = part.substr(equals + 1), .has_value = true});
      if (pairs.size() > kMostPairs) return Problem{.where = Where::cookie, .detail = "there are too many cookies"};
    }
  }
  return std::nullopt;
}

std::optional<Problem> ParameterCheck::check(const Parameter& parameter) {
  switch (parameter.where) {
    case Where::path: {
      const auto place = std::ranges::find(operation_.templates, parameter.name) - operation_.templates.begin();
      return check_text(parameter, memory_.path.values[static_cast<std::size_t>(place)], false);
    }
    case Where::query:
      return parameter.style == Parameter::Style::deep && parameter.kind == Parameter::Kind::object
                 ? check_deep(parameter)
                 : check_pairs(parameter, memory_.query);
    case Where::cookie: return check_pairs(parameter, memory_.cookies);
    case Where::header: return check_header(parameter);
    case Where::method:
    case Where::body: break;
  }
  return std::nullopt;
}

std::optional<Problem> ParameterCheck::check_pairs(const Parameter& parameter, std::vector<Pair>& pairs) {
  const bool encoded = parameter.where == Where::query;
  const bool gathers = parameter.kind == Parameter::Kind::list && parameter.style == Parameter::Style::repeated;
  std::string& text = memory_.text;
  text = gathers ? "[" : "";
  bool found = false;
  for (Pair& pair : pairs) {
    if (pair.name != parameter.name) continue;
    if (found && !gathers) return problem(parameter, "is there twice");
    pair.taken = true;
    if (parameter.allow_empty && pair.value.empty() && !gathers) return std::nullopt;
    if (found) text.push_back(',');
    found = true;
    const bool written = gathers ? write_scalar(items_of(*model_.program, parameter.shape), pair.value, encoded)
                                 : write_value(parameter, pair.value, encoded);
    if (!written) return problem(parameter, "is malformed");
  }
  if (!found) return parameter.required ? std::optional(problem(parameter, "is missing")) : std::nullopt;
  if (gathers) text.push_back(']');
  return check_value(parameter);
}

// name[member]=value
std::optional<Problem> ParameterCheck::check_deep(const Parameter& parameter) {
  memory_.text = "{";
  bool found = false;
  for (Pair& pair : memory_.query) {
    std::string_view name = pair.name;
    if (!name.starts_with(parameter.name)) continue;
    name.remove_prefix(parameter.name.size());
    if (!name.starts_with('[') || !name.ends_with(']')) continue;
    const std::string_view member = name.substr(1, name.size() - 2);
    if (member.find_first_of("[]") != std::string_view::npos) return problem(parameter, "is malformed");
    pair.taken = true;
    if (found) memory_.text.push_back(',');
    found = true;
    append_quoted(memory_.text, member);
    memory_.text.push_back(':');
    if (!write_scalar(member_of(*model_.program, parameter.shape, member), pair.value, true)) {
      return problem(parameter, "is malformed");
    }
  }
  if (!found) return parameter.required ? std::optional(problem(parameter, "is missing")) : std::nullopt;
  memory_.text.push_back('}');
  return check_value(parameter);
}

std::optional<Problem> ParameterCheck::check_header(const Parameter& parameter) {
  std::string joined;
  const auto value = header_value(request_, parameter.name, joined);
  if (!value) return parameter.required ? std::optional(problem(parameter, "is missing")) : std::nullopt;
  const bool several = !joined.empty();
  if (several && parameter.kind != Parameter::Kind::list) return problem(parameter, "is there twice");
  return check_text(parameter, *value, false);
}

std::optional<Problem> ParameterCheck::check_text(const Parameter& parameter, std::string_view text, bool is_encoded) {
  memory_.text.clear();
  if (!write_value(parameter, text, is_encoded)) return problem(parameter, "is malformed");
  return check_value(parameter);
}

std::optional<Problem> ParameterCheck::check_value(const Parameter& parameter) {
  if (memory_.parameter.read(memory_.text)) return problem(parameter, "is malformed");
  auto failure = check_discreetly(model_, memory_.evaluator, parameter.shape, memory_.parameter, Direction::request);
  if (!failure) return std::nullopt;
  if (!failure->pointer.empty() && model_.sensitive.contains(parameter.name)) tell_no_more_than("", *failure);
  const std::string within = failure->pointer.empty() ? "" : fmt::format("at {} ", failure->pointer);
  Problem wrong = problem(parameter, within + failure->message);
  wrong.pointer = failure->pointer;
  wrong.rule = failure->rule;
  return wrong;
}

bool ParameterCheck::write_value(const Parameter& parameter, std::string_view text, bool is_encoded) {
  switch (parameter.kind) {
    case Parameter::Kind::scalar: return write_scalar(parameter.shape, text, is_encoded);
    case Parameter::Kind::list: return write_list(parameter, text, is_encoded);
    case Parameter::Kind::object: return write_object(parameter, text, is_encoded);
    case Parameter::Kind::json:
      if (!decode(text, is_encoded)) return false;
      memory_.text += memory_.decoded;
      return true;
  }
  return false;
}

bool ParameterCheck::write_list(const Parameter& parameter, std::string_view text, bool is_encoded) {
  const Index items = items_of(*model_.program, parameter.shape);
  std::string_view separator = ",";
  if (parameter.style == Parameter::Style::spaces) separator = text.find('+') == std::string_view::npos ? "%20" : "+";
  if (parameter.style == Parameter::Style::pipes) separator = text.find('|') == std::string_view::npos ? "%7C" : "|";
  memory_.text.push_back('[');
  for (bool more = !text.empty(); more;) {
    std::string_view part = take_part(text, separator, more);
    if (parameter.where == Where::header) part = trim(part);
    if (!write_scalar(items, part, is_encoded)) return false;
    if (more) memory_.text.push_back(',');
  }
  memory_.text.push_back(']');
  return true;
}

// "a,1,b,2", or exploded "a=1,b=2".
bool ParameterCheck::write_object(const Parameter& parameter, std::string_view text, bool is_encoded) {
  memory_.text.push_back('{');
  for (bool more = !text.empty(); more;) {
    std::string_view value = trim(take_part(text, ",", more));
    std::string_view name = value;
    if (parameter.explode) {
      bool has_value = false;
      name = take_part(value, "=", has_value);
      if (!has_value) return false;
    } else {
      if (!more) return false;
      value = trim(take_part(text, ",", more));
    }
    if (!decode(name, is_encoded)) return false;
    const Index shape = member_of(*model_.program, parameter.shape, memory_.decoded);
    append_quoted(memory_.text, memory_.decoded);
    memory_.text.push_back(':');
    if (!write_scalar(shape, value, is_encoded)) return false;
    if (more) memory_.text.push_back(',');
  }
  memory_.text.push_back('}');
  return true;
}

// Without a type in the schema it is a string.
bool ParameterCheck::write_scalar(Index shape, std::string_view text, bool is_encoded) {
  if (!decode(text, is_encoded)) return false;
  const std::uint8_t types = types_of(*model_.program, shape);
  const std::string& value = memory_.decoded;
  const bool number = types != kAnyType && (types & (kInteger | kFraction)) != 0 && is_number(value);
  const bool boolean = types != kAnyType && (types & kBoolean) != 0 && (value == "true" || value == "false");
  if (number || boolean) {
    memory_.text += value;
  } else {
    append_quoted(memory_.text, value);
  }
  return true;
}

bool ParameterCheck::decode(std::string_view text, bool is_encoded) {
  if (is_encoded) return decode_percent(text, true, memory_.decoded);
  memory_.decoded = text;
  return true;
}

std::optional<Problem> ParameterCheck::undeclared_query() const {
  for (const Pair& pair : memory_.query) {
    if (pair.taken || operation_.key_names.contains(pair.name)) continue;
    if (operation_.hides_query_names) {
      return Problem{.where = Where::query, .detail = "a query parameter is not declared", .rule = operation_.pointer};
    }
    return Problem{.where = Where::query,
                   .detail = fmt::format("the query parameter '{}' is not declared", shown(pair.name)),
                   .parameter = std::string(shown(pair.name)),
                   .rule = operation_.pointer};
  }
  return std::nullopt;
}

}  // namespace bulkhead::contracts
