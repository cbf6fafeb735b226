#pragma once

// One end of an HTTP/2 connection: nghttp2 over a Transport. Bodies are written piece by piece, and may end in
// trailers.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include <nghttp2/nghttp2.h>

#include "transport.hpp"

namespace bench {

// Of `name` and `value` only views are kept, until the call that they are given to returns.
nghttp2_nv field(std::string_view name, std::string_view value);

class H2Session {
 public:
  enum class End { client, server };
  enum class Body { none, written };
  enum class Ending { bare, grpc_ok };  // grpc_ok: with the trailer of a call that went well

  // What the peer sends. Within these calls everything but `flush` and `ready` may be called.
  class Events {
   public:
    virtual ~Events() = default;
    virtual void header(std::int32_t stream, std::string_view name, std::string_view value) = 0;
    virtual void asked(std::int32_t) {}  // a request's header section is whole
    virtual void data(std::int32_t stream, std::string_view bytes) = 0;
    virtual void ended(std::int32_t) {}  // the peer has said all it will on this stream
    virtual void closed(std::int32_t stream, std::uint32_t error) = 0;
  };

  H2Session(Transport& transport, End end, Events& events);
  ~H2Session() { nghttp2_session_del(session_); }
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // Gives the stream; negative: an error of nghttp2.
  std::int32_t request(std::span<const nghttp2_nv> fields, Body body);
  void respond(std::int32_t stream, std::span<const nghttp2_nv> fields);
  void write(std::int32_t stream, std::string_view bytes);
  void finish(std::int32_t stream, Ending ending);

  // Null, or why the connection is of no more use. What was written since the last time goes out together.
  const char* flush();
  const char* ready();

 private:
  struct Outgoing {
    std::string bytes;
    bool last = false;
    Ending ending = Ending::bare;
  };

  static H2Session& self(void* user) { return *static_cast<H2Session*>(user); }
  static nghttp2_session_callbacks* callbacks();
  void received(const nghttp2_frame& frame);
  ssize_t read(std::int32_t stream, std::span<std::uint8_t> to, std::uint32_t* flags);
  nghttp2_data_provider provider();

  Transport& transport_;
  Events& events_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, Outgoing> outgoing_;  // of streams with a body that is written
};

}  // namespace bench
