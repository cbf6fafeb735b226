#include "contracts/protobuf_compiler.hpp"

#include <algorithm>
#include <array>

namespace bulkhead::contracts {

namespace {

constexpr std::uint32_t kRulesExtension = 1159;     // buf.validate
constexpr std::uint32_t kOldRulesExtension = 1071;  // protoc-gen-validate
constexpr std::uint32_t kFeaturesOfField = 21;
constexpr std::uint32_t kLargestNumber = (1U << 29U) - 1;
constexpr std::uint32_t kRepeated = 3;
constexpr std::uint32_t kRequired = 2;

// A FieldDescriptorProto as written.
struct FieldFacts {
  std::string_view name;
  std::uint64_t number = 0;
  std::uint64_t label = 1;
  std::uint64_t type = 0;
  std::string_view type_name;
  std::string options;
  std::optional<std::uint64_t> oneof;
  bool optional = false;  // proto3's word: its oneof is none
};

Result<FieldFacts> facts_of_field(std::string_view bytes) {
  FieldFacts facts;
  const auto read = each_field(bytes, [&](const WireField& field) -> Result<> {
    switch (field.number) {
      case 1: facts.name = field.text; break;
      case 3: facts.number = field.value; break;
      case 4: facts.label = field.value; break;
      case 5: facts.type = field.value; break;
      case 6: facts.type_name = field.text; break;
      case 8: facts.options += field.text; break;
      case 9: facts.oneof = field.value; break;
      case 17: facts.optional = field.value != 0; break;
      default: break;
    }
    return {};
  });
  if (!read) return fail(read.error());
  if (!is_proto_name(facts.name)) return fail(Cause::invalid, "a field has no proper name");
  if (facts.number == 0 || facts.number > kLargestNumber)
    return fail(Cause::invalid, "{}: its number is none", facts.name);
  if (facts.type == 0 || facts.type > 18) return fail(Cause::invalid, "{}: its type is not known", facts.name);
  return facts;
}

// google/protobuf/wrappers.proto: messages of one field, so that a scalar can be told from none.
constexpr std::array<std::pair<std::string_view, ProtoType>, 9> kWrappers{
    {{"google.protobuf.DoubleValue", ProtoType::float64},
     {"google.protobuf.FloatValue", ProtoType::float32},
     {"google.protobuf.Int64Value", ProtoType::int64},
     {"google.protobuf.UInt64Value", ProtoType::uint64},
     {"google.protobuf.Int32Value", ProtoType::int32},
     {"google.protobuf.UInt32Value", ProtoType::uint32},
     {"google.protobuf.BoolValue", ProtoType::boolean},
     {"google.protobuf.StringValue", ProtoType::string},
     {"google.protobuf.BytesValue", ProtoType::bytes}}};

std::optional<ProtoType> wrapped_by(std::string_view message) {
  const auto found = std::ranges::find(kWrappers, message, &std::pair<std::string_view, ProtoType>::first);
  return found != kWrappers.end() ? std::optional(found->second) : std::nullopt;
}

bool flag_of(std::string_view bytes, std::uint32_t number) {
  Wire wire(bytes);
  WireField field;
  bool found = false;
  while (!wire.done() && wire.field(field, kDeepestMessage))
    if (field.number == number && field.type == WireType::varint) found = field.value != 0;
  return found;
}

bool has_field(std::string_view bytes, std::uint32_t number) {
  Wire wire(bytes);
  WireField field;
  while (!wire.done() && wire.field(field, kDeepestMessage))
    if (field.number == number) return true;
  return false;
}

Result<> refuse_old_rules(std::string_view options) {
  if (!has_field(options, kOldRulesExtension)) return {};
  return fail(Cause::unsupported, "rules of protoc-gen-validate are not held here: buf.validate's are");
}

class ProtoCompiler {
 public:
  explicit ProtoCompiler(const Descriptors& descriptors) : descriptors_(descriptors) {}

