#pragma once

// The contract of this instance's service, as it is now, and the memory that checks need. Loop's thread only.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contracts/contract.hpp"
#include "contracts/protobuf.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::proxy {

using ContractPtr = std::shared_ptr<const contracts::Contract>;

using GrpcContractPtr = std::shared_ptr<const contracts::ProtobufContract>;

// The contract of a snapshot, an OpenAPI document. Cause::invalid says file, line and column.
Result<ContractPtr> read_contract(const ServiceContract& written);
// Likewise of descriptors.
Result<GrpcContractPtr> read_grpc_contract(const ServiceContract& written);
// Whichever it is.
Result<> check_contract(const ServiceContract& written);

class ContractDesk {
 public:
  // The snapshot has been checked.
  void configure(const Inbound& inbound);

  // Null where the service publishes none, or one of the other kind.
  const ContractPtr& contract() const { return contract_; }
  const GrpcContractPtr& grpc() const { return grpc_; }
  const ServiceContract& terms() const { return written_; }

  // For gRPC, whose messages are checked at once, one after the other.
  contracts::MessageChecker& message_checker() {
    if (!message_checker_) message_checker_.emplace();
    return *message_checker_;
  }

  // Octets that one request holds until it ends; they count against all requests together.
  class Held {
   public:
    explicit Held(ContractDesk& desk) : desk_(desk) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { desk_.held_ -= held_; }

    bool hold(std::size_t octets);  // false where all requests together would hold too much
    bool reach(std::size_t octets) { return octets <= held_ || hold(octets - held_); }

   private:
    ContractDesk& desk_;
    std::size_t held_ = 0;
  };

  // What one request needs, for as long as it lives.
  class Lease {
   public:
    explicit Lease(ContractDesk& desk);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    contracts::Checker& checker() { return *checker_; }
    bool hold(std::size_t octets) { return octets_.hold(octets); }

   private:
    ContractDesk& desk_;
    std::unique_ptr<contracts::Checker> checker_;
    Held octets_;
  };

 private:
  static constexpr std::size_t kMostIdle = 16;  // checkers that are kept

  ServiceContract written_;
  ContractPtr contract_;
  GrpcContractPtr grpc_;
  std::optional<contracts::MessageChecker> message_checker_;  // once it is needed
  std::vector<std::unique_ptr<contracts::Checker>> idle_;
  std::size_t held_ = 0;
};

}  // namespace bulkhead::proxy
