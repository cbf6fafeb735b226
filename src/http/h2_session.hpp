#pragma once

// One HTTP/2 connection (RFC 9113, 8441) without I/O. Bytes go in by receive(), come out by
// pull_output(), and what happens is told to H2Events while receive() runs.
//
// - Streams are known by id. After on_end and a complete answer, or after on_reset or reset(), nothing more is told of
//   one.
// - Every submit and reset may be called from within an event; receive() and pull_output() may not.
// - Flow control of a stream is manual: the owner gives bytes back with consume() when it has passed them on. What
//   waits counts against its stream alone: the connection's window is given back at once, so that one reader who does
//   not read holds up no other. What a connection may hold is max_streams * stream_window + widening.
// - Requests are validated as RFC 9113 §8 says; what breaks a rule of one stream resets that stream with
//   PROTOCOL_ERROR, and is not told.
// - Bounds: concurrent streams, each until it is closed and its work is done (a reset does not end work, and the end of
//   work does not end a stream whose answer waits for the peer's window), the decoded field list in bytes and count
//   with cookie crumbs counted, resets of both sides and control frames in one budget each, that refill_budgets()
//   renews. Whoever exceeds a budget gets GOAWAY with ENHANCE_YOUR_CALM.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/message.hpp"

namespace bulkhead::http {

using StreamId = std::int32_t;

namespace h2_error {  // RFC 9113 §7
inline constexpr std::uint32_t kNone = 0, kProtocol = 1, kInternal = 2, kFlowControl = 3, kStreamClosed = 5,
                               kFrameSize = 6, kRefused = 7, kCancel = 8, kCompression = 9, kCalm = 11;
}

class H2Events {
 public:
  virtual ~H2Events() = default;
  // Server: a request's head. Client: an answer's; interim ones come first, 101 stands for an accepted tunnel.
  virtual void on_request(StreamId, Request&&) {}
  virtual void on_response(StreamId, Response&&) {}
  virtual void on_body(StreamId, std::string_view data) = 0;
  virtual void on_end(StreamId, Fields&& trailers) = 0;
  // The stream ended before both sides were complete. `never_processed`: REFUSED_STREAM, or above GOAWAY's last stream.
  virtual void on_reset(StreamId, std::uint32_t code, bool never_processed) = 0;
  // The stream's send buffer has room again after send_room() was 0.
  virtual void on_drained(StreamId) {}
  // The peer takes no new streams (a shutdown notice, too).
  virtual void on_goaway(StreamId last, std::uint32_t code) { (void)last, (void)code; }
  virtual void on_settings() {}
  virtual void on_pong(std::uint64_t) {}
};

struct H2Limits {
  FieldLimits fields;
  std::uint32_t max_streams = 256;
  std::uint32_t stream_window = 32U << 10U;   // at first; it doubles each time that half of it has been passed on,
  std::uint32_t widest_window = 256U << 10U;  // up to this,
  std::uint32_t widening = 4U << 20U;         // as long as all streams together are not wider by more than this
  std::uint32_t connection_window = 4U << 20U;
  std::size_t send_buffer = 64U << 10U;  // per stream
  std::uint32_t resets = 200;            // burst; a quarter comes back by each refill
  std::uint32_t control_frames = 1000;   // SETTINGS, PING, PRIORITY, GOAWAY, unknown types, empty DATA
  std::size_t queued_control = 256;      // answers to those, not yet pulled
};

class H2Session {
 public:
  enum class Role : std::uint8_t { server, client };

  // `events` must outlive the session. The first SETTINGS are queued at once.
  H2Session(Role role, const H2Limits& limits, H2Events& events);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // A Fault (protocol, exhausted) ends the connection: pull what is left (GOAWAY), then close.
  Result<> receive(std::string_view bytes);
  // 0, or a number of the frame or field block that has begun and is not whole yet, another one for each. Of DATA the
  // payload does not count.
  std::uint64_t unfinished() const;
  // Ends the connection with ENHANCE_YOUR_CALM, for what only its owner can know.
  void end(std::string_view why);
  bool want_write() const;
  // Appends whole frames until `out` has about `limit` bytes. Streams whose buffers drained are told on the way.
  void pull_output(std::string& out, std::size_t limit = 64U << 10U);
  // Nothing is to be read or written any more.
  bool finished() const;

  // Client. Fault: exhausted (the peer's limit of streams), closed (GOAWAY), unsupported (RFC 8441 not enabled by
  // peer).
  Result<StreamId> submit_request(const Request& request, bool end);
  std::size_t open_streams() const;        // streams that were submitted or told, and are not closed
  std::uint32_t peer_max_streams() const;  // 100 until its SETTINGS came
  bool peer_settings_received() const;
  bool peer_allows_extended_connect() const;
  bool accepts_streams() const;  // client: no GOAWAY either way, ids left

  // Server. An interim response has no end. For a tunnel's 101 the wire says 200.
  Result<> submit_response(StreamId stream, const Response& response, bool end);

  // Both. Data beyond send_room() is taken too: wait for on_drained before more.
  void send_body(StreamId stream, std::string_view data, bool end);
  void send_trailers(StreamId stream, const Fields& trailers);
  std::size_t send_room(StreamId stream) const;  // 0 if unknown
  void consume(StreamId stream, std::size_t size);
  void reset(StreamId stream, std::uint32_t code);
  // Nothing more is told of the stream, what is queued is still sent, and what comes is thrown away. A peer that has
  // not ended its side by then gets RST_STREAM with NO_ERROR (RFC 9113 §8.1). The answer must be ended.
  void abandon(StreamId stream);
  // Whether some of what was submitted has not been pulled, for want of window or of pulling.
  bool sending(StreamId stream) const;
  // Client: whether the request's head may have been pulled; if not, nobody can have seen it.
  bool request_sent(StreamId stream) const;
  // Server: the handler of a stream that on_request told has ended (also after its reset).
  void work_done(StreamId stream);

  // The first step of a graceful end: no new streams soon; those on their way are served.
  void shutdown_notice();
  // The second step: streams above the last one seen were not processed.
  void goaway(std::uint32_t code);
  void ping(std::uint64_t opaque);
  // Called about once a second.
  void refill_budgets();

  class Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::http
