#include "proxy/chance.hpp"

#include <algorithm>

namespace bulkhead::proxy {

bool takes(manifest::Share share, std::uint32_t draw) { return draw < share.of_ten_thousand; }

bool matches(std::span<const manifest::HeaderMatch> headers, const http::Fields& fields) {
  return std::ranges::all_of(headers, [&](const manifest::HeaderMatch& wanted) {
    return std::ranges::any_of(fields, [&](const http::Field& field) {
      return field.value == wanted.value && http::equal_ignoring_case(field.name, wanted.name);
    });
  });
}

std::optional<std::size_t> choose_split(std::span<const manifest::Split> splits, const http::Fields& fields,
                                        std::uint32_t draw) {
  manifest::Share taken;
  for (std::size_t i = 0; i < splits.size(); ++i) {
    if (!matches(splits[i].headers, fields)) continue;
    taken.of_ten_thousand += splits[i].share.of_ten_thousand;
    if (takes(taken, draw)) return i;
  }
  return std::nullopt;
}

InjectedFault choose_fault(std::span<const manifest::FaultInjection> faults, const http::Fields& fields,
                           const DrawShare& draw) {
  InjectedFault chosen;
  for (const manifest::FaultInjection& each : faults) {
    const bool delays = each.delay && chosen.delay.count() == 0;
    const bool aborts = each.abort != 0 && chosen.abort == 0;
    if ((!delays && !aborts) || !matches(each.headers, fields) || !takes(each.share, draw())) continue;
    if (delays) chosen.delay = *each.delay;
    if (aborts) chosen.abort = each.abort;
  }
  return chosen;
}

}  // namespace bulkhead::proxy
