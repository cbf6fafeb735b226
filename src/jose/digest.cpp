#include "jose/digest.hpp"

#include <cstdlib>

#include "jose/evp.hpp"

namespace bulkhead::jose {
namespace {

// SHA-256 can't fail but for want of memory, where operator new ends the process too.
void must(int done) {
  if (done != 1) std::abort();
}

}  // namespace

void Sha256::Delete::operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  const Evp<EVP_MD> sha256(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  must(EVP_DigestInit_ex2(context_.get(), sha256.get(), nullptr));
}

Digest Sha256::operator()(std::string_view bytes) {
  Digest digest{};
  must(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr));
  must(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
  must(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr));
  return digest;
}

}  // namespace bulkhead::jose
