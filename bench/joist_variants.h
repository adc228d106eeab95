// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the Joist pipelines of the benchmarks share: they are written as a user would write them,
// and run by the embedded engine with everything on (metrics, time columns, retry, cancellation).

#ifndef JOIST_BENCH_JOIST_VARIANTS_H_
#define JOIST_BENCH_JOIST_VARIANTS_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "bench/pairs.h"
#include "bench/timed_events.h"
#include "joist/joist.h"

namespace joist::bench {

/// A pipeline for the embedded engine on so many threads.
Pipeline MakePipeline(int threads, const std::vector<std::string>& options = {});
/// Runs it; throws if it fails, since nothing is measured then.
void RunToEnd(Pipeline& pipeline);

/// Where the last steps of pipelines leave their digests when they finish a bundle. Thread-safe.
class DigestCollector {
 public:
  static void Add(const Digest& digest);
  /// What was added since the last call.
  static Digest Take();
};

/// A source of numbers: the indices, a column at a time.
struct Indices {
  using Element = int64_t;
  int64_t count = 0;
  Result<std::vector<SourceRange>> Split(int threads) const;
  Status Read(RangeTracker& tracker, SourceOutput<int64_t>& out) const;
  int64_t least_split() const { return 64 << 10; }
};

std::vector<Variant> JoistWordCountVariants(const std::string& input);
std::vector<Variant> JoistInt64StepsVariants(int64_t count);
std::vector<Variant> JoistInt64MapsVariants(int64_t count);
std::vector<Variant> JoistStringStepsVariants(int64_t count);
std::vector<Variant> JoistGroupVariants(const PairSequence& input);
std::vector<Variant> JoistGroupSpillVariants(const PairSequence& input, const std::string& memory);
std::vector<Variant> JoistSumPerKeyVariants(const PairSequence& input);
std::vector<Variant> JoistDistinctVariants(const PairSequence& input);
std::vector<Variant> JoistJoinVariants(const PairSequence& left, const PairSequence& right);
std::vector<Variant> JoistWindowedCountVariants(const TimedEvents& input, int64_t checkpoint_ms);
std::vector<Variant> JoistSlidingCountVariants(const TimedEvents& input, int64_t checkpoint_ms);
std::vector<Variant> JoistSessionCountVariants(const TimedEvents& input, int64_t checkpoint_ms);

}  // namespace joist::bench

#endif  // JOIST_BENCH_JOIST_VARIANTS_H_