  Result<std::shared_ptr<const ProtoModel>> run() {
    for (const auto& [name, service] : descriptors_.services)
      if (auto read = read_service(name, service); !read) return fail(within(name, std::move(read.error())));
    if (model_->methods.empty()) return fail(Cause::invalid, "it declares no method of a service");
    while (compiled_ < wanted_.size()) {
      const std::string name = wanted_[compiled_];
      auto message = read_message(name, *wanted_described_[compiled_]);
      if (!message) return fail(within(name, std::move(message.error())));
      if (const auto rules = wrapped_rules_.find(static_cast<Index>(compiled_)); rules != wrapped_rules_.end())
        for (ProtoField& field : message->fields) field.rules = rules->second;
      model_->messages[compiled_++] = std::move(*message);
    }
    for (ProtoMessage& message : model_->messages) settle(message);
    return model_;
  }

 private:
  Result<Index> message_of(std::string_view name) {
    if (name.starts_with('.')) name.remove_prefix(1);
    if (const auto known = indices_.find(name); known != indices_.end()) return known->second;
    const auto found = descriptors_.messages.find(name);
    if (found == descriptors_.messages.end()) return missing(name);
    const auto index = static_cast<Index>(wanted_.size());
    indices_.emplace(name, index);
    want(std::string(name), found->second);
    return index;
  }

  void want(std::string name, const Described& described) {
    wanted_.push_back(std::move(name));
    wanted_described_.push_back(&described);
    model_->messages.emplace_back();
  }

  static std::unexpected<Fault> missing(std::string_view name) {
    return fail(Cause::invalid, "{} is not in it: protoc --include_imports puts in what is imported",
                is_proto_name(name) ? name : "a type");
  }

  Result<> read_service(const std::string& name, const Described& service) {
    return each_field(service.bytes, [&](const WireField& field) -> Result<> {
      if (field.number != 2 || field.type != WireType::length) return {};
      const std::string_view method = text_of(field.text, 1);
      if (!is_proto_name(method)) return fail(Cause::invalid, "a method has no proper name");
      ProtoMethod made{.name = fmt::format("/{}/{}", name, method)};
      const auto input = message_of(text_of(field.text, 2));
      const auto output = message_of(text_of(field.text, 3));
      if (!input || !output) return fail(within(method, input ? output.error() : input.error()));
      made.input = *input;
      made.output = *output;
      made.client_streams = flag_of(field.text, 5);
      made.server_streams = flag_of(field.text, 6);
      model_->methods.emplace(made.name, std::move(made));
      return {};
    });
  }

  Result<ProtoMessage> read_message(const std::string& name, const Described& described) {
    ProtoMessage message{.name = name};
    const std::string options = joined_text_of(described.bytes, 7);
    if (flag_of(options, 1)) return fail(Cause::unsupported, "message_set_wire_format is not held here");
    if (auto checked = check_message_rules(joined_text_of(options, kRulesExtension)); !checked)
      return fail(std::move(checked.error()));
    message.entry = flag_of(options, 7);
    const auto read = each_field(described.bytes, [&](const WireField& field) -> Result<> {
      if (field.number == 8) return read_oneof(field.text, message);
      if (field.number != 2) return {};
      return add_field(message, field.text, described.features, false);
    });
    if (!read) return fail(read.error());
    const auto [first, last] = descriptors_.extensions.equal_range(name);
    for (auto each = first; each != last; ++each)
      if (auto added = add_field(message, each->second.bytes, each->second.features, true); !added)
        return fail(added.error());
    return sorted(std::move(message));
  }

  static Result<ProtoMessage> sorted(ProtoMessage message) {
    std::ranges::sort(message.fields, {}, &ProtoField::number);
    const auto twice = std::ranges::adjacent_find(message.fields, {}, &ProtoField::number);
    if (twice != message.fields.end()) return fail(Cause::invalid, "two fields have the number {}", twice->number);
    for (const ProtoField& field : message.fields)
      if (field.oneof != kNone && field.oneof >= message.oneofs.size())
        return fail(Cause::invalid, "{}: its oneof is not there", field.name);
    return message;
  }

  static Result<> read_oneof(std::string_view bytes, ProtoMessage& message) {
    const std::string_view name = text_of(bytes, 1);
    if (!is_proto_name(name)) return fail(Cause::invalid, "a oneof has no proper name");
    const std::string options = joined_text_of(bytes, 2);
    if (auto old = refuse_old_rules(options); !old) return fail(within(name, old.error()));
    const auto required = read_oneof_rules(joined_text_of(options, kRulesExtension));
    if (!required) return fail(within(name, required.error()));
    message.oneofs.push_back({std::string(name), *required});
    return {};
  }

