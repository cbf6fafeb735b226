#include <array>
#include <charconv>
#include <unordered_map>

#include <fmt/format.h>

#include "channel.hpp"
#include "h2_session.hpp"

namespace bench {

namespace {

class Http2 final : public Channel, H2Session::Events {
 public:
  Http2(const Plan& plan, const Address& address, SSL_CTX* context, Asker& asker, Poller& poller)
      : plan_(plan), asker_(asker), transport_(address, context), session_(transport_, H2Session::End::client, *this) {
    poller.add(transport_.fd(), *this);
  }

  void ask(Nanos intended) override {
    const std::array fields{field(":method", "GET"), field(":scheme", plan_.tls ? "https" : "http"),
                            field(":authority", plan_.host), field(":path", plan_.path), field("user-agent", "load")};
    const std::int32_t stream = session_.request(fields, H2Session::Body::none);
    if (stream < 0) return fail(nghttp2_strerror(stream));
    answers_[stream].intended = intended;
  }

  void flush() override { check(session_.flush()); }

  void ready(std::uint32_t) override {
    if (!dead_) check(session_.ready());
  }

 private:
  struct Answer {
    Nanos intended{0};
    int status = 0;
    std::uint64_t bytes = 0;
  };

  void header(std::int32_t stream, std::string_view name, std::string_view value) override {
    if (name == ":status") std::from_chars(value.data(), value.data() + value.size(), answers_[stream].status);
  }

  void data(std::int32_t stream, std::string_view bytes) override { answers_[stream].bytes += bytes.size(); }

  void closed(std::int32_t stream, std::uint32_t error) override {
    const auto found = answers_.find(stream);
    if (found == answers_.end()) return;
    const Answer answer = found->second;
    answers_.erase(found);
    if (error != NGHTTP2_NO_ERROR || answer.status != 200 || answer.bytes != plan_.body)
      return fail(fmt::format("status {}, {} bytes, error {}", answer.status, answer.bytes, error));
    asker_.answered(*this, answer.intended);
  }

  void check(const char* why) {
    if (why != nullptr) fail(why);
  }

  void fail(const std::string& why) {
    if (dead_) return;
    dead_ = true;
    asker_.failed(*this, why);
  }

  const Plan& plan_;
  Asker& asker_;
  Transport transport_;
  H2Session session_;
  std::unordered_map<std::int32_t, Answer> answers_;  // by stream
  bool dead_ = false;
};

}  // namespace

std::unique_ptr<Channel> http2_channel(const Plan& plan, const Address& address, SSL_CTX* context, Asker& asker,
                                       Poller& poller) {
  return std::make_unique<Http2>(plan, address, context, asker, poller);
}

}  // namespace bench
