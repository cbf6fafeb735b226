#include "jose/algorithm.hpp"

#include <algorithm>
#include <array>

namespace bulkhead::jose {
namespace {

struct Row {
  Algorithm algorithm;
  std::string_view name;
  Family family;
  const char* digest;
};

constexpr std::array<Row, 10> kRows{{
    {Algorithm::rs256, "RS256", Family::rsa_pkcs1, "SHA256"},
    {Algorithm::rs384, "RS384", Family::rsa_pkcs1, "SHA384"},
    {Algorithm::rs512, "RS512", Family::rsa_pkcs1, "SHA512"},
    {Algorithm::ps256, "PS256", Family::rsa_pss, "SHA256"},
    {Algorithm::ps384, "PS384", Family::rsa_pss, "SHA384"},
    {Algorithm::ps512, "PS512", Family::rsa_pss, "SHA512"},
    {Algorithm::es256, "ES256", Family::ecdsa, "SHA256"},
    {Algorithm::es384, "ES384", Family::ecdsa, "SHA384"},
    {Algorithm::es512, "ES512", Family::ecdsa, "SHA512"},
    {Algorithm::eddsa, "EdDSA", Family::eddsa, nullptr},
}};

const Row& row_of(Algorithm algorithm) { return kRows[static_cast<std::size_t>(algorithm)]; }

}  // namespace

std::string_view to_string(Algorithm algorithm) { return row_of(algorithm).name; }

std::optional<Algorithm> parse_algorithm(std::string_view name) {
  const auto* row = std::ranges::find(kRows, name, &Row::name);
  if (row == kRows.end()) return std::nullopt;
  return row->algorithm;
}

Family family_of(Algorithm algorithm) { return row_of(algorithm).family; }

bool is_rsa(Algorithm algorithm) {
  const Family family = family_of(algorithm);
  return family == Family::rsa_pkcs1 || family == Family::rsa_pss;
}

const char* digest_of(Algorithm algorithm) { return row_of(algorithm).digest; }

}  // namespace bulkhead::jose
