#include "collect/why_next.hpp"

#include <fmt/format.h>

namespace bulkhead::collect {

namespace {

// {0} is the service, {1} the trace.
struct Advice {
  std::string_view what, text;
};
constexpr Advice kAdvice[] = {
    {"undeclared_call", "correct what {0} asks for; or declare it, if {0} is meant to"},
    {"denied", "whose rule it is decides; `bulkhead can` tries it without a request"},
    {"user_token_expired", "the client gets another token and asks again"},
    {"user_token", "the client brings a credential that the `auth` of the route takes, and asks again"},
    {"contract", "the caller sends what the contract says (`bulkhead contract show`), or {0} changes its contract"},
    {"shed", "more of {0} (`scale`), more at once (`concurrency`), or fewer requests of who fills it"},
    {"queued", "more of {0} (`scale`), more at once (`concurrency`), or fewer requests of who fills it"},
    {"breaker_open", "mend {0}; the breaker closes by itself once a request succeeds (`bulkhead status`)"},
    {"bad_instance", "`bulkhead rollback {0}` takes an update back, `bulkhead restart {0}` replaces its instances"},
    {"retry_storm", "mend {0}; let one place alone try again (`retries: off` elsewhere), or declare `breaker: on`"},
    {"many_calls", "let {0} ask for all at once"},
    {"slow_dependency", "`bulkhead metrics {0}` says since when; `timeout` and `fallback` of a call bound the wait"},
    {"slow_service", "`bulkhead metrics {0}` says since when"},
    {"program_error", "`bulkhead logs {0} --trace {1}`"},
    {"fault_injected", "take the `faults` out of the manifest when the test is over"},
    {"clock_skew", "nothing of the mesh depends on it; set that clock, or how its program tells times"},
};

}  // namespace

std::string next_step(const Why::Cause& cause, const std::string& trace) {
  for (const Advice& advice : kAdvice)
    if (advice.what == cause.what && !cause.service.empty())
      return fmt::format(fmt::runtime(advice.text), cause.service, trace);
  if (cause.what == "user_token_expired") return std::string(kAdvice[2].text);
  return "";
}

}  // namespace bulkhead::collect
