#include "proxy/contract_desk.hpp"

#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

Result<ContractPtr> read_contract(const ServiceContract& written) {
  auto contract = contracts::Contract::read(written.text, written.file, {.body = written.most_body});
  if (!contract) return fail(std::move(contract.error()));
  return std::make_shared<const contracts::Contract>(std::move(*contract));
}

void ContractDesk::configure(const Inbound& inbound) {
  const ServiceContract next = inbound.contract.value_or(ServiceContract());
  if (next == written_) return;
  written_ = next;
  // One that could not be read would let everything pass: rather no process than that.
  contract_ = inbound.contract ? read_contract(written_).value() : nullptr;
}

ContractDesk::Lease::Lease(ContractDesk& desk) : desk_(desk) {
  if (desk_.idle_.empty()) {
    checker_ = std::make_unique<contracts::Checker>();
  } else {
    checker_ = std::move(desk_.idle_.back());
    desk_.idle_.pop_back();
  }
}

ContractDesk::Lease::~Lease() {
  desk_.held_ -= held_;
  if (desk_.idle_.size() < kMostIdle) desk_.idle_.push_back(std::move(checker_));
}

bool ContractDesk::Lease::hold(std::size_t octets) {
  if (desk_.held_ + octets > defaults::kMostGathered) return false;
  desk_.held_ += octets;
  held_ += octets;
  return true;
}

}  // namespace bulkhead::proxy
