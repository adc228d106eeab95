// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TestStream: input without end that follows a script: elements, and how the watermark and
// processing time move between them. Everything that follows from one event is done before the
// next; so tests of triggers, lateness and timers give the same each time.
//
//   auto clicks = pipeline | joist::TestStream<std::string>()
//                                .AddElements({{"a", t0}, {"b", t0 + joist::Duration::Seconds(3)}})
//                                .AdvanceWatermarkTo(t0 + joist::Duration::Minutes(1))
//                                .AddElements({{"late", t0}})
//                                .AdvanceWatermarkToInfinity();

#ifndef JOIST_SDK_TESTING_TEST_STREAM_H_
#define JOIST_SDK_TESTING_TEST_STREAM_H_

#include <source_location>
#include <utility>
#include <vector>

#include "joist/exec/test_stream.h"
#include "joist/sdk/pipeline.h"

namespace joist {

template <class T>
struct TimestampedValue {
  T value{};
  Timestamp timestamp;
};

/// The watermark begins at the minimum, processing time at the epoch. At the end of the script the
/// watermark goes to the end of time.
template <class T>
class TestStream : public Transform {
 public:
  static constexpr std::string_view kKind = "TestStream";
  explicit TestStream(std::source_location where = std::source_location::current())
      : Transform(where) {}

  /// Elements that come together, as one bundle.
  TestStream AddElements(const std::vector<TimestampedValue<T>>& elements) && {
    std::vector<KV<T, Timestamp>> added;
    for (const auto& [value, timestamp] : elements) added.push_back({value, timestamp});
    events_.emplace_back(TestStreamEventKind::kElements, Timestamp(), std::move(added));
    return std::move(*this);
  }
  /// Never goes back; a time before the one that it has is a fault.
  TestStream AdvanceWatermarkTo(Timestamp to) && {
    goes_back_ = goes_back_ || to < watermark_;
    watermark_ = to;
    events_.emplace_back(TestStreamEventKind::kWatermark, to, std::vector<KV<T, Timestamp>>());
    return std::move(*this);
  }
  TestStream AdvanceWatermarkToInfinity() && {
    return std::move(*this).AdvanceWatermarkTo(Timestamp::Max());
  }
  /// By `by`, which is not negative.
  TestStream AdvanceProcessingTime(Duration by) && {
    goes_back_ = goes_back_ || by.millis < 0;
    processing_time_ = processing_time_ + by;
    events_.emplace_back(TestStreamEventKind::kProcessingTime, processing_time_,
                         std::vector<KV<T, Timestamp>>());
    return std::move(*this);
  }

  PCollection<T> Expand(const Pipeline& pipeline) const {
    JOIST_ASSERT_ELEMENT(T);
    if (goes_back_) pipeline.builder().AddFault("lets a clock go back");
    return AddRoot<T>(pipeline.builder(), MakeStep<TestStreamStep<T>>(events_));
  }

 private:
  std::vector<TestStreamEvent<T>> events_;
  Timestamp watermark_ = Timestamp::Min();
  Timestamp processing_time_ = Timestamp::Millis(0);
  bool goes_back_ = false;
};

}  // namespace joist

#endif  // JOIST_SDK_TESTING_TEST_STREAM_H_
