// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/ml/onnx/onnx_model_handler.h"

#include <onnxruntime_c_api.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <system_error>

namespace joist::onnx_internal {
namespace {

/// The library's functions.
const OrtApi& Ort() {
  static const OrtApi* const api = [] {
    const OrtApi* const found = OrtGetApiBase()->GetApi(ORT_API_VERSION);
    // Otherwise another libonnxruntime.so.1, an older one, was found before that of the build.
    JOIST_CHECK(found != nullptr);
    return found;
  }();
  return *api;
}

template <auto kRelease>
struct Release {
  template <class T>
  void operator()(T* object) const {
    (Ort().*kRelease)(object);
  }
};
template <class T, auto kRelease>
using Owned = std::unique_ptr<T, Release<kRelease>>;
using OwnedStatus = Owned<OrtStatus, &OrtApi::ReleaseStatus>;
using OwnedSession = Owned<OrtSession, &OrtApi::ReleaseSession>;
using OwnedOptions = Owned<OrtSessionOptions, &OrtApi::ReleaseSessionOptions>;
using OwnedMemory = Owned<OrtMemoryInfo, &OrtApi::ReleaseMemoryInfo>;
using OwnedType = Owned<OrtTypeInfo, &OrtApi::ReleaseTypeInfo>;
using OwnedValue = Owned<OrtValue, &OrtApi::ReleaseValue>;

/// What `function` makes; it fails for want of memory alone.
template <class Pointer, class Function, class... Arguments>
Pointer Make(Function function, Arguments... arguments) {
  typename Pointer::pointer made = nullptr;
  const OwnedStatus failure(function(arguments..., &made));
  JOIST_CHECK(failure == nullptr);
  return Pointer(made);
}

/// A function that fails for want of memory alone.
void Must(OrtStatus* status) {
  const OwnedStatus failure(status);
  JOIST_CHECK(failure == nullptr);
}

/// The library's words, in one line.
std::string Words(const OrtStatus* failure) {
  std::string words = Ort().GetErrorMessage(failure);
  std::replace(words.begin(), words.end(), '\n', ' ');
  return words;
}

/// The process's one environment, which is never destroyed. What goes wrong is said in statuses, so
/// it prints nothing.
const OrtEnv* Environment() {
  static const OrtEnv* const environment = [] {
    OrtEnv* made = nullptr;
    Must(Ort().CreateEnv(ORT_LOGGING_LEVEL_FATAL, "joist", &made));
    return made;
  }();
  return environment;
}

struct NumberType {
  ONNXTensorElementDataType onnx;
  size_t bytes;
};
/// By ValueType.
constexpr NumberType kNumberTypes[] = {{ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, 4},
                                       {ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, 8},
                                       {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, 4},
                                       {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, 8}};
const NumberType& NumberTypeOf(const Port& port) {
  return kNumberTypes[static_cast<size_t>(port.type)];
}

std::string NameOf(ONNXTensorElementDataType type) {
  // As the enumerators are numbered.
  constexpr std::string_view kNames[] = {"undefined", "float", "uint8",   "int8",
                                         "uint16",    "int16", "int32",   "int64",
                                         "string",    "bool",  "float16", "double"};
  const auto number = static_cast<size_t>(type);
  return number < std::size(kNames) ? std::string(kNames[number])
                                    : "the type " + std::to_string(number) + " of ONNX";
}

/// "[N, 3, ?]": -1 is an open dimension.
std::string ShapeText(std::span<const int64_t> shape) {
  std::string text;
  for (const int64_t size : shape) {
    text += (text.empty() ? "" : ", ") + (size < 0 ? "?" : std::to_string(size));
  }
  return "[" + text + "]";
}

/// An input or output as the model has it.
struct Tensor {
  std::string name;
  bool is_tensor = false;
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  std::vector<int64_t> shape;
};

enum class Side : uint8_t { kInput, kOutput };

std::string_view NameOf(Side side) { return side == Side::kInput ? "input" : "output"; }

std::vector<Tensor> TensorsOf(const OrtSession* session, Side side) {
  const bool in = side == Side::kInput;
  const OrtApi& ort = Ort();
  OrtAllocator* allocator = nullptr;
  Must(ort.GetAllocatorWithDefaultOptions(&allocator));
  size_t count = 0;
  Must((in ? ort.SessionGetInputCount : ort.SessionGetOutputCount)(session, &count));
  std::vector<Tensor> tensors(count);
  for (size_t i = 0; i < count; ++i) {
    Tensor& tensor = tensors[i];
    char* name = nullptr;
    Must((in ? ort.SessionGetInputName : ort.SessionGetOutputName)(session, i, allocator, &name));
    tensor.name = name;
    Must(ort.AllocatorFree(allocator, name));
    const auto type = Make<OwnedType>(
        in ? ort.SessionGetInputTypeInfo : ort.SessionGetOutputTypeInfo, session, i);
    ONNXType kind = ONNX_TYPE_UNKNOWN;
    Must(ort.GetOnnxTypeFromTypeInfo(type.get(), &kind));
    tensor.is_tensor = kind == ONNX_TYPE_TENSOR;
    if (!tensor.is_tensor) continue;
    const OrtTensorTypeAndShapeInfo* info = nullptr;  // A part of `type`.
    Must(ort.CastTypeInfoToTensorInfo(type.get(), &info));
    Must(ort.GetTensorElementType(info, &tensor.type));
    size_t dimensions = 0;
    Must(ort.GetDimensionsCount(info, &dimensions));
    tensor.shape.resize(dimensions);
    Must(ort.GetDimensions(info, tensor.shape.data(), dimensions));
  }
  return tensors;
}

}  // namespace

class Session {
 public:
  static Result<std::shared_ptr<const Session>> Load(const std::string& path,
                                                     const OnnxOptions& options,
                                                     const std::vector<Port>& inputs,
                                                     const std::vector<Port>& outputs) {
    auto session = std::make_shared<Session>();
    session->path_ = path;
    JOIST_RETURN_IF_ERROR(session->Open(options));
    JOIST_RETURN_IF_ERROR(session->SetInputs(inputs));
    JOIST_RETURN_IF_ERROR(session->SetOutputs(outputs));
    return std::shared_ptr<const Session>(std::move(session));
  }

