#include "contracts/descriptors.hpp"

#include <algorithm>
#include <set>

#include "base/ascii.hpp"
#include "contracts/protobuf.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::size_t kMostDeclared = 65'536;
constexpr int kDeepestDeclared = 32;

constexpr std::uint32_t kFeaturesOfFile = 50;
constexpr std::uint32_t kFeaturesOfMessage = 12;

std::string full_name(std::string_view scope, std::string_view name) {
  return scope.empty() ? std::string(name) : fmt::format("{}.{}", scope, name);
}

// Walks files and the messages within them.
class Indexer {
 public:
  explicit Indexer(Descriptors& into) : into_(into) {}

  Result<> file(std::string_view bytes) {
    const std::string_view package = text_of(bytes, 2);
    if (!package.empty() && !is_proto_name(package)) return fail(Cause::invalid, "a package has no proper name");
    auto features = features_of_file(bytes);
    if (!features) return fail(within(text_of(bytes, 1), std::move(features.error())));
    return each_field(bytes, [&](const WireField& field) -> Result<> {
      switch (field.number) {
        case 4: return message(field.text, package, *features, 0);
        case 5: return declare(into_.enums, field.text, package, *features);
        case 6: return declare(into_.services, field.text, package, *features);
        case 7: return extension(field.text, *features);
        default: return {};
      }
    });
  }

 private:
  static Result<ProtoFeatures> features_of_file(std::string_view bytes) {
    const std::string_view syntax = text_of(bytes, 12);
    if (syntax == "proto3") return ProtoFeatures{.implicit_presence = true};
    if (syntax.empty() || syntax == "proto2") return ProtoFeatures{};
    if (syntax != "editions") return fail(Cause::unsupported, "syntax '{}' is not known", shown_syntax(syntax));
    return with_features({}, joined_text_of(bytes, 8), kFeaturesOfFile);
  }
  static std::string_view shown_syntax(std::string_view syntax) { return is_proto_name(syntax) ? syntax : "?"; }

  Result<> declare(std::map<std::string, Described, std::less<>>& where, std::string_view bytes, std::string_view scope,
                   const ProtoFeatures& features) {
    const std::string name = full_name(scope, text_of(bytes, 1));
    if (!is_proto_name(name)) return fail(Cause::invalid, "something in {} has no proper name", scope);
    if (++declared_ > kMostDeclared) return fail(Cause::exhausted, "more than {} names", kMostDeclared);
    // Nothing else may go by that name, lest a reader take the one and we the other.
    if (!names_.insert(name).second) return fail(Cause::invalid, "{} is declared twice", name);
    where.emplace(name, Described{bytes, features});
    return {};
  }

  Result<> message(std::string_view bytes, std::string_view scope, const ProtoFeatures& outer, int depth) {
    if (depth > kDeepestDeclared) return fail(Cause::exhausted, "messages are declared too deep within each other");
    const auto features = with_features(outer, joined_text_of(bytes, 7), kFeaturesOfMessage);
    if (!features) return fail(features.error());
    if (auto declared = declare(into_.messages, bytes, scope, *features); !declared) return declared;
    const std::string name = full_name(scope, text_of(bytes, 1));
    return each_field(bytes, [&](const WireField& field) -> Result<> {
      switch (field.number) {
        case 3: return message(field.text, name, *features, depth + 1);
        case 4: return declare(into_.enums, field.text, name, *features);
        case 6: return extension(field.text, *features);
        default: return {};
      }
    });
  }

  Result<> extension(std::string_view bytes, const ProtoFeatures& features) {
    std::string_view extended = text_of(bytes, 2);
    if (extended.starts_with('.')) extended.remove_prefix(1);
    if (++declared_ > kMostDeclared) return fail(Cause::exhausted, "more than {} names", kMostDeclared);
    into_.extensions.emplace(extended, Described{bytes, features});
    return {};
  }

  Descriptors& into_;
  std::set<std::string> names_;
  std::size_t declared_ = 0;
};

}  // namespace

std::string_view text_of(std::string_view bytes, std::uint32_t number) {
  Wire wire(bytes);
  WireField field;
  std::string_view found;
  while (!wire.done() && wire.field(field, kDeepestMessage))
    if (field.number == number && field.type == WireType::length) found = field.text;
  return found;
}

std::string joined_text_of(std::string_view bytes, std::uint32_t number) {
  Wire wire(bytes);
  WireField field;
  std::string found;
  while (!wire.done() && wire.field(field, kDeepestMessage))
    if (field.number == number && field.type == WireType::length) found += field.text;
  return found;
}

Result<ProtoFeatures> with_features(ProtoFeatures outer, std::string_view options, std::uint32_t number) {
  const std::string features = joined_text_of(options, number);
  const auto read = each_field(features, [&](const WireField& field) -> Result<> {
    switch (field.number) {
      case 1:
        outer.implicit_presence = field.value == 2;
        outer.required = field.value == 3;
        break;
      case 5: outer.delimited = field.value == 2; break;
      default: break;
    }
    return {};
  });
  if (!read) return fail(read.error());
  return outer;
}

bool is_proto_name(std::string_view name) {
  constexpr std::size_t kLongest = 512;
  return !name.empty() && name.size() <= kLongest &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '.'; });
}

std::string without_source_info(std::string_view descriptors) {
  constexpr std::uint32_t kSourceInfo = 9;
  std::string out;
  Wire set(descriptors);
  while (!set.done()) {
    const char* start = set.at();
    WireField file;
    if (!set.field(file, kDeepestMessage)) return std::string(descriptors);
    if (file.number != 1 || file.type != WireType::length) {
      out.append(start, set.at());
      continue;
    }
    std::string kept;
    Wire fields(file.text);
    while (!fields.done()) {
      const char* from = fields.at();
      WireField field;
      if (!fields.field(field, kDeepestMessage)) return std::string(descriptors);
      if (field.number != kSourceInfo) kept.append(from, fields.at());
    }
    out += '\x0a';  // field 1, a length
    for (std::size_t size = kept.size();; size >>= 7U) {
      out += static_cast<char>((size & 0x7fU) | (size >= 0x80 ? 0x80U : 0U));
      if (size < 0x80) break;
    }
    out += kept;
  }
  return out;
}

Result<Descriptors> Descriptors::read(std::string_view set) {
  Descriptors descriptors;
  Indexer indexer(descriptors);
  const auto read = each_field(set, [&](const WireField& field) -> Result<> {
    if (field.number != 1 || field.type != WireType::length) return {};
    return indexer.file(field.text);
  });
  if (!read) return fail(read.error());
  return descriptors;
}

}  // namespace bulkhead::contracts
