#pragma once

#include <openssl/types.h>

namespace bulkhead::jose {

// Whether an RSA modulus has the mark of the generator of CVE-2017-15361 (Nemec et al., "The Return of Coppersmith's
// Attack", CCS 2017): modulo each of 38 small primes it is a power of 65537. So is one modulus in 2^27 of other origin.
bool shows_roca(const BIGNUM* modulus);

}  // namespace bulkhead::jose
