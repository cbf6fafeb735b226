#pragma once

// What happens to a part of the requests only: the split of traffic and injected faults. Pure: chance is passed in.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "http/fields.hpp"
#include "manifest/resilience.hpp"

namespace bulkhead::proxy {

// One number below this, uniform, decides a share.
inline constexpr std::uint32_t kWhole = 10'000;

bool takes(manifest::Share share, std::uint32_t draw);

// Whether every one is there: a field of that name (case ignored) with exactly that value, in one of its lines. Nothing
// asked for is a match.
bool matches(std::span<const manifest::HeaderMatch> headers, const http::Fields& fields);

// Which split a request takes; none: it goes where it was sent. Those that match share the draw in their order, so that
// shares add up: of 10 % and 20 %, three of ten requests leave, and a header's 100 % before them leaves them nothing.
std::optional<std::size_t> choose_split(std::span<const manifest::Split> splits, const http::Fields& fields,
                                        std::uint32_t draw);

struct InjectedFault {
  manifest::Duration delay{0};
  std::uint16_t abort = 0;  // a status to answer with, after the delay; 0 is none
  bool operator==(const InjectedFault&) const = default;
};
// Uniform in [0, kWhole).
using DrawShare = std::function<std::uint32_t()>;
// Of each kind the first that matches and whose share takes the request, each with a draw of its own.
InjectedFault choose_fault(std::span<const manifest::FaultInjection> faults, const http::Fields& fields,
                           const DrawShare& draw);

}  // namespace bulkhead::proxy
