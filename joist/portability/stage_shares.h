// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_PORTABILITY_STAGE_SHARES_H_
#define JOIST_PORTABILITY_STAGE_SHARES_H_

#include <atomic>
#include <mutex>
#include <vector>

namespace joist::portability {

/// What the operators of a stage have in common. Thread-safe.
class StageShares {
 public:
  /// Of those who work at the same time each has a number: the least that was free.
  int TakeNumber();
  void ReturnNumber(int number);

  /// Whether bundles may be split: not when nobody knows what has become of one.
  bool splits() const { return splits_; }
  void EndSplits() { splits_ = false; }

 private:
  std::mutex mutex_;
  std::vector<bool> is_taken_;
  std::atomic<bool> splits_ = true;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_STAGE_SHARES_H_
