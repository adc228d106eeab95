// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// W. Hörmann and G. Derflinger, Rejection-inversion to generate variates from monotone discrete
// distributions (ACM TOMACS 6, 1996): no table, so that n may be large.

#include "apps/events-per-user/zipf.h"

#include <algorithm>
#include <cmath>

namespace events_per_user {
namespace {

/// log(1 + x) / x, and (e^x - 1) / x, also near 0.
double LogRatio(double x) { return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2; }
double ExpRatio(double x) { return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2; }

}  // namespace

Zipf::Zipf(int64_t n, double exponent)
    : n_(n),
      exponent_(exponent),
      from_(Integral(1.5) - 1),
      to_(Integral(static_cast<double>(n) + 0.5)),
      squeeze_(2 - InverseIntegral(Integral(2.5) - Weight(2))) {}

double Zipf::Weight(double x) const { return std::exp(-exponent_ * std::log(x)); }

/// Of Weight, up to a constant.
double Zipf::Integral(double x) const {
  const double log = std::log(x);
  return ExpRatio((1 - exponent_) * log) * log;
}

double Zipf::InverseIntegral(double y) const {
  const double t = std::max(-1.0, y * (1 - exponent_));
  return std::exp(LogRatio(t) * y);
}

int64_t Zipf::Draw(Random* random) const {
  while (true) {
    const double y = to_ + random->NextShare() * (from_ - to_);
    const double x = InverseIntegral(y);
    const int64_t k = std::clamp<int64_t>(std::llround(x), 1, n_);
    const auto rounded = static_cast<double>(k);
    if (rounded - x <= squeeze_ || y >= Integral(rounded + 0.5) - Weight(rounded)) return k;
  }
}

}  // namespace events_per_user
