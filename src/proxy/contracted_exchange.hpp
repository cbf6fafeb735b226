#pragma once

// One request and its answer, held against the service's contract. It stands between a server's exchange and the relay:
// the relay sees a request that is as the contract says, and the client an answer without what the contract does not
// declare. Lives as long as the request; see exchange.hpp for threads and waits.

#include <optional>
#include <string>

#include "conditions/document.hpp"
#include "proxy/contract_desk.hpp"
#include "proxy/exchange.hpp"
#include "proxy/journal.hpp"

namespace bulkhead::proxy {

class ContractedExchange final : public ServerExchange {
 public:
  ContractedExchange(ServerExchange& down, ContractDesk& desk, Journal& journal, Visit& visit);

  // Why a request goes no further.
  struct Refused {
    std::optional<contracts::Problem> problem;  // as the client is told
    bool overloaded = false;                    // too much is gathered already
    bool gone = false;                          // the client is
  };
  // Looks at the head, and gathers and checks a body that has to be. Nothing: as the contract says, or as it is let
  // through where `audited`: then the journal has it.
  net::Task<std::optional<Refused>> check_request(bool audited, net::Deadline deadline);
  // Octets that a body may have which is not gathered; 0: any.
  std::uint64_t most_request() const { return admission_.plan == contracts::BodyPlan::size ? admission_.limit : 0; }
  // What the contract points out in the request, a map, for conditions: empty where the request is not as it says.
  conditions::Value resource() const { return resource_ ? resource_->value() : conditions::Document::empty_map(); }
  // The answer that says so (RFC 9457).
  net::Task<> refuse(const contracts::Problem& problem);

  http::Request& request() override { return down_.request(); }
  net::Task<Result<BodyPart>> read_body(net::Deadline deadline) override;
  const http::Fields& trailers() const override { return down_.trailers(); }
  net::Task<Result<>> send_informational(http::Response response) override {
    return down_.send_informational(std::move(response));
  }
  net::Task<Result<>> send_head(http::Response response, bool end) override;
  net::Task<Result<>> send_body(std::string_view data, bool end, net::Deadline deadline) override;
  net::Task<Result<>> send_trailers(http::Fields trailers) override;
  void reset(ResetReason reason) override { down_.reset(reason); }
  void on_gone(std::function<void()> callback) override { down_.on_gone(std::move(callback)); }
  bool gone() const override { return down_.gone(); }

 private:
  using Mode = manifest::AnswerMode;
  enum class Answer : std::uint8_t { passing, gathering, replaced };

  net::Task<std::optional<Refused>> gather(net::Deadline deadline);
  std::optional<contracts::Problem> admit();
  void point_out();
  std::optional<Refused> judge(std::optional<contracts::Problem> problem, bool audited);
  // The answer as it goes on; `end` as for send_head.
  net::Task<Result<>> release(bool end);
  net::Task<Result<>> replace();
  void report(std::string_view what);

  ServerExchange& down_;
  ContractDesk& desk_;
  const ContractPtr contract_;
  const Mode mode_;
  ContractDesk::Lease lease_;
  Journal& journal_;
  Visit& visit_;

  contracts::Admission admission_;
  bool gathered_ = false;  // the whole body is in body_
  bool given_ = false;
  std::string body_;  // of the request; whoever reads it may still have it when the answer begins
  std::optional<conditions::Document> resource_;

  Answer answer_ = Answer::passing;
  contracts::ResponsePlan plan_;
  http::Response head_;
  std::string gathered_answer_;
};

}  // namespace bulkhead::proxy
