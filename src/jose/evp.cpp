#include "jose/evp.hpp"

#include <array>

namespace bulkhead::jose {

std::unexpected<Fault> evp_fail(std::string_view doing) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
  ERR_clear_error();
  return fail(Cause::internal, "{}: {}", doing, text.data());
}

}  // namespace bulkhead::jose
