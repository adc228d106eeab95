// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Zipf: numbers from 1 to n of which k comes with a probability in proportion to 1 / k^exponent.
// Values of a seed are the same everywhere. Belongs to one thread.

#ifndef JOIST_APPS_EVENTS_PER_USER_ZIPF_H_
#define JOIST_APPS_EVENTS_PER_USER_ZIPF_H_

#include <cstdint>

namespace events_per_user {

/// splitmix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t mixed = (state_ += 0x9E3779B97F4A7C15);
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return mixed ^ (mixed >> 31);
  }
  /// From 0 to below 1.
  double NextShare() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  /// From 0 to below `limit`, which is small beside 2^64.
  uint64_t NextBelow(uint64_t limit) { return Next() % limit; }

 private:
  uint64_t state_;
};

class Zipf {
 public:
  /// `n` from 1 on; `exponent` from 0 on, where 0 makes all as likely.
  Zipf(int64_t n, double exponent);
  int64_t Draw(Random* random) const;

 private:
  double Integral(double x) const;
  double InverseIntegral(double y) const;
  double Weight(double x) const;

  int64_t n_;
  double exponent_;
  double from_;
  double to_;
  double squeeze_;
};

}  // namespace events_per_user

#endif  // JOIST_APPS_EVENTS_PER_USER_ZIPF_H_
