// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RunInference: the predictions of a model for the elements of a collection.
//
//   examples | joist::RunInference(joist::LinearModelHandler("model.json"))
//            | joist::Map([](const joist::PredictionResult<std::vector<double>, double>& result) {
//                return result.inference;
//              });
//
// A model handler is a struct that can travel (without state, or JOIST_ROW), with Beam's names:
//
//   using Example = E;
//   using Inference = I;
//   using Model = M;
//   Result<M> LoadModel() const;                    // Once a process.
//   Result<std::vector<I>> RunInference(std::span<const E> batch, const M& model) const;
//   BatchElementsKwargs BatchElements() const;      // If it wants other batches than the defaults.
//
// RunInference is called by many threads at once, with one model. It returns one inference for each
// example, in their order. What it returns as error ends the bundle, and after four attempts the
// job.
//
// Batches grow until they take as long as they should (batch_size_estimator.h). All elements of one
// have the same timestamp, window and pane, and came in one batch of the engine, which has at most
// 1,024 elements: of elements that each have a timestamp of their own, batches are small.
//
// Metrics, in the namespace BeamML as in Beam: num_inferences, inference_request_batch_size,
// inference_batch_latency_micro_secs, load_model_latency_milli_secs.

#ifndef JOIST_ML_RUN_INFERENCE_H_
#define JOIST_ML_RUN_INFERENCE_H_

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/ml/batch_size_estimator.h"
#include "joist/sdk/display_data.h"
#include "joist/sdk/par_do.h"
#include "joist/transforms/parts.h"

namespace joist {

/// An example and what the model made of it.
template <class E, class I>
struct PredictionResult {
  E example{};
  I inference{};
};
template <class E, class I>
constexpr FieldList<PredictionResult<E, I>, &PredictionResult<E, I>::example,
                    &PredictionResult<E, I>::inference>
JoistFields(const PredictionResult<E, I>*) {
  return {"PredictionResult", {"example", "inference"}};
}

template <class H>
concept ModelHandler = requires(const H& handler, std::span<const typename H::Example> batch,
                                const typename H::Model& model) {
  { handler.LoadModel() } -> std::same_as<Result<typename H::Model>>;
  {
    handler.RunInference(batch, model)
  } -> std::same_as<Result<std::vector<typename H::Inference>>>;
};

/// A handler for examples with keys: KV<K, Example> to KV<K, PredictionResult<Example, Inference>>.
template <class K, ModelHandler H>
struct KeyedModelHandler {
  H handler;
  static auto Parts(auto& self) { return std::tie(self.handler); }
};

namespace run_inference_internal {

/// Seconds on a clock that only goes forward.
double Now();
void CountBatch(int64_t size, double seconds);
void CountLoad(double seconds);
[[noreturn]] void Fail(const Status& status);

/// The process's one model of handlers that are equal.
template <class H>
std::shared_ptr<const typename H::Model> SharedModel(const H& handler) {
  using Model = typename H::Model;
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const Model>> models;
  std::string key;
  if constexpr (!kIsStateless<H>) key = EncodeToString(handler);
  const std::lock_guard lock(mutex);
  std::weak_ptr<const Model>& known = models[key];
  if (auto model = known.lock()) return model;
  const double start = Now();
  Result<Model> loaded = handler.LoadModel();
  if (!loaded.ok()) Fail(loaded.status());
  auto model = std::make_shared<const Model>(std::move(loaded).value());
  CountLoad(Now() - start);
  known = model;
  return model;
}

template <class H>
BatchElementsKwargs BatchLimits(const H& handler) {
  if constexpr (requires { handler.BatchElements(); }) {
    return handler.BatchElements();
  } else {
    return {};
  }
}

/// What both kinds of handlers are: how an element becomes an example, and an inference a result.
template <class H>
struct Shape {
  using Handler = H;
  using In = typename H::Example;
  using Out = PredictionResult<In, typename H::Inference>;
  static const H& HandlerOf(const H& handler) { return handler; }
  static typename H::Example ExampleOf(const View<In>& element) { return Own<In>(element); }
  static Out ResultOf(const View<In>&, typename H::Example example,
                      typename H::Inference inference) {
    return {std::move(example), std::move(inference)};
  }
};
template <class K, class H>
struct Shape<KeyedModelHandler<K, H>> {
  using Handler = H;
  using In = KV<K, typename H::Example>;
  using Out = KV<K, PredictionResult<typename H::Example, typename H::Inference>>;
  static const H& HandlerOf(const KeyedModelHandler<K, H>& keyed) { return keyed.handler; }
  static typename H::Example ExampleOf(const View<In>& element) {
    return Own<typename H::Example>(element.value);
  }
  static Out ResultOf(const View<In>& element, typename H::Example example,
                      typename H::Inference inference) {
    return {Own<K>(element.key), {std::move(example), std::move(inference)}};
  }
};

template <class H>
struct Infer {
  using S = Shape<H>;
  using Handler = typename S::Handler;

