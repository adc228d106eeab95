// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Read, Create, Impulse: how a pipeline begins.
//
//   pipeline | joist::Create({1, 2, 3});
//   pipeline | joist::Read(MySource{…});      // What a source is: joist/exec/source.h

#ifndef JOIST_SDK_READ_H_
#define JOIST_SDK_READ_H_

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "joist/exec/source.h"
#include "joist/sdk/pipeline.h"

namespace joist {

/// Reads a source.
template <class S>
struct Read : Transform {
  explicit Read(S source, std::source_location where = std::source_location::current())
      : Transform(where), source(std::move(source)) {}
  static constexpr std::string_view kKind = "Read";
  PCollection<typename S::Element> Expand(const Pipeline& pipeline) const {
    JOIST_ASSERT_ELEMENT(typename S::Element);
    return AddRoot<typename S::Element>(pipeline.builder(), MakeStep<SourceStep<S>>(source));
  }
  S source;
};

/// Elements that are part of the program.
template <class T>
class CreateStep final : public StepOf<CreateStep<T>, std::vector<T>> {
 public:
  using StepOf<CreateStep<T>, std::vector<T>>::StepOf;
  StepKind kind() const override { return StepKind::kRead; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<T>}; }
  std::unique_ptr<Source> MakeSource() const override {
    return std::unique_ptr<Source>(new UserSource<Values>(&values_));
  }

 private:
  struct Values {
    using Element = T;
    const std::vector<T>* values;
    /// Several ranges for each thread even of few elements: what is done with each may take long.
    Result<std::vector<SourceRange>> Split(int threads) const {
      const auto size = static_cast<int64_t>(values->size());
      const int64_t piece = std::max<int64_t>(1, size / (4 * threads));
      std::vector<SourceRange> ranges;
      for (int64_t at = 0; at < size; at += piece) {
        ranges.push_back({0, at, std::min(size, at + piece), true});
      }
      return ranges;
    }
    Status Read(RangeTracker& tracker, SourceOutput<T>& out) const {
      int64_t begin, end;
      while (tracker.Claim(kBatchSize, &begin, &end)) {
        for (int64_t i = begin; i < end; ++i) out((*values)[static_cast<size_t>(i)]);
      }
      return OkStatus();
    }
  };
  Values values_{&this->definition()};
};

template <class T>
struct Create : Transform {
  explicit Create(std::vector<T> values,
                  std::source_location where = std::source_location::current())
      : Transform(where), values(std::move(values)) {}
  Create(std::initializer_list<T> values,
         std::source_location where = std::source_location::current())
      : Transform(where), values(values) {}
  static constexpr std::string_view kKind = "Create";
  PCollection<T> Expand(const Pipeline& pipeline) const {
    JOIST_ASSERT_ELEMENT(T);
    return AddRoot<T>(pipeline.builder(), MakeStep<CreateStep<T>>(values));
  }
  std::vector<T> values;
};
/// Text literals make a collection of strings.
Create(std::initializer_list<const char*>) -> Create<std::string>;
template <class T>
Create(std::initializer_list<T>) -> Create<T>;

/// One empty element, to start something with.
struct Impulse : Transform {
  using Transform::Transform;
  static constexpr std::string_view kKind = "Impulse";
  PCollection<Bytes> Expand(const Pipeline& pipeline) const;
};

/// The same as a step of the composite that is being built.
PCollection<Bytes> AddImpulse(PipelineBuilder& builder);

}  // namespace joist

#endif  // JOIST_SDK_READ_H_
