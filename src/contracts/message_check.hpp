#pragma once

// Whether one message is as its descriptor says: a single walk over its bytes. Of this folder; others use protobuf.hpp.

#include <array>
#include <string_view>
#include <vector>

#include "contracts/protobuf_model.hpp"

namespace bulkhead::contracts {

// What a walk needs, kept from one message to the next.
struct MessageMemory {
  struct Level {
    const ProtoField* field = nullptr;
    std::uint32_t at = 0;  // which of several
    ProtoValue key;        // of a map's entry
  };
  struct Compared {
    std::uint32_t field = 0;  // of the message that is being read
    ProtoValue value;
    friend bool operator==(const Compared& left, const Compared& right) {
      return left.field == right.field && left.value.bits == right.value.bits && left.value.text == right.value.text;
    }
  };
  std::array<Level, kDeepestMessage> path;
  std::vector<std::uint32_t> counts;  // of each field and oneof, for each message that is being read
  std::vector<Compared> compared;     // keys, and items that have to differ
};

class MessageCheck {
 public:
  enum class Direction : std::uint8_t { request, response };
  MessageCheck(const ProtoModel& model, MessageMemory& memory, Direction direction)
      : model_(model), memory_(memory), strict_(direction == Direction::request) {}

  MessageReport run(Index type, std::string_view bytes);

 private:
  using Level = MessageMemory::Level;

  // All answer whether to go on.
  bool message(Index index, std::string_view bytes);
  bool field(const ProtoMessage& type, std::size_t base, const ProtoField& field, WireType written, Wire& wire);
  bool packed(const ProtoMessage& type, std::size_t base, const ProtoField& field, Wire& wire);
  bool once(const ProtoMessage& type, std::size_t base, const ProtoField& field);
  bool inner(const ProtoField& field, std::uint32_t at, std::string_view bytes);
  bool scalar(const ProtoMessage& type, std::size_t base, const ProtoField& field, const WireField& written);
  bool ruled(const ProtoField& field, std::uint32_t at, const ProtoValue& value);
  bool compare_later(const ProtoMessage& type, const ProtoField& field, const ProtoValue& value);
  bool undeclared(std::uint32_t number, WireType written, Wire& wire);
  bool whole(const ProtoMessage& type, std::size_t base, std::size_t mark);
  bool counted(const ProtoField& field, std::uint32_t count);
  bool filled_entry(const ProtoMessage& type, std::size_t base);
  bool all_differ(const ProtoMessage& type, std::size_t mark);

  bool spend(std::size_t steps);
  std::string path_to(std::string_view last) const;
  std::string name_of(const ProtoField& field, std::uint32_t at) const;
  // No message at all. Always false.
  bool unreadable(std::string path, std::string what);
  // One that is not as it should be: a request ends here, of an answer the first is kept.
  bool unfit(std::string path, std::string_view what, std::string_view rule = {});

  const ProtoModel& model_;
  MessageMemory& memory_;
  const bool strict_;
  int depth_ = 0;
  std::size_t steps_left_ = 0;
  MessageReport report_;
};

// Appends the message without what is not declared; it has been read, and is no longer than before.
void append_declared(std::string& out, const ProtoModel& model, Index type, std::string_view bytes);

}  // namespace bulkhead::contracts
