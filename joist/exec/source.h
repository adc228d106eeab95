// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SourceStep: reads a user's source. A source is a struct, with a coder (JOIST_ROW) if it is to
// travel, with
//
//   using Element = T;
//   Result<std::vector<SourceRange>> Split(int threads) const;   // Which ranges there are.
//   Status Read(RangeTracker& tracker, SourceOutput<T>& out) const;   // Claims and outputs.
//
// and optionally `int64_t least_split() const`, the positions below which a range isn't split.
// Read is called by many threads at once, each with a range of its own; it claims a piece of the
// range, outputs what begins in that piece, and goes on until Claim says no:
//
//   int64_t begin, end;
//   while (tracker.Claim(1000, &begin, &end)) {
//     for (int64_t i = begin; i < end; ++i) out(i);
//   }

#ifndef JOIST_EXEC_SOURCE_H_
#define JOIST_EXEC_SOURCE_H_

#include <memory>
#include <utility>
#include <vector>

#include "joist/exec/emit.h"
#include "joist/exec/failure.h"
#include "joist/exec/step.h"

namespace joist {

/// Where a source puts its elements. They are in the global window; their timestamp is Beam's
/// minimum unless given. Belongs to one thread.
template <class T>
class SourceOutput {
 public:
  explicit SourceOutput(StepStats* stats) {
    cursor_.set_stats(stats);
    cursor_.BeginBatch(meta_);
  }
  void Connect(Receiver* consumer) { cursor_.Connect(consumer); }

  /// Outputs one element; text is copied.
  template <class U>
    requires EmittableAs<U, T>
  void operator()(U&& value) {
    cursor_.Put(std::forward<U>(value));
  }
  template <class U>
    requires EmittableAs<U, T>
  void operator()(U&& value, Timestamp timestamp) {
    cursor_.PutAt(std::forward<U>(value), timestamp);
  }

  /// Outputs `count` (at most kBatchSize) items that lie ready; nothing is copied. They, and the
  /// bytes that they refer to, are free again when the call returns.
  void PushColumn(const ColumnView<T>& values, size_t count) {
    JOIST_CHECK(count <= kBatchSize);
    Flush();
    cursor_.Push({values, count, meta_});
  }
  /// The same, each item at its timestamp.
  void PushColumn(const ColumnView<T>& values, const Timestamp* timestamps, size_t count) {
    JOIST_CHECK(count <= kBatchSize);
    Flush();
    Meta meta;
    meta.timestamps = SharedColumn<Timestamp>(timestamps);
    cursor_.Push({values, count, meta});
  }
  /// Pushes on what has been output so far.
  void Flush() {
    cursor_.EndBatch();
    cursor_.BeginBatch(meta_);
  }

 private:
  Meta meta_;
  OutputCursor<T> cursor_;
};

template <class S>
class UserSource final : public Source {
  using T = typename S::Element;

 public:
  explicit UserSource(const S* source) : source_(source) {}
  Result<std::vector<SourceRange>> Split(int threads) override { return source_->Split(threads); }
  int64_t least_split() const override {
    if constexpr (requires { source_->least_split(); }) return source_->least_split();
    return 1;
  }
  std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override {
    return std::unique_ptr<Reader>(new UserReader(source_, context));
  }

 private:
  class UserReader final : public Reader {
   public:
    UserReader(const S* source, const OperatorContext& context)
        : source_(source), context_(context), out_(context.stats) {}
    void Connect(Receiver* consumer) override { out_.Connect(consumer); }
    void Read(RangeTracker& tracker) override {
      const StepScope scope(context_.stats);
      Status status;
      try {
        status = source_->Read(tracker, out_);
        if (status.ok()) out_.Flush();
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
      if (!status.ok()) {
        throw StepFailure{Status(status.code(), "step \"" + std::string(context_.step) +
                                                    "\": " + status.message()),
                          /*retryable=*/status.code() == StatusCode::kUnavailable};
      }
    }

   private:
    const S* source_;
    OperatorContext context_;
    SourceOutput<T> out_;
  };

  const S* source_;
};

template <class S>
class SourceStep final : public StepOf<SourceStep<S>, S> {
 public:
  using StepOf<SourceStep<S>, S>::StepOf;
  StepKind kind() const override { return StepKind::kRead; }
  std::vector<const ElementType*> outputs() const override {
    return {&element_type<typename S::Element>};
  }
  std::unique_ptr<Source> MakeSource() const override {
    return std::unique_ptr<Source>(new UserSource<S>(&this->definition()));
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_SOURCE_H_
