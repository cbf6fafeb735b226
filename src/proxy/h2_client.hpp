#pragma once

// The client's end of an HTTP/2 connection: many exchanges at once. pool.hpp is the way in.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/exchange.hpp"
#include "proxy/h2_pump.hpp"

namespace bulkhead::proxy {

class H2ClientExchange;

struct H2ClientOptions {
  http::H2Limits limits;
  net::Duration idle_timeout;
  net::Duration ping_after;
  net::Duration ping_timeout;
  net::Duration write_timeout;
};

// Shared by the pool, the task that runs it and its exchanges.
class H2ClientConnection final : public http::H2Events, public std::enable_shared_from_this<H2ClientConnection> {
 public:
  // `changed` is called when it may have room for a stream again, or has none for ever.
  H2ClientConnection(net::Stream stream, const H2ClientOptions& options, std::function<void()> changed);

  // Until the connection's end; call once.
  net::Task<> run();

  bool usable() const;    // takes new exchanges, now or later
  bool has_room() const;  // now
  bool over() const { return over_; }
  std::size_t load() const { return load_; }
  std::unique_ptr<ClientExchange> open();
  // No new exchanges; it ends when those it has are over.
  void retire();
  void close();
  std::uint64_t generation = 0;

 private:
  friend class H2ClientExchange;

  void on_response(http::StreamId id, http::Response&& response) override;
  void on_body(http::StreamId id, std::string_view data) override;
  void on_end(http::StreamId id, http::Fields&& trailers) override;
  void on_reset(http::StreamId id, std::uint32_t code, bool never_processed) override;
  void on_drained(http::StreamId id) override;
  void on_goaway(http::StreamId last, std::uint32_t code) override;
  void on_settings() override;
  void on_pong(std::uint64_t opaque) override;

  H2ClientExchange* find(http::StreamId id);
  void leave();
  void arm_timer();
  void check_liveness();
  static void on_timer(void* self);

  H2ClientOptions options_;
  std::function<void()> changed_;
  H2Pump pump_;
  net::Notify settings_;
  std::unordered_map<http::StreamId, H2ClientExchange*> exchanges_;
  std::size_t load_ = 0;  // exchanges that exist
  bool retired_ = false;
  bool over_ = false;
  bool ping_sent_ = false;
  net::SteadyTime idle_since_;
  net::SteadyTime pinged_at_;
  net::Timer timer_;
};

class H2ClientExchange final : public ClientExchange {
 public:
  explicit H2ClientExchange(std::shared_ptr<H2ClientConnection> connection);
  ~H2ClientExchange() override;

  net::Task<Result<>> send_head(const http::Request& request, bool end, net::Deadline deadline) override;
  net::Task<Result<>> send_body(std::string_view data, bool end, net::Deadline deadline) override;
  net::Task<Result<>> send_trailers(http::Fields trailers) override;
  net::Task<Result<http::Response>> read_head(net::Deadline deadline) override;
  net::Task<Result<BodyPart>> read_body(net::Deadline deadline) override;
  const http::Fields& trailers() const override { return trailers_; }
  void reset(ResetReason reason) override;
  bool never_sent() const override { return never_sent_; }
  bool no_response_byte() const override { return !heard_; }

 private:
  friend class H2ClientConnection;

  http::H2Session& session() { return connection_->pump_.session(); }
  void head_received(http::Response&& response);
  void received(std::string_view data);
  void ended(http::Fields&& trailers);
  void failed(Fault fault, bool never_processed);

  std::shared_ptr<H2ClientConnection> connection_;
  http::StreamId id_ = 0;
  std::optional<http::Response> head_;  // the next one
  std::vector<http::Response> more_heads_;
  std::string inbound_;  // came, not read
  std::string held_;     // handed out, not given back
  http::Fields trailers_;
  std::optional<std::uint64_t> left_;
  std::optional<Fault> fault_;
  bool request_ended_ = false;
  bool response_ended_ = false;
  bool heard_ = false;
  bool never_sent_ = true;
  net::Notify changed_;
};

}  // namespace bulkhead::proxy
