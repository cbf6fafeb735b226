#pragma once

// A protobuf contract after reading: tables that refer to each other by index, of the messages that methods reach.
// Immutable. Of this folder; others use protobuf.hpp.

#include <map>
#include <string>
#include <vector>

#include "contracts/program.hpp"
#include "contracts/protobuf.hpp"
#include "contracts/protobuf_rules.hpp"

namespace bulkhead::contracts {

struct ProtoField {
  std::string name;
  std::uint32_t number = 0;
  ProtoType type = ProtoType::int32;
  bool repeated = false;  // maps too
  bool map = false;
  bool presence = false;       // it can be told whether it was set: rules wait until it is
  bool needed = false;         // `required` of proto2, or of its rules
  bool nonzero = false;        // likewise, where a value that is zero is none
  bool zero_ignored = false;   // rules do not concern a value that is zero
  bool empty_ignored = false;  // of several: `least` does not concern none
  bool unique = false;
  Index of = kNone;                             // its message or enum
  Index oneof = kNone;                          // among its message's
  std::uint64_t least = 0, most = UINT64_MAX;   // items
  std::uint32_t cost = 0;                       // steps that its rules take, each time
  std::vector<ValueRule> rules;                 // of its value, or of each of its values
  const ValueRule* broken_if_absent = nullptr;  // of `rules`: what nobody wrote is zero, and zero is not allowed

  bool packable() const {
    return repeated && !is_message(type) && type != ProtoType::string && type != ProtoType::bytes;
  }
};

struct ProtoOneof {
  std::string name;
  bool required = false;
};

struct ProtoMessage {
  std::string name;                // "shop.Item"
  std::vector<ProtoField> fields;  // by number
  std::vector<ProtoOneof> oneofs;
  bool entry = false;   // of a map
  bool judged = false;  // something is to be looked at once all its fields are read

  const ProtoField* find(std::uint32_t number) const;
};

struct ProtoEnum {
  std::string name;
  std::vector<std::int32_t> numbers;  // ascending
  std::vector<std::string> names;     // of each, the first that it was given
  bool has(std::int32_t number) const;
};

struct ProtoMethod {
  std::string name;  // "/shop.Catalog/Get", as requests have it
  Index input = kNone;
  Index output = kNone;
  bool client_streams = false;
  bool server_streams = false;
};

struct ProtoModel {
  std::vector<ProtoMessage> messages;
  std::vector<ProtoEnum> enums;
  std::map<std::string, ProtoMethod, std::less<>> methods;  // by name
};

}  // namespace bulkhead::contracts
