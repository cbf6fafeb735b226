#include "collect/infer_gaps.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace bulkhead::collect {

namespace {

constexpr std::int64_t kLinear = 32;
constexpr double kMemory = 3'000;  // samples: then the older half of the weight is let go
constexpr int kReach = 18;         // bins, three times the widest kernel

// The rule of Silverman in bins: wide for few samples.
double kernel_width(const std::array<float, Gaps::kBins>& counts, double total) {
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    sum += static_cast<double>(i) * counts[i];
    squares += static_cast<double>(i * i) * counts[i];
  }
  double mean = sum / total;
  double deviation = std::sqrt(std::max(0.0, squares / total - mean * mean));
  return std::clamp(0.8 * (deviation + 1) * std::pow(total, -0.2), 0.7, 6.0);
}

}  // namespace

// Each octave is as likely as another.
double Gaps::stray(std::int64_t gap_us) { return 1 / (static_cast<double>(gap_us) + 20) / 15; }

std::size_t Gaps::bin(std::int64_t gap_us) {
  if (gap_us < kLinear) return static_cast<std::size_t>(std::max<std::int64_t>(gap_us, 0));
  auto gap = static_cast<std::uint64_t>(gap_us);
  auto octave = static_cast<std::size_t>(std::bit_width(gap)) - 1;
  return std::min<std::size_t>(static_cast<std::size_t>(kLinear) + (octave - 5) * 16 + ((gap >> (octave - 4)) & 15),
                               kBins - 1);
}

std::int64_t Gaps::floor_of(std::size_t bin) {
  if (bin < kLinear) return static_cast<std::int64_t>(bin);
  std::size_t octave = (bin - kLinear) / 16 + 5;
  return static_cast<std::int64_t>((16 + (bin - kLinear) % 16) << (octave - 4));
}

double Gaps::width_of(std::size_t bin) {
  return bin < kLinear ? 1 : static_cast<double>(std::uint64_t{1} << ((bin - kLinear) / 16 + 1));
}

void Gaps::add(std::int64_t gap_us, double weight) {
  if (total_ > kMemory) forget(0.5);
  counts_[bin(gap_us)] += static_cast<float>(weight);
  total_ += weight;
}

void Gaps::forget(double keep) {
  for (float& count : counts_) count *= static_cast<float>(keep);
  total_ *= keep;
}

void Gaps::refresh() {
  density_.fill(0);
  stray_ = 1;
  if (total_ < 1e-3) return;
  stray_ = 0.005 + 0.5 / (1 + total_);
  double width = kernel_width(counts_, total_);
  std::int64_t reach = std::min<std::int64_t>(kReach, static_cast<std::int64_t>(3 * width) + 1);
  std::array<double, 2 * kReach + 1> kernel{};
  double sum = 0;
  for (std::int64_t i = -reach; i <= reach; ++i) {
    double distance = static_cast<double>(i) / width;
    sum += kernel[static_cast<std::size_t>(i + reach)] = std::exp(-0.5 * distance * distance);
  }
  for (std::size_t i = 0; i < kBins; ++i) {
    if (counts_[i] == 0) continue;
    double share = counts_[i] / total_ / sum;
    for (std::int64_t j = -reach; j <= reach; ++j) {
      auto at = static_cast<std::size_t>(std::clamp<std::int64_t>(static_cast<std::int64_t>(i) + j, 0, kBins - 1));
      density_[at] += static_cast<float>(share * kernel[static_cast<std::size_t>(j + reach)]);
    }
  }
  find_range();
  for (std::size_t i = 0; i < kBins; ++i) density_[i] /= static_cast<float>(width_of(i));
}

// Called while density_ has probabilities.
void Gaps::find_range() {
  constexpr double kTail = 5e-4;
  double below = 0;
  std::size_t least = kBins;
  std::size_t most = 0;
  std::size_t usual = kBins;
  for (std::size_t i = 0; i < kBins; ++i) {
    below += density_[i];
    if (below > kTail && least == kBins) least = i;
    if (below > 0.5 && usual == kBins) usual = i;
    if (below < 1 - kTail) most = i + 1;
  }
  least_ = floor_of(std::min(least, kBins - 1));
  usual_ = floor_of(std::min(usual, kBins - 1));
  most_ = floor_of(std::min(most, kBins - 1)) * 3 / 2 + 20;
  least_ = least_ * 2 / 3;
}

double Gaps::density(std::int64_t gap_us) const {
  return (1 - stray_) * density_[bin(gap_us)] + stray_ * stray(gap_us);
}

}  // namespace bulkhead::collect
