#include "net/tls_keys.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::net {
namespace {

constexpr std::array kSuites = {TlsSuite::aes_128_gcm_sha256, TlsSuite::aes_256_gcm_sha384,
                                TlsSuite::chacha20_poly1305_sha256};

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return bytes;
}

TlsKeys keys_of(TlsKeys::Use use, TlsSuite suite, std::string_view secret, std::uint64_t records = 0) {
  auto made =
      TlsKeys::make(use, suite, {reinterpret_cast<const unsigned char*>(secret.data()), secret.size()}, records);
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

std::string a_secret(TlsSuite suite) { return std::string(suite == TlsSuite::aes_256_gcm_sha384 ? 48 : 32, 's'); }

std::string seal(TlsKeys& keys, TlsContent type, std::span<const std::string_view> content) {
  std::string out(kTlsSealed, '\0');
  out.resize(keys.seal(type, content, out.data()));
  return out;
}

std::string numbered(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 >> 2U);
  return text;
}

// RFC 8448 §3: the client's first record of data, and its close_notify after it.
TEST(TlsKeys, SealAsTheTraceOfTheRfc) {
  const std::string secret = from_hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
  TlsKeys keys = keys_of(TlsKeys::Use::seal, TlsSuite::aes_128_gcm_sha256, secret);
  std::string data(50, '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i);
  const std::string_view content = data;
  EXPECT_EQ(
      seal(keys, TlsContent::application_data, {&content, 1}),
      from_hex("1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62"
               "974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"));
  const std::string_view end("\x01\0", 2);
  EXPECT_EQ(seal(keys, TlsContent::alert, {&end, 1}), from_hex("1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"));
}

TEST(TlsKeys, WhatIsSealedInAnyPiecesOpens) {
  const std::string text = numbered(kTlsPlain);
  for (const TlsSuite suite : kSuites) {
    TlsKeys seals = keys_of(TlsKeys::Use::seal, suite, a_secret(suite));
    TlsKeys opens = keys_of(TlsKeys::Use::open, suite, a_secret(suite));
    for (const std::size_t first : {0U, 1U, 15U, 16U, 17U, 1023U, 1024U, 3000U, 16383U, 16384U}) {
      for (const std::size_t step : {7U, 100U, 1000U, 1024U, 5000U}) {
        std::vector<std::string_view> pieces = {std::string_view(text).substr(0, first)};
        for (std::size_t at = first; at < text.size() && pieces.size() < 40; at += step) {
          pieces.push_back(std::string_view(text).substr(at, step));
        }
        std::string whole;
        for (const std::string_view piece : pieces) whole += piece;
        const std::string record = seal(seals, TlsContent::handshake, pieces);
        ASSERT_EQ(record.size(), kTlsHeader + whole.size() + 1 + kTlsTag);
        std::string out(whole.size(), '\0');
        const auto opened = opens.open(record, out.data());
        ASSERT_TRUE(opened) << first << " " << step;
        EXPECT_EQ(opened->type, 22);
        EXPECT_EQ(opened->size, whole.size());
        EXPECT_TRUE(out == whole);
      }
    }
  }
}

TEST(TlsKeys, WhatWasChangedAnywhereDoesNotOpenAndLeavesNothing) {
  for (const TlsSuite suite : kSuites) {
    TlsKeys seals = keys_of(TlsKeys::Use::seal, suite, a_secret(suite));
    const std::string text = numbered(40);
    const std::string_view content = text;
    const std::string record = seal(seals, TlsContent::application_data, {&content, 1});
    for (std::size_t at = 0; at < record.size(); ++at) {
      TlsKeys opens = keys_of(TlsKeys::Use::open, suite, a_secret(suite));
      std::string changed = record;
      changed[at] = static_cast<char>(changed[at] ^ 4);
      std::string out(text.size(), 'x');
      EXPECT_FALSE(opens.open(changed, out.data())) << at;
      EXPECT_EQ(out, std::string(text.size(), '\0'));
    }
    TlsKeys late = keys_of(TlsKeys::Use::open, suite, a_secret(suite), 1);
    std::string out(text.size(), '\0');
    EXPECT_FALSE(late.open(record, out.data())) << "a record has its number";
    EXPECT_FALSE(late.open(record.substr(0, kTlsHeader + kTlsTag), out.data())) << "shorter than any";
  }
}

TEST(TlsKeys, ANewSecretCountsFromTheStartAndTheOldOneIsGone) {
  for (const TlsSuite suite : kSuites) {
    TlsKeys seals = keys_of(TlsKeys::Use::seal, suite, a_secret(suite), 7);
    TlsKeys opens = keys_of(TlsKeys::Use::open, suite, a_secret(suite), 7);
    std::string out(8, '\0');
    for (int round = 0; round < 3; ++round) {
      const std::string_view content = "contents";
      const std::string record = seal(seals, TlsContent::application_data, {&content, 1});
      ASSERT_TRUE(opens.open(record, out.data()));
      EXPECT_EQ(out, content);
      EXPECT_FALSE(opens.open(record, out.data())) << "twice";
      ASSERT_TRUE(seals.update());
      ASSERT_TRUE(opens.update());
      EXPECT_EQ(seals.records(), 0U);
    }
  }
}

TEST(TlsKeys, ASecretOfAnotherLengthAndAnUnknownSuiteAreRefused) {
  const std::array<unsigned char, 32> secret{};
  EXPECT_FALSE(TlsKeys::make(TlsKeys::Use::open, TlsSuite::aes_256_gcm_sha384, secret, 0));
  EXPECT_FALSE(tls_suite(0x1304));
  EXPECT_EQ(tls_suite(0x1303), TlsSuite::chacha20_poly1305_sha256);
}

}  // namespace
}  // namespace bulkhead::net