  Status Run(size_t examples, std::span<const Values> parts, const Taker& take) const {
    for (size_t begin = 0; begin < examples;) {
      const size_t end = EndOfRun(begin, examples, parts);
      JOIST_RETURN_IF_ERROR(RunOnce(begin, end, parts, take));
      begin = end;
    }
    return OkStatus();
  }

 private:
  struct Input {
    Port port;        // With the model's name of it.
    size_t size = 1;  // The product of the sizes that are fixed, without the batch.
    size_t open = 0;  // The index of a dimension that is open; 0: none is.
    std::vector<int64_t> shape;
  };

  Status Open(const OnnxOptions& options) {
    if (options.intra_op_threads < 1 || options.intra_op_threads > 1024) {
      return InvalidArgument("intra_op_threads of an OnnxModelHandler is " +
                             std::to_string(options.intra_op_threads) + "; it takes 1 to 1024");
    }
    std::error_code error;
    const auto size = std::filesystem::file_size(path_, error);
    if (error) return FromErrno(error.value(), "cannot open the model " + path_);
    if (static_cast<int64_t>(size) > options.largest_file) {
      return InvalidArgument("the model " + path_ + " has " + std::to_string(size) +
                             " bytes; the limit is " + std::to_string(options.largest_file));
    }
    const OrtApi& ort = Ort();
    const auto settings = Make<OwnedOptions>(ort.CreateSessionOptions);
    Must(ort.SetIntraOpNumThreads(settings.get(), options.intra_op_threads));
    // Waiting threads would take the engine's processors.
    Must(ort.AddSessionConfigEntry(settings.get(), "session.intra_op.allow_spinning", "0"));
    // A plan of memory would be kept for each size of a batch.
    Must(ort.DisableMemPattern(settings.get()));
    OrtSession* session = nullptr;
    const OwnedStatus failure(
        ort.CreateSession(Environment(), path_.c_str(), settings.get(), &session));
    session_.reset(session);
    if (failure != nullptr) {
      if (ort.GetErrorCode(failure.get()) == ORT_INVALID_PROTOBUF) {
        return DataLoss("the model " + path_ + " is not an ONNX file");
      }
      return DataLoss("the model " + path_ + " cannot be loaded: " + Words(failure.get()));
    }
    memory_ = Make<OwnedMemory>(ort.CreateCpuMemoryInfo, OrtDeviceAllocator, OrtMemTypeDefault);
    return OkStatus();
  }

