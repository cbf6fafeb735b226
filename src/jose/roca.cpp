#include "jose/roca.hpp"

#include <algorithm>
#include <array>

#include <openssl/bn.h>

namespace bulkhead::jose {
namespace {

constexpr unsigned kGenerator = 65537;
constexpr std::array<unsigned, 38> kPrimes{3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,
                                           47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,  101, 103,
                                           107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};

bool is_power_of_generator(unsigned residue, unsigned prime) {
  unsigned power = 1;
  do {
    if (power == residue) return true;
    power = power * (kGenerator % prime) % prime;
  } while (power != 1);
  return false;
}

}  // namespace

bool shows_roca(const BIGNUM* modulus) {
  return std::ranges::all_of(kPrimes, [&](unsigned prime) {
    return is_power_of_generator(static_cast<unsigned>(BN_mod_word(modulus, prime)), prime);
  });
}

}  // namespace bulkhead::jose
