// gRPC over HTTP/2: a call for each message, or a stream of messages that are answered one by one.

#include <array>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "channel.hpp"
#include "h2_session.hpp"

namespace bench {

namespace {

// One byte that says "not compressed", the length in four, the message.
std::string message_of(std::uint64_t size) {
  std::string message(5, '\0');
  for (int i = 0; i < 4; ++i) message[4 - i] = static_cast<char>(size >> (8 * i));
  return message + std::string(size, 'x');
}

class Grpc final : public Channel, H2Session::Events {
 public:
  Grpc(const Plan& plan, const Address& address, SSL_CTX* context, Asker& asker, Poller& poller)
      : plan_(plan),
        asker_(asker),
        streams_(plan.protocol == "grpc-stream"),
        path_(streams_ ? "/bench.Echo/Stream" : "/bench.Echo/Unary"),
        message_(message_of(plan.body)),
        transport_(address, context),
        session_(transport_, H2Session::End::client, *this) {
    poller.add(transport_.fd(), *this);
  }

  void ask(Nanos intended) override {
    const std::int32_t stream = idle_.empty() ? open() : idle_.back();
    if (stream < 0) return fail(nghttp2_strerror(stream));
    if (!idle_.empty()) idle_.pop_back();
    Call& call = calls_[stream];
    call.intended = intended;
    call.bytes = 0;
    session_.write(stream, message_);
    if (!streams_) session_.finish(stream, H2Session::Ending::bare);
  }

  void flush() override { check(session_.flush()); }

  void ready(std::uint32_t) override {
    if (!dead_) check(session_.ready());
  }

 private:
  struct Call {
    Nanos intended{0};
    std::uint64_t bytes = 0;
    bool ok = false;  // grpc-status: 0
  };

  std::int32_t open() {
    const std::array fields{field(":method", "POST"),        field(":scheme", plan_.tls ? "https" : "http"),
                            field(":authority", plan_.host), field(":path", path_),
                            field("te", "trailers"),         field("content-type", "application/grpc"),
                            field("user-agent", "load")};
    return session_.request(fields, H2Session::Body::written);
  }

  void header(std::int32_t stream, std::string_view name, std::string_view value) override {
    if (name == "grpc-status") calls_[stream].ok = value == "0";
  }

  void data(std::int32_t stream, std::string_view bytes) override {
    Call& call = calls_[stream];
    call.bytes += bytes.size();
    if (!streams_ || call.bytes < message_.size()) return;
    if (call.bytes > message_.size()) return fail("more than was asked for");
    idle_.push_back(stream);
    asker_.answered(*this, call.intended);
  }

  void closed(std::int32_t stream, std::uint32_t error) override {
    const auto found = calls_.find(stream);
    if (found == calls_.end()) return;
    const Call call = found->second;
    calls_.erase(found);
    if (streams_ || error != NGHTTP2_NO_ERROR || !call.ok || call.bytes != message_.size())
      return fail(fmt::format("a call ended with {} bytes, error {}, status {}", call.bytes, error,
                              call.ok ? "0" : "other than 0"));
    asker_.answered(*this, call.intended);
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
  bool streams_;
  std::string path_;
  std::string message_;
  Transport transport_;
  H2Session session_;
  std::unordered_map<std::int32_t, Call> calls_;  // by stream
  std::vector<std::int32_t> idle_;                // streams that wait for their next message
  bool dead_ = false;
};

}  // namespace

std::unique_ptr<Channel> grpc_channel(const Plan& plan, const Address& address, SSL_CTX* context, Asker& asker,
                                      Poller& poller) {
  return std::make_unique<Grpc>(plan, address, context, asker, poller);
}

}  // namespace bench
