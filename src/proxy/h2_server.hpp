#pragma once

// The server's end of an HTTP/2 connection: a task for each stream. server.hpp is the way in.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/h2_pump.hpp"
#include "proxy/server.hpp"

namespace bulkhead::proxy {

// `early` was read from the stream before. Fails as serve() does.
net::Task<Result<>> serve_h2(net::Stream stream, std::string early, const Handler& handler,
                             const ServerOptions& options, net::Event& shutdown);

class H2ServerExchange;

class H2ServerConnection final : public http::H2Events {
 public:
  H2ServerConnection(net::Stream stream, const Handler& handler, const ServerOptions& options, net::Event& shutdown);

  // Why it ended.
  net::Task<Fault> run(std::string early);

 private:
  friend class H2ServerExchange;

  void on_request(http::StreamId id, http::Request&& request) override;
  void on_body(http::StreamId id, std::string_view data) override;
  void on_end(http::StreamId id, http::Fields&& trailers) override;
  void on_reset(http::StreamId id, std::uint32_t code, bool never_processed) override;
  void on_drained(http::StreamId id) override;
  void on_pong(std::uint64_t opaque) override;

  H2ServerExchange* find(http::StreamId id);
  void start_fresh();
  net::Task<> handle(std::unique_ptr<H2ServerExchange> exchange);
  net::Task<> watch_shutdown();
  void note_idle();
  void note_unfinished();
  void note_lingering();
  static void idle_too_long(void* self);
  static void lingered_too_long(void* self);
  static void unfinished_too_long(void* self);

  const Handler& handler_;
  const ServerOptions& options_;
  net::Event& shutdown_;
  H2Pump pump_;
  std::unordered_map<http::StreamId, H2ServerExchange*> exchanges_;
  std::vector<std::unique_ptr<H2ServerExchange>> fresh_;
  // Answers that are complete but still wait for the peer's window, with the time when we give up.
  std::vector<http::StreamId> abandoned_;
  std::deque<std::pair<http::StreamId, net::SteadyTime>> lingering_;
  net::Timer idle_timer_;
  net::Timer linger_timer_;
  net::Timer unfinished_timer_;
  std::uint64_t unfinished_ = 0;  // http::H2Session::unfinished(), which the timer is for
  net::Event drain_answered_;
  net::Gate watchers_;
  net::Gate handlers_;
};

class H2ServerExchange final : public ServerExchange {
 public:
  H2ServerExchange(H2ServerConnection& connection, http::StreamId id, http::Request&& request);

  http::Request& request() override { return request_; }
  net::Task<Result<BodyPart>> read_body(net::Deadline deadline) override;
  void expect_upload() override { rests_ = tunnel_asked_; }
  const http::Fields& trailers() const override { return trailers_; }
  net::Task<Result<>> send_informational(http::Response response) override;
  net::Task<Result<>> send_head(http::Response response, bool end) override;
  net::Task<Result<>> send_body(std::string_view data, bool end, net::Deadline deadline) override;
  net::Task<Result<>> send_trailers(http::Fields trailers) override;
  void reset(ResetReason reason) override;
  void on_gone(std::function<void()> callback) override;
  bool gone() const override { return gone_; }

  http::StreamId id() const { return id_; }
  void received(std::string_view data);
  void ended(http::Fields&& trailers);
  void drained() { changed_.notify_all(); }
  void client_left();
  // After the handler returned.
  void finish();

 private:
  http::H2Session& session() { return connection_.pump_.session(); }
  std::optional<Fault> fault() const;
  net::Deadline body_limit(net::Deadline deadline) const;
  Result<> take_from_length(std::size_t size, bool end);

  H2ServerConnection& connection_;
  http::StreamId id_;
  net::Loop& loop_;
  http::Request request_;
  bool head_request_;
  bool tunnel_asked_;
  bool sized_;
  bool rests_;  // its body is a conversation, not an upload, as far as is known
  bool wants_continue_;

  std::string inbound_;  // came, not read
  std::string held_;     // handed out, not given back
  bool request_ended_ = false;
  std::uint64_t body_bytes_ = 0;
  net::Duration waited_{};
  http::Fields trailers_;

  bool head_sent_ = false;
  bool bodiless_ = false;
  bool response_ended_ = false;
  std::optional<std::uint64_t> left_;
  bool reset_ = false;
  bool gone_ = false;
  std::function<void()> on_gone_;
  net::Notify changed_;
};

}  // namespace bulkhead::proxy
