// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/generate_sequence.h"

#include <limits>
#include <string>

namespace joist {

sequence_internal::Sequence sequence_internal::Start::operator()(const Sequence& sequence) const {
  Sequence started = sequence;
  started.start = WallTime();
  return started;
}

PCollection<int64_t> GenerateSequence::Expand(const Pipeline& pipeline) const {
  using sequence_internal::Generate;
  const bool ends = sequence_.to != std::numeric_limits<int64_t>::max();
  const bool timed = !ends || sequence_.elements > 0 || sequence_.max_read_time != Duration::Max();
  if (sequence_.to < sequence_.from) {
    pipeline.builder().AddFault("ends at " + std::to_string(sequence_.to) +
                                ", before it begins at " + std::to_string(sequence_.from));
  }
  if (sequence_.elements < 0 || sequence_.period.millis < 0) {
    pipeline.builder().AddFault("has a negative rate");
  }
  const auto one = pipeline | Create<sequence_internal::Sequence>({sequence_}) |
                   "Start" >> Map(sequence_internal::Start());
  if (!timed) return one | ParDo(Generate<true, NoWatermarkEstimator>());
  if (is_bounded_) return one | ParDo(Generate<true, WallTimeWatermarkEstimator>());
  return one | ParDo(Generate<false, WallTimeWatermarkEstimator>());
}

}  // namespace joist
