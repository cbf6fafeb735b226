#include "contracts/protobuf_diff.hpp"

#include <gtest/gtest.h>

#include "contracts/protobuf_fixture.hpp"

namespace bulkhead::contracts {
namespace {

std::string proto_field(std::uint32_t number, std::string_view name, std::uint64_t type, std::string_view more = {},
                        std::uint64_t label = 1) {
  return text_field(2, text_field(1, name) + number_field(3, number) + number_field(4, label) + number_field(5, type) +
                           std::string(more));
}

const std::string kShort = text_field(8, text_field(1159, text_field(14, number_field(3, 8))));  // max_len 8
const std::string kShorter = text_field(8, text_field(1159, text_field(14, number_field(3, 4))));
const std::string kAsked = text_field(8, text_field(1159, number_field(25, 1)));

// service S { Do(M) returns (M) } and more methods, with those fields of M.
ProtobufContract version(const std::string& fields, const std::string& methods = {}) {
  const std::string values =
      text_field(2, text_field(1, "A") + number_field(2, 0)) + text_field(2, text_field(1, "B") + number_field(2, 1));
  const std::string method = text_field(1, "Do") + text_field(2, ".M") + text_field(3, ".M");
  const std::string set =
      text_field(1, text_field(4, text_field(1, "M") + fields) + text_field(5, text_field(1, "E") + values) +
                        text_field(6, text_field(1, "S") + text_field(2, method) + methods) + text_field(12, "proto3"));
  auto read = ProtobufContract::read(set, "v");
  if (!read) throw std::runtime_error(read.error().message);
  return std::move(*read);
}

std::vector<std::string> changes(const ProtobufContract& before, const ProtobufContract& after) {
  std::vector<std::string> said;
  for (const Change& change : diff(before, after)) said.push_back(to_string(change));
  return said;
}

using Said = std::vector<std::string>;

TEST(ProtobufDiff, OfTheSameThereIsNone) {
  const std::string fields = proto_field(1, "a", 9, kShort) + proto_field(2, "self", 11, text_field(6, ".M"));
  EXPECT_EQ(changes(version(fields), version(fields)), Said{});
}

TEST(ProtobufDiff, MethodsAndTheirStreams) {
  const auto method = [](std::string_view name, const std::string& more = {}) {
    return text_field(2, text_field(1, name) + text_field(2, ".M") + text_field(3, ".M") + more);
  };
  EXPECT_EQ(changes(version("", method("Get") + method("List")),
                    version("", method("Put") + method("List", number_field(6, 1)))),
            (Said{"breaking: POST /S/Get: is gone", "breaking: POST /S/List, response: is a stream now",
                  "compatible: POST /S/Put: is new"}));
}

TEST(ProtobufDiff, Fields) {
  const auto a = proto_field(1, "a", 9);
  EXPECT_EQ(changes(version(a), version("")),
            (Said{"breaking: POST /S/Do, request, a: is gone", "breaking: POST /S/Do, response, a: is gone"}));
  EXPECT_EQ(changes(version(""), version(a)),
            (Said{"compatible: POST /S/Do, request, a: is new", "compatible: POST /S/Do, response, a: is new"}));
  EXPECT_EQ(changes(version(""), version(proto_field(1, "a", 9, kAsked)))[0],
            "breaking: POST /S/Do, request, a: is new, and has to be set");
  EXPECT_EQ(changes(version(a), version(proto_field(1, "a", 5)))[0],
            "breaking: POST /S/Do, request, a: is int32 now, and was string");
  EXPECT_EQ(changes(version(a), version(proto_field(1, "a", 9, "", 3)))[0],
            "breaking: POST /S/Do, request, a: is several of string now, and was string");
  EXPECT_EQ(changes(version(a), version(proto_field(2, "a", 9)))[0],
            "breaking: POST /S/Do, request, a: has the number 2 now, and had 1");
  EXPECT_EQ(changes(version(a), version(proto_field(1, "b", 9)))[0],
            "compatible: POST /S/Do, request, a: is called b now");
}

TEST(ProtobufDiff, RulesAndWithinMessages) {
  const auto self = proto_field(2, "self", 11, text_field(6, ".M"));
  EXPECT_EQ(changes(version(proto_field(1, "a", 9, kShort) + self), version(proto_field(1, "a", 9, kShorter) + self)),
            (Said{"breaking: POST /S/Do, request, a: is held to string.max_len now",
                  "compatible: POST /S/Do, request, a: is no longer held to string.max_len as it was"}));
  EXPECT_EQ(changes(version(proto_field(1, "a", 9, kAsked)), version(proto_field(1, "a", 9))),
            Said{"breaking: POST /S/Do, response, a: may be missing now"});
}

TEST(ProtobufDiff, DescribesAContract) {
  const auto contract = version(proto_field(1, "a", 9, kShort) + proto_field(2, "e", 14, text_field(6, ".E"), 3));
  EXPECT_EQ(
      describe(contract),
      R"({"methods":{"/S/Do":{"request":{"message":"M","stream":false},"response":{"message":"M","stream":false}}},)"
      R"("messages":{"M":{"a":{"number":1,"type":"string","rules":["string.max_len"]},)"
      R"("e":{"number":2,"type":"E","repeated":true}}},"enums":{"E":{"A":0,"B":1}}})");
}

}  // namespace
}  // namespace bulkhead::contracts
