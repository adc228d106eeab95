// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OnnxModelHandler: a model in an ONNX file, run by ONNX Runtime on the processor, for
// RunInference.
//
//   struct Prediction {
//     int64_t label = 0;
//     std::vector<float> probabilities;
//   };
//   JOIST_ROW(Prediction, label, probabilities)
//
//   examples | joist::RunInference(
//                  joist::OnnxModelHandler<std::vector<float>, Prediction>("model.onnx"))
//
// An example E is what the model's inputs take for one element, an inference I what its outputs
// give:
//
// - a float, double, int32_t or int64_t, or a std::vector of one of these, for a model's only input
//   or output: by default vectors of float;
// - a row (JOIST_ROW) of such fields, each of which is the input or output of its name. Inputs need
//   a field each; outputs that no field wants are not computed.
//
// Types are those of the model; none is converted. The first dimension of an input's shape is the
// batch, and an example has the values of the others, row by row: 12 for [N, 3, 4]. One of them may
// be open; then examples of one size after the other share a run. An output's first dimension is
// the batch too. A model whose batch is fixed to 1 is run for each example by itself, and its
// outputs may have any shape.
//
// The library is joist::onnx (docs/adr/0009-onnx-through-its-runtime.md). One model serves all
// threads of a process. ONNX Runtime's memory comes on top of --memory: the model, and for each
// thread the tensors of one batch, which are kept for the next.

#ifndef JOIST_ML_ONNX_ONNX_MODEL_HANDLER_H_
#define JOIST_ML_ONNX_ONNX_MODEL_HANDLER_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/ml/run_inference.h"
#include "joist/model/row.h"

namespace joist {

struct OnnxOptions {
  int32_t intra_op_threads = 1;          ///< Of one run, 1 to 1,024; the engine's are beside them.
  int64_t largest_file = 2'000'000'000;  ///< Bytes that the file may have.
  BatchElementsKwargs batches = {};
};
JOIST_ROW(OnnxOptions, intra_op_threads, largest_file, batches)

namespace onnx_internal {

enum class ValueType : uint8_t { kFloat, kDouble, kInt32, kInt64 };

template <class T>
inline constexpr bool kIsNumber = std::same_as<T, float> || std::same_as<T, double> ||
                                  std::same_as<T, int32_t> || std::same_as<T, int64_t>;

/// A tensor's values for one example: a number, or a vector of numbers.
template <class T>
struct Part {
  using Number = T;
  static constexpr bool kIs = kIsNumber<T>;
};
template <class T>
struct Part<std::vector<T>> {
  using Number = T;
  static constexpr bool kIs = kIsNumber<T>;
};

template <class T>
consteval bool HasOnlyParts() {
  if constexpr (IsRow<T>) {
    return RowTraits<T>::kFieldCount > 0 &&
           RowTraits<T>::AllTypes([]<class F>() { return Part<F>::kIs; });
  } else {
    return Part<T>::kIs;
  }
}

/// Calls `f` with each part of an example or inference.
template <class T, class F>
void ForEachPart(T& value, F&& f) {
  if constexpr (IsRow<std::remove_const_t<T>>) {
    RowTraits<std::remove_const_t<T>>::ForEachField(value, f);
  } else {
    f(value);
  }
}

/// What a program has for an input, or wants of an output.
struct Port {
  std::string name;  ///< Empty for the model's only one.
  ValueType type;
  bool scalar;
};

template <class P>
Port PortOf(std::string_view name) {
  using Number = typename Part<P>::Number;
  constexpr ValueType kType = std::same_as<Number, float>     ? ValueType::kFloat
                              : std::same_as<Number, double>  ? ValueType::kDouble
                              : std::same_as<Number, int32_t> ? ValueType::kInt32
                                                              : ValueType::kInt64;
  return {std::string(name), kType, std::same_as<P, Number>};
}

template <class T>
std::vector<Port> PortsOf() {
  std::vector<Port> ports;
  if constexpr (IsRow<T>) {
    RowTraits<T>::AllTypes([&ports]<class F>() {
      ports.push_back(PortOf<F>(RowTraits<T>::FieldName(ports.size())));
      return true;
    });
  } else {
    ports.push_back(PortOf<T>(""));
  }
  return ports;
}

/// Numbers of a port's type.
struct Values {
  const void* data = nullptr;
  size_t size = 0;
};

template <class P>
Values ValuesOf(const P& part) {
  if constexpr (kIsNumber<P>) {
    return {&part, 1};
  } else {
    return {part.data(), part.size()};
  }
}

/// Takes the part of one example, number `i` of those whose values lie one after the other.
template <class P>
void TakePart(const Values& each, size_t i, P* part) {
  const auto* const values = static_cast<const typename Part<P>::Number*>(each.data);
  if constexpr (kIsNumber<P>) {
    *part = values[i];
  } else {
    part->assign(values + i * each.size, values + (i + 1) * each.size);
  }
}

/// A model that is loaded, with what the program has and wants. Thread-safe.
class Session;

Result<std::shared_ptr<const Session>> Load(const std::string& path, const OnnxOptions& options,
                                            const std::vector<Port>& inputs,
                                            const std::vector<Port>& outputs);

/// Takes the outputs of the examples in [begin, end): of each port the first example's values, with
/// their number; those of the next lie behind. They are gone after the call.
using Taker = std::function<void(size_t begin, size_t end, std::span<const Values> outputs)>;

/// Runs the model for so many examples; `parts` are those of the first, of the second, and so on.
Status Run(const Session& session, size_t examples, std::span<const Values> parts,
           const Taker& take);

}  // namespace onnx_internal

/// The predictions of a model in an ONNX file. Beam's OnnxModelHandlerNumpy.
template <class E = std::vector<float>, class I = std::vector<float>>
struct OnnxModelHandler {
  static_assert(onnx_internal::HasOnlyParts<E>() && onnx_internal::HasOnlyParts<I>(),
                "Joist: examples and inferences of an OnnxModelHandler are float, double, int32_t "
                "or int64_t, vectors of these, or rows (JOIST_ROW) of such fields.");
  using Example = E;
  using Inference = I;
  using Model = std::shared_ptr<const onnx_internal::Session>;

