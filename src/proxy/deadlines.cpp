#include "proxy/deadlines.hpp"

#include <array>
#include <bit>
#include <cassert>
#include <utility>

#include <fmt/format.h>

namespace bulkhead::proxy {

namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kGrpcDigits = 8;
constexpr std::size_t kDigits = 10;
constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15U;  // bits of every height, whatever the seed
constexpr std::int64_t kMostOfUnit = 99'999'999;

struct Unit {
  char letter;
  nanoseconds length;
};
// The finest first.
constexpr std::array kUnits{Unit{'n', nanoseconds(1)},
                            Unit{'u', std::chrono::microseconds(1)},
                            Unit{'m', std::chrono::milliseconds(1)},
                            Unit{'S', std::chrono::seconds(1)},
                            Unit{'M', std::chrono::minutes(1)},
                            Unit{'H', std::chrono::hours(1)}};

std::optional<std::int64_t> digits(std::string_view text, std::size_t most) {
  if (text.empty() || text.size() > most) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

nanoseconds bounded(nanoseconds left) { return std::clamp(left, nanoseconds(0), kLongestTimeout); }

std::int64_t rounded_up(nanoseconds time, nanoseconds unit) { return (time + unit - nanoseconds(1)) / unit; }

}  // namespace

std::optional<nanoseconds> parse_grpc_timeout(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto* unit = std::ranges::find(kUnits, text.back(), &Unit::letter);
  const auto count = digits(text.substr(0, text.size() - 1), kGrpcDigits);
  if (unit == kUnits.end() || !count) return std::nullopt;
  return *count > kLongestTimeout / unit->length ? kLongestTimeout : *count * unit->length;
}

std::string format_grpc_timeout(nanoseconds left) {
  left = std::max(bounded(left), nanoseconds(1));
  // kLongestTimeout has fewer seconds than that.
  const auto* unit =
      std::ranges::find_if(kUnits, [&](const Unit& each) { return rounded_up(left, each.length) <= kMostOfUnit; });
  return fmt::format("{}{}", rounded_up(left, unit->length), unit->letter);
}

std::optional<nanoseconds> parse_timeout(std::string_view text) {
  const auto count = digits(text, kDigits);
  if (!count) return std::nullopt;
  return std::chrono::milliseconds(*count);
}

std::string format_timeout(nanoseconds left) {
  return fmt::format("{}", rounded_up(bounded(left), std::chrono::milliseconds(1)));
}

DeadlineTime deadline_after(nanoseconds timeout, DeadlineTime now) { return now + bounded(timeout); }

DeadlineTime deadline_of_setting(std::chrono::milliseconds timeout, DeadlineTime now) {
  return timeout.count() == 0 ? kNoDeadline : deadline_after(timeout, now);
}

std::optional<nanoseconds> time_left(DeadlineTime deadline, DeadlineTime now) {
  if (deadline == kNoDeadline) return std::nullopt;
  return std::max<nanoseconds>(deadline - now, nanoseconds(0));
}

OpenRequests::OpenRequests(std::uint64_t seed) : seed_(seed ^ kSpread), buckets_(64) {}

OpenRequests::~OpenRequests() {
  for (Entry* entry : buckets_) {
    for (; entry != nullptr; entry = entry->next_) entry->owner_ = nullptr;
  }
}

OpenRequests::Entry::~Entry() {
  if (owner_ == nullptr) return;
  *slot_ = next_;
  if (next_ != nullptr) next_->slot_ = slot_;
  --owner_->size_;
}

void OpenRequests::add(Entry& entry, const telemetry::TraceParent& span, DeadlineTime deadline,
                       std::shared_ptr<const EndUser> user) {
  assert(entry.owner_ == nullptr);
  if (size_ == buckets_.size()) grow();
  entry.owner_ = this;
  entry.trace_id_ = span.trace_id;
  entry.span_id_ = span.span_id;
  entry.deadline_ = deadline;
  entry.user_ = std::move(user);
  link(entry);
  ++size_;
}

DeadlineTime OpenRequests::deadline_of(const telemetry::TraceParent& parent) const {
  std::optional<DeadlineTime> latest;
  for (const Entry* entry = buckets_[bucket_of(parent.trace_id)]; entry != nullptr; entry = entry->next_) {
    if (entry->trace_id_ != parent.trace_id) continue;
    if (entry->span_id_ == parent.span_id) return entry->deadline_;
    latest = std::max(latest.value_or(entry->deadline_), entry->deadline_);
  }
  return latest.value_or(kNoDeadline);
}

std::shared_ptr<const EndUser> OpenRequests::user_of(const telemetry::TraceParent& parent) const {
  const Entry* of_trace = nullptr;
  bool certain = true;
  for (const Entry* entry = buckets_[bucket_of(parent.trace_id)]; entry != nullptr; entry = entry->next_) {
    if (entry->trace_id_ != parent.trace_id) continue;
    if (entry->span_id_ == parent.span_id) return entry->user_;
    certain = certain && (of_trace == nullptr || of_trace->user_ == entry->user_);
    of_trace = entry;
  }
  return of_trace != nullptr && certain ? of_trace->user_ : nullptr;
}

// Both halves are multiplied with what nobody outside knows, so that no choice of ids falls together on purpose.
std::size_t OpenRequests::bucket_of(const telemetry::TraceId& trace) const {
  __extension__ using Wide = unsigned __int128;
  const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(trace);
  const std::uint64_t other_seed = std::rotl(seed_, 32) ^ kSpread;
  const Wide product = static_cast<Wide>(halves[0] ^ seed_) * (halves[1] ^ other_seed);
  const auto mixed = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  return mixed & (buckets_.size() - 1);
}

void OpenRequests::link(Entry& entry) {
  Entry*& first = buckets_[bucket_of(entry.trace_id_)];
  entry.slot_ = &first;
  entry.next_ = first;
  if (first != nullptr) first->slot_ = &entry.next_;
  first = &entry;
}

void OpenRequests::grow() {
  std::vector<Entry*> chains(buckets_.size() * 2);
  buckets_.swap(chains);
  for (Entry* entry : chains) {
    while (entry != nullptr) link(*std::exchange(entry, entry->next_));
  }
}

}  // namespace bulkhead::proxy
