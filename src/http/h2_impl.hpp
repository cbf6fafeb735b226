#pragma once

// The inside of H2Session, shared by its receiving and its sending half. Not for anyone else.

#include <array>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "http/frame_scanner.hpp"
#include "http/h2_session.hpp"

namespace bulkhead::http {

// HTTP/2 has no 2xx that does not accept a tunnel (RFC 9113 §8.5), HTTP/1 has: there the Upgrade was ignored (RFC 9110
// §7.8). To whoever does not know this field such an answer is a 502.
inline constexpr std::string_view kNotSwitchedField = "x-bulkhead-not-switched";
inline constexpr std::uint16_t kNotSwitched = 502;

class H2Session::Impl {
 public:
  Impl(Role role, const H2Limits& limits, H2Events& events);
  ~Impl() { nghttp2_session_del(session_); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  struct Stream {
    StreamId id = 0;
    // The field block that is being received.
    Fields fields;
    std::string method, scheme, authority, path, protocol;
    std::uint16_t status = 0;
    std::size_t field_count = 0, field_bytes = 0;
    bool too_large = false;
    bool counted = false;  // on_request was told
    bool final_head = false;
    bool tunnel = false;
    bool remote_ended = false, local_ended = false;
    bool head_sent = false;
    bool dead = false;           // reset here: nothing more is told
    bool abandoned = false;      // nothing more is told, but what is queued is sent
    std::size_t unconsumed = 0;  // received, told, and not given back
    // What is to be sent.
    std::string out;
    std::size_t sent = 0;  // of `out`
    bool out_ended = false, has_trailers = false, deferred = false, wants_room = false;
    Fields trailers;
    std::size_t pending() const { return out.size() - sent; }
  };

  Stream* find(StreamId id) {
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : found->second.get();
  }
  Stream* live(StreamId id) {
    Stream* stream = find(id);
    return stream != nullptr && !stream->dead && !stream->abandoned ? stream : nullptr;
  }
  Stream& add(StreamId id);

  // Receiving: h2_receive.cpp.
  void install(nghttp2_session_callbacks* callbacks);
  Result<> receive(std::string_view bytes);
  void feed(std::string_view bytes);
  void frame_begun(std::uint8_t type, StreamId id);
  void begin_fields(const nghttp2_frame& frame);
  int take_field(Stream& stream, std::string_view name, std::string_view value);
  void take_pseudo(Stream& stream, std::string_view name, std::string_view value);
  void end_fields(Stream& stream, bool end);
  void end_request(Stream& stream, bool end);
  void end_response(Stream& stream, bool end);
  void end_trailers(Stream& stream);
  void end_body(Stream& stream);
  void frame_received(const nghttp2_frame& frame);
  void data_received(StreamId id, std::string_view data, bool& consumed);
  void stream_closed(StreamId id, std::uint32_t code);
  void frame_sent(const nghttp2_frame& frame);
  void frame_not_sent(const nghttp2_frame& frame);
  void spend(std::uint32_t& budget, std::string_view what);
  void give_up(std::string_view why);
  void break_connection(std::uint32_t code, std::string_view why);
  void remember_ended(StreamId id) { ended_[ended_count_++ % ended_.size()] = id; }
  void refuse(Stream& stream, std::uint16_t status, std::string_view reason);
  void fail_stream(StreamId id);

  // Sending: h2_send.cpp.
  Result<StreamId> submit_request(const Request& request, bool end);
  Result<> submit_response(Stream& stream, const Response& response, bool end);
  void send_body(Stream& stream, std::string_view data, bool end);
  ssize_t read_body(Stream& stream, std::uint8_t* to, std::size_t size, std::uint32_t* flags);
  void pull_output(std::string& out, std::size_t limit);
  void reset(Stream& stream, std::uint32_t code);
  void abandon(Stream& stream);
  void resume(Stream& stream);
  nghttp2_data_provider provider(Stream& stream);
  void append(std::string_view name, std::string_view value);
  void append_fields(const Fields& fields, bool trailers);

  Role role_;
  H2Limits limits_;
  H2Events& events_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<StreamId, std::unique_ptr<Stream>> streams_;
  std::vector<StreamId> drained_;
  std::vector<nghttp2_nv> block_;  // scratch
  // Server: the last streams that the peer ended or reset, the newest it opened, and the ids that it last skipped.
  FrameScanner scanner_;
  std::array<StreamId, 16> ended_{};
  std::size_t ended_count_ = 0;
  StreamId newest_ = 0;
  std::pair<StreamId, StreamId> skipped_{};
  std::uint32_t working_ = 0;
  std::uint32_t resets_left_;
  std::uint32_t control_left_;
  bool settings_received_ = false;
  Result<> state_;
};

}  // namespace bulkhead::http
