#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <regex>
#include <string>

#include "http/h1_decoder.hpp"
#include "http/h1_encoder.hpp"
#include "http/octets.hpp"

// A chunked body, read by the decoder in two pieces and by the grammar of RFC 9112 §7.1 written down a second time:
// both find the same body and the same end, or none. And whatever is written in chunks is read as it was.
namespace {

using namespace bulkhead::http;
using Kind = H1Step::Kind;

constexpr std::string_view kHead = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr FieldLimits kNoLimits{
    .count = 1U << 20U, .bytes = 1U << 20U, .start_line = 1U << 20U, .trailer_bytes = 1U << 20U};

struct Whole {
  std::string body;
  std::size_t size = 0;
  bool operator==(const Whole&) const = default;
};

std::optional<Whole> by_decoder(std::string_view input, std::size_t cut) {
  H1Decoder decoder(H1Decoder::Role::request, kNoLimits);
  Whole whole;
  std::string buffer(kHead);
  if (decoder.decode(buffer).kind != Kind::head) std::abort();
  buffer.clear();
  for (const std::string_view part : {input.substr(0, cut), input.substr(cut)}) {
    buffer += part;
    while (true) {
      const H1Step step = decoder.decode(buffer);
      if (step.consumed > buffer.size()) std::abort();
      whole.body += step.body;
      whole.size += step.consumed;
      buffer.erase(0, step.consumed);
      if (step.kind == Kind::end) return whole;
      if (step.kind == Kind::refused) return std::nullopt;
      if (step.kind == Kind::need_more) break;
    }
  }
  return std::nullopt;
}

// The next line without its CRLF.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos || end == 0 || rest[end - 1] != '\r') return std::nullopt;
  const std::string_view line = rest.substr(0, end - 1);
  rest.remove_prefix(end + 1);
  return line;
}

bool are_extensions(std::string_view text) {
  static const std::regex kGrammar(
      R"re(([ \t]*;[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+([ \t]*=[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+|"([^"\\]|\\.)*"))?)*)re");
  return is_field_value(text) && std::regex_match(text.begin(), text.end(), kGrammar);
}

std::optional<Whole> by_grammar(std::string_view input) {
  Whole whole;
  std::string_view rest = input;
  while (true) {
    const auto line = take_line(rest);
    if (!line || line->size() + 2 > 1024) return std::nullopt;
    const std::string_view digits = line->substr(0, line->find_first_of("; \t"));
    const bool plain =
        !digits.empty() && digits.size() <= 15 && std::ranges::all_of(digits, [](char c) { return hex_value(c) >= 0; });
    if (!plain || !are_extensions(line->substr(digits.size()))) return std::nullopt;
    const std::uint64_t size = std::stoull(std::string(digits), nullptr, 16);
    if (size == 0) break;
    if (rest.size() < 2 || rest.size() - 2 < size || rest.substr(size, 2) != "\r\n") return std::nullopt;
    whole.body += rest.substr(0, size);
    rest.remove_prefix(size + 2);
  }
  while (true) {
    const auto line = take_line(rest);
    if (!line) return std::nullopt;
    if (line->empty()) break;
    const std::size_t colon = line->find(':');
    if (colon == std::string_view::npos || !is_token(line->substr(0, colon))) return std::nullopt;
    if (!is_field_value(line->substr(colon + 1))) return std::nullopt;
  }
  whole.size = input.size() - rest.size();
  return whole;
}

std::string written(std::string_view body, std::size_t piece) {
  std::string out;
  while (!body.empty()) {
    const std::string_view chunk = body.substr(0, piece);
    encode_chunk_start(chunk.size(), out);
    out.append(chunk).append(kChunkEnd);
    body.remove_prefix(chunk.size());
  }
  encode_last_chunk({{"x-sum", "1"}, {"content-length", "9"}}, out);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto expected = by_grammar(input);
  if (by_decoder(input, 0) != expected || by_decoder(input, data[0] % input.size()) != expected) std::abort();
  const std::string chunks = written(input, 1 + data[0]);
  if (by_decoder(chunks, data[0] % chunks.size()) != Whole{std::string(input), chunks.size()}) std::abort();
  return 0;
}
