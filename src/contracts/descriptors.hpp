#pragma once

// A FileDescriptorSet (google/protobuf/descriptor.proto) as an index of names: where each message, enum, extension and
// service stands in its bytes. Messages are read when something leads to them. Of this folder.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "contracts/wire.hpp"

namespace bulkhead::contracts {

// What a file, and messages within it, say for what is inside them (FeatureSet, editions).
struct ProtoFeatures {
  bool implicit_presence = false;  // a plain scalar can't be told from its default
  bool required = false;           // LEGACY_REQUIRED
  bool delimited = false;          // messages as groups
};

struct Described {
  std::string_view bytes;  // its descriptor
  ProtoFeatures features;
};

// All views are of the set's bytes, which outlive it.
struct Descriptors {
  std::map<std::string, Described, std::less<>> messages, enums, services;  // by full name, without leading dot
  std::multimap<std::string, Described, std::less<>> extensions;            // by the message that they extend

  static Result<Descriptors> read(std::string_view set);
};

// Reads every field of a descriptor; `take` answers with a Result<>.
template <class Take>
Result<> each_field(std::string_view bytes, Take take) {
  Wire wire(bytes);
  while (!wire.done()) {
    WireField field;
    if (!wire.field(field, kDeepestMessage)) return fail(Cause::invalid, "it is no descriptor set, or cut short");
    if (Result<> taken = take(field); !taken) return taken;
  }
  return {};
}

// What options of that kind override. `number` is that of `features` in them.
Result<ProtoFeatures> with_features(ProtoFeatures outer, std::string_view options, std::uint32_t number);
// The text of a field that is written once; "" where it is not there.
std::string_view text_of(std::string_view bytes, std::uint32_t number);
// The bytes of a message field, all that was written of it.
std::string joined_text_of(std::string_view bytes, std::uint32_t number);

// Letters, digits, underscores and dots; no more than 512.
bool is_proto_name(std::string_view name);

}  // namespace bulkhead::contracts
