// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/generate_sequence.h"

#include <string>

namespace joist {

sequence_internal::Sequence sequence_internal::Start::operator()(const Sequence& sequence) const {
  Sequence started = sequence;
  started.start = WallTime();
  return started;
}

PCollection<sequence_internal::Sequence> sequence_internal::Begin(const Pipeline& pipeline,
                                                                  const Sequence& sequence) {
  if (sequence.to < sequence.from) {
    pipeline.builder().AddFault("ends at " + std::to_string(sequence.to) +
                                ", before it begins at " + std::to_string(sequence.from));
  }
  if (sequence.elements < 0 || sequence.period.millis < 0) {
    pipeline.builder().AddFault("has a negative rate");
  }
  return pipeline | Create<Sequence>({sequence}) | "Start" >> Map(Start());
}

PCollection<int64_t> GenerateSequence::Expand(const Pipeline& pipeline) const {
  return sequence_internal::GenerateAll(pipeline, sequence_, is_bounded_,
                                        sequence_internal::NoTimestampFn());
}

}  // namespace joist
