#include "net/tls_records.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::net {
namespace {

constexpr std::array<unsigned char, 32> kOurs = {1};
constexpr std::array<unsigned char, 32> kTheirs = {2};

TlsKeys keys_of(TlsKeys::Use use, std::span<const unsigned char> secret) {
  return std::move(*TlsKeys::make(use, TlsSuite::aes_128_gcm_sha256, secret, 0));
}

// Records of a peer that sends what the test says, and ours.
class TlsRecordsTest : public testing::Test {
 protected:
  static TlsRecords records_of(TlsRole role, std::size_t largest = kTlsPlain) {
    return {role, keys_of(TlsKeys::Use::open, kTheirs), keys_of(TlsKeys::Use::seal, kOurs), largest};
  }
  std::string sealed(TlsContent type, std::string_view content) {
    std::string out(kTlsSealed + content.size(), '\0');
    out.resize(theirs_.seal(type, {&content, 1}, out.data()));
    return out;
  }
  Result<TlsRecords::Opened> open(const std::string& record) {
    const auto size = ours_.size_of(record);
    EXPECT_EQ(size.value_or(0), record.size());
    out_.assign(TlsRecords::open_room(record.size()), '\0');
    const auto opened = ours_.open(record, out_.data());
    if (opened) out_.resize(opened->size);
    return opened;
  }
  std::string message(std::uint8_t type, std::string_view body) {
    std::string whole = {static_cast<char>(type), static_cast<char>(body.size() >> 16U),
                         static_cast<char>(body.size() >> 8U), static_cast<char>(body.size())};
    return whole.append(body);
  }
  void expect_refused(TlsContent type, std::string_view content, std::uint8_t alert) {
    const auto opened = open(sealed(type, content));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().cause, Cause::protocol) << opened.error().message;
    EXPECT_EQ(ours_.alert(), alert) << opened.error().message;
  }
  std::vector<std::string> seal(std::vector<std::string_view> content) {
    std::vector<iovec> list;
    for (const std::string_view piece : content) list.push_back({const_cast<char*>(piece.data()), piece.size()});
    Pieces pieces{.list = list};
    std::vector<std::string> records;
    while (!pieces.done()) {
      std::string out(TlsRecords::kSealRoom, '\0');
      const auto size = ours_.seal(pieces, out.data());
      EXPECT_TRUE(size);
      out.resize(size.value_or(0));
      records.push_back(std::move(out));
    }
    return records;
  }

  TlsRecords ours_ = records_of(TlsRole::client);
  TlsKeys theirs_ = keys_of(TlsKeys::Use::seal, kTheirs);
  std::string out_;
};

constexpr std::uint8_t kTicket = 4;
constexpr std::uint8_t kKeys = 24;

TEST_F(TlsRecordsTest, DataIsDataAndCloseNotifyTheEnd) {
  ASSERT_TRUE(open(sealed(TlsContent::application_data, "some data")));
  EXPECT_EQ(out_, "some data");
  const auto end = open(sealed(TlsContent::alert, std::string_view("\1\0", 2)));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->kind, TlsRecords::Kind::end);
}

TEST_F(TlsRecordsTest, SizesAreSeenBeforeARecordIsWhole) {
  EXPECT_EQ(ours_.size_of("").value_or(99), 0U);
  EXPECT_EQ(ours_.size_of(std::string_view("\x17\3\3\0", 4)).value_or(99), 0U);
  EXPECT_EQ(ours_.size_of(std::string_view("\x17\3\3\0\x11", 5)).value_or(99), 22U);
  EXPECT_FALSE(ours_.size_of(std::string_view("\x17\3\3\0\x10", 5))) << "no room for a tag and a type";
  EXPECT_EQ(ours_.alert(), 20);
  EXPECT_FALSE(ours_.size_of(std::string_view("\x17\3\3\x41\1", 5))) << "above 2^14 + 256";
  EXPECT_EQ(ours_.alert(), 22);
  EXPECT_FALSE(ours_.size_of(std::string_view("\x14\3\3\0\1", 5))) << "change_cipher_spec after the handshake";
  EXPECT_EQ(ours_.alert(), 10);
}

