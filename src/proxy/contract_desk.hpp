#pragma once

// The contract of this instance's service, as it is now, and the memory that checks need. Loop's thread only.

#include <memory>
#include <string>
#include <vector>

#include "contracts/contract.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::proxy {

using ContractPtr = std::shared_ptr<const contracts::Contract>;

// The contract of a snapshot. Cause::invalid says file, line and column.
Result<ContractPtr> read_contract(const ServiceContract& written);

class ContractDesk {
 public:
  // The snapshot has been checked.
  void configure(const Inbound& inbound);

  // Null where the service publishes none.
  const ContractPtr& contract() const { return contract_; }
  const ServiceContract& terms() const { return written_; }

  // What one request needs, for as long as it lives. Octets that are held count against all requests together.
  class Lease {
   public:
    explicit Lease(ContractDesk& desk);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    contracts::Checker& checker() { return *checker_; }
    bool hold(std::size_t octets);  // until it ends; false where all requests together would hold too much

   private:
    ContractDesk& desk_;
    std::unique_ptr<contracts::Checker> checker_;
    std::size_t held_ = 0;
  };

 private:
  static constexpr std::size_t kMostIdle = 16;  // checkers that are kept

  ServiceContract written_;
  ContractPtr contract_;
  std::vector<std::unique_ptr<contracts::Checker>> idle_;
  std::size_t held_ = 0;
};

}  // namespace bulkhead::proxy
