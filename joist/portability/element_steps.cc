// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/element_steps.h"

#include <string>
#include <utility>

#include "joist/exec/failure.h"
#include "joist/exec/source.h"

namespace joist::portability {
namespace {

/// An empty byte string as Beam encodes it inside of something: its length.
constexpr std::string_view kEmptyBytes("\0", 1);

/// A source of encoded elements, of which there is none, or the one of an Impulse.
struct FixedSource {
  using Element = std::string;
  bool has_one = false;
  Result<std::vector<SourceRange>> Split(int) const {
    return std::vector<SourceRange>{{0, 0, has_one ? 1 : 0, false}};
  }
  Status Read(RangeTracker& tracker, SourceOutput<std::string>& out) const {
    int64_t begin, end;
    while (tracker.Claim(1, &begin, &end)) out(kEmptyBytes);
    return OkStatus();
  }
};

/// A step that passes on a batch as another, with the same times.
template <class In, class Out>
class PassingOperator : public Operator, public BatchReceiver<In> {
 public:
  explicit PassingOperator(const OperatorContext& context) : context_(context) {}
  Receiver* input(int) final { return static_cast<BatchReceiver<In>*>(this); }
  void Connect(int, Receiver* consumer) final { output_.Connect(consumer); }
  void Push(const Batch<In>& batch) final {
    const StepScope scope(context_.stats);
    context_.stats->elements_in += batch.count;
    context_.stats->elements_out += batch.count;
    ++context_.stats->batches_in;
    Pass(batch);
  }

 protected:
  virtual void Pass(const Batch<In>& batch) = 0;
  const OperatorContext& context() const { return context_; }
  const Output<Out>& output() const { return output_; }

 private:
  OperatorContext context_;
  Output<Out> output_;
};

using EncodedKv = KV<std::string, std::string>;
using EncodedGroup = KV<std::string, Iterable<std::string>>;

class SplitKv final : public PassingOperator<std::string, EncodedKv> {
 public:
  SplitKv(const OperatorContext& context, const WireCoder* kv)
      : PassingOperator(context), kv_(kv) {}

 private:
  void Pass(const Batch<std::string>& batch) override {
    const ColumnWriter<EncodedKv> writer = column_.writer();
    for (size_t i = 0; i < batch.count; ++i) {
      const std::string_view element = batch[i];
      ByteReader reader(element);
      if (!kv_->SkipKey(&reader)) {
        ThrowStepFailure(
            context().step, "",
            std::string("an element that is to be grouped has no key: ") + reader.error());
      }
      writer.keys().SetView(i, element.substr(0, reader.position()));
      writer.values().SetView(i, reader.rest());
    }
    output().Push({column_.view(), batch.count, batch.meta});
  }

  const WireCoder* kv_;
  ColumnBuffer<EncodedKv> column_;
};

class SplitKvStep final : public StepOf<SplitKvStep, WireCoder> {
 public:
  using StepOf::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<EncodedKv>}; }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    return std::unique_ptr<Operator>(new SplitKv(context, &definition()));
  }
};

class JoinGroups final : public PassingOperator<EncodedGroup, std::string> {
 public:
  using PassingOperator::PassingOperator;

 private:
  static constexpr size_t kEnoughBytes = size_t{1} << 20;

  void Pass(const Batch<EncodedGroup>& batch) override {
    const ColumnWriter<std::string> writer = column_.writer();
    size_t first = 0;
    for (size_t i = 0; i < batch.count; ++i) {
      ends_.push_back(bytes_.size());
      bytes_ += batch.values.keys()[i];
      const Iterable<std::string> values = batch.values.values()[i];
      PutBigEndian32(static_cast<uint32_t>(values.size()), &bytes_);
      for (const std::string_view value : values) bytes_ += value;
      if (bytes_.size() < kEnoughBytes && i + 1 < batch.count) continue;
      ends_.push_back(bytes_.size());
      const size_t count = ends_.size() - 1;
      for (size_t j = 0; j < count; ++j) {
        writer.SetView(j, std::string_view(bytes_).substr(ends_[j], ends_[j + 1] - ends_[j]));
      }
      output().Push({column_.view(), count, batch.meta.From(first)});
      first = i + 1;
      bytes_.clear();
      ends_.clear();
      if (bytes_.capacity() > 4 * kEnoughBytes) bytes_ = {};
    }
  }

  std::string bytes_;         ///< Elements, one after the other.
  std::vector<size_t> ends_;  ///< Where each begins, and the last ends.
  ColumnBuffer<std::string> column_;
};

class JoinGroupsStep final : public StepOf<JoinGroupsStep, NoState> {
 public:
  using StepOf::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<std::string>}; }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    return std::unique_ptr<Operator>(new JoinGroups(context));
  }
};

class WindowedAs final : public PassingOperator<std::string, std::string> {
 public:
  using PassingOperator::PassingOperator;

 private:
  void Pass(const Batch<std::string>& batch) override { output().Push(batch); }
};

struct NewWindowing {
  WindowingStrategy windowing;
  bool is_bounded = true;
};

class WindowedAsStep final : public StepOf<WindowedAsStep, NewWindowing> {
 public:
  using StepOf::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<std::string>}; }
  WindowingStrategy OutputWindowing(const WindowingStrategy&) const override {
    return definition().windowing;
  }
  bool is_bounded() const override { return definition().is_bounded; }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    return std::unique_ptr<Operator>(new WindowedAs(context));
  }
};

}  // namespace

std::shared_ptr<Step> MakeImpulse() {
  return MakeStep<SourceStep<FixedSource>>(FixedSource{.has_one = true});
}

std::shared_ptr<Step> MakeNothing() {
  return MakeStep<SourceStep<FixedSource>>(FixedSource{.has_one = false});
}

std::shared_ptr<Step> MakeSplitKv(const WireCoder& kv) { return MakeStep<SplitKvStep>(kv); }

std::shared_ptr<Step> MakeJoinGroups() { return MakeStep<JoinGroupsStep>(NoState()); }

std::shared_ptr<Step> MakeWindowedAs(const WindowingStrategy& windowing, bool is_bounded) {
  return MakeStep<WindowedAsStep>(NewWindowing{windowing, is_bounded});
}

}  // namespace joist::portability
