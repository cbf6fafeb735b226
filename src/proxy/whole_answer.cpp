#include "proxy/whole_answer.hpp"

namespace bulkhead::proxy {

net::Task<Result<http::Response>> read_final_head(ClientExchange& exchange, net::Deadline deadline) {
  auto head = co_await exchange.read_head(deadline);
  while (head && head->interim()) head = co_await exchange.read_head(deadline);
  co_return head;
}

net::Task<Result<std::string>> read_whole_body(ClientExchange& exchange, const http::Response& head, std::size_t most,
                                               net::Deadline deadline) {
  std::string body;
  for (bool end = !head.body; !end;) {
    const auto part = co_await exchange.read_body(deadline);
    if (!part) co_return fail(part.error());
    if (body.size() + part->data.size() > most)
      co_return fail(Cause::exhausted, "the answer has more than {} octets", most);
    body.append(part->data);
    end = part->end;
  }
  co_return body;
}

}  // namespace bulkhead::proxy
