#include "jose/token_fault.hpp"

namespace bulkhead::jose {

std::string_view to_string(TokenCause cause) {
  switch (cause) {
    case TokenCause::too_large: return "too_large";
    case TokenCause::malformed: return "malformed";
    case TokenCause::header: return "header";
    case TokenCause::algorithm: return "algorithm";
    case TokenCause::unknown_key: return "unknown_key";
    case TokenCause::ambiguous_key: return "ambiguous_key";
    case TokenCause::signature: return "signature";
    case TokenCause::type: return "type";
    case TokenCause::claims: return "claims";
    case TokenCause::issuer: return "issuer";
    case TokenCause::audience: return "audience";
    case TokenCause::expired: return "expired";
    case TokenCause::not_yet: return "not_yet";
    case TokenCause::lifetime: return "lifetime";
  }
  return "malformed";
}

}  // namespace bulkhead::jose
