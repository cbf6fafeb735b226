#include "contracts/protobuf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contracts/protobuf_fixture.hpp"

namespace bulkhead::contracts {
namespace {

const ProtobufContract& catalog() {
  static const auto contract = ProtobufContract::read(descriptors_of_tests(), "catalog.binpb");
  if (!contract) throw std::runtime_error(contract.error().message);
  return *contract;
}

const ProtoMethod& method(std::string_view name) {
  const ProtoMethod* found = catalog().method(fmt::format("/shop.Catalog/{}", name));
  if (found == nullptr) throw std::runtime_error("no such method");
  return *found;
}

// "fits", or what is wrong.
std::string request(std::string_view name, const std::string& message) {
  static MessageChecker checker;
  const auto failure = catalog().check_request(method(name), message, checker);
  if (!failure) return "fits";
  return (failure->unreadable ? "unreadable: " : "") + to_string(*failure);
}

std::string everything(const std::string& message) { return request("Try", message); }

// The message that makes all rules of Rules hold, with `more`.
std::string rules(const std::string& more) {
  return request("Rule", text_field(17, "x") + text_field(19, text_field(1, "k")) + number_field(21, 1) + more);
}

std::string nested(int levels) {
  std::string message;
  for (int i = 0; i < levels; ++i) message = text_field(17, message);
  return message;
}

TEST(Protobuf, KnowsServicesAndMethodsByTheirPaths) {
  EXPECT_NE(catalog().method("/shop.Catalog/Get"), nullptr);
  for (const std::string_view other :
       {"/shop.Catalog/get", "/shop.Catalog/Get/", "shop.Catalog/Get", "/Catalog/Get", "/shop.Catalog", "", "/"})
    EXPECT_EQ(catalog().method(other), nullptr) << other;
  EXPECT_TRUE(catalog().has_service_of("/shop.Catalog/Delete"));
  EXPECT_FALSE(catalog().has_service_of("/shop.Cata/Get"));
  EXPECT_FALSE(catalog().has_service_of("/"));
  EXPECT_FALSE(ProtobufContract::client_streams(method("List")));
  EXPECT_TRUE(ProtobufContract::server_streams(method("List")));
  EXPECT_TRUE(ProtobufContract::client_streams(method("Fill")));
}

TEST(Protobuf, WhatIsDeclaredFits) {
  const std::string item = text_field(1, "boat") + number_field(2, 3) + text_field(3, "") + text_field(3, "é") +
                           text_field(4, text_field(1, "hull") + text_field(2, text_field(1, "h1"))) +
                           number_field(5, 2) + text_field(6, number_field(1, 1'700'000'000));
  EXPECT_EQ(request("Put", item), "fits");
  EXPECT_EQ(everything(""), "fits");
  EXPECT_EQ(everything(number_field(3, static_cast<std::uint64_t>(-1)) + number_field(5, 0xffffffff) +
                       number_field(7, 0xffffffff) + number_field(13, 1) + fixed_field(9, 1, 4) + double_field(1, 0.5)),
            "fits");
  EXPECT_EQ(everything(number_field(18, 1) + text_field(18, varint(2) + varint(3)) + number_field(18, 4)), "fits")
      << "packed and not, in turns";
  EXPECT_EQ(everything(double_field(27, 1) + text_field(27, std::string(16, '\0'))), "fits");
  EXPECT_EQ(everything(text_field(21, text_field(1, "a") + text_field(2, text_field(14, "x"))) + text_field(21, "")),
            "fits");
}

TEST(Protobuf, WhatCanNotBeReadIsNamedWithItsPlace) {
  EXPECT_EQ(everything("\xff"), "unreadable: the message is no Protocol Buffers message");
  EXPECT_EQ(everything(std::string(1, '\0')), "unreadable: the message is no Protocol Buffers message");
  EXPECT_EQ(everything(tag(17, 2) + varint(5) + "abc"), "unreadable: inner is cut short");
  EXPECT_EQ(everything(text_field(17, tag(1, 1) + "abc")), "unreadable: inner.real is cut short");
  EXPECT_EQ(everything(text_field(14, "\xc0\xaf")), "unreadable: text is a string that is not UTF-8");
  EXPECT_EQ(everything(text_field(15, "\xc0\xaf")), "fits") << "of octets";
  EXPECT_EQ(everything(text_field(26, "a") + text_field(26, "\xed\xa0\x80")),
            "unreadable: words[1] is a string that is not UTF-8");
  EXPECT_EQ(everything(number_field(14, 1)), "unreadable: text is not written as string is");
  EXPECT_EQ(everything(text_field(3, "a")), "unreadable: small is not written as int32 is");
  EXPECT_EQ(everything(number_field(3, 1ULL << 32U)), "unreadable: small is no int32") << "which programs cut off";
  EXPECT_EQ(everything(number_field(13, 2)), "unreadable: truth is no bool");
  EXPECT_EQ(everything(tag(3, 0) + std::string(10, '\xff') + "\x01"), "unreadable: small is cut short");
  EXPECT_EQ(everything(text_field(18, "\x80")), "unreadable: numbers is cut short");
  EXPECT_EQ(everything(text_field(19, "") + text_field(19, text_field(14, "\xff"))),
            "unreadable: more[1].text is a string that is not UTF-8");
  EXPECT_EQ(everything(nested(64)), "fits");
  EXPECT_TRUE(everything(nested(65)).ends_with("is more than 64 messages within each other")) << everything(nested(65));
  EXPECT_TRUE(everything(nested(20'000)).starts_with("unreadable: "));
}

TEST(Protobuf, WhatIsNotDeclaredIsRefusedInRequests) {
  EXPECT_EQ(everything(number_field(99, 1)), "99 is not declared");
  EXPECT_EQ(everything(text_field(19, "") + text_field(19, text_field(24, number_field(2, 7)))),
            "more[1].third.2 is not declared");
  EXPECT_EQ(everything(number_field(16, 3)), "color is no value of shop.Color");
  EXPECT_EQ(everything(number_field(16, static_cast<std::uint64_t>(-1))), "color is no value of shop.Color");
  EXPECT_EQ(everything(group_field(99, "")), "99 is not declared");
}

TEST(Protobuf, NothingIsThereTwice) {
  EXPECT_EQ(everything(number_field(3, 1) + number_field(3, 1)), "small is there more than once");
  EXPECT_EQ(everything(text_field(17, "") + text_field(17, "")), "inner is there more than once");
  EXPECT_EQ(everything(number_field(22, 1) + text_field(23, "")), "second is there beside another of one");
  EXPECT_EQ(everything(text_field(20, number_field(1, 1)) + text_field(20, number_field(1, 1) + text_field(2, "x"))),
            "names has a key twice");
  EXPECT_EQ(everything(text_field(20, "") + text_field(20, number_field(1, 0))), "names has a key twice")
      << "a key that is not written is zero";
  EXPECT_EQ(everything(text_field(21, text_field(1, "a")) + text_field(21, text_field(1, "b"))), "fits");
  const std::string inner = text_field(21, text_field(1, "a"));
  EXPECT_EQ(everything(text_field(21, text_field(1, "a") + text_field(2, inner))), "fits") << "in another message";
}

TEST(Protobuf, Proto2HasRequiredFieldsGroupsAndExtensions) {
  EXPECT_EQ(request("Old", ""), "name has to be set (required)");
  const std::string named = text_field(1, "ann");
  EXPECT_EQ(request("Old", named + text_field(100, "annie")), "fits");
  EXPECT_EQ(request("Old", named + number_field(100, 1)), "unreadable: [nickname] is not written as string is");
  EXPECT_EQ(request("Old", named + text_field(101, "annie")), "101 is not declared");
  EXPECT_EQ(request("Old", named + group_field(3, number_field(1, 1999) + text_field(2, named))), "fits");
  EXPECT_EQ(request("Old", named + group_field(3, "")), "visit[0].year has to be set (required)");
  EXPECT_EQ(request("Old", named + tag(3, 3) + number_field(1, 1)), "unreadable: visit[0] is cut short");
  EXPECT_EQ(request("Old", named + tag(3, 3) + number_field(1, 1) + tag(4, 4)), "unreadable: visit[0] is cut short");
  EXPECT_EQ(request("Old", named + tag(3, 4)), "unreadable: visit[0] is not written as a group is");
}

TEST(Protobuf, RulesHoldForWhatIsSet) {
  EXPECT_EQ(rules(""), "fits");
  const struct {
    std::uint32_t field;
    std::string good, bad, said;
  } cases[] = {
      {1, "abc", "aBc", "code is not as its pattern has it (string.pattern)"},
      {2, "ann@example.com", "ann", "mail is no email address (string.email)"},
      {3, "a.example.com.", "-a.com", "host is no host name (string.hostname)"},
      {4, "::1", "1.2.3", "address is no IP address (string.ip)"},
      {5, "https://example.com/x", "example", "link is no URI (string.uri)"},
      {6, "7b5bc9e1-2f0b-4c3a-9a52-0d8a6a1b6c11", "7b5b", "id is no UUID (string.uuid)"},
      {7, "amz", "xmz", "edges does not begin as it has to (string.prefix)"},
      {7, "a-m-z", "amx", "edges does not end as it has to (string.suffix)"},
      {7, "ammz", "az", "edges lacks what it has to contain (string.contains)"},
      {7, "ammmz", "am!z", "edges contains what it may not (string.not_contains)"},
      {8, "two", "three", "choice is none of those listed (string.in)"},
      {13, "ab", "a", "octets has fewer than 2 bytes (bytes.min_len)"},
      {13, "abc", "abcd", "octets has more than 3 bytes (bytes.max_len)"},
      {20, "éé", "é", "letters does not have 2 characters (string.len)"},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(rules(text_field(each.field, each.good)), "fits") << each.said;
    EXPECT_EQ(rules(text_field(each.field, each.bad)), each.said);
  }
  EXPECT_EQ(rules(text_field(1, "")), "fits") << "zero is ignored";
  EXPECT_EQ(rules(text_field(2, "")), "mail is no email address (string.email)") << "it is set";
}

TEST(Protobuf, RulesHoldForNumbers) {
  const auto negative = [](std::int64_t number) { return static_cast<std::uint64_t>(number); };
  EXPECT_EQ(rules(number_field(9, negative(-4))), "fits");
  EXPECT_EQ(rules(number_field(9, negative(-5))), "between is not above -5 and below 5 (int64.gt_lt)");
  EXPECT_EQ(rules(number_field(9, 5)), "between is not above -5 and below 5 (int64.gt_lt)");
  EXPECT_EQ(rules(number_field(10, 11)), "fits");
  EXPECT_EQ(rules(number_field(10, negative(-11))), "fits");
  EXPECT_EQ(rules(number_field(10, 10)), "outside is not above 10 and below -10 (int64.gt_lt)");
  EXPECT_EQ(rules(number_field(11, 1)), "fits");
  EXPECT_EQ(rules(number_field(11, 2)), "picked is one of those ruled out (int32.not_in)");
  EXPECT_EQ(rules(number_field(11, 3)), "picked is none of those listed (int32.in)");
  EXPECT_EQ(rules(double_field(12, 1.0)), "fits");
  for (const double bad :
       {1.5, -0.1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    EXPECT_NE(rules(double_field(12, bad)), "fits") << bad;
  EXPECT_EQ(rules(number_field(16, 1)), "fits");
  EXPECT_EQ(rules(number_field(16, 0)), "color is one of those ruled out (enum.not_in)");
}

TEST(Protobuf, RulesHoldWithinWrappers) {
  EXPECT_EQ(rules(text_field(22, text_field(1, "ab")) + text_field(23, text_field(1, "a"))), "fits");
  EXPECT_EQ(rules(text_field(22, text_field(1, "a"))), "boxed.value has fewer than 2 characters (string.min_len)");
  EXPECT_EQ(rules(text_field(22, "")), "boxed.value has fewer than 2 characters (string.min_len)") << "it is set";
  EXPECT_EQ(rules(text_field(24, number_field(1, 5))), "boxed_number.value is not below 5 (int32.lt)");
  EXPECT_EQ(rules(text_field(24, "")), "fits") << "zero is below";
}

TEST(Protobuf, RulesHoldForListsAndMaps) {
  const auto packed = [](std::initializer_list<std::uint64_t> numbers) {
    std::string text;
    for (const std::uint64_t number : numbers) text += varint(number);
    return text_field(14, text);
  };
  EXPECT_EQ(rules(packed({1, 2, 3})), "fits");
  EXPECT_EQ(rules(packed({1, 0})), "numbers[1] is not above 0 (int32.gt)");
  EXPECT_EQ(rules(packed({1, 2, 1})), "numbers has an item twice (repeated.unique)");
  EXPECT_EQ(rules(packed({1, 2}) + packed({3, 4})), "numbers has more than 3 items (repeated.max_items)");
  const auto pair = [](std::string_view key, std::uint64_t value) {
    return text_field(15, text_field(1, key) + number_field(2, value));
  };
  EXPECT_EQ(rules(pair("ab", 1) + pair("cd", 2)), "fits");
  EXPECT_EQ(rules(pair("a", 1)), "pairs[0].key has fewer than 2 characters (string.min_len)");
  EXPECT_EQ(rules(text_field(15, number_field(2, 1))), "pairs[0].key has fewer than 2 characters (string.min_len)");
  EXPECT_EQ(rules(pair("ab", 1) + pair("cd", 10)), "pairs[1].value is not below 10 (int32.lt)");
  EXPECT_EQ(rules(pair("ab", 1) + pair("cd", 1) + pair("ef", 1)), "pairs has more than 2 pairs (map.max_pairs)");
}

TEST(Protobuf, RulesHoldForWhatIsNotThere) {
  const std::string key = text_field(19, text_field(1, "k"));
  EXPECT_EQ(request("Rule", key + number_field(21, 1)), "way has to be one of its fields (oneof.required)");
  EXPECT_EQ(request("Rule", text_field(17, "") + number_field(21, 1)), "key has to be set (required)");
  EXPECT_EQ(request("Rule", text_field(17, "") + key), "count has to be set (required)");
  EXPECT_EQ(request("Rule", text_field(17, "") + key + number_field(21, 0)), "count has to be set (required)");
  EXPECT_EQ(request("Rule", text_field(17, "") + text_field(19, "") + number_field(21, 1)),
            "key.id has fewer than 1 characters (string.min_len)");
  EXPECT_EQ(request("Get", ""), "id has fewer than 1 characters (string.min_len)");
  EXPECT_EQ(request("Put", text_field(1, "boat")), "price is not at least 1 (int32.gte)");
}

// What leaves, and what is said about it.
std::string answer(std::string_view name, const std::string& message, std::string& filtered) {
  MessageChecker checker;
  const auto report = catalog().check_response(method(name), message, checker, &filtered);
  std::string said = report.readable ? "" : "unreadable: ";
  if (report.failure) said += to_string(*report.failure);
  for (const std::string& path : report.dropped) said += fmt::format("[{}]", path);
  return said;
}

TEST(Protobuf, OfAnAnswerWhatIsNotDeclaredIsTakenOut) {
  std::string left;
  EXPECT_EQ(answer("Try", text_field(14, "x"), left), "");
  EXPECT_EQ(left, "") << "as it was";
  EXPECT_EQ(answer("Try", number_field(99, 1) + text_field(14, "x") + text_field(98, "secret"), left), "[99][98]");
  EXPECT_EQ(left, text_field(14, "x"));
  const std::string inner = text_field(14, "x") + text_field(99, std::string(200, 's'));
  EXPECT_EQ(answer("Try", text_field(17, inner) + number_field(3, 1), left), "[inner.99]");
  EXPECT_EQ(left, tag(17, 2) + "\x83" + std::string(1, '\0') + text_field(14, "x") + number_field(3, 1))
      << "the length keeps its two octets";
  EXPECT_EQ(everything(left), "fits");
  EXPECT_EQ(answer("Get",
                   text_field(1, "b") + number_field(2, 1) +
                       text_field(4, text_field(1, "k") + text_field(2, text_field(1, "i") + number_field(9, 1))),
                   left),
            "[parts[0].value.9]");
  const std::string visit = number_field(1, 1) + number_field(7, 7);
  EXPECT_EQ(answer("Old", text_field(1, "ann") + group_field(3, visit), left), "[visit[0].7]");
  EXPECT_EQ(left, text_field(1, "ann") + group_field(3, number_field(1, 1)));
}

TEST(Protobuf, OfAnAnswerTheFirstMisfitIsReportedAndTheRestFiltered) {
  std::string left;
  EXPECT_EQ(answer("Get", number_field(2, 0) + number_field(5, 9) + number_field(77, 1), left),
            "price is not at least 1 (int32.gte)[77]");
  EXPECT_EQ(left, number_field(2, 0) + number_field(5, 9));
  EXPECT_EQ(answer("Get", text_field(2, "x"), left), "unreadable: price is not written as int32 is");
  EXPECT_EQ(left, "");
}

TEST(Protobuf, WhatCostsTooMuchIsRefused) {
  std::string many;
  for (int i = 0; i < 70'000; ++i) many += text_field(20, number_field(1, static_cast<std::uint64_t>(i)));
  EXPECT_EQ(everything(many), "unreadable: names has more than 65536 values to compare");
}

// One file with that message, whose first field has an option with these bytes.
std::string set_with(const std::string& option, std::uint64_t type = 9, std::string_view more = {}) {
  const std::string field = text_field(1, "f") + number_field(3, 1) + number_field(4, 1) + number_field(5, type) +
                            text_field(8, option) + std::string(more);
  const std::string method = text_field(1, "Do") + text_field(2, ".M") + text_field(3, ".M");
  return text_field(1, text_field(1, "m.proto") + text_field(4, text_field(1, "M") + text_field(2, field)) +
                           text_field(6, text_field(1, "S") + text_field(2, method)) + text_field(12, "proto3"));
}

std::string refused(const std::string& set) {
  const auto read = ProtobufContract::read(set, "x.binpb");
  return read ? "taken" : read.error().message;
}

TEST(Protobuf, ARuleThatIsNotHeldIsRefusedByItsName) {
  const auto rule = [](const std::string& rules) { return refused(set_with(text_field(1159, rules))); };
  EXPECT_EQ(rule(text_field(14, number_field(12, 1))), "taken");
  EXPECT_EQ(rule(text_field(14, number_field(18, 1))), "x.binpb: M: f: the rule string.uri_ref is not held here");
  EXPECT_EQ(rule(text_field(14, number_field(777, 1))), "x.binpb: M: f: the rule string.777 is not held here");
  EXPECT_EQ(rule(text_field(23, "")), "x.binpb: M: f: the rule cel is not held here");
  EXPECT_EQ(rule(text_field(22, "")), "x.binpb: M: f: the rule timestamp is not held here");
  EXPECT_EQ(rule(text_field(3, "")), "x.binpb: M: f: rules of 'int32' are not held at a field of string");
  EXPECT_EQ(rule(text_field(18, "")), "x.binpb: M: f: rules of 'repeated' are not held at a field of string");
  EXPECT_TRUE(rule(text_field(14, text_field(6, "("))).starts_with("x.binpb: M: f: string.pattern: ")) << "no pattern";
  EXPECT_TRUE(refused(set_with(text_field(1071, ""))).contains("protoc-gen-validate"));
}

// A contract of one message M with those fields, and what else the file says; method /S/Do takes it.
Result<ProtobufContract> contract_of(const std::string& fields, const std::string& file) {
  const std::string method = text_field(1, "Do") + text_field(2, ".M") + text_field(3, ".M");
  const std::string set = text_field(
      1, text_field(4, text_field(1, "M") + fields) + text_field(6, text_field(1, "S") + text_field(2, method)) + file);
  return ProtobufContract::read(set, "x");
}

std::string field_of(std::uint32_t number, std::string_view name, std::uint64_t type, const std::string& more = {}) {
  return text_field(2,
                    text_field(1, name) + number_field(3, number) + number_field(4, 1) + number_field(5, type) + more);
}

TEST(Protobuf, EditionsSayByFeaturesWhatSyntaxSaidBefore) {
  const auto feature = [](std::uint32_t of, std::uint32_t which, std::uint64_t value) {
    return text_field(8, text_field(of, number_field(which, value)));
  };
  const std::string rule = text_field(8, text_field(1159, text_field(14, number_field(2, 1))));
  const std::string fields = field_of(1, "a", 9, rule) + field_of(2, "b", 9, feature(21, 1, 3)) +
                             field_of(3, "c", 11, text_field(6, ".M") + feature(21, 5, 2)) +
                             field_of(4, "d", 9, rule + feature(21, 1, 1));
  const auto contract = contract_of(fields, text_field(12, "editions") + number_field(14, 1000) + feature(50, 1, 2));
  ASSERT_TRUE(contract) << contract.error().message;
  MessageChecker checker;
  const auto said = [&](const std::string& message) {
    const auto failure = contract->check_request(*contract->method("/S/Do"), message, checker);
    return failure ? to_string(*failure) : "fits";
  };
  const std::string whole = text_field(1, "x") + text_field(2, "");
  EXPECT_EQ(said(whole), "fits");
  EXPECT_EQ(said(text_field(2, "")), "a has fewer than 1 characters (string.min_len)") << "implicit, by the file";
  EXPECT_EQ(said(text_field(1, "x")), "b has to be set (required)") << "as in proto2";
  EXPECT_EQ(said(whole + group_field(3, whole)), "fits") << "delimited";
  EXPECT_EQ(said(whole + text_field(3, whole)), "c is not written as a group is");
  EXPECT_EQ(said(whole + text_field(4, "")), "d has fewer than 1 characters (string.min_len)") << "explicit";
  EXPECT_FALSE(contract_of(fields, text_field(12, "proto4")));
}

TEST(Protobuf, WhatIsIgnoredIsHeldToNothing) {
  const auto with = [](std::uint64_t ignore) {
    return contract_of(
        field_of(1, "a", 9,
                 text_field(8, text_field(1159, number_field(27, ignore) + text_field(14, number_field(2, 2))))),
        text_field(12, "proto3"));
  };
  MessageChecker checker;
  const auto fits = [&](const Result<ProtobufContract>& contract, const std::string& text) {
    return !contract->check_request(*contract->method("/S/Do"), text.empty() ? "" : text_field(1, text), checker);
  };
  EXPECT_FALSE(fits(with(0), ""));
  EXPECT_TRUE(fits(with(1), ""));
  EXPECT_FALSE(fits(with(1), "x"));
  EXPECT_TRUE(fits(with(3), "x"));
  EXPECT_EQ(with(2).error().message, "x: M: a: the rule ignore is not held here");
  const std::string always = number_field(27, 3);
  for (const std::string& rules : {always, text_field(18, text_field(4, always))}) {
    const std::uint64_t label = rules == always ? 1 : 3;
    const auto read = contract_of(
        text_field(2, text_field(1, "a") + number_field(3, 1) + number_field(4, label) + number_field(5, 11) +
                          text_field(6, ".M") + text_field(8, text_field(1159, rules))),
        text_field(12, "proto3"));
    ASSERT_FALSE(read);
    EXPECT_TRUE(read.error().message.ends_with("ignore = IGNORE_ALWAYS is not held at messages"));
  }
}

TEST(Protobuf, WhatADescriptorCanNotMeanIsRefused) {
  const auto refuses = [](const std::string& fields) {
    const auto contract = contract_of(fields, text_field(12, "proto3"));
    return contract ? "taken" : contract.error().message;
  };
  const std::string entry = text_field(
      3, text_field(1, "E") + field_of(1, "key", 9) + field_of(2, "value", 9) + text_field(7, number_field(7, 1)));
  const auto map = [](std::uint32_t number, std::string_view name) {
    return text_field(2, text_field(1, name) + number_field(3, number) + number_field(4, 3) + number_field(5, 11) +
                             text_field(6, ".M.E"));
  };
  EXPECT_EQ(refuses(entry + map(1, "a")), "taken");
  EXPECT_EQ(refuses(entry + map(1, "a") + map(2, "b")), "x: M: b: the entry of its map is another's too");
  EXPECT_EQ(refuses(field_of(1, "a", 9) + field_of(1, "b", 9)), "x: M: two fields have the number 1");
  EXPECT_EQ(refuses(field_of(1, "a", 9, number_field(9, 0))), "x: M: a: its oneof is not there");
  EXPECT_EQ(refuses(text_field(7, number_field(1, 1))), "x: M: message_set_wire_format is not held here");
  EXPECT_EQ(refuses(text_field(7, text_field(1159, text_field(3, "")))), "x: M: the rule message.cel is not held here");
  EXPECT_EQ(refuses(text_field(8, text_field(1, "o") + text_field(2, text_field(1159, number_field(2, 1))))),
            "x: M: o: the rule oneof.2 is not held here");
  EXPECT_EQ(refuses(field_of(1, "a b", 9)), "x: M: a field has no proper name");
  EXPECT_EQ(refuses(field_of(0, "a", 9)), "x: M: a: its number is none");
}

TEST(Protobuf, WhatIsNoDescriptorSetIsRefused) {
  EXPECT_EQ(refused(""), "x.binpb: it declares no method of a service");
  EXPECT_EQ(refused("syntax = \"proto3\";"), "x.binpb: it is no descriptor set, or cut short");
  EXPECT_EQ(refused(set_with("", 11, text_field(6, ".Gone"))),
            "x.binpb: M: f: Gone is not in it: protoc --include_imports puts in what is imported");
  EXPECT_EQ(refused(set_with("") + set_with("")), "x.binpb: M is declared twice");
  EXPECT_EQ(refused(set_with("", 19)), "x.binpb: M: f: its type is not known");
  const std::string whole = descriptors_of_tests();
  for (std::size_t size = 1; size < whole.size(); size += 7)
    EXPECT_FALSE(ProtobufContract::read(whole.substr(0, size), "x")) << size;
}

}  // namespace
}  // namespace bulkhead::contracts
