// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The five steps as Joist pipelines.

#include <array>

#include "bench/joist_variants.h"
#include "bench/steps.h"

namespace joist::bench {
namespace {

/// The last step: each bundle's digest goes to the collector.
template <typename Element, bool kExact>
struct SinkFn {
  StepSink<kExact> sink;
  void Process(Element element) { sink.Add(element); }
  void FinishBundle() {
    DigestCollector::Add(sink.digest);
    sink.digest = Digest();
  }
};

template <bool kExact>
void Int64Steps(int64_t count, int threads) {
  namespace s = int64_steps;
  Pipeline p = MakePipeline(threads);
  p | "Indices" >> Read(Indices{count}) | "Scale" >> Map([](int64_t x) { return s::Scale(x); }) |
      "Mix" >> Map([](int64_t x) { return s::Mix(x); }) |
      "Keep" >> Filter([](int64_t x) { return s::Keep(x); }) |
      "Shift" >> Map([](int64_t x) { return s::Shift(x); }) |
      "Select" >> Filter([](int64_t x) { return s::Select(x); }) |
      "Sink" >> ParDo(SinkFn<int64_t, kExact>());
  RunToEnd(p);
}

/// Maps that are put together before they are applied: one step, one loop.
template <bool kExact>
void FusedInt64Maps(int64_t count, int threads) {
  namespace s = int64_steps;
  Pipeline p = MakePipeline(threads);
  const auto maps =
      Map([](int64_t x) { return s::Scale(x); }) | Map([](int64_t x) { return s::Mix(x); }) |
      Map([](int64_t x) { return s::Shift(x); }) | Map([](int64_t x) { return s::Fold(x); }) |
      Map([](int64_t x) { return s::Flip(x); });
  p | "Indices" >> Read(Indices{count}) | "Maps" >> maps |
      "Sink" >> ParDo(SinkFn<int64_t, kExact>());
  RunToEnd(p);
}

template <bool kExact>
void NamedInt64Maps(int64_t count, int threads) {
  namespace s = int64_steps;
  Pipeline p = MakePipeline(threads);
  p | "Indices" >> Read(Indices{count}) | "Scale" >> Map([](int64_t x) { return s::Scale(x); }) |
      "Mix" >> Map([](int64_t x) { return s::Mix(x); }) |
      "Shift" >> Map([](int64_t x) { return s::Shift(x); }) |
      "Fold" >> Map([](int64_t x) { return s::Fold(x); }) |
      "Flip" >> Map([](int64_t x) { return s::Flip(x); }) |
      "Sink" >> ParDo(SinkFn<int64_t, kExact>());
  RunToEnd(p);
}

/// Views of a pool of strings that lives as long as the program.
struct PoolStrings {
  using Element = std::string;
  int64_t count = 0;
  Result<std::vector<SourceRange>> Split(int) const {
    return std::vector<SourceRange>{{0, 0, count, true}};
  }
  Status Read(RangeTracker& tracker, SourceOutput<std::string>& out) const {
    static const string_steps::Pool pool;
    std::array<std::string_view, kBatchSize> views;
    int64_t begin, end;
    while (tracker.Claim(kBatchSize, &begin, &end)) {
      for (int64_t i = begin; i < end; ++i) {
        views[static_cast<size_t>(i - begin)] = pool[static_cast<uint64_t>(i)];
      }
      out.PushColumn(ColumnView<std::string>(views.data()), static_cast<size_t>(end - begin));
    }
    return OkStatus();
  }
  int64_t least_split() const { return 16 << 10; }
};

/// Functions that write into the Arena that they ask for.
template <bool kExact>
void ArenaStringSteps(int64_t count, int threads) {
  namespace s = string_steps;
  Pipeline p = MakePipeline(threads);
  p | "Strings" >> Read(PoolStrings{count}) |
      "Capitalize" >>
          Map([](std::string_view x, Arena& arena) { return s::Capitalize(x, arena); }) |
      "Rotate" >> Map([](std::string_view x, Arena& arena) { return s::Rotate(x, arena); }) |
      "Keep" >> Filter([](std::string_view x) { return s::Keep(x); }) |
      "Mark" >> Map([](std::string_view x, Arena& arena) { return s::Mark(x, arena); }) |
      "Select" >> Filter([](std::string_view x) { return s::Select(x); }) |
      "Sink" >> ParDo(SinkFn<std::string_view, kExact>());
  RunToEnd(p);
}

/// Functions that return a std::string, as one writes them first.
template <bool kExact>
void OwnedStringSteps(int64_t count, int threads) {
  namespace s = string_steps;
  Pipeline p = MakePipeline(threads);
  p | "Strings" >> Read(PoolStrings{count}) | "Capitalize" >> Map([](std::string_view x) {
                                                std::string out(x);
                                                s::CapitalizeInPlace(out);
                                                return out;
                                              }) |
      "Rotate" >> Map([](std::string_view x) {
        std::string out(x);
        s::RotateInPlace(out);
        return out;
      }) |
      "Keep" >> Filter([](std::string_view x) { return s::Keep(x); }) |
      "Mark" >> Map([](std::string_view x) {
        std::string out(x);
        s::MarkInPlace(out);
        return out;
      }) |
      "Select" >> Filter([](std::string_view x) { return s::Select(x); }) |
      "Sink" >> ParDo(SinkFn<std::string_view, kExact>());
  RunToEnd(p);
}

Variant StepsVariant(const std::string& name, int64_t count, void (*measured)(int64_t, int),
                     void (*exact)(int64_t, int)) {
  Variant variant;
  variant.name = name;
  variant.run = [count, measured, exact](Measurement& m) {
    m.Start();
    (m.wants_exact() ? exact : measured)(count, m.threads());
    m.Stop();
    m.digest = DigestCollector::Take();
  };
  return variant;
}

}  // namespace

std::vector<Variant> JoistInt64StepsVariants(int64_t count) {
  std::vector<Variant> variants = {
      StepsVariant("Joist, five named steps", count, Int64Steps<false>, Int64Steps<true>)};
  variants[0].goal_ns = 1.3;
  return variants;
}

std::vector<Variant> JoistInt64MapsVariants(int64_t count) {
  std::vector<Variant> variants = {
      StepsVariant("Joist, Map | Map | …", count, FusedInt64Maps<false>, FusedInt64Maps<true>),
      StepsVariant("Joist, five named steps", count, NamedInt64Maps<false>, NamedInt64Maps<true>)};
  variants[0].goal = 0.8;
  return variants;
}

std::vector<Variant> JoistStringStepsVariants(int64_t count) {
  std::vector<Variant> variants = {
      StepsVariant("Joist, into the Arena", count, ArenaStringSteps<false>, ArenaStringSteps<true>),
      StepsVariant("Joist, returning std::string", count, OwnedStringSteps<false>,
                   OwnedStringSteps<true>)};
  variants[0].goal_ns = 6;
  return variants;
}

}  // namespace joist::bench
