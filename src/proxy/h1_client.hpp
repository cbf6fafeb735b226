#pragma once

// The client's end of an HTTP/1 connection: one exchange after the other. pool.hpp is the way in.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/h1_decoder.hpp"
#include "http/h1_encoder.hpp"
#include "proxy/exchange.hpp"
#include "proxy/h1_channel.hpp"

namespace bulkhead::proxy {

struct H1ClientConnection {
  H1ClientConnection(net::Stream stream, const http::FieldLimits& limits)
      : channel(std::move(stream)), decoder(http::H1Decoder::Role::response, limits) {}

  H1Channel channel;
  http::H1Decoder decoder;
  std::uint64_t generation = 0;
  net::SteadyTime idle_since;
  bool reused = false;
};

class H1ClientExchange final : public ClientExchange {
 public:
  // `give_back` gets the connection if it can be used again, else nothing; when the exchange ends.
  using GiveBack = std::move_only_function<void(H1ClientExchange*, std::unique_ptr<H1ClientConnection>)>;
  H1ClientExchange(std::unique_ptr<H1ClientConnection> connection, net::Duration write_timeout, GiveBack give_back);
  ~H1ClientExchange() override;

  net::Task<Result<>> send_head(const http::Request& request, bool end, net::Deadline deadline) override;
  net::Task<Result<>> send_body(std::string_view data, bool end, net::Deadline deadline) override;
  net::Task<Result<>> send_trailers(http::Fields trailers) override;
  net::Task<Result<http::Response>> read_head(net::Deadline deadline) override;
  net::Task<Result<BodyPart>> read_body(net::Deadline deadline) override;
  const http::Fields& trailers() const override { return connection_->decoder.trailers(); }
  void reset(ResetReason reason) override;
  bool never_sent() const override { return !connection_->channel.wrote(); }
  bool no_response_byte() const override { return !heard_; }
  // For Pool::close_all: ends it under the hands of its user.
  void cut() { reset(ResetReason::cancelled); }

 private:
  void encode(const http::Request& request, bool end);
  Result<> take_answer(http::Response& response);
  net::Task<Result<>> fill(net::Deadline deadline, bool& ended);
  Result<BodyPart> next_part(bool& need_more);
  net::Task<Result<BodyPart>> read_tunnel(net::Deadline deadline);
  bool reusable() const;

  std::unique_ptr<H1ClientConnection> connection_;
  net::Duration write_timeout_;
  GiveBack give_back_;
  std::string websocket_key_;
  http::H1Framing framing_ = http::H1Framing::none;
  std::uint64_t left_ = 0;
  std::string_view held_;  // a part that was decoded ahead
  bool head_sent_ = false;
  bool request_ended_ = false;
  bool heard_ = false;
  bool head_read_ = false;
  bool response_ended_ = false;
  bool tunnel_ = false;
  bool broken_ = false;
};

}  // namespace bulkhead::proxy