  Status Wrong(const std::string& what) const {
    return InvalidArgument("the model " + path_ + " " + what);
  }
  Status Wrong(Side side, const std::string& name, const std::string& what) const {
    return InvalidArgument("the " + std::string(NameOf(side)) + " \"" + name + "\" of the model " +
                           path_ + " " + what);
  }

  /// That of the model's tensors which the port is.
  Result<Tensor> Find(const std::vector<Tensor>& tensors, const Port& port, Side side) const {
    std::string names;
    for (const Tensor& tensor : tensors) {
      names += (names.empty() ? "\"" : ", \"") + tensor.name + "\"";
    }
    auto found = tensors.begin();
    if (port.name.empty()) {
      if (tensors.size() != 1) {
        return Wrong("has the " + std::string(NameOf(side)) + "s " + names + "; " +
                     (side == Side::kInput ? "its examples" : "its inferences") +
                     " must be rows with fields of these names");
      }
    } else {
      found = std::find_if(tensors.begin(), tensors.end(),
                           [&port](const Tensor& tensor) { return tensor.name == port.name; });
      if (found == tensors.end()) {
        return Wrong("has no " + std::string(NameOf(side)) + " \"" + port.name + "\", but " +
                     names);
      }
    }
    if (!found->is_tensor) {
      return Wrong(side, found->name,
                   "is not a tensor (convert a classifier of scikit-learn with zipmap=False)");
    }
    if (found->type != NumberTypeOf(port).onnx) {
      return Wrong(
          side, found->name,
          "is of " + NameOf(found->type) + "; the program has " + NameOf(NumberTypeOf(port).onnx));
    }
    return *found;
  }

  Status SetInputs(const std::vector<Port>& ports) {
    const std::vector<Tensor> tensors = TensorsOf(session_.get(), Side::kInput);
    for (const Port& port : ports) {
      JOIST_ASSIGN_OR_RETURN(Tensor tensor, Find(tensors, port, Side::kInput));
      const auto wrong = [&](const std::string& what) {
        return Wrong(Side::kInput, tensor.name,
                     "has the shape " + ShapeText(tensor.shape) + ", " + what);
      };
      if (tensor.shape.empty()) return wrong("without a dimension for the batch");
      if (tensor.shape[0] == 1) one_by_one_ = true;
      if (tensor.shape[0] >= 0 && tensor.shape[0] != 1) {
        return wrong("whose batch is fixed; export the model with an open first dimension");
      }
      Input input{.port = {tensor.name, port.type, port.scalar}, .shape = tensor.shape};
      for (size_t i = 1; i < input.shape.size(); ++i) {
        if (input.shape[i] < 0 && input.open != 0) {
          return wrong("in which more than one dimension is open beside the batch");
        }
        if (input.shape[i] < 0) {
          input.open = i;
        } else if (input.shape[i] == 0 ||
                   __builtin_mul_overflow(input.size, input.shape[i], &input.size)) {
          return wrong("which no example can have");
        }
      }
      inputs_.push_back(std::move(input));
    }
    for (const Tensor& tensor : tensors) {
      if (std::none_of(inputs_.begin(), inputs_.end(),
                       [&tensor](const Input& input) { return input.port.name == tensor.name; })) {
        return Wrong(Side::kInput, tensor.name, "has no field in the examples");
      }
    }
    for (const Input& input : inputs_) input_names_.push_back(input.port.name.c_str());
    return OkStatus();
  }

  Status SetOutputs(const std::vector<Port>& ports) {
    const std::vector<Tensor> tensors = TensorsOf(session_.get(), Side::kOutput);
    for (const Port& port : ports) {
      JOIST_ASSIGN_OR_RETURN(Tensor tensor, Find(tensors, port, Side::kOutput));
      outputs_.push_back({tensor.name, port.type, port.scalar});
    }
    for (const Port& output : outputs_) output_names_.push_back(output.name.c_str());
    return OkStatus();
  }

  /// The examples that have as many values as that at `begin`.
  size_t EndOfRun(size_t begin, size_t examples, std::span<const Values> parts) const {
    if (one_by_one_) return begin + 1;
    const size_t ports = inputs_.size();
    size_t end = begin + 1;
    while (end < examples &&
           std::equal(
               &parts[begin * ports], &parts[begin * ports] + ports, &parts[end * ports],
               [](const Values& a, const Values& b) { return a.size == b.size; })) {
      ++end;
    }
    return end;
  }

