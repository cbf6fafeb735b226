#include "contracts/protobuf_diff.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "contracts/protobuf_model.hpp"

namespace bulkhead::contracts {

namespace {

bool is_same_rule(const ValueRule& left, const ValueRule& right) {
  const auto pattern = [](const ValueRule& rule) { return rule.expression ? rule.expression->expression() : ""; };
  return left.name == right.name && left.says == right.says && left.numbers == right.numbers &&
         left.texts == right.texts && pattern(left) == pattern(right);
}

bool has_rule(const ProtoField& field, const ValueRule& rule) {
  return std::ranges::any_of(field.rules, [&](const ValueRule& each) { return is_same_rule(each, rule); });
}

std::string shape_of(const ProtoField& field) {
  return fmt::format("{}{}", field.map ? "a map of " : field.repeated ? "several of " : "", to_string(field.type));
}

class ProtoDiff {
 public:
  ProtoDiff(const ProtoModel& before, const ProtoModel& after) : before_(before), after_(after) {}

  std::vector<Change> run() {
    for (const auto& [name, was] : before_.methods) {
      const auto is = after_.methods.find(name);
      path_ = name;
      where_ = "";
      if (is == after_.methods.end())
        note(true, "", "is gone");
      else
        method(was, is->second);
    }
    for (const auto& [name, is] : after_.methods) {
      if (before_.methods.contains(name)) continue;
      path_ = name;
      where_ = "";
      note(false, "", "is new");
    }
    return std::move(changes_);
  }

 private:
  void note(bool breaking, std::string pointer, std::string what) {
    changes_.push_back({breaking, "POST", path_, where_, std::move(pointer), std::move(what)});
  }

  void method(const ProtoMethod& was, const ProtoMethod& is) {
    const auto streams = [](bool now) { return now ? "is a stream now" : "is one message now"; };
    where_ = "request";
    request_ = true;
    if (was.client_streams != is.client_streams) note(true, "", streams(is.client_streams));
    seen_.clear();
    message(was.input, is.input, "");
    where_ = "response";
    request_ = false;
    if (was.server_streams != is.server_streams) note(true, "", streams(is.server_streams));
    seen_.clear();
    message(was.output, is.output, "");
  }

  // Each pair of messages once, where it is met first.
  void message(Index before, Index after, const std::string& path) {
    if (!seen_.insert({before, after}).second) return;
    const ProtoMessage& was = before_.messages[before];
    const ProtoMessage& is = after_.messages[after];
    for (const ProtoField& field : was.fields) {
      const std::string at = path.empty() ? field.name : fmt::format("{}.{}", path, field.name);
      if (const ProtoField* now = is.find(field.number))
        compare(was, field, is, *now, at);
      else
        gone(field, is, at);
    }
    for (const ProtoField& field : is.fields) {
      if (was.find(field.number) != nullptr) continue;
      const std::string at = path.empty() ? field.name : fmt::format("{}.{}", path, field.name);
      const bool asked = request_ && (field.needed || field.broken_if_absent != nullptr || field.least > 0);
      note(asked, at, asked ? "is new, and has to be set" : "is new");
    }
    for (const ProtoOneof& oneof : is.oneofs) {
      const auto same = std::ranges::find(was.oneofs, oneof.name, &ProtoOneof::name);
      const bool asked_before = same != was.oneofs.end() && same->required;
      if (request_ && oneof.required && !asked_before)
        note(true, path.empty() ? oneof.name : fmt::format("{}.{}", path, oneof.name), "has to be set now");
    }
  }

  void gone(const ProtoField& field, const ProtoMessage& is, const std::string& at) {
    const auto namesake = std::ranges::find(is.fields, field.name, &ProtoField::name);
    if (namesake != is.fields.end())
      note(true, at, fmt::format("has the number {} now, and had {}", namesake->number, field.number));
    else
      note(true, at, "is gone");
  }

  void compare(const ProtoMessage& was_in, const ProtoField& was, const ProtoMessage& is_in, const ProtoField& is,
               const std::string& at) {
    if (was.name != is.name) note(false, at, fmt::format("is called {} now", is.name));
    if (was.type != is.type || was.repeated != is.repeated || was.map != is.map)
      return note(true, at, fmt::format("is {} now, and was {}", shape_of(is), shape_of(was)));
    if (request_) compare_asked(was, is, at);
    const auto oneof_of = [](const ProtoMessage& message, const ProtoField& field) {
      return field.oneof == kNone ? std::string() : message.oneofs[field.oneof].name;
    };
    const std::string before = oneof_of(was_in, was);
    const std::string now = oneof_of(is_in, is);
    if (before != now && !now.empty()) note(true, at, fmt::format("is one of {} now", now));
    if (before != now && now.empty()) note(!request_, at, fmt::format("is none of {} any more", before));
    if (!request_ && was.needed && !is.needed) note(true, at, "may be missing now");
    if (was.type == ProtoType::enumeration) values(before_.enums[was.of], after_.enums[is.of], at);
    if (is_message(was.type)) message(was.of, is.of, at);
  }

