#pragma once

// One gRPC call and its answer, held against the service's descriptors, message by message: none goes on before it has
// come whole and is as they say. It stands where ContractedExchange does for HTTP; see exchange.hpp for threads and
// waits.

#include <optional>
#include <string>

#include "http/grpc.hpp"
#include "proxy/contract_desk.hpp"
#include "proxy/exchange.hpp"
#include "proxy/grpc_messages.hpp"
#include "proxy/journal.hpp"

namespace bulkhead::proxy {

class GrpcContractedExchange final : public ServerExchange {
 public:
  GrpcContractedExchange(ServerExchange& down, ContractDesk& desk, Journal& journal, Visit& visit);

  // Why a call goes no further, as the client is told.
  struct Broken {
    http::GrpcStatus status = http::GrpcStatus::invalid_argument;
    std::string detail;
    bool gone = false;  // the client is: nobody is told
  };
  // Looks at the head, and at the message where the method takes one. Nothing: as the contract says, or as it is let
  // through where `audited`: then the journal has it. Messages of a stream are looked at as they are read.
  net::Task<std::optional<Broken>> check_request(bool audited, net::Deadline deadline);
  net::Task<> refuse(const Broken& broken);
  // After the relay, which says of what ended here that it broke off.
  void conclude();

  http::Request& request() override { return down_.request(); }
  net::Task<Result<BodyPart>> read_body(net::Deadline deadline) override;
  const http::Fields& trailers() const override { return down_.trailers(); }
  net::Task<Result<>> send_informational(http::Response response) override {
    return down_.send_informational(std::move(response));
  }
  net::Task<Result<>> send_head(http::Response response, bool end) override;
  net::Task<Result<>> send_body(std::string_view data, bool end, net::Deadline deadline) override;
  net::Task<Result<>> send_trailers(http::Fields trailers) override;
  void reset(ResetReason reason) override;
  void on_gone(std::function<void()> callback) override { down_.on_gone(std::move(callback)); }
  bool gone() const override { return down_.gone(); }

 private:
  using Mode = manifest::AnswerMode;
  enum class Requests : std::uint8_t { passing, held, streaming };  // held: all of it is in body_
  enum class Answers : std::uint8_t { passing, checking };

  std::optional<Broken> admit();
  net::Task<std::optional<Broken>> gather(net::Deadline deadline);
  std::optional<Broken> check_message(std::string_view message);
  std::optional<Broken> fault_of(GrpcMessages::Next next) const;
  // Nothing where it goes on all the same.
  std::optional<Broken> judge(std::optional<Broken> broken);
  net::Task<Result<BodyPart>> read_message(net::Deadline deadline);
  BodyPart give_up_checking();

  net::Task<Result<>> check_answer(std::string_view data, bool end, net::Deadline deadline);
  bool check_answered(std::string_view framed, std::string_view message);
  // What can't be held against the contract does not leave, where answers are filtered.
  bool stops(std::string_view what, http::GrpcStatus status);
  net::Task<Result<>> tell();
  void report(std::string_view what);

  ServerExchange& down_;
  ContractDesk& desk_;
  const GrpcContractPtr contract_;
  const Mode mode_;
  const std::uint64_t most_;
  ContractDesk::Held held_;
  Journal& journal_;
  Visit& visit_;

  const contracts::ProtoMethod* method_ = nullptr;
  bool audited_ = false;
  Requests requests_ = Requests::passing;
  GrpcMessages incoming_;
  std::string body_;       // of a call with one message; whoever reads it may still have it when the answer begins
  std::string kept_back_;  // likewise, of a stream that is no longer looked at
  std::string_view rest_;  // of the part that was read last
  bool given_ = false;
  bool ended_ = false;  // the request is

  Answers answers_ = Answers::passing;
  GrpcMessages outgoing_;
  std::size_t answered_ = 0;  // messages
  bool head_sent_ = false;
  std::string leaving_, filtered_;
  std::optional<Broken> broken_;  // the call, in the middle of it: what the client is told instead
  bool told_ = false;
};

}  // namespace bulkhead::proxy
