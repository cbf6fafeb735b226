// A stranger's descriptor set. What is taken is held against a few messages, and is the same contract without comments.

#include <cstdlib>

#include "contracts/protobuf_diff.hpp"
#include "contracts/protobuf_model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::contracts;
  const std::string_view set(reinterpret_cast<const char*>(data), size);
  const auto contract = ProtobufContract::read(set, "set");
  const std::string short_one = without_source_info(set);
  if (short_one.size() > set.size()) std::abort();
  const auto again = ProtobufContract::read(short_one, "set");
  if (contract && (!again || !diff(*contract, *again).empty())) std::abort();
  if (!contract) return 0;
  MessageChecker checker;
  std::string filtered;
  for (const auto& [name, method] : contract->model().methods) {
    if (contract->method(name) != &method) std::abort();
    for (const std::string_view message : {std::string_view(), std::string_view("\x0a\x02\x08\x01"), set}) {
      (void)contract->check_request(method, message, checker);
      if (contract->check_response(method, message, checker, &filtered).readable && filtered.size() > message.size())
        std::abort();
    }
  }
  return 0;
}