  // Where less is taken than before.
  void compare_asked(const ProtoField& was, const ProtoField& is, const std::string& at) {
    if (is.needed && !was.needed) note(true, at, "has to be set now");
    if (is.least > was.least) note(true, at, fmt::format("has at least {} now", is.least));
    if (is.most < was.most) note(true, at, fmt::format("has at most {} now", is.most));
    if (is.unique && !was.unique) note(true, at, "has items that differ now");
    for (const ValueRule& rule : is.rules)
      if (!has_rule(was, rule)) note(true, at, fmt::format("is held to {} now", rule.name));
    for (const ValueRule& rule : was.rules)
      if (!has_rule(is, rule)) note(false, at, fmt::format("is no longer held to {} as it was", rule.name));
  }

  void values(const ProtoEnum& was, const ProtoEnum& is, const std::string& at) {
    for (std::size_t i = 0; i < was.numbers.size(); ++i)
      if (!is.has(was.numbers[i])) note(request_, at, fmt::format("can not be {} any more", was.names[i]));
    for (std::size_t i = 0; i < is.numbers.size(); ++i)
      if (!was.has(is.numbers[i])) note(false, at, fmt::format("may be {} now", is.names[i]));
  }

  const ProtoModel& before_;
  const ProtoModel& after_;
  std::vector<Change> changes_;
  std::string path_, where_;
  bool request_ = false;
  std::set<std::pair<Index, Index>> seen_;
};

// Every text of a description is a name, or of the contract's own rules.
std::string quoted_name(std::string_view name) {
  std::string out;
  append_quoted(out, name);
  return out;
}

std::string described(const ProtoModel& model, const ProtoField& field) {
  const std::string type = field.of == kNone                      ? std::string(to_string(field.type))
                           : field.type == ProtoType::enumeration ? model.enums[field.of].name
                                                                  : model.messages[field.of].name;
  std::string out = fmt::format(R"({{"number":{},"type":{})", field.number, quoted_name(type));
  if (field.repeated) out += field.map ? R"(,"map":true)" : R"(,"repeated":true)";
  if (field.needed) out += R"(,"required":true)";
  std::string rules;
  for (const ValueRule& rule : field.rules) {
    if (!rules.empty()) rules += ',';
    rules += quoted_name(rule.name);
  }
  if (!rules.empty()) out += fmt::format(R"(,"rules":[{}])", rules);
  return out + "}";
}

// `"name":value` of each, in braces.
template <class Items, class Write>
std::string object_of(const Items& items, Write write) {
  std::string out = "{";
  for (const auto& item : items) {
    if (out.size() > 1) out += ',';
    out += write(item);
  }
  return out + "}";
}

}  // namespace

std::vector<Change> diff(const ProtobufContract& before, const ProtobufContract& after) {
  return ProtoDiff(before.model(), after.model()).run();
}

std::string describe(const ProtobufContract& contract) {
  const ProtoModel& model = contract.model();
  const std::string methods = object_of(model.methods, [&](const auto& item) {
    const ProtoMethod& method = item.second;
    const auto side = [&](Index message, bool stream) {
      return fmt::format(R"({{"message":{},"stream":{}}})", quoted_name(model.messages[message].name), stream);
    };
    return fmt::format(R"({}:{{"request":{},"response":{}}})", quoted_name(method.name),
                       side(method.input, method.client_streams), side(method.output, method.server_streams));
  });
  // A wrapper stands there once for each field that has rules of its own for it.
  std::map<std::string_view, const ProtoMessage*> named;
  for (const ProtoMessage& message : model.messages) named.emplace(message.name, &message);
  const std::string messages = object_of(named, [&](const auto& item) {
    return fmt::format("{}:{}", quoted_name(item.first), object_of(item.second->fields, [&](const ProtoField& field) {
                         return fmt::format("{}:{}", quoted_name(field.name), described(model, field));
                       }));
  });
  const std::string enums = object_of(model.enums, [&](const ProtoEnum& each) {
    std::string values;
    for (std::size_t i = 0; i < each.numbers.size(); ++i)
      values += fmt::format("{}{}:{}", i == 0 ? "" : ",", quoted_name(each.names[i]), each.numbers[i]);
    return fmt::format("{}:{{{}}}", quoted_name(each.name), values);
  });
  return fmt::format(R"({{"methods":{},"messages":{},"enums":{}}})", methods, messages, enums);
}

}  // namespace bulkhead::contracts
