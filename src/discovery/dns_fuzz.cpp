#include <cstdlib>

#include "discovery/dns.hpp"

// Whatever comes in: no crash; what is read is answered, and the answer repeats the question.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace discovery = bulkhead::discovery;
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const auto query = discovery::parse_dns_query(message);
  if (!query) {
    const std::string refusal = discovery::refuse_dns_query(message);
    if (!refusal.empty() && refusal.size() != 12) std::abort();
    return 0;
  }
  const std::vector<discovery::DnsAddress> addresses(3);
  const std::string answer =
      discovery::answer_dns_query(*query, discovery::DnsCode::no_error, addresses, 1, query->udp_size);
  if (answer.size() > query->udp_size || answer.substr(12, query->question.size()) != query->question) std::abort();
  return 0;
}
