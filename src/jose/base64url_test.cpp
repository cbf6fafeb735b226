#include "jose/base64url.hpp"

#include <array>

#include <gtest/gtest.h>

namespace bulkhead::jose {
namespace {

using namespace std::string_view_literals;

// RFC 4648 §10, without the padding.
TEST(Base64url, WritesTheVectorsOfTheRfc) {
  EXPECT_EQ(encode_base64url(""), "");
  EXPECT_EQ(encode_base64url("f"), "Zg");
  EXPECT_EQ(encode_base64url("fo"), "Zm8");
  EXPECT_EQ(encode_base64url("foo"), "Zm9v");
  EXPECT_EQ(encode_base64url("foob"), "Zm9vYg");
  EXPECT_EQ(encode_base64url("fooba"), "Zm9vYmE");
  EXPECT_EQ(encode_base64url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encode_base64url("\xfb\xff\xfe"), "-__-");
}

TEST(Base64url, ReadsWhatItWrites) {
  std::string bytes;
  for (int i = 0; i < 600; ++i) {
    EXPECT_EQ(decode_base64url(encode_base64url(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Base64url, HasOneTextForEachSequenceOfBytes) {
  for (std::string_view text :
       {"A"sv, "AAAAA"sv, "Zg=="sv, "Zg="sv, "Zm9v="sv, "Zm9+"sv, "Zm9/"sv, "Zm 9v"sv, "Zm9v\n"sv, "Zh"sv, "Zm9"sv,
        "AB"sv, "AAB"sv, "Zm\0v"sv, "Zm9\x80"sv, "\xff\xff"sv, "."sv}) {
    EXPECT_EQ(decode_base64url(text), std::nullopt) << text;
  }
}

TEST(Base64url, WhatDoesNotFitIsNotWritten) {
  std::array<char, 3> room{};
  EXPECT_EQ(decode_base64url("Zm9v", room), 3U);
  EXPECT_EQ(decode_base64url("Zm9vYg", room), std::nullopt);
  EXPECT_EQ(decode_base64url("", {}), 0U);
}

}  // namespace
}  // namespace bulkhead::jose
