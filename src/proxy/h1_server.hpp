#pragma once

// The server's end of an HTTP/1 connection: one request after the other. server.hpp is the way in.

#include <memory>
#include <optional>
#include <string>

#include "http/h1_decoder.hpp"
#include "http/h1_encoder.hpp"
#include "proxy/h1_channel.hpp"
#include "proxy/server.hpp"

namespace bulkhead::proxy {

class H1ServerConnection {
 public:
  H1ServerConnection(net::Stream stream, const Handler& handler, const ServerOptions& options, net::Event& shutdown);

  // What is left when the client turns out to speak HTTP/2.
  struct Handover {
    net::Stream stream;
    std::string bytes;
  };
  // Until the connection's end, or until the first bytes are HTTP/2's preface and `may_be_http2`.
  net::Task<std::optional<Handover>> run(bool may_be_http2);

 private:
  friend class H1ServerExchange;
  enum class Begin : std::uint8_t { request, http2, over };

  net::Task<> watch_shutdown();
  net::Task<Begin> await_request(bool may_be_http2);
  net::Task<bool> read_head();
  net::Task<> refuse(http::Refusal refusal);
  net::Task<bool> serve_one();
  net::Task<> linger();

  H1Channel channel_;
  const Handler& handler_;
  const ServerOptions& options_;
  net::Event& shutdown_;
  http::H1Decoder decoder_;
  bool draining_ = false;
  bool idle_ = false;
  net::Gate gate_;
};

class H1ServerExchange final : public ServerExchange {
 public:
  explicit H1ServerExchange(H1ServerConnection& connection);

  http::Request& request() override { return request_; }
  net::Task<Result<BodyPart>> read_body(net::Deadline deadline) override;
  const http::Fields& trailers() const override { return connection_.decoder_.trailers(); }
  net::Task<Result<>> send_informational(http::Response response) override;
  net::Task<Result<>> send_head(http::Response response, bool end) override;
  net::Task<Result<>> send_body(std::string_view data, bool end, net::Deadline deadline) override;
  net::Task<Result<>> send_trailers(http::Fields trailers) override;
  void reset(ResetReason reason) override;
  void on_gone(std::function<void()> callback) override;
  bool gone() const override { return gone_; }

  // After the handler returned: whether the connection may carry another request.
  net::Task<bool> finish();

 private:
  net::Task<Result<>> send_continue();
  net::Task<Result<BodyPart>> read_tunnel(net::Deadline deadline);
  net::Task<Result<>> fill(net::Deadline deadline);
  net::Task<bool> drain();
  Result<BodyPart> next_part(bool& need_more);
  std::optional<Fault> fault() const;
  net::Deadline write_deadline() const;
  void begin_watch();
  void end_watch();
  net::Task<> watch();
  net::Task<> outlast_half_close();
  void client_left();

  H1ServerConnection& connection_;
  H1Channel& channel_;
  net::Loop& loop_;
  http::Request request_;
  http::Version version_;
  bool head_request_;
  std::string protocol_;
  std::string websocket_key_;

  bool request_ended_ = false;
  bool peer_ended_ = false;  // of a tunnel
  bool wants_continue_;
  std::string_view held_;  // a part that was decoded ahead
  std::uint64_t body_bytes_ = 0;
  net::Duration waited_{};

  bool head_sent_ = false;
  bool tunnel_ = false;
  bool response_ended_ = false;
  std::uint64_t sent_ = 0;  // of the answer; the head is one
  bool keep_alive_ = true;
  bool reset_ = false;
  http::H1Framing framing_ = http::H1Framing::none;
  std::uint64_t left_ = 0;
  net::Event answered_;  // for reads of a tunnel that is not one yet

  bool gone_ = false;
  std::function<void()> on_gone_;
  std::string early_;  // bytes that came while the handler runs
  std::optional<net::Gate> watch_;
};

}  // namespace bulkhead::proxy
