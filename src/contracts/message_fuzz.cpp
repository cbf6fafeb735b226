// A message against a fixed contract, as a request and as an answer: what the filter leaves has nothing left to filter
// and is no longer than what came, and what a request may be is an answer without findings.

#include <cstdlib>

#include "contracts/protobuf.hpp"
#include "contracts/protobuf_fixture.hpp"

namespace {

using namespace bulkhead::contracts;

std::string field_of(std::uint32_t number, std::uint64_t label, std::uint64_t type, const std::string& more = {}) {
  return text_field(2, text_field(1, "f" + std::to_string(number)) + number_field(3, number) + number_field(4, label) +
                           number_field(5, type) + more);
}

std::string rules_of(const std::string& rules) { return text_field(8, text_field(1159, rules)); }

// Every type once, lists, a map, a group, a oneof, and rules.
std::string set() {
  std::string fields;
  for (std::uint32_t type = 1; type <= 9; ++type) fields += field_of(type, 1, type);
  const std::string self = text_field(6, ".M");
  fields += field_of(10, 3, 10, self) + field_of(11, 1, 11, self) + field_of(12, 1, 12) + field_of(13, 3, 13) +
            field_of(14, 1, 14, text_field(6, ".E")) + field_of(15, 3, 11, text_field(6, ".M.F")) +
            field_of(16, 1, 9, number_field(9, 0)) + field_of(17, 1, 5, number_field(9, 0));
  fields += field_of(18, 3, 3, rules_of(text_field(18, number_field(2, 3) + number_field(3, 1))));
  fields += field_of(19, 1, 9, rules_of(text_field(14, number_field(2, 1) + text_field(6, "^a+$"))));
  fields += field_of(20, 1, 1, rules_of(text_field(2, double_field(2, 1))));
  fields += text_field(8, text_field(1, "o"));
  const std::string entry =
      text_field(1, "F") + field_of(1, 1, 9) + field_of(2, 1, 11, self) + text_field(7, number_field(7, 1));
  const std::string values = text_field(1, "E") + text_field(2, text_field(1, "A") + number_field(2, 0)) +
                             text_field(2, text_field(1, "B") + number_field(2, 1));
  const std::string method = text_field(1, "Do") + text_field(2, ".M") + text_field(3, ".M");
  return text_field(1, text_field(1, "m.proto") + text_field(4, text_field(1, "M") + fields + text_field(3, entry)) +
                           text_field(5, values) + text_field(6, text_field(1, "S") + text_field(2, method)));
}

const ProtobufContract& contract() {
  static const auto read = ProtobufContract::read(set(), "set");
  if (!read) std::abort();
  return *read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  static MessageChecker checker;
  const ProtoMethod& method = *contract().method("/S/Do");
  const auto failure = contract().check_request(method, message, checker);
  std::string filtered;
  const auto report = contract().check_response(method, message, checker, &filtered);
  if (!failure && (!report.readable || report.failure || report.dropped_count > 0)) std::abort();
  if (!report.readable || report.dropped_count == 0) return 0;
  if (filtered.size() >= message.size()) std::abort();
  std::string again;
  const auto second = contract().check_response(method, filtered, checker, &again);
  if (!second.readable || second.dropped_count > 0) std::abort();
  return 0;
}
