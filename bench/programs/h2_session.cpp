#include "h2_session.hpp"

#include <algorithm>
#include <array>

namespace bench {

namespace {

constexpr std::int32_t kWindow = 16 << 20;
constexpr std::uint32_t kStreams = 1000;

std::string_view text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

nghttp2_nv field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view of) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(of.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

nghttp2_session_callbacks* H2Session::callbacks() {
  nghttp2_session_callbacks* made = nullptr;
  nghttp2_session_callbacks_new(&made);
  nghttp2_session_callbacks_set_on_frame_recv_callback(made,
                                                       [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
                                                         self(user).received(*frame);
                                                         return 0;
                                                       });
  nghttp2_session_callbacks_set_on_header_callback(
      made, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
               const std::uint8_t* value, std::size_t size, std::uint8_t, void* user) {
        self(user).events_.header(frame->hd.stream_id, text(name, name_size), text(value, size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      made,
      [](nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes, std::size_t size, void* user) {
        self(user).events_.data(stream, text(bytes, size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      made, [](nghttp2_session*, std::int32_t stream, std::uint32_t error, void* user) {
        self(user).outgoing_.erase(stream);
        self(user).events_.closed(stream, error);
        return 0;
      });
  return made;
}

H2Session::H2Session(Transport& transport, End end, Events& events) : transport_(transport), events_(events) {
  nghttp2_session_callbacks* made = callbacks();
  const auto make = end == End::client ? nghttp2_session_client_new : nghttp2_session_server_new;
  make(&session_, made, this);
  nghttp2_session_callbacks_del(made);
  const std::array settings{nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
                            nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreams},
                            nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  const std::size_t count = end == End::client ? settings.size() : settings.size() - 1;
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), count);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
}

std::int32_t H2Session::request(std::span<const nghttp2_nv> fields, Body body) {
  const nghttp2_data_provider source = provider();
  const nghttp2_data_provider* given = body == Body::written ? &source : nullptr;
  const std::int32_t stream = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), given, nullptr);
  if (stream > 0 && given != nullptr) outgoing_.try_emplace(stream);
  return stream;
}

void H2Session::respond(std::int32_t stream, std::span<const nghttp2_nv> fields) {
  const nghttp2_data_provider source = provider();
  outgoing_.try_emplace(stream);
  nghttp2_submit_response(session_, stream, fields.data(), fields.size(), &source);
}

void H2Session::write(std::int32_t stream, std::string_view bytes) {
  const auto found = outgoing_.find(stream);
  if (found == outgoing_.end()) return;
  found->second.bytes += bytes;
  nghttp2_session_resume_data(session_, stream);
}

void H2Session::finish(std::int32_t stream, Ending ending) {
  const auto found = outgoing_.find(stream);
  if (found == outgoing_.end()) return;
  found->second.last = true;
  found->second.ending = ending;
  nghttp2_session_resume_data(session_, stream);
}

void H2Session::received(const nghttp2_frame& frame) {
  const bool headers = frame.hd.type == NGHTTP2_HEADERS;
  if (!headers && frame.hd.type != NGHTTP2_DATA) return;
  if (headers && frame.headers.cat == NGHTTP2_HCAT_REQUEST) events_.asked(frame.hd.stream_id);
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) events_.ended(frame.hd.stream_id);
}

nghttp2_data_provider H2Session::provider() {
  return {.source = {.ptr = this},
          .read_callback = [](nghttp2_session*, std::int32_t stream, std::uint8_t* to, std::size_t size,
                              std::uint32_t* flags, nghttp2_data_source* source,
                              void*) { return static_cast<H2Session*>(source->ptr)->read(stream, {to, size}, flags); }};
}

ssize_t H2Session::read(std::int32_t stream, std::span<std::uint8_t> to, std::uint32_t* flags) {
  const auto found = outgoing_.find(stream);
  if (found == outgoing_.end()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  Outgoing& out = found->second;
  if (out.bytes.empty() && !out.last) return NGHTTP2_ERR_DEFERRED;
  const std::size_t size = std::min(to.size(), out.bytes.size());
  std::copy_n(out.bytes.begin(), size, to.begin());
  out.bytes.erase(0, size);
  if (!out.bytes.empty() || !out.last) return static_cast<ssize_t>(size);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (out.ending == Ending::grpc_ok) {  // submitted any earlier, trailers would overtake the body
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const nghttp2_nv trailer = field("grpc-status", "0");
    nghttp2_submit_trailer(session_, stream, &trailer, 1);
  }
  outgoing_.erase(found);
  return static_cast<ssize_t>(size);
}

const char* H2Session::flush() {
  const std::uint8_t* bytes = nullptr;
  for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_, &bytes)) != 0;) {
    if (size < 0) return nghttp2_strerror(static_cast<int>(size));
    transport_.queue(text(bytes, static_cast<std::size_t>(size)));
  }
  return transport_.flush() == Io::closed ? "closed while sending" : nullptr;
}

const char* H2Session::ready() {
  if (const char* why = flush()) return why;
  while (true) {
    const Transport::Got got = transport_.read();
    if (got.io == Io::closed) return "closed by the peer";
    if (got.io == Io::later) break;
    const ssize_t taken =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(got.bytes.data()), got.bytes.size());
    if (taken < 0) return nghttp2_strerror(static_cast<int>(taken));
    if (!got.more) break;
  }
  return flush();
}

}  // namespace bench
