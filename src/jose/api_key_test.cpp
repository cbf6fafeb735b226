#include "jose/api_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jose/fixture.hpp"

namespace bulkhead::jose {
namespace {

using std::chrono::seconds;
using test::kNow;
using testing::MatchesRegex;

std::array<std::uint8_t, 32> random_octets(std::uint8_t seed) {
  std::array<std::uint8_t, 32> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(seed + i * 37);
  return octets;
}

std::string key_of(std::string_view id, std::uint8_t seed = 1) { return *make_api_key(id, random_octets(seed)); }

TEST(ApiKey, IsWhatAScannerKnows) {
  EXPECT_THAT(key_of("partner-1"), MatchesRegex("bhk_partner-1_[0-9A-Za-z]{49}"));
  std::array<std::uint8_t, 32> zero{};
  EXPECT_THAT(*make_api_key("a", zero), MatchesRegex("bhk_a_0{43}[0-9A-Za-z]{6}"));
  std::array<std::uint8_t, 32> most{};
  most.fill(0xff);
  EXPECT_THAT(*make_api_key("a", most), MatchesRegex("bhk_a_[0-9A-Za-z]{49}"));
  EXPECT_NE(key_of("a", 1), key_of("a", 2));
}

// 2^256 - 1 in base 62, and the CRC-32 of "bhk_a_" and it, reckoned by other means.
TEST(ApiKey, IsReckonedRight) {
  std::array<std::uint8_t, 32> most{};
  most.fill(0xff);
  EXPECT_EQ(*make_api_key("a", most), "bhk_a_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp10erkLI");
}

TEST(ApiKey, IsParsedIntoIdAndSecret) {
  const std::string key = key_of("partner-1");
  const auto parsed = parse_api_key(key);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->id, "partner-1");
  EXPECT_EQ(parsed->secret, key.substr(14, 43));
}

TEST(ApiKey, OneWrongCharacterIsNoKey) {
  const std::string good = key_of("partner-1");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(parse_api_key(bad)) << i;
  }
  for (const std::string& bad :
       {std::string(), std::string("bhk_"), good + "x", good.substr(1), " " + good, good + "\n",
        good.substr(0, good.size() - 1), std::string("bhk__") + good.substr(14)}) {
    EXPECT_FALSE(parse_api_key(bad)) << bad;
  }
  for (std::string_view id : {"", "A", "a_b", "a b", "\xc3\xbc", "123456789012345678901234567890123"}) {
    EXPECT_FALSE(make_api_key(id, random_octets(1))) << id;
  }
}

TEST(ApiKey, AHashIsWrittenAndRead) {
  const Digest hash = hash_api_key_secret("abc");
  const std::string text = to_string(hash);
  EXPECT_EQ(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(*parse_hash(text), hash);
  for (const std::string& bad : {std::string(), std::string("sha256:"), text.substr(7), text + "0", text.substr(0, 70),
                                 "sha256:" + std::string(64, 'A'), "md5:" + text.substr(7)}) {
    EXPECT_FALSE(parse_hash(bad)) << bad;
  }
}

ApiKey stored(std::string_view id, std::uint8_t seed, std::optional<Time> expires = std::nullopt) {
  const std::string key = key_of(id, seed);
  return {std::string(id), hash_api_key_secret(parse_api_key(key)->secret), {"orders:read"}, expires};
}

TEST(ApiKeys, AKeyIsVerifiedByItsHash) {
  const auto keys = *ApiKeys::make({stored("b", 2), stored("a", 1), stored("old", 3, kNow)});
  const auto found = keys.verify(key_of("a", 1), kNow);
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->id, "a");
  EXPECT_EQ((*found)->scopes, std::vector<std::string>{"orders:read"});
  const auto cause = [&](std::string_view text, Time now = kNow) {
    const auto key = keys.verify(text, now);
    return key ? "verified" : std::string(to_string(key.error()));
  };
  EXPECT_EQ(cause(key_of("b", 2)), "verified");
  EXPECT_EQ(cause(key_of("a", 2)), "wrong");
  EXPECT_EQ(cause(key_of("c", 1)), "unknown");
  EXPECT_EQ(cause("bhk_a_x"), "malformed");
  EXPECT_EQ(cause(""), "malformed");
  EXPECT_EQ(cause(key_of("old", 3), kNow - seconds(1)), "verified");
  EXPECT_EQ(cause(key_of("old", 3)), "expired");
  EXPECT_EQ(cause(key_of("old", 4)), "wrong");
}

TEST(ApiKeys, AnIdStandsThereOnce) {
  const auto twice = ApiKeys::make({stored("a", 1), stored("a", 2)});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().cause, Cause::conflict);
  EXPECT_FALSE(ApiKeys::make({{.id = "A b", .hash = {}, .scopes = {}, .expires = {}}}));
  EXPECT_FALSE(ApiKeys::make({})->verify(key_of("a"), kNow));
}

}  // namespace
}  // namespace bulkhead::jose
