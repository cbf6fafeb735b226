#include "proxy/outliers.hpp"

#include <algorithm>

#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

namespace {

// Takes off the ejections for which calm has made up.
void forgive(OutlierRecord& record, manifest::Duration eject, OutlierRecord::Time now) {
  if (record.ejections == 0 || now <= record.calm_since || eject.count() <= 0) return;
  const auto periods = static_cast<std::uint64_t>((now - record.calm_since) / eject);
  record.ejections -= static_cast<std::uint32_t>(std::min<std::uint64_t>(periods, record.ejections));
}

}  // namespace

bool is_ejected(const OutlierRecord& record, OutlierRecord::Time now) { return now < record.ejected_until; }

bool failed(OutlierRecord& record, const manifest::Outliers& settings, Crowd crowd, OutlierRecord::Time now) {
  if (settings.failures == 0 || is_ejected(record, now)) return false;
  forgive(record, settings.eject, now);
  record.calm_since = now;
  record.failures = std::min(record.failures + 1, settings.failures);
  if (record.failures < settings.failures || !may_eject(crowd, settings.most)) return false;
  record.failures = 0;
  record.ejections = std::min(record.ejections + 1, defaults::kMostEjections);
  record.ejected_until = now + settings.eject * record.ejections;
  record.calm_since = record.ejected_until;
  return true;
}

void succeeded(OutlierRecord& record, OutlierRecord::Time now) {
  if (!is_ejected(record, now)) record.failures = 0;
}

bool may_eject(Crowd crowd, manifest::Share most) {
  const std::size_t then = crowd.ejected + 1;
  return then < crowd.ready && then * 10'000 <= crowd.ready * most.of_ten_thousand;
}

}  // namespace bulkhead::proxy
