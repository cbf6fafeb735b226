// A contract, and requests for what it declares: refused or a contract, and its checks meet nothing undefined.

#include "contracts/contract.hpp"
#include "contracts/model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::contracts;
  const auto contract = Contract::read({reinterpret_cast<const char*>(data), size}, "contract");
  if (!contract) return 0;
  Checker checker;
  const Header headers[] = {{"content-type", "application/json"}, {"cookie", "a=b; c=d"}, {"x-a", "1,2"}};
  for (const Operation& operation : contract->model().operations) {
    for (const std::string_view query : {"", "?a=1&b=x,y&c[d]=e", "?a=%zz"}) {
      const std::string target = contract->model().bases.front() + operation.path + std::string(query);
      const Request request{operation.method, target, headers, true, std::nullopt};
      const auto admission = contract->admit(request, checker);
      if (!admission) continue;
      if (admission->plan == BodyPlan::buffer)
        (void)contract->check_body(*admission, R"({"a":[1,"x"],"b":null})", checker);
      for (const auto& each : operation.resources) (void)contract->resource(*admission, request, each.name, checker);
      const auto plan = contract->plan_response(operation, 200, "application/json", true);
      std::string filtered;
      if (plan.plan == BodyPlan::buffer) (void)contract->check_response(plan, R"({"a":[{"b":1}]})", checker, &filtered);
    }
  }
  return 0;
}
