#include "net/client_hello.hpp"

#include <algorithm>
#include <cstdint>

namespace bulkhead::net {
namespace {

constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint16_t kServerNameExtension = 0;
constexpr std::uint8_t kHostName = 0;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMessageHeader = 4;
constexpr std::size_t kMaxRecord = 1U << 14U;
constexpr std::size_t kMaxExtensions = 128;

std::unexpected<Fault> malformed(std::string_view what) {
  return fail(Cause::protocol, "not a well-formed TLS ClientHello: {}", what);
}

// Takes bytes off the front; once it lacked some, `ok` stays false and everything taken is empty or zero.
struct Cursor {
  std::string_view rest;
  bool ok = true;

  std::string_view take(std::size_t size) {
    if (size > rest.size()) {
      ok = false;
      rest = {};
      return {};
    }
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  }
  std::size_t number(std::size_t bytes) {
    std::size_t value = 0;
    for (const char c : take(bytes)) value = value << 8U | static_cast<std::uint8_t>(c);
    return value;
  }
  // A vector whose length stands before it in `bytes` bytes.
  std::string_view vector(std::size_t bytes) { return take(number(bytes)); }
};

struct Message {
  bool complete = false;
  std::string body;
};

// Joins the handshake message's fragments out of their records (RFC 8446 §5.1).
Result<Message> join_records(std::string_view bytes) {
  std::string joined;
  while (true) {
    if (joined.size() >= kMessageHeader) {
      Cursor header{joined};
      if (header.number(1) != kClientHello) return malformed("another handshake message");
      const std::size_t size = header.number(3);
      if (size > kMaxClientHello) return malformed("it is above the size limit");
      if (joined.size() >= kMessageHeader + size) {
        // Bytes after it in its last record: no client sends any before the server answers.
        if (joined.size() > kMessageHeader + size) return malformed("bytes after it");
        return Message{true, joined.substr(kMessageHeader)};
      }
    }
    if (!bytes.empty() && static_cast<std::uint8_t>(bytes[0]) != kHandshakeRecord)
      return malformed("no handshake record");
    if (bytes.size() >= 2 && bytes[1] != 3) return malformed("no TLS version");
    if (bytes.size() < kRecordHeader) return Message{};
    Cursor record{bytes.substr(3)};
    const std::size_t size = record.number(2);
    if (size == 0 || size > kMaxRecord) return malformed("a record of a wrong size");
    if (joined.size() + size > kMessageHeader + kMaxClientHello) return malformed("it is above the size limit");
    if (record.rest.size() < size) {
      joined += record.rest;
      const bool other = !joined.empty() && static_cast<std::uint8_t>(joined[0]) != kClientHello;
      if (other) return malformed("another handshake message");
      return Message{};
    }
    joined += record.take(size);
    bytes = record.rest;
  }
}

bool is_host_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// RFC 6066 §3: a DNS host name without trailing dot, no IP address.
Result<std::string> check_host(std::string_view host) {
  std::string name(host);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const bool shaped = !name.empty() && name.size() <= 253 && std::ranges::all_of(name, &is_host_byte) &&
                      name.front() != '.' && name.back() != '.' && name.find("..") == std::string::npos;
  if (!shaped) return malformed("the server name is no host name");
  const std::size_t dot = name.rfind('.');
  const std::string_view last = std::string_view(name).substr(dot == std::string::npos ? 0 : dot + 1);
  if (std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; }))
    return malformed("the server name is an address");
  return name;
}

Result<std::string> parse_server_name(std::string_view extension) {
  Cursor cursor{extension};
  Cursor list{cursor.vector(2)};
  if (!cursor.ok || !cursor.rest.empty()) return malformed("the server name extension's length");
  const std::size_t type = list.number(1);
  const std::string_view host = list.vector(2);
  if (!list.ok || type != kHostName) return malformed("the server name extension");
  if (!list.rest.empty()) return malformed("several server names");
  return check_host(host);
}

Result<std::optional<std::string>> parse_extensions(std::string_view extensions) {
  Cursor cursor{extensions};
  std::optional<std::string> found;
  for (std::size_t count = 0; !cursor.rest.empty(); ++count) {
    const std::size_t type = cursor.number(2);
    const std::string_view extension = cursor.vector(2);
    if (!cursor.ok) return malformed("an extension's length");
    if (count >= kMaxExtensions) return malformed("too many extensions");
    if (type != kServerNameExtension) continue;
    if (found) return malformed("two server name extensions");
    auto name = parse_server_name(extension);
    if (!name) return fail(name.error());
    found = std::move(*name);
  }
  return found;
}

}  // namespace

Result<ClientHelloPeek> peek_client_hello(std::string_view bytes) {
  const auto message = join_records(bytes);
  if (!message) return fail(message.error());
  if (!message->complete) return ClientHelloPeek{};
  Cursor hello{message->body};
  const std::size_t version = hello.number(2);
  hello.take(32);  // random
  const std::string_view session = hello.vector(1);
  const std::string_view ciphers = hello.vector(2);
  const std::string_view compressions = hello.vector(1);
  if (!hello.ok || version < 0x0301 || version > 0x0303 || session.size() > 32) return malformed("its fixed part");
  if (ciphers.empty() || ciphers.size() % 2 != 0 || compressions.empty()) return malformed("its ciphers");
  if (hello.rest.empty()) return ClientHelloPeek{.complete = true};
  const std::string_view extensions = hello.vector(2);
  if (!hello.ok || !hello.rest.empty()) return malformed("its extensions' length");
  auto name = parse_extensions(extensions);
  if (!name) return fail(name.error());
  return ClientHelloPeek{.complete = true, .sni = std::move(*name)};
}

}  // namespace bulkhead::net
