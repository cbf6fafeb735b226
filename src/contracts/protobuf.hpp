#pragma once

// A gRPC service's contract: descriptors of Protocol Buffers (descriptor.proto), read once and held against every
// message. What its rules say and nothing here enforces is refused when it is read.
//
// A descriptor set is what `protoc --include_imports --descriptor_set_out=FILE` writes. It is read here, without
// libprotobuf: a sidecar is small. Reading allocates; checking reuses the memory of a MessageChecker.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bulkhead::contracts {

struct ProtoModel;
struct ProtoMethod;
struct MessageMemory;

// The set without comments and positions, which buf puts in: nothing here needs them. What can't be read is as it was.
std::string without_source_info(std::string_view descriptors);

// Why a message is not as the contract says. Repeats no value; names of fields and numbers it does.
struct MessageFailure {
  bool unreadable = false;  // no such message could be made of it: programs would fail or differ
  std::string path;         // "items[2].price"; "" for all of it
  std::string what;         // "is not at least 1"
  std::string rule;         // "int32.gte"; "" where the type says so itself
};
std::string to_string(const MessageFailure& failure);

struct MessageReport {
  bool readable = false;                  // false: `failure` says why, and nothing was filtered
  std::optional<MessageFailure> failure;  // the first thing that does not fit
  std::vector<std::string> dropped;       // fields that are not declared, "item.7", the first few
  std::size_t dropped_count = 0;
};

// The memory of checks. Of one thread; one message at a time.
class MessageChecker {
 public:
  MessageChecker();
  ~MessageChecker();
  MessageChecker(MessageChecker&&) noexcept;
  MessageChecker& operator=(MessageChecker&&) noexcept;

 private:
  friend class ProtobufContract;
  std::unique_ptr<MessageMemory> memory_;
};

// Immutable; used from any thread, with a MessageChecker for each.
class ProtobufContract {
 public:
  // `file` is named in faults, "catalog.binpb: shop.Item.price: ...".
  static Result<ProtobufContract> read(std::string_view descriptors, std::string_view file);

  // By "/package.Service/Method", nothing else; null where there is none. Borrowed of the contract.
  const ProtoMethod* method(std::string_view target) const;
  bool has_service_of(std::string_view target) const;
  static std::string_view name(const ProtoMethod& method);
  // Whether requests (answers) are a stream of messages; else there is one.
  static bool client_streams(const ProtoMethod& method);
  static bool server_streams(const ProtoMethod& method);

  // A message of a request, without gRPC's prefix: it is refused for a field that is not declared, too.
  std::optional<MessageFailure> check_request(const ProtoMethod& method, std::string_view message,
                                              MessageChecker& checker) const;
  // A message of an answer. With `filtered`, it is written there without what is not declared, where there is any;
  // else `filtered` is left empty.
  MessageReport check_response(const ProtoMethod& method, std::string_view message, MessageChecker& checker,
                               std::string* filtered) const;

  const ProtoModel& model() const { return *model_; }

 private:
  explicit ProtobufContract(std::shared_ptr<const ProtoModel> model) : model_(std::move(model)) {}
  std::shared_ptr<const ProtoModel> model_;
};

}  // namespace bulkhead::contracts
