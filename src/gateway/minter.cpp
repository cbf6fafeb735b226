#include "gateway/minter.hpp"

namespace bulkhead::gateway {

Result<> Minter::take(const std::string& pem) {
  if (pem.empty() || pem == pem_) return {};
  auto key = jose::SigningKey::from_pem(pem);
  if (!key) return fail(Cause::invalid, "the key of transaction tokens can't be read");
  sign_all();
  key_ = std::move(*key);
  pem_ = pem;
  return {};
}

net::Task<Result<std::string>> Minter::mint(const jose::TxnDomain& domain, const jose::TxnToken& token, bool together,
                                            bool crowd) {
  if (!key_) co_return fail(Cause::internal, "there is no key for transaction tokens");
  if (!together || key_->algorithm() != jose::Algorithm::es256)
    co_return jose::mint(*key_, domain, token, token.issued);
  auto payload = jose::txn_payload(domain, token, token.issued);
  if (!payload) co_return payload;
  const auto mine = std::make_shared<Waiting>(std::move(*payload));
  waiting_.push_back(mine);
  sign_soon(crowd);
  while (!mine->token) {
    const auto woken = co_await signed_.wait(net::Deadline::never());
    if (!woken) co_return fail(woken.error());
  }
  co_return std::move(*mine->token);
}

void Minter::sign_soon(bool crowd) {
  if (waiting_.size() == jose::kMostLeaves)
    sign_all();
  else if (!crowd || loop_.now() >= rests_until_)
    sign_.schedule();
  else if (!rested_.armed())
    loop_.arm(rested_, net::Deadline(rests_until_));
}

void Minter::sign_all() {
  if (waiting_.empty()) return;
  std::vector<std::string> payloads;
  for (const auto& each : waiting_) payloads.push_back(std::move(each->payload));
  auto tokens = key_->sign_together(jose::kTxnTokenType, payloads);
  for (std::size_t i = 0; i < waiting_.size(); ++i)
    waiting_[i]->token = tokens ? Result<std::string>(std::move((*tokens)[i])) : fail(tokens.error());
  waiting_.clear();
  sign_.unlink();
  rested_.cancel();
  rests_until_ = std::chrono::steady_clock::now() + apart_;
  signed_.notify_all();
}

}  // namespace bulkhead::gateway
