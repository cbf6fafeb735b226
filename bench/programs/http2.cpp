#include <array>
#include <charconv>
#include <unordered_map>

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include "channel.hpp"

namespace bench {

namespace {

constexpr std::int32_t kWindow = 16 << 20;

nghttp2_nv field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

class Http2 final : public Channel {
 public:
  Http2(const Plan& plan, const Address& address, SSL_CTX* context, Asker& asker, Poller& poller)
      : plan_(plan), asker_(asker), transport_(address, context) {
    open_session();
    poller.add(transport_.fd(), *this);
  }
  ~Http2() override { nghttp2_session_del(session_); }
  Http2(const Http2&) = delete;
  Http2& operator=(const Http2&) = delete;

  void ask(Nanos intended) override {
    const std::array fields{field(":method", "GET"), field(":scheme", plan_.tls ? "https" : "http"),
                            field(":authority", plan_.host), field(":path", plan_.path), field("user-agent", "load")};
    const std::int32_t id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), nullptr, nullptr);
    if (id < 0) return fail(nghttp2_strerror(id));
    answers_[id].intended = intended;
  }

  void flush() override {
    const std::uint8_t* bytes = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_, &bytes)) != 0;) {
      if (size < 0) return fail(nghttp2_strerror(static_cast<int>(size)));
      transport_.queue({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
    }
    if (transport_.flush() == Io::closed) fail("closed while asking");
  }

  void ready(std::uint32_t) override {
    if (dead_) return;
    flush();
    while (!dead_) {
      const Transport::Got got = transport_.read();
      if (got.io == Io::closed) return fail("closed before the answers' end");
      if (got.io == Io::later) break;
      const ssize_t taken =
          nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(got.bytes.data()), got.bytes.size());
      if (taken < 0) return fail(nghttp2_strerror(static_cast<int>(taken)));
      if (!got.more) break;
    }
    flush();
  }

 private:
  struct Answer {
    Nanos intended{0};
    int status = 0;
    std::uint64_t bytes = 0;
  };

  static Http2& self(void* user) { return *static_cast<Http2*>(user); }

  void open_session() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                      const std::uint8_t* value, std::size_t size, std::uint8_t, void* user) {
          if (std::string_view(reinterpret_cast<const char*>(name), name_size) == ":status") {
            const auto* text = reinterpret_cast<const char*>(value);
            std::from_chars(text, text + size, self(user).answers_[frame->hd.stream_id].status);
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks,
        [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t*, std::size_t size, void* user) {
          self(user).answers_[id].bytes += size;
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
          self(user).closed(id, error);
          return 0;
        });
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    const std::array settings{nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
                              nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
  }

  void closed(std::int32_t id, std::uint32_t error) {
    const auto found = answers_.find(id);
    if (found == answers_.end()) return;
    const Answer answer = found->second;
    answers_.erase(found);
    if (error != NGHTTP2_NO_ERROR || answer.status != 200 || answer.bytes != plan_.body)
      return fail(fmt::format("status {}, {} bytes, error {}", answer.status, answer.bytes, error));
    asker_.answered(*this, answer.intended);
  }

  void fail(const std::string& why) {
    if (dead_) return;
    dead_ = true;
    asker_.failed(*this, why);
  }

  const Plan& plan_;
  Asker& asker_;
  Transport transport_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, Answer> answers_;  // by stream
  bool dead_ = false;
};

}  // namespace

std::unique_ptr<Channel> http2_channel(const Plan& plan, const Address& address, SSL_CTX* context, Asker& asker,
                                       Poller& poller) {
  return std::make_unique<Http2>(plan, address, context, asker, poller);
}

}  // namespace bench
