// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Partition: one collection as n, by a function that gives each element the number of its part.
//
//   auto by_size = words | joist::Partition(3, [](std::string_view word, int parts) {
//                    return std::min<int>(static_cast<int>(word.size()) / 4, parts - 1);
//                  });
//   by_size[0] | …                       // A std::vector<joist::PCollection<std::string>>.
//
// It is a step of its own and not a ParDo with n outputs, since those are told apart by types and
// each of them costs something for each element. Here an element costs the call and one copy of its
// column item, without the bytes that a string refers to, whatever n is; a batch costs one virtual
// call for each part that it has elements of. n Filters would call the function n times.

#ifndef JOIST_TRANSFORMS_PARTITION_H_
#define JOIST_TRANSFORMS_PARTITION_H_

#include <algorithm>
#include <concepts>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/sdk/par_do.h"
#include "joist/transforms/argument.h"
#include "joist/transforms/parts.h"

namespace joist {

/// Parts that one Partition may have: each keeps a column of 1,024 items for each thread.
inline constexpr int kMostPartitions = 1024;

namespace partition_internal {

template <class F>
struct Definition {
  int count = 1;
  [[no_unique_address]] F fn;
  static auto Parts(auto& self) { return std::tie(self.count, self.fn); }
};

template <class List>
inline constexpr bool kElementAndCount = false;
template <class E>
inline constexpr bool kElementAndCount<TypeList<E>> = true;
template <class E>
inline constexpr bool kElementAndCount<TypeList<E, int>> = true;

template <class F, class T>
class PartitionStep final : public StepOf<PartitionStep<F, T>, Definition<F>> {
  using Parameters = typename signature::Of<F>::Parameters;

 public:
  using StepOf<PartitionStep<F, T>, Definition<F>>::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override {
    return {static_cast<size_t>(this->definition().count), &element_type<T>};
  }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    return std::make_unique<Router>(this->definition(), context);
  }

 private:
  class Router final : public Operator, public BatchReceiver<T> {
   public:
    Router(const Definition<F>& definition, const OperatorContext& context)
        : fn_(definition.fn), context_(context), parts_(static_cast<size_t>(definition.count)) {}
    Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(this); }
    void Connect(int output, Receiver* consumer) override {
      parts_[static_cast<size_t>(output)].output.Connect(consumer);
    }

    void Push(const Batch<T>& batch) override {
      const StepScope scope(context_.stats);
      context_.stats->elements_in += batch.count;
      ++context_.stats->batches_in;
      for (Part& part : parts_) part.count = 0;  // What a failure left.
      const bool constant = batch.meta.is_constant();
      if (!constant) {
        for (Part& part : parts_) part.meta.Begin(batch.meta);
      }
      size_t i = 0;
      try {
        for (; i < batch.count; ++i) {
          Part& part = PartOf(batch.values[i]);
          part.column.writer().CopyFrom(part.count, batch.values, i);
          if (!constant) part.meta.CopyFrom(part.count, batch.meta, i);
          ++part.count;
        }
      } catch (...) {
        std::string element;
        Describe(batch[i], &element);
        RethrowAsStepFailure(context_.step, element);
      }
      context_.stats->elements_out += batch.count;
      for (Part& part : parts_) {
        if (part.count == 0) continue;
        part.output.Push(
            {part.column.view(), part.count, constant ? batch.meta : part.meta.view()});
      }
    }

   private:
    struct Part {
      Output<T> output;
      ColumnBuffer<T> column;
      MetaBuffer meta;
      size_t count = 0;
    };

    Part& PartOf(const View<T>& view) {
      const auto number = [&] {
        if constexpr (Parameters::kSize == 1) {
          return fn_(argument_(view));
        } else {
          return fn_(argument_(view), static_cast<int>(parts_.size()));
        }
      }();
      if (std::cmp_less(number, 0) || std::cmp_greater_equal(number, parts_.size())) [[unlikely]] {
        ThrowOutOfRange(std::to_string(number));
      }
      return parts_[static_cast<size_t>(number)];
    }
    [[gnu::noinline, noreturn]] void ThrowOutOfRange(const std::string& number) const {
      throw std::out_of_range("the function of Partition returned " + number +
                              ", which is none of 0 to " + std::to_string(parts_.size() - 1));
    }

    F fn_;
    OperatorContext context_;
    [[no_unique_address]] ElementArgument<typename signature::First<Parameters>::type, T> argument_;
    std::vector<Part> parts_;
  };
};

}  // namespace partition_internal

/// `count` collections (1 to kMostPartitions); element e goes to number fn(e) or fn(e, count), an
/// integer from 0 to count - 1. Any other number fails the element. Times and windows stay.
template <class F>
struct Partition : Transform {
  Partition(int count, F fn, std::source_location where = std::source_location::current())
      : Transform(where), count(count), fn(std::move(fn)) {}
  static constexpr std::string_view kKind = "Partition";

  template <class T>
  auto Expand(const PCollection<T>& in) const {
    using Signature = signature::Of<F>;
    if constexpr (!partition_internal::kElementAndCount<typename Signature::Parameters> ||
                  !std::integral<typename Signature::Return> ||
                  std::same_as<typename Signature::Return, bool>) {
      static_assert(!std::same_as<T, T>,
                    "Joist: the function of a Partition takes an element, and the number of parts "
                    "as an int if it likes, and returns an integer: the number of the part. Its "
                    "parameter types must be readable: no auto, no overloads.");
      return std::vector<PCollection<Invalid>>();
    } else if constexpr (PassingOf<typename signature::First<typename Signature::Parameters>::type,
                                   T>() == Passing::kNone) {
      static_assert(!std::same_as<T, T>,
                    "Joist: this function's first parameter cannot take the collection's elements "
                    "(take them as T, const T& or, for text, std::string_view).");
      return std::vector<PCollection<Invalid>>();
    } else {
      PipelineBuilder& builder = in.builder();
      CheckArgument(count >= 1 && count <= kMostPartitions, builder, *this, count,
                    "1 to " + std::to_string(kMostPartitions) + " parts");
      const int parts_made = std::clamp(count, 1, kMostPartitions);
      using Step = partition_internal::PartitionStep<F, T>;
      auto step = MakeStep<Step>(partition_internal::Definition<F>{parts_made, fn});
      auto outputs = step->outputs();
      const int node =
          builder.Add(StepKind::kParDo, std::move(step), {in.id()}, {}, std::move(outputs));
      std::vector<PCollection<T>> parts;
      for (int i = 0; i < parts_made; ++i) parts.emplace_back(&builder, builder.OutputOf(node, i));
      return parts;
    }
  }

  int count;
  F fn;
};

}  // namespace joist

#endif  // JOIST_TRANSFORMS_PARTITION_H_
