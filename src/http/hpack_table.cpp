#include "http/hpack_table.hpp"

#include <algorithm>

#include "http/fields.hpp"
#include "http/octets.hpp"

namespace bulkhead::http::hpack {

const std::array<StaticField, kStaticEntries> kStaticTable{{
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
    {":status", "200"},
    {":status", "204"},
    {":status", "206"},
    {":status", "304"},
    {":status", "400"},
    {":status", "404"},
    {":status", "500"},
    {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"},
    {"accept-language", ""},
    {"accept-ranges", ""},
    {"accept", ""},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", ""},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", ""},
    {"cookie", ""},
    {"date", ""},
    {"etag", ""},
    {"expect", ""},
    {"expires", ""},
    {"from", ""},
    {"host", ""},
    {"if-match", ""},
    {"if-modified-since", ""},
    {"if-none-match", ""},
    {"if-range", ""},
    {"if-unmodified-since", ""},
    {"last-modified", ""},
    {"link", ""},
    {"location", ""},
    {"max-forwards", ""},
    {"proxy-authenticate", ""},
    {"proxy-authorization", ""},
    {"range", ""},
    {"referer", ""},
    {"refresh", ""},
    {"retry-after", ""},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", ""},
    {"user-agent", ""},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
}};

namespace {

bool is_lower_token(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return is_token_octet(c) && lower(c) == c; });
}

Kind pseudo_kind(std::string_view name) {
  if (name == ":method") return Kind::method;
  if (name == ":path") return Kind::path;
  if (name == ":scheme") return Kind::scheme;
  if (name == ":authority") return Kind::authority;
  if (name == ":status") return Kind::status;
  return name == ":protocol" ? Kind::protocol : Kind::invalid;
}

Kind named_kind(std::string_view name) {
  switch (name.size()) {
    case 2: return name == "te" ? Kind::te : Kind::regular;
    case 4: return name == "host" ? Kind::host : Kind::regular;
    case 6: return name == "cookie" ? Kind::cookie : name == "expect" ? Kind::expect : Kind::regular;
    case 7: return name == "upgrade" ? Kind::connection : Kind::regular;
    case 10: return name == "connection" || name == "keep-alive" ? Kind::connection : Kind::regular;
    case 14: return name == "content-length" ? Kind::content_length : Kind::regular;
    case 16: return name == "proxy-connection" ? Kind::connection : Kind::regular;
    case 17: return name == "transfer-encoding" ? Kind::connection : Kind::regular;
    default: return Kind::regular;
  }
}

bool is_padded(std::string_view value) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  return !value.empty() && (is_space(value.front()) || is_space(value.back()));
}

}  // namespace

Kind kind_of(std::string_view name) {
  if (name.starts_with(':')) return pseudo_kind(name);
  return is_lower_token(name) ? named_kind(name) : Kind::invalid;
}

bool is_value(std::string_view value) { return !is_padded(value) && is_field_value(value); }

void DynamicTable::insert(std::string_view name, std::string_view value, Kind kind, std::uint32_t hash) {
  const std::size_t size = name.size() + value.size() + kEntryOverhead;
  evict_to(size > capacity_ ? 0 : capacity_ - size);
  if (size > capacity_) return;
  if (count_ == ring_.size()) grow();
  // Only what entries still name is kept, and moved to the front once it is as much again.
  if (text_.size() >= 2 * capacity_) {
    const std::uint64_t live = count_ == 0 ? base_ + text_.size() : entry(count_ - 1).at;
    text_.erase(0, live - base_);
    base_ = live;
  }
  ring_[inserted_ & mask_] = {base_ + text_.size(), static_cast<std::uint32_t>(name.size()),
                              static_cast<std::uint32_t>(value.size()), hash, kind};
  text_.append(name).append(value);
  ++inserted_;
  ++count_;
  size_ += size;
}

void DynamicTable::set_capacity(std::size_t capacity) {
  capacity_ = capacity;
  evict_to(capacity);
}

void DynamicTable::evict_to(std::size_t size) {
  while (size_ > size) {
    const Entry& oldest = entry(count_ - 1);
    size_ -= oldest.name_size + oldest.value_size + kEntryOverhead;
    --count_;
  }
}

void DynamicTable::grow() {
  std::vector<Entry> larger(ring_.empty() ? 16 : ring_.size() * 2);
  const std::size_t mask = larger.size() - 1;
  for (std::uint64_t serial = inserted_ - count_; serial < inserted_; ++serial) {
    larger[serial & mask] = ring_[serial & mask_];
  }
  ring_ = std::move(larger);
  mask_ = mask;
}

}  // namespace bulkhead::http::hpack
