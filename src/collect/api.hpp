#pragma once

// The HTTP API and the console's files (docs/api.md), on whatever connections there are. Loop's thread.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "collect/exporter.hpp"
#include "collect/intake.hpp"
#include "collect/live.hpp"
#include "collect/program_metrics.hpp"
#include "collect/question.hpp"
#include "collect/reader.hpp"
#include "collect/visitors.hpp"
#include "net/worker.hpp"
#include "proxy/exchange.hpp"

namespace bulkhead::collect {

// The console's files: small, and all in memory. By path ("/index.html").
struct Asset {
  std::string type;
  std::string content;
};
using Assets = std::map<std::string, Asset, std::less<>>;
// None where `directory` is not there.
Assets read_assets(const std::string& directory);

class Api {
 public:
  // `intake`, `live`, `exporter` and `programs` must outlive this, and every handle(). `origin`: "localhost:9400", of
  // the TCP door;
  // "" without.
  Api(net::Loop& loop, Intake& intake, Live& live, const Exporter& exporter, const ProgramMetrics& programs,
      Visitors& visitors, Assets assets, std::string origin);
  ~Api();

  // What is declared and runs, as the controller says it; null `controller` where it is away.
  void set_application(nlohmann::json application);
  void set_controller_away();
  const nlohmann::json& application() const { return *application_; }
  const std::string& gateway() const { return gateway_name_; }
  // What is measured, as it is now.
  std::vector<Family> families() const;
  // Without what programs told.
  std::vector<Family> own_families() const;

  // `trusted`: it came over the Unix socket.
  net::Task<> handle(proxy::ServerExchange& exchange, bool trusted);
  // Ends the streams of events.
  void close();
  // Nothing is answered any more, and the intake may go.
  void end() { ended_ = true; }

 private:
  struct Answer {
    std::uint16_t status = 200;
    std::string type = "application/json";
    std::string body;
    std::vector<std::pair<std::string, std::string>> fields;
  };
  using Ask = std::function<Result<nlohmann::json>(Reader&, const nlohmann::json& application,
                                                   std::vector<std::string>& not_seen)>;

  net::Task<Answer> answer(const http::Request& request, bool trusted);
  net::Task<Answer> ask(Range range, Ask ask);
  net::Task<Answer> ask_path(std::string path, std::string query);
  bool is_own_origin(const http::Request& request) const;
  bool may_ask(const http::Request& request) const;
  Answer log_in(std::string_view query);
  Answer asset(std::string_view path) const;
  Answer reach(std::string_view query) const;
  net::Task<> stream_events(proxy::ServerExchange& exchange);
  static net::Task<> send(proxy::ServerExchange& exchange, Answer answer, net::Deadline deadline);

  net::Loop& loop_;
  Intake& intake_;
  Live& live_;
  const Exporter& exporter_;
  const ProgramMetrics& programs_;
  Visitors& visitors_;
  const Assets assets_;
  const std::string origin_;
  std::shared_ptr<const nlohmann::json> application_;
  std::string gateway_name_ = "gateway";
  std::uint64_t version_ = 0;
  bool closing_ = false, ended_ = false;
  std::unique_ptr<Reader> reader_;  // the worker's
  std::shared_ptr<const Store> reader_of_;
  net::Worker worker_;  // last: it uses what is above
};

}  // namespace bulkhead::collect
