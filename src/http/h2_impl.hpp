#pragma once

// The inside of H2Session, shared by its files. Not for anyone else.

#include <array>
#include <utility>
#include <vector>

#include "http/h2_frame.hpp"
#include "http/h2_session.hpp"
#include "http/h2_stream.hpp"
#include "http/hpack.hpp"

namespace bulkhead::http {

// HTTP/2 has no 2xx that does not accept a tunnel (RFC 9113 §8.5), HTTP/1 has: there the Upgrade was ignored (RFC 9110
// §7.8). To whoever does not know this field such an answer is a 502.
inline constexpr std::string_view kNotSwitchedField = "x-bulkhead-not-switched";
inline constexpr std::uint16_t kNotSwitched = 502;

class H2Session::Impl {
 public:
  using Stream = h2::Stream;

  Impl(Role role, const H2Limits& limits, H2Events& events);

  Stream* find(StreamId id) const { return streams_.find(id); }
  Stream* live(StreamId id) const {
    Stream* stream = find(id);
    return stream != nullptr && !stream->abandoned && !terminated_ ? stream : nullptr;
  }
  bool told(const Stream& stream) const { return role_ == Role::client || stream.counted; }
  Stream& open(StreamId id);
  bool accepts_streams() const;
  bool want_write() const;
  bool finished() const;
  // Of an id that no side has used yet (RFC 9113 §5.1).
  bool idle(StreamId id) const;

  // Frames as they come in: h2_receive.cpp.
  Result<> receive(std::string_view bytes);
  bool take_preface(std::string_view& bytes);
  void gather_frame(std::string_view& bytes);
  bool check_head(const h2::Head& head);
  void take_frame(const h2::Head& head, std::string_view payload);
  void note_begun();
  std::uint64_t unfinished() const { return block_stream_ != 0 || !partial_.empty() ? begun_ : 0; }
  void begin_data(const h2::Head& head);
  bool take_pad_length(std::string_view& bytes);
  void begin_body();
  void take_body(std::string_view& bytes);
  void end_data();
  void take_headers(const h2::Head& head, std::string_view payload);
  void take_continuation(const h2::Head& head, std::string_view payload);
  bool check_open(StreamId id);
  bool check_headers(StreamId id);
  void take_rst_stream(const h2::Head& head, std::string_view payload);
  void take_window_update(const h2::Head& head, std::string_view payload);
  void take_goaway(const h2::Head& head, std::string_view payload);
  void take_ping(const h2::Head& head, std::string_view payload);
  void take_priority(const h2::Head& head, std::string_view payload);

  // SETTINGS, both ways: h2_settings.cpp.
  void queue_first_settings();
  void take_settings(const h2::Head& head, std::string_view payload);
  bool take_setting(std::uint32_t id, std::uint32_t value);
  bool change_initial_window(std::uint32_t value);
  void settings_acknowledged();

  // Field blocks and what they say: h2_fields.cpp.
  void end_block(StreamId id, bool end, std::string_view block);
  bool decode_block(std::string_view block, bool store);
  void take_field(const hpack::DecodedField& field);
  void take_pseudo(const hpack::DecodedField& field, std::string& member);
  bool has_pseudo(std::initializer_list<hpack::Kind> needed, std::initializer_list<hpack::Kind> allowed) const;
  bool is_request() const;
  void end_request(StreamId id, bool end);
  void refuse_request(StreamId id, bool end, std::uint16_t status, std::string_view reason);
  void end_response(Stream& stream, bool end);
  void end_trailers(Stream& stream, bool end);
  void end_stream(Stream& stream, Fields&& trailers);

  // Ends: h2_end.cpp.
  void spend(std::uint32_t& budget, std::string_view what);
  void give_up(std::string_view why);
  void break_connection(std::uint32_t code, std::string_view why);
  void terminate(std::uint32_t code);
  void remember(StreamId id, h2::HowEnded how) { ended_[ended_count_++ % ended_.size()] = {id, how}; }
  void fail_stream(StreamId id, std::uint32_t code);
  void close_if_done(StreamId id);
  void close(Stream& stream);
  void reset(Stream& stream, std::uint32_t code);
  void abandon(Stream& stream);