TEST_F(TlsRecordsTest, AlertsEndItWithTheirName) {
  const auto refused = open(sealed(TlsContent::alert, "\2\x30"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().cause, Cause::denied);
  EXPECT_NE(refused.error().message.find("unknown CA"), std::string::npos) << refused.error().message;
  EXPECT_EQ(ours_.alert(), 0) << "an alert is not answered";
  const auto failed = open(sealed(TlsContent::alert, "\1\x28"));
  ASSERT_FALSE(failed) << "whatever its level";
  EXPECT_EQ(failed.error().cause, Cause::protocol);
  const auto cancelled = open(sealed(TlsContent::alert, "\1\x5a"));
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->kind, TlsRecords::Kind::nothing);
  expect_refused(TlsContent::alert, "", 10);
  expect_refused(TlsContent::alert, "\2", 50);
  expect_refused(TlsContent::alert, "\2\x28\2", 50);
}

TEST_F(TlsRecordsTest, TicketsArePassedOverHoweverTheyAreCut) {
  const std::string tickets = message(kTicket, std::string(300, 't')) + message(kTicket, "u");
  for (const std::size_t step : {1U, 3U, 4U, 5U, 200U, 1000U}) {
    for (std::size_t at = 0, quiet = 0; at < tickets.size(); at += step) {
      if (++quiet == 32) break;
      const auto opened = open(sealed(TlsContent::handshake, std::string_view(tickets).substr(at, step)));
      ASSERT_TRUE(opened) << opened.error().message;
      EXPECT_EQ(opened->kind, TlsRecords::Kind::nothing);
    }
    if (step < 200) {
      ours_ = records_of(TlsRole::client);
      theirs_ = keys_of(TlsKeys::Use::seal, kTheirs);
      continue;
    }
    ASSERT_TRUE(open(sealed(TlsContent::application_data, "data")));
  }
}

TEST_F(TlsRecordsTest, NothingComesBetweenThePartsOfAMessage) {
  ASSERT_TRUE(open(sealed(TlsContent::handshake, message(kTicket, "ticket").substr(0, 6))));
  expect_refused(TlsContent::application_data, "data", 10);
}

TEST_F(TlsRecordsTest, OtherMessagesAndContentsAreRefused) {
  expect_refused(TlsContent::handshake, message(1, "hello"), 10);
  ours_ = records_of(TlsRole::client);
  theirs_ = keys_of(TlsKeys::Use::seal, kTheirs);
  expect_refused(TlsContent::handshake, message(13, "a certificate, please"), 10);
  ours_ = records_of(TlsRole::server);
  theirs_ = keys_of(TlsKeys::Use::seal, kTheirs);
  expect_refused(TlsContent::handshake, message(kTicket, "to a server"), 10);
  expect_refused(TlsContent::change_cipher_spec, "\1", 10);
  ours_ = records_of(TlsRole::server);
  theirs_ = keys_of(TlsKeys::Use::seal, kTheirs);
  expect_refused(TlsContent::handshake, "", 10);
  expect_refused(static_cast<TlsContent>(0), std::string(100, '\0'), 10);
  ours_ = records_of(TlsRole::client);
  theirs_ = keys_of(TlsKeys::Use::seal, kTheirs);
  expect_refused(TlsContent::handshake, std::string_view("\4\2\0\1", 4), 50);
}

TEST_F(TlsRecordsTest, PaddingIsNoContent) {
  ASSERT_TRUE(open(sealed(static_cast<TlsContent>(0), std::string("data\x17", 5) + std::string(70, '\0'))));
  EXPECT_EQ(out_, "data");
}

TEST_F(TlsRecordsTest, ARecordOfMoreThanItMayHoldIsRefused) {
  expect_refused(TlsContent::application_data, std::string(kTlsPlain + 1, 'x'), 22);
}

