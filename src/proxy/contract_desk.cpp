#include "proxy/contract_desk.hpp"

#include "jose/base64url.hpp"
#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

namespace {

bool is_grpc_contract(const ServiceContract& written) {
  return manifest::contract_kind(written.file) == manifest::ContractKind::protobuf;
}

}  // namespace

Result<ContractPtr> read_contract(const ServiceContract& written) {
  auto contract = contracts::Contract::read(written.text, written.file, {.body = written.most_body});
  if (!contract) return fail(std::move(contract.error()));
  return std::make_shared<const contracts::Contract>(std::move(*contract));
}

Result<GrpcContractPtr> read_grpc_contract(const ServiceContract& written) {
  const auto descriptors = jose::decode_base64url(written.text);
  if (!descriptors) return fail(Cause::invalid, "{}: its text is no base64url", written.file);
  auto contract = contracts::ProtobufContract::read(*descriptors, written.file);
  if (!contract) return fail(std::move(contract.error()));
  return std::make_shared<const contracts::ProtobufContract>(std::move(*contract));
}

Result<> check_contract(const ServiceContract& written) {
  if (is_grpc_contract(written)) {
    if (auto read = read_grpc_contract(written); !read) return fail(std::move(read.error()));
  } else if (auto read = read_contract(written); !read) {
    return fail(std::move(read.error()));
  }
  return {};
}

void ContractDesk::configure(const Inbound& inbound) {
  const ServiceContract next = inbound.contract.value_or(ServiceContract());
  if (next == written_) return;
  written_ = next;
  // One that could not be read would let everything pass: rather no process than that.
  const bool grpc = is_grpc_contract(written_);
  contract_ = inbound.contract && !grpc ? read_contract(written_).value() : nullptr;
  grpc_ = inbound.contract && grpc ? read_grpc_contract(written_).value() : nullptr;
}

ContractDesk::Lease::Lease(ContractDesk& desk) : desk_(desk), octets_(desk) {
  if (desk_.idle_.empty()) {
    checker_ = std::make_unique<contracts::Checker>();
  } else {
    checker_ = std::move(desk_.idle_.back());
    desk_.idle_.pop_back();
  }
}

ContractDesk::Lease::~Lease() {
  if (desk_.idle_.size() < kMostIdle) desk_.idle_.push_back(std::move(checker_));
}

bool ContractDesk::Held::hold(std::size_t octets) {
  if (desk_.held_ + octets > defaults::kMostGathered) return false;
  desk_.held_ += octets;
  held_ += octets;
  return true;
}

}  // namespace bulkhead::proxy
