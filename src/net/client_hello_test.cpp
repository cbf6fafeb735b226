#include "net/client_hello.hpp"

#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

namespace bulkhead::net {
namespace {

std::string number(std::size_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(value >> shift);
  return text;
}

std::string vector(int bytes, const std::string& content) { return number(content.size(), bytes) + content; }
std::string extension(std::size_t type, const std::string& content) { return number(type, 2) + vector(2, content); }
std::string host(const std::string& name, char type = 0) { return type + vector(2, name); }
std::string server_name(const std::string& name) { return extension(0, vector(2, host(name))); }

std::string fixed_part() {
  return number(0x0303, 2) + std::string(32, 'r') + vector(1, "session") + vector(2, number(0x1301, 2)) +
         vector(1, std::string(1, '\0'));
}
std::string message(const std::string& body) { return '\1' + vector(3, body); }
std::string record(const std::string& fragment) { return '\x16' + number(0x0301, 2) + vector(2, fragment); }
std::string hello(const std::string& extensions) { return record(message(fixed_part() + vector(2, extensions))); }

TEST(ClientHelloTest, TheServerNameIsReadInLowerCase) {
  const auto peek =
      peek_client_hello(hello(extension(10, "x") + server_name("Api.Mail.Example") + extension(0xfe0d, "ech")));
  ASSERT_TRUE(peek) << peek.error().message;
  EXPECT_TRUE(peek->complete);
  EXPECT_EQ(peek->sni, "api.mail.example");
}

TEST(ClientHelloTest, AHelloWithoutAServerNameHasNone) {
  for (const auto& bytes : {hello(""), hello(extension(43, "x")), record(message(fixed_part()))}) {
    const auto peek = peek_client_hello(bytes);
    ASSERT_TRUE(peek);
    EXPECT_TRUE(peek->complete);
    EXPECT_FALSE(peek->sni);
  }
}

TEST(ClientHelloTest, EveryPrefixOnlyAsksForMore) {
  const std::string bytes = hello(server_name("a.example"));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto peek = peek_client_hello(std::string_view(bytes).substr(0, size));
    ASSERT_TRUE(peek) << size;
    EXPECT_FALSE(peek->complete) << size;
  }
}

TEST(ClientHelloTest, ItMayBeFragmentedOverManyRecords) {
  const std::string whole = message(fixed_part() + vector(2, server_name("a.example")));
  for (const std::size_t size : {1U, 2U, 3U, 7U, 50U}) {
    std::string bytes;
    for (std::size_t at = 0; at < whole.size(); at += size) bytes += record(whole.substr(at, size));
    const auto peek = peek_client_hello(bytes);
    ASSERT_TRUE(peek) << peek.error().message;
    EXPECT_EQ(peek->sni, "a.example");
  }
}

TEST(ClientHelloTest, HostileHellosAreRefused) {
  const std::string good = server_name("a.example");
  const std::pair<const char*, std::string> cases[] = {
      {"http", "GET / HTTP/1.1\r\n\r\n"},
      {"ssl 2", std::string("\x80\x2e\x01\x03\x01", 5)},
      {"alert record", std::string("\x15\x03\x01\0\2\2\0", 7)},
      {"another version", std::string("\x16\x02\0\0\5", 5)},
      {"empty record", std::string("\x16\x03\x01\0\0", 5)},
      {"record too large", std::string("\x16\x03\x01\xFF\xFF", 5)},
      {"server hello", record("\2" + vector(3, fixed_part()))},
      {"message too large", record(std::string("\1\xFF\xFF\xFF", 4))},
      {"bytes after", record(message(fixed_part() + vector(2, good)) + "x")},
      {"extensions beyond the message", record(message(fixed_part() + number(500, 2) + good))},
      {"bytes after the extensions", record(message(fixed_part() + vector(2, good) + "x"))},
      {"extension beyond the list", hello(number(0, 2) + number(50, 2) + "x")},
      {"session too long", record(message(number(0x0303, 2) + std::string(32, 'r') + vector(1, std::string(33, 's')) +
                                          vector(2, "\x13\x01") + vector(1, std::string(1, '\0'))))},
      {"no ciphers", record(message(number(0x0303, 2) + std::string(32, 'r') + vector(1, "") + vector(2, "") +
                                    vector(1, std::string(1, '\0'))))},
      {"odd ciphers", record(message(number(0x0303, 2) + std::string(32, 'r') + vector(1, "") + vector(2, "abc") +
                                     vector(1, std::string(1, '\0'))))},
      {"no random", record(message(number(0x0303, 2) + "short"))},
      {"two extensions", hello(good + good)},
      {"two names", hello(extension(0, vector(2, host("a.example") + host("b.example"))))},
      {"empty list", hello(extension(0, vector(2, "")))},
      {"empty extension", hello(extension(0, ""))},
      {"empty name", hello(server_name(""))},
      {"another kind of name", hello(extension(0, vector(2, host("a.example", 1))))},
      {"list shorter than the extension", hello(extension(0, vector(2, host("a.example")) + "x"))},
      {"name longer than the list", hello(extension(0, number(6, 2) + '\0' + number(9, 2) + "abc"))},
      {"trailing dot", hello(server_name("a.example."))},
      {"empty label", hello(server_name("a..example"))},
      {"nul", hello(server_name(std::string("a.example\0.evil", 15)))},
      {"blank", hello(server_name("a example"))},
      {"wildcard", hello(server_name("*.example"))},
      {"slash", hello(server_name("a/example"))},
      {"utf-8", hello(server_name("\xC3\xA4.example"))},
      {"address", hello(server_name("127.0.0.1"))},
      {"address with brackets", hello(server_name("[::1]"))},
      {"too long", hello(server_name(std::string(254, 'a')))},
  };
  for (const auto& [name, bytes] : cases) {
    const auto peek = peek_client_hello(bytes);
    EXPECT_FALSE(peek) << name;
    if (!peek) EXPECT_EQ(peek.error().cause, Cause::protocol) << name;
  }
}

TEST(ClientHelloTest, TooManyExtensionsAreRefused) {
  std::string extensions;
  for (std::size_t i = 0; i < 200; ++i) extensions += extension(1000 + i, "");
  EXPECT_FALSE(peek_client_hello(hello(extensions)));
}

TEST(ClientHelloTest, WhatOpensslSendsIsUnderstood) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), in, out);
  SSL_set_connect_state(ssl.get());
  SSL_set_tlsext_host_name(ssl.get(), "real.example");
  SSL_do_handshake(ssl.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  const auto peek = peek_client_hello({data, static_cast<std::size_t>(size)});
  ASSERT_TRUE(peek) << peek.error().message;
  EXPECT_EQ(peek->sni, "real.example");
}

}  // namespace
}  // namespace bulkhead::net