  Status RunOnce(size_t begin, size_t end, std::span<const Values> parts, const Taker& take) const {
    const OrtApi& ort = Ort();
    std::vector<std::vector<std::byte>> blocks(inputs_.size());  // What the inputs refer to.
    std::vector<OwnedValue> inputs;
    std::vector<OrtValue*> input_pointers;
    for (size_t p = 0; p < inputs_.size(); ++p) {
      const Input& input = inputs_[p];
      const size_t size = parts[begin * inputs_.size() + p].size;
      if (size == 0 || (input.open != 0 ? size % input.size != 0 : size != input.size)) {
        return InvalidArgument(
            "an example has " + std::to_string(size) + " values for the input \"" +
            input.port.name + "\" of the model " + path_ + ", which takes " +
            (input.open != 0 ? "a multiple of " : "") + std::to_string(input.size));
      }
      const NumberType& type = NumberTypeOf(input.port);
      std::vector<std::byte>& block = blocks[p];
      block.resize((end - begin) * size * type.bytes);
      for (size_t i = begin; i < end; ++i) {
        std::memcpy(&block[(i - begin) * size * type.bytes], parts[i * inputs_.size() + p].data,
                    size * type.bytes);
      }
      std::vector<int64_t> shape = input.shape;
      shape[0] = static_cast<int64_t>(end - begin);
      if (input.open != 0) shape[input.open] = static_cast<int64_t>(size / input.size);
      inputs.push_back(Make<OwnedValue>(ort.CreateTensorWithDataAsOrtValue, memory_.get(),
                                        block.data(), block.size(), shape.data(), shape.size(),
                                        type.onnx));
      input_pointers.push_back(inputs.back().get());
    }

    std::vector<OrtValue*> output_pointers(outputs_.size());
    const OwnedStatus failure(ort.Run(session_.get(), nullptr, input_names_.data(),
                                      input_pointers.data(), inputs_.size(), output_names_.data(),
                                      outputs_.size(), output_pointers.data()));
    const std::vector<OwnedValue> outputs(output_pointers.begin(), output_pointers.end());
    if (failure != nullptr) {
      return Internal("the model " + path_ + " failed: " + Words(failure.get()));
    }
    std::vector<Values> values;
    for (size_t p = 0; p < outputs_.size(); ++p) {
      JOIST_ASSIGN_OR_RETURN(Values each, OutputOf(outputs_[p], outputs[p].get(), end - begin));
      values.push_back(each);
    }
    take(begin, end, values);
    return OkStatus();
  }

  /// The first example's values, of so many examples'.
  Result<Values> OutputOf(const Port& port, OrtValue* value, size_t examples) const {
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    const int64_t* sizes = nullptr;
    size_t dimensions = 0;
    Must(Ort().GetTensorElementTypeAndShapeDataReference(value, &type, &sizes, &dimensions));
    JOIST_CHECK(type == NumberTypeOf(port).onnx);
    const std::span<const int64_t> shape(sizes, dimensions);
    if (!one_by_one_ && (shape.empty() || shape[0] != static_cast<int64_t>(examples))) {
      return Wrong(Side::kOutput, port.name,
                   "has the shape " + ShapeText(shape) + " for " + std::to_string(examples) +
                       " examples; its first dimension must be the batch");
    }
    size_t count = 1;
    for (const int64_t size : shape) count *= static_cast<size_t>(size);
    count /= examples;
    if (port.scalar && count != 1) {
      return Wrong(Side::kOutput, port.name,
                   "has " + std::to_string(count) +
                       " values for an example; the program takes one, not a vector");
    }
    void* data = nullptr;
    Must(Ort().GetTensorMutableData(value, &data));
    return Values{data, count};
  }

  std::string path_;
  OwnedSession session_;
  OwnedMemory memory_;
  std::vector<Input> inputs_;
  std::vector<Port> outputs_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
  bool one_by_one_ = false;  // The model's batch is fixed to 1.
};

Result<std::shared_ptr<const Session>> Load(const std::string& path, const OnnxOptions& options,
                                            const std::vector<Port>& inputs,
                                            const std::vector<Port>& outputs) {
  return Session::Load(path, options, inputs, outputs);
}

Status Run(const Session& session, size_t examples, std::span<const Values> parts,
           const Taker& take) {
  return session.Run(examples, parts, take);
}

}  // namespace joist::onnx_internal