  // Sending: h2_send.cpp.
  Result<StreamId> submit_request(const Request& request, bool end);
  Result<> submit_response(Stream& stream, const Response& response, bool end);
  void send_body(Stream& stream, std::string_view data, bool end);
  void send_trailers(Stream& stream, const Fields& trailers);
  void pull_output(std::string& out, std::size_t limit);
  void rest();
  void fill_from_streams(std::size_t limit);
  void write_some(Stream& stream);
  std::size_t may_write(const Stream& stream, std::size_t size) const;
  void write_data(Stream& stream, std::string_view data, bool end);
  void finish_output(Stream& stream);
  void note_output(Stream& stream);
  void ended_locally(Stream& stream);
  bool fits(const Fields& fields) const { return fields.bytes() <= 4 * limits_.fields.bytes; }
  std::size_t begin_headers(StreamId id);
  void encode(std::string_view name, std::string_view value);
  void encode_fields(const Fields& fields, bool trailers);
  void encode_length(std::uint64_t length);
  void end_headers(std::size_t at, StreamId id, bool end);
  void queue_rst_stream(StreamId id, std::uint32_t code);
  void queue_goaway(StreamId last, std::uint32_t code);
  void queue_window_update(StreamId id, std::size_t increment);
  void give_back(std::size_t size);
  void give_back(Stream& stream, std::size_t size);
  void widen(Stream& stream);
  std::uint64_t queued_in_all() const { return pulled_ + queue_.size(); }

  Role role_;
  H2Limits limits_;
  H2Events& events_;
  Result<> state_;
  h2::StreamTable streams_;

  // Receiving.
  std::size_t preface_left_ = 0;
  std::string partial_;  // of a frame that came in pieces
  std::uint64_t begun_ = 0;
  bool in_pieces_ = false;  // so came the frame that is being taken
  h2::Head data_;           // the DATA frame that is being received
  std::size_t data_left_ = 0, padding_left_ = 0;
  bool pad_length_due_ = false;
  bool in_data_ = false;
  StreamId block_stream_ = 0;  // whose field block goes on in CONTINUATION
  bool block_ends_stream_ = false;
  std::uint32_t continuations_ = 0;
  std::string block_;
  hpack::Decoder decoder_;
  std::size_t credit_ = 0;   // given back, and not yet told to the peer
  std::size_t widened_ = 0;  // windows of streams, all together, above what they are at first
  // Server: the last streams that the peer ended or reset, the newest it opened, and the ids that it last skipped.
  std::array<h2::Ended, 16> ended_{};
  std::size_t ended_count_ = 0;
  StreamId newest_ = 0;
  std::pair<StreamId, StreamId> skipped_{};
  bool opening_ = false;  // the field block that comes in opens its stream

  // The field block that was received last.
  struct Block {
    Fields fields;
    std::string method, scheme, authority, path, protocol, status_text, host;
    std::optional<std::uint64_t> content_length;
    std::size_t count = 0, bytes = 0, cookies = 0;
    bool has_host = false, hosts_differ = false, expects = false;
    std::uint16_t pseudo = 0;  // which were there, by bits of hpack::Kind
    bool malformed = false, too_large = false;
    bool regular = false;  // what is not a pseudo-header has come
  } message_;

  // Sending.
  std::string queue_;              // frames, in the order in which they leave
  std::uint64_t pulled_ = 0;       // octets before them
  std::vector<StreamId> waiting_;  // streams with output that no window or no room let out yet
  std::vector<StreamId> drained_;
  std::vector<StreamId> leaving_;  // streams that closed since the last pull
  hpack::Encoder encoder_;
  std::string name_;  // scratch
  std::int64_t send_window_ = h2::kInitialWindow;
  StreamId next_id_ = 1;
  std::size_t queued_answers_ = 0;

  // What the peer's SETTINGS say.
  std::uint32_t peer_window_ = h2::kInitialWindow;
  std::uint32_t peer_max_frame_ = h2::kMaxFrame;
  std::uint32_t peer_max_streams_ = 0xffffffff;
  bool peer_connect_ = false;
  bool settings_received_ = false;
  bool settings_acknowledged_ = false;

  std::uint32_t busy_ = 0;  // streams that were told and are open, or whose work goes on
  std::uint32_t resets_left_;
  std::uint32_t control_left_;
  bool goaway_sent_ = false, goaway_received_ = false, terminated_ = false;
  StreamId last_taken_ = h2::kMaxStream;    // server: streams above are not processed any more
  StreamId last_of_peer_ = h2::kMaxStream;  // client: by the peer's GOAWAY
};

}  // namespace bulkhead::http