  H handler;
  std::shared_ptr<const typename Handler::Model> model;
  std::optional<BatchSizeEstimator> sizes;

  static auto Parts(auto& self) { return std::tie(self.handler); }

  void Setup() {
    model = SharedModel(S::HandlerOf(handler));
    sizes.emplace(BatchLimits(S::HandlerOf(handler)));
  }

  void Process(const Batch<typename S::In>& in, Emit<typename S::Out> emit) {
    std::vector<typename Handler::Example> examples;
    for (size_t begin = 0; begin < in.size();) {
      const size_t end =
          begin + std::min(in.size() - begin, static_cast<size_t>(sizes->NextBatchSize()));
      examples.clear();
      for (size_t i = begin; i < end; ++i) examples.push_back(S::ExampleOf(in[i]));
      const double start = Now();
      Result<std::vector<typename Handler::Inference>> inferences =
          S::HandlerOf(handler).RunInference(examples, *model);
      const double seconds = Now() - start;
      if (!inferences.ok()) Fail(inferences.status());
      if (inferences->size() != examples.size()) {
        Fail(Internal("the model handler gave " + std::to_string(inferences->size()) +
                      " inferences for " + std::to_string(examples.size()) + " examples"));
      }
      sizes->Record(static_cast<int64_t>(end - begin), seconds);
      CountBatch(static_cast<int64_t>(end - begin), seconds);
      for (size_t i = begin; i < end; ++i) {
        emit(S::ResultOf(in[i], std::move(examples[i - begin]),
                         std::move((*inferences)[i - begin])));
      }
      begin = end;
    }
  }
};

}  // namespace run_inference_internal

template <class H>
struct RunInference : Transform {
  explicit RunInference(H handler, std::source_location where = std::source_location::current())
      : Transform(where), handler(std::move(handler)) {}
  static constexpr std::string_view kKind = "RunInference";

  template <class T>
  auto Expand(const PCollection<T>& examples) const {
    using Shape = run_inference_internal::Shape<H>;
    if constexpr (!std::is_same_v<T, typename Shape::In>) {
      static_assert(std::is_same_v<T, typename Shape::In>,
                    "Joist: RunInference takes a collection of the handler's Example, or with a "
                    "KeyedModelHandler<K, …> of KV<K, Example>.");
      return PCollection<Invalid>(&examples.builder());
    } else {
      const BatchElementsKwargs limits =
          run_inference_internal::BatchLimits(Shape::HandlerOf(handler));
      if (limits.min_batch_size < 1 || limits.max_batch_size < limits.min_batch_size ||
          limits.target_batch_duration.millis < 1) {
        examples.builder().graph().AddFault(InvalidArgument(
            "RunInference at " + DescribeLocation(where) +
            ": batches need 1 <= min_batch_size <= max_batch_size and 1 ms or more"));
      }
      return examples |
             "Infer" >> MapBatches(run_inference_internal::Infer<H>{handler, nullptr, {}});
    }
  }
  void DisplayData(joist::DisplayData& data) const {
    const auto& inner = run_inference_internal::Shape<H>::HandlerOf(handler);
    if constexpr (Displayed<std::remove_cvref_t<decltype(inner)>>) data.Include(inner);
    const BatchElementsKwargs limits = run_inference_internal::BatchLimits(inner);
    data.Add("min_batch_size", "Least batch", limits.min_batch_size)
        .Add("max_batch_size", "Largest batch", limits.max_batch_size)
        .Add("target_batch_duration", "Wanted time of a batch", limits.target_batch_duration);
  }
  H handler;
};

}  // namespace joist

#endif  // JOIST_ML_RUN_INFERENCE_H_