  OnnxModelHandler() = default;
  explicit OnnxModelHandler(std::string path, OnnxOptions options = {})
      : path(std::move(path)), options(options) {}

  /// Refuses a file that is missing, too large or no ONNX model, and a model whose inputs and
  /// outputs are not of these names and types, or whose batch is fixed to another number than 1.
  Result<Model> LoadModel() const {
    return onnx_internal::Load(path, options, onnx_internal::PortsOf<E>(),
                               onnx_internal::PortsOf<I>());
  }

  /// One inference for each example, in their order; thread-safe. Refuses an example that has not
  /// as many values as the model takes, and an output that is not one per example.
  Result<std::vector<I>> RunInference(std::span<const E> batch, const Model& model) const {
    std::vector<onnx_internal::Values> parts;
    for (const E& example : batch) {
      onnx_internal::ForEachPart(
          example, [&parts](const auto& part) { parts.push_back(onnx_internal::ValuesOf(part)); });
    }
    std::vector<I> inferences(batch.size());
    const auto take = [&inferences](size_t begin, size_t end,
                                    std::span<const onnx_internal::Values> outputs) {
      for (size_t i = begin; i < end; ++i) {
        size_t port = 0;
        onnx_internal::ForEachPart(inferences[i], [&](auto& part) {
          onnx_internal::TakePart(outputs[port++], i - begin, &part);
        });
      }
    };
    JOIST_RETURN_IF_ERROR(onnx_internal::Run(*model, batch.size(), parts, take));
    return inferences;
  }

  BatchElementsKwargs BatchElements() const { return options.batches; }
  void DisplayData(joist::DisplayData& data) const {
    data.Add("model", "ONNX model", path)
        .Add("intra_op_threads", "Threads of one run", options.intra_op_threads);
  }

  std::string path;
  OnnxOptions options;
};
template <class E, class I>
constexpr FieldList<OnnxModelHandler<E, I>, &OnnxModelHandler<E, I>::path,
                    &OnnxModelHandler<E, I>::options>
JoistFields(const OnnxModelHandler<E, I>*) {
  return {"OnnxModelHandler", {"path", "options"}};
}

}  // namespace joist

#endif  // JOIST_ML_ONNX_ONNX_MODEL_HANDLER_H_
