// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/bundle_pace.h"

#include <algorithm>

namespace joist {
namespace {

constexpr BundleLimits::Time kFirstTime{1'000};
constexpr BundleLimits::Time kLeastTime{50};
constexpr double kFastestGrowth = 2;
/// How much a bundle counts after the next one.
constexpr double kMemory = 0.8;
/// So many times as long as was expected, or as short.
constexpr double kSurprise = 3;
/// Sources' times that differ less than so much of themselves say nothing of a line.
constexpr double kLeastSpread = 0.05;
constexpr double kLeastSlope = 1e-3;

}  // namespace

BundlePace::BundlePace(Time most) : most_(most), time_(std::min(kFirstTime, most)) {}

void BundlePace::Note(Time took, bool was_time_up) {
  if (!was_time_up && took <= most_) return;
  const auto x = static_cast<double>(time_.count());
  const auto y = static_cast<double>(std::max(took, Time(1)).count());
  if (y > kSurprise * expected_ || y * kSurprise < expected_) {
    count_ = x_ = y_ = xx_ = xy_ = fixed_ = 0;  // What was before is another stream.
  }
  const auto add = [](double* sum, double more) { *sum = *sum * kMemory + more; };
  add(&count_, 1);
  add(&x_, x);
  add(&y_, y);
  add(&xx_, x * x);
  add(&xy_, x * y);
  const double mean_x = x_ / count_;
  const double mean_y = y_ / count_;
  const double spread = xx_ / count_ - mean_x * mean_x;
  // Never a line by which more takes less time.
  if (spread > kLeastSpread * kLeastSpread * mean_x * mean_x) {
    const double slope = (xy_ / count_ - mean_x * mean_y) / spread;
    fixed_ = std::max(0.0, mean_y - std::clamp(slope, kLeastSlope, y / x) * mean_x);
  }
  const double slope = std::max((mean_y - fixed_) / mean_x, kLeastSlope);
  const auto most = static_cast<double>(most_.count());
  const double next = (fixed_ > most / 2 ? fixed_ : most - fixed_) / slope;
  time_ = std::clamp(Time(static_cast<int64_t>(std::min(next, x * kFastestGrowth))),
                     std::min(kLeastTime, most_), most_);
  expected_ = fixed_ + slope * static_cast<double>(time_.count());
}

}  // namespace joist
