#pragma once

// A strict incremental decoder of HTTP/1.0 and 1.1 messages (RFC 9112), without I/O and without a copy of bodies.
//
// The owner keeps the received bytes, calls decode() with all that is not consumed yet and drops `consumed` bytes from
// the front. Whatever could be read in two ways is refused, and the connection is to be closed then: both or repeated
// or odd Content-Length and Transfer-Encoding, Transfer-Encoding in HTTP/1.0, obs-fold, bare CR or LF, NUL, space
// before a colon, a missing, repeated or differing Host, chunk sizes that are not plain hex. CONNECT is refused always.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace bulkhead::http {

struct H1Step {
  enum class Kind : std::uint8_t {
    need_more,  // nothing more without more input
    head,       // request() or response() is complete
    body,       // `body` is the next piece, a view into the input
    end,        // the message is complete, trailers() too
    refused,    // refusal() says why; only the connection's end follows
  };
  Kind kind = Kind::need_more;
  std::size_t consumed = 0;
  std::string_view body;
};

class H1Decoder {
 public:
  enum class Role : std::uint8_t { request, response };

  explicit H1Decoder(Role role, FieldLimits limits = {}) : role_(role), limits_(limits) {}

  // For responses, before the first byte of each: what was asked decides whether a body follows.
  void expect_response_to(std::string_view method, bool upgrade);

  H1Step decode(std::string_view input);
  // The peer ended its side and `left` bytes are not consumed: `end` for a body that the end closes, need_more between
  // messages, refused in the middle of one.
  H1Step finish(std::size_t left);

  Request& request() { return request_; }
  Response& response() { return response_; }
  const Fields& trailers() const { return trailers_; }
  const Refusal& refusal() const { return refusal_; }

  // From `head` on: whether the connection may carry another message after this one.
  bool keep_alive() const { return keep_alive_; }
  // Whether a message has begun and not ended.
  bool in_message() const { return state_ != State::start || head_.start_line; }
  // After `end`: the next message. (A response with an interim status needs no call: decode() goes on to the next
  // head.)
  void next();

 private:
  enum class State : std::uint8_t {
    start,
    fields,
    sized,
    chunk_size,
    chunk_data,
    chunk_end,
    trailers,
    until_close,
    complete,  // `end` is to be told
    ended,
    broken,
  };
  enum class Line : std::uint8_t { incomplete, complete, refused };

  H1Step decode_head(std::string_view input);
  H1Step decode_sized(std::string_view input);
  H1Step decode_chunked(std::string_view input);
  H1Step decode_trailers(std::string_view input);
  Line read_line(std::string_view input, std::size_t limit, std::string_view what, std::string_view& line);
  Line read_start_line(std::string_view input);
  Line read_chunk_size(std::string_view input);
  bool take_request_line(std::string_view line);
  bool take_status_line(std::string_view line);
  bool take_target(std::string_view target);
  bool take_version(std::string_view version);
  bool split_field(std::string_view line, Field& field);
  void keep_field(std::string_view input, const Field& field);
  bool take_field(std::string_view input, std::string_view line);
  bool take_trailer(std::string_view input, std::string_view line);
  bool take_special(std::string_view name, std::string_view value, bool& special);
  bool take_content_length(std::string_view value);
  bool take_host(std::string_view value);
  void take_connection(std::string_view value);
  bool end_request(std::string_view block);
  bool end_response(std::string_view block);
  void take_upgrade();
  void begin_body(bool chunked, std::optional<std::uint64_t> length);
  bool refuse(std::uint16_t status, std::string reason);
  H1Step refused() const { return {H1Step::Kind::refused, 0, {}}; }

  Role role_;
  FieldLimits limits_;
  State state_ = State::start;
  // What the head said, until it is complete.
  struct Head {
    bool start_line = false, blank_skipped = false;
    bool host = false, chunked = false, close = false, keep_alive = false, upgrade = false;
    Version version = Version::http11;
    std::optional<std::uint64_t> length;
    std::string upgrade_to;
    std::string target_authority;  // of an absolute-form target
    std::vector<Fields::Entry> entries;
    std::size_t fields = 0;  // with those that `entries` lacks
  } head_;
  bool keep_alive_ = true;
  bool upgrade_asked_ = false;
  std::string asked_method_;
  std::size_t position_ = 0;  // of the line to be read, in the input
  std::size_t searched_ = 0;  // up to here there is no LF
  std::uint64_t left_ = 0;    // of a sized body or a chunk
  Request request_;
  Response response_;
  Fields trailers_;
  Refusal refusal_;
};

}  // namespace bulkhead::http
