#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "http/fields.hpp"
#include "http/hpack.hpp"
#include "http/octets.hpp"

// A list of field blocks, each behind its length in two bytes. Our decoder and nghttp2's read them in turn: the same
// fields, or both refuse. What was read is written by our encoder, and nghttp2 must read the same.
namespace {

using namespace bulkhead::http;

struct Read {
  std::vector<std::pair<std::string, std::string>> fields;
  bool ok = true;
  bool operator==(const Read&) const = default;
};

Read read_ours(hpack::Decoder& decoder, std::string_view block) {
  Read read;
  decoder.begin(block);
  hpack::DecodedField field;
  while (true) {
    const hpack::Decoder::Outcome outcome = decoder.next(field);
    if (outcome == hpack::Decoder::Outcome::end) return read;
    if (outcome == hpack::Decoder::Outcome::error) {
      read.ok = false;
      return read;
    }
    read.fields.emplace_back(field.name, field.value);
  }
}

Read read_theirs(nghttp2_hd_inflater* inflater, std::string_view block) {
  Read read;
  const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
  std::size_t left = block.size();
  while (true) {
    nghttp2_nv field{};
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, at, left, 1);
    if (used < 0) {
      read.ok = false;
      return read;
    }
    at += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      read.fields.emplace_back(std::string(reinterpret_cast<const char*>(field.name), field.namelen),
                               std::string(reinterpret_cast<const char*>(field.value), field.valuelen));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater);
  return read;
}

hpack::Indexing indexing_of(std::size_t number) {
  switch (number % 5) {
    case 0: return hpack::Indexing::never;
    case 1: return hpack::Indexing::without;
    default: return hpack::Indexing::add;
  }
}

void check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  nghttp2_hd_inflater* of_input = nullptr;
  nghttp2_hd_inflater* of_ours = nullptr;
  check(nghttp2_hd_inflate_new(&of_input) == 0 && nghttp2_hd_inflate_new(&of_ours) == 0);
  hpack::Decoder decoder;
  hpack::Encoder encoder;
  while (rest.size() >= 2) {
    const std::size_t length = static_cast<unsigned char>(rest[0]) << 8U | static_cast<unsigned char>(rest[1]);
    const std::string_view block = rest.substr(2, length);
    rest.remove_prefix(2 + block.size());
    const Read ours = read_ours(decoder, block);
    const Read theirs = read_theirs(of_input, block);
    check(ours.ok == theirs.ok);
    if (!ours.ok) break;
    check(ours == theirs);
    if (length % 7 == 3) {
      const auto allowed = static_cast<std::uint32_t>(length * 16);
      encoder.set_allowed(allowed);
      check(nghttp2_hd_inflate_change_table_size(of_ours, allowed) == 0);
    }
    std::string again;
    encoder.begin(again);
    std::size_t number = length;
    for (const auto& [name, value] : ours.fields) encoder.encode(name, value, indexing_of(number++), again);
    check(read_theirs(of_ours, again) == ours);
  }
  nghttp2_hd_inflate_del(of_input);
  nghttp2_hd_inflate_del(of_ours);
  return 0;
}
