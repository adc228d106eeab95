// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TestStreamStep: a source without end that follows a script, for tests.

#ifndef JOIST_EXEC_TEST_STREAM_H_
#define JOIST_EXEC_TEST_STREAM_H_

#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/exec/saved_element.h"
#include "joist/exec/source.h"
#include "joist/exec/stream_operator.h"

namespace joist {

enum class TestStreamEventKind : uint8_t { kElements, kWatermark, kProcessingTime };

/// Elements with their timestamps, or a clock and its new time.
template <class T>
using TestStreamEvent = std::tuple<TestStreamEventKind, Timestamp, std::vector<KV<T, Timestamp>>>;

template <class T>
class TestStreamStep final : public StepOf<TestStreamStep<T>, std::vector<TestStreamEvent<T>>> {
  using Events = std::vector<TestStreamEvent<T>>;

 public:
  using StepOf<TestStreamStep<T>, Events>::StepOf;
  StepKind kind() const override { return StepKind::kRead; }
  bool is_bounded() const override { return false; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<T>}; }
  std::unique_ptr<StreamSource> MakeStreamSource() const override {
    return std::unique_ptr<StreamSource>(new Script(&this->definition()));
  }

 private:
  class Script final : public StreamSource {
   public:
    explicit Script(const Events* events) : events_(events), out_(&stats_) {}
    void Connect(Receiver* consumer) override { out_.Connect(consumer); }
    bool Advance() override {
      if (next_ == events_->size()) {
        watermark_ = Timestamp::Max();
        return false;
      }
      const auto& [kind, time, elements] = (*events_)[next_++];
      switch (kind) {
        case TestStreamEventKind::kElements:
          for (const auto& [value, timestamp] : elements) out_(ViewOfOwn<T>(value), timestamp);
          out_.Flush();
          break;
        case TestStreamEventKind::kWatermark: watermark_ = time; break;
        case TestStreamEventKind::kProcessingTime: processing_time_ = time; break;
      }
      return true;
    }
    Timestamp watermark() const override { return watermark_; }
    Timestamp processing_time() const override { return processing_time_; }
    void Save(std::string* out) override {
      PutVarint(next_, out);
      SaveValue(watermark_, out);
      SaveValue(processing_time_, out);
    }
    bool Restore(ByteReader* in) override {
      uint64_t next;
      if (!in->TakeVarint(&next) || next > events_->size()) return false;
      next_ = static_cast<size_t>(next);
      return RestoreValue(in, &watermark_) && RestoreValue(in, &processing_time_);
    }

   private:
    const Events* events_;
    StepStats stats_;
    SourceOutput<T> out_;
    size_t next_ = 0;
    Timestamp watermark_ = Timestamp::Min();
    Timestamp processing_time_ = Timestamp::Millis(0);
  };
};

}  // namespace joist

#endif  // JOIST_EXEC_TEST_STREAM_H_