  Result<> add_field(ProtoMessage& message, std::string_view bytes, const ProtoFeatures& outer, bool extension) {
    const auto facts = facts_of_field(bytes);
    if (!facts) return fail(facts.error());
    const auto features = with_features(outer, facts->options, kFeaturesOfField);
    if (!features) return fail(features.error());
    ProtoField field{.name = extension ? fmt::format("[{}]", facts->name) : std::string(facts->name),
                     .number = static_cast<std::uint32_t>(facts->number),
                     .type = static_cast<ProtoType>(facts->type),
                     .repeated = facts->label == kRepeated};
    auto made = type_field(field, *facts, *features, message.entry);
    if (made) {
      const bool plain = !field.repeated && !extension && !message.entry;
      if (facts->oneof && !facts->optional && plain) field.oneof = static_cast<Index>(*facts->oneof);
      field.presence =
          !field.repeated && !message.entry &&
          (extension || facts->optional || facts->oneof || is_message(field.type) || !features->implicit_presence);
      field.needed = facts->label == kRequired || (features->required && plain && !facts->oneof);
      made = rule_field(field, *facts, message);
    }
    if (!made) return fail(within(facts->name, std::move(made.error())));
    message.fields.push_back(std::move(field));
    return {};
  }

  Result<> type_field(ProtoField& field, const FieldFacts& facts, const ProtoFeatures& features, bool in_entry) {
    if (field.type == ProtoType::enumeration) {
      const auto index = enum_of(facts.type_name);
      if (!index) return fail(index.error());
      field.of = *index;
    }
    if (!is_message(field.type)) return {};
    const bool fresh = !indices_.contains(without_dot(facts.type_name));
    const auto index = message_of(facts.type_name);
    if (!index) return fail(index.error());
    field.of = *index;
    field.map = field.repeated && flag_of(joined_text_of(wanted_described_[*index]->bytes, 7), 7);
    // What its rules say of keys and values is kept with the entry.
    if (field.map && !fresh) return fail(Cause::invalid, "the entry of its map is another's too");
    if (features.delimited && !field.map && !in_entry) field.type = ProtoType::group;
    return {};
  }

  static std::string_view without_dot(std::string_view name) { return name.substr(name.starts_with('.') ? 1 : 0); }

  Result<> rule_field(ProtoField& field, const FieldFacts& facts, const ProtoMessage& message) {
    if (auto old = refuse_old_rules(facts.options); !old) return old;
    std::string option = joined_text_of(facts.options, kRulesExtension);
    if (message.entry) {
      const auto given = entry_rules_.find(message.name);
      if (given == entry_rules_.end()) return {};
      option = field.number == 1 ? given->second.first : given->second.second;
    }
    if (option.empty()) return {};
    const auto wrapped = is_message(field.type) && !field.repeated ? wrapped_by(wanted_[field.of]) : std::nullopt;
    const RuleSite site{wrapped.value_or(field.type), field.repeated && !field.map, field.map};
    auto rules = read_field_rules(option, site);
    if (!rules) return fail(std::move(rules.error()));
    if (rules->ignored) return ignore(field);
    field.least = rules->least;
    field.most = rules->most;
    field.unique = rules->unique;
    if (field.unique && is_message(field.type)) return fail(Cause::unsupported, "repeated.unique is of scalars");
    if (field.repeated) {
      field.empty_ignored = rules->zero_ignored && !rules->required;
      if (rules->required) field.least = std::max<std::uint64_t>(field.least, 1);
    } else {
      field.zero_ignored = rules->zero_ignored && !rules->required;
      field.nonzero = rules->required && !field.presence && !message.entry;
      field.needed = field.needed || (rules->required && !message.entry);
      if (wrapped && !rules->rules.empty())
        wrap(field, std::move(rules->rules));
      else
        field.rules = std::move(rules->rules);
    }
    if (field.map) entry_rules_[model_name(field.of)] = {rules->keys, rules->values};
    return field.repeated && !field.map && !rules->items.empty() ? rule_items(field, rules->items) : Result<>();
  }