TEST_F(TlsRecordsTest, RecordsWithoutDataAreNotTakenForever) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 32; ++i) ASSERT_TRUE(open(sealed(TlsContent::application_data, "")));
    ASSERT_TRUE(open(sealed(TlsContent::application_data, "x")));
  }
  for (int i = 0; i < 32; ++i) ASSERT_TRUE(open(sealed(TlsContent::application_data, "")));
  expect_refused(TlsContent::application_data, "", 10);
}

TEST_F(TlsRecordsTest, NewKeysOfThePeerAreFollowedAndAnsweredOnce) {
  const std::string asks = message(kKeys, "\1");
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(open(sealed(TlsContent::handshake, asks)));
    ASSERT_TRUE(theirs_.update());
    ASSERT_TRUE(open(sealed(TlsContent::application_data, "under new keys")));
    EXPECT_EQ(out_, "under new keys");
  }
  EXPECT_TRUE(ours_.owes_keys());
  const auto records = seal({"answer"});
  EXPECT_FALSE(ours_.owes_keys());
  ASSERT_EQ(records.size(), 1U);
  TlsKeys reads = keys_of(TlsKeys::Use::open, kOurs);
  const std::size_t update = kTlsHeader + 5 + 1 + kTlsTag;
  std::string out(100, '\0');
  const auto keys = reads.open(std::string_view(records[0]).substr(0, update), out.data());
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->type, 22);
  EXPECT_EQ(out.substr(0, keys->size), message(kKeys, std::string(1, '\0'))) << "and wants none in return";
  ASSERT_TRUE(reads.update());
  const auto answer = reads.open(std::string_view(records[0]).substr(update), out.data());
  ASSERT_TRUE(answer);
  EXPECT_EQ(out.substr(0, answer->size), "answer");
}

TEST_F(TlsRecordsTest, AKeyUpdateIsTheLastOfItsRecordAndWellFormed) {
  expect_refused(TlsContent::handshake, message(kKeys, "\1") + message(kTicket, "t"), 10);
  ours_ = records_of(TlsRole::client);
  theirs_ = keys_of(TlsKeys::Use::seal, kTheirs);
  expect_refused(TlsContent::handshake, message(kKeys, "\2"), 47);
  ours_ = records_of(TlsRole::client);
  theirs_ = keys_of(TlsKeys::Use::seal, kTheirs);
  expect_refused(TlsContent::handshake, message(kKeys, std::string(2, '\0')), 50);
}

TEST_F(TlsRecordsTest, PiecesAreGatheredIntoRecordsOfAtMostWhatThePeerTakes) {
  ours_ = records_of(TlsRole::server, 512);
  const std::string text(2000, 'x');
  const auto records = seal({"small", "", text, std::string_view(text).substr(0, 600)});
  TlsKeys reads = keys_of(TlsKeys::Use::open, kOurs);
  std::string whole;
  for (const std::string& record : records) {
    std::string out(TlsRecords::open_room(record.size()), '\0');
    const auto opened = reads.open(record, out.data());
    ASSERT_TRUE(opened);
    EXPECT_LE(opened->size, 512U);
    whole += out;
  }
  EXPECT_EQ(records.size(), 6U);
  EXPECT_TRUE(whole == "small" + text + text.substr(0, 600));
}

TEST_F(TlsRecordsTest, AlertsOfOursAreSealed) {
  std::string out(TlsRecords::kSealRoom, '\0');
  const auto size = ours_.seal_alert(20, out.data());
  ASSERT_TRUE(size);
  TlsKeys reads = keys_of(TlsKeys::Use::open, kOurs);
  std::string content(100, '\0');
  const auto opened = reads.open(std::string_view(out).substr(0, *size), content.data());
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->type, 21);
  EXPECT_EQ(content.substr(0, opened->size), "\2\x14");
}

}  // namespace
}  // namespace bulkhead::net
