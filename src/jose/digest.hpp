#pragma once

#include <array>
#include <memory>
#include <string_view>

#include <openssl/types.h>

namespace bulkhead::jose {

using Digest = std::array<unsigned char, 32>;

// SHA-256. One object for one thread: it keeps what OpenSSL needs, so that a digest allocates nothing.
class Sha256 {
 public:
  Sha256();
  Digest operator()(std::string_view bytes);

 private:
  struct Delete {
    void operator()(EVP_MD_CTX* context) const;
  };
  std::unique_ptr<EVP_MD_CTX, Delete> context_;
};

}  // namespace bulkhead::jose