  // The rules are of what is within: of a wrapper of this field's own.
  void wrap(ProtoField& field, std::vector<ValueRule> rules) {
    const auto index = static_cast<Index>(wanted_.size());
    want(std::string(wanted_[field.of]), *wanted_described_[field.of]);
    field.of = index;
    wrapped_rules_[index] = std::move(rules);
  }

  // A message's own rules would hold all the same.
  static Result<> ignore(const ProtoField& field) {
    if (!is_message(field.type)) return {};
    return fail(Cause::unsupported, "the rule ignore = IGNORE_ALWAYS is not held at messages");
  }

  const std::string& model_name(Index message) const { return wanted_[message]; }

  static Result<> rule_items(ProtoField& field, std::string_view option) {
    auto rules = read_field_rules(option, {field.type, false, false});
    if (!rules) return fail(within("items", std::move(rules.error())));
    if (rules->ignored) return ignore(field);
    field.zero_ignored = rules->zero_ignored;
    field.rules = std::move(rules->rules);
    return {};
  }

  Result<Index> enum_of(std::string_view name) {
    name = without_dot(name);
    if (const auto known = enums_.find(name); known != enums_.end()) return known->second;
    const auto found = descriptors_.enums.find(name);
    if (found == descriptors_.enums.end()) return missing(name);
    ProtoEnum made{.name = std::string(name)};
    std::map<std::int32_t, std::string> values;
    const auto read = each_field(found->second.bytes, [&](const WireField& field) -> Result<> {
      if (field.number != 2) return {};
      std::int32_t number = 0;
      const auto one = each_field(field.text, [&](const WireField& part) -> Result<> {
        if (part.number == 2) number = static_cast<std::int32_t>(part.value);
        return {};
      });
      if (!one) return one;
      const std::string_view value = text_of(field.text, 1);
      if (!is_proto_name(value)) return fail(Cause::invalid, "a value of {} has no proper name", made.name);
      values.emplace(number, value);
      return {};
    });
    if (!read) return fail(read.error());
    for (auto& [number, value] : values) {
      made.numbers.push_back(number);
      made.names.push_back(std::move(value));
    }
    const auto index = static_cast<Index>(model_->enums.size());
    enums_.emplace(name, index);
    model_->enums.push_back(std::move(made));
    return index;
  }

  // What is to be known once all is in its place.
  static void settle(ProtoMessage& message) {
    message.judged = message.entry || std::ranges::any_of(message.oneofs, &ProtoOneof::required);
    for (ProtoField& field : message.fields) {
      for (const ValueRule& rule : field.rules)
        field.cost += static_cast<std::uint32_t>(1 + ((rule.numbers.size() + rule.texts.size()) / 8));
      if (!field.presence && !field.repeated && !field.zero_ignored && !is_message(field.type))
        field.broken_if_absent = broken_rule(field.rules, field.type, {});
      message.judged = message.judged || field.needed || field.least > 0 || field.most != UINT64_MAX || field.unique ||
                       field.map || field.broken_if_absent != nullptr;
    }
  }

  const Descriptors& descriptors_;
  std::shared_ptr<ProtoModel> model_ = std::make_shared<ProtoModel>();
  std::map<std::string, Index, std::less<>> indices_, enums_;
  std::vector<std::string> wanted_;  // names of the model's messages, those that are compiled first
  std::vector<const Described*> wanted_described_;
  std::size_t compiled_ = 0;
  std::map<std::string, std::pair<std::string, std::string>, std::less<>> entry_rules_;
  std::map<Index, std::vector<ValueRule>> wrapped_rules_;
};

}  // namespace

const ProtoField* ProtoMessage::find(std::uint32_t number) const {
  // Most messages number their fields without gaps.
  if (number <= fields.size() && fields[number - 1].number == number) return &fields[number - 1];
  const auto found = std::ranges::lower_bound(fields, number, {}, &ProtoField::number);
  return found != fields.end() && found->number == number ? &*found : nullptr;
}

bool ProtoEnum::has(std::int32_t number) const { return std::ranges::binary_search(numbers, number); }

Result<std::shared_ptr<const ProtoModel>> compile_protobuf(const Descriptors& descriptors) {
  return ProtoCompiler(descriptors).run();
}

}  // namespace bulkhead::contracts
