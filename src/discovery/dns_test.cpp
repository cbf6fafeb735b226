#include "discovery/dns.hpp"

#include <gtest/gtest.h>

namespace bulkhead::discovery {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::string header(std::string_view counts = "\0\1\0\0\0\0\0\0"sv, std::string_view flags = "\1\0"sv) {
  return "\x12\x34"s.append(flags).append(counts);
}

const std::string kQuestion = "\7CataLog\4shop\0\0\1\0\1"s;
const std::string kOpt = "\0\0\x29\x10\0\0\0\0\0\0\0"s;
constexpr DnsAddress kAddress{.bytes = {198, 18, 0, 7}};
constexpr DnsAddress kAddress6{.v6 = true, .bytes = {0xfd, 1}};

TEST(Dns, ReadsAQuestionWithoutRegardToCase) {
  const Result<DnsQuery> query = parse_dns_query(header() + kQuestion);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->name, "catalog.shop");
  EXPECT_EQ(query->type, kDnsA);
  EXPECT_EQ(query->udp_size, 512);
  EXPECT_TRUE(query->recursion_desired);
  EXPECT_FALSE(query->edns);
}

TEST(Dns, AnswersWithTheQuestionsOwnCase) {
  const Result<DnsQuery> query = parse_dns_query(header() + kQuestion);
  ASSERT_TRUE(query);
  EXPECT_EQ(answer_dns_query(*query, DnsCode::no_error, {kAddress6, kAddress}, 5, 512),
            "\x12\x34\x85\x80\0\1\0\1\0\0\0\0"s + kQuestion + "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xc6\x12\0\7"s);
}

TEST(Dns, SaysThatANameExistsWithoutTheRecordOrNotAtAll) {
  const Result<DnsQuery> query = parse_dns_query(header() + kQuestion);
  ASSERT_TRUE(query);
  EXPECT_EQ(answer_dns_query(*query, DnsCode::no_error, {kAddress6}, 5, 512),
            "\x12\x34\x85\x80\0\1\0\0\0\0\0\0"s + kQuestion);
  EXPECT_EQ(answer_dns_query(*query, DnsCode::no_such_name, {}, 5, 512),
            "\x12\x34\x85\x83\0\1\0\0\0\0\0\0"s + kQuestion);
}

TEST(Dns, ToleratesEdnsAndTruncatesAtTheLimit) {
  const Result<DnsQuery> query = parse_dns_query(header("\0\1\0\0\0\0\0\1"sv) + kQuestion + kOpt);
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->edns);
  EXPECT_EQ(query->udp_size, 4096);
  const std::vector<DnsAddress> many(100, kAddress);
  const std::string cut = answer_dns_query(*query, DnsCode::no_error, many, 5, 512);
  EXPECT_LE(cut.size(), 512U);
  EXPECT_EQ(cut[2] & 0x02, 0x02);
  const std::string all = answer_dns_query(*query, DnsCode::no_error, many, 5, 4096);
  EXPECT_EQ(all[2] & 0x02, 0);
}

TEST(Dns, RefusesWhatIsNotOneQuestion) {
  const std::string long_label = "\x40"s + std::string(64, 'a') + "\0\0\1\0\1"s;
  std::string long_name;
  for (int i = 0; i < 5; ++i) long_name += "\x3f"s + std::string(63, 'a');
  const std::vector<std::string> messages = {
      header() + kQuestion + "x",
      header() + kQuestion.substr(0, 8),
      header() + kQuestion.substr(0, kQuestion.size() - 1),
      header("\0\2\0\0\0\0\0\0"sv) + kQuestion + kQuestion,
      header("\0\0\0\0\0\0\0\0"sv),
      header("\0\1\0\1\0\0\0\0"sv) + kQuestion,
      header("\0\1\0\0\0\0\0\1"sv) + kQuestion,
      header("\0\1\0\0\0\0\0\1"sv) + kQuestion + "\0\0\1\0\0\0\0\0\0\0\0"s,
      header("\0\1\0\0\0\0\0\2"sv) + kQuestion + kOpt + kOpt,
      header() + "\xc0\x0c\0\1\0\1"s,
      header() + "\3a.b\0\0\1\0\1"s,
      header() + "\3a\0b\0\0\1\0\1"s,
      header() + long_label,
      header() + long_name + "\0\0\1\0\1"s,
      header("\0\1\0\0\0\0\0\0"sv, "\3\0"sv) + kQuestion,
  };
  for (std::size_t i = 0; i < messages.size(); ++i) {
    EXPECT_FALSE(parse_dns_query(messages[i])) << i;
    EXPECT_EQ(refuse_dns_query(messages[i]).substr(2, 2), "\x85\x81"s) << i;
  }
}

TEST(Dns, SaysNotImplementedToOtherOpcodesAndClasses) {
  const std::string notify = refuse_dns_query(header("\0\1\0\0\0\0\0\0"sv, "\x20\0"sv) + kQuestion);
  EXPECT_EQ(notify.substr(0, 4), "\x12\x34\xa4\x84"s);
  const std::string chaos = refuse_dns_query(header() + "\7version\4bind\0\0\x10\0\3"s);
  EXPECT_EQ(chaos.substr(2, 2), "\x85\x84"s);
}

TEST(Dns, SaysNothingToAnswersAndScraps) {
  EXPECT_EQ(refuse_dns_query(header("\0\1\0\0\0\0\0\0"sv, "\x81\0"sv) + kQuestion), "");
  EXPECT_EQ(refuse_dns_query("\x12\x34"), "");
}

TEST(Dns, FramesMessagesForTcp) {
  const std::string framed = with_tcp_length("abc");
  EXPECT_EQ(framed, "\0\3abc"s);
  EXPECT_EQ(tcp_message(framed + "rest"), "abc");
  EXPECT_FALSE(tcp_message("\0\3ab"sv));
  EXPECT_FALSE(tcp_message("\0"sv));
}

}  // namespace
}  // namespace bulkhead::discovery
