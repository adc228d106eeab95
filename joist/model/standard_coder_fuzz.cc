// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Any bytes by any coder: the first bytes of the input make a spec, the others are decoded by it.
// Nothing may crash or allocate without measure, and what was decoded must be encoded to bytes that
// mean the same.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/model/standard_coder.h"
#include "joist/model/wire.h"

namespace joist {
namespace {

// Makes specs, all of which are valid but for their payloads, from bytes.
class SpecMaker {
 public:
  explicit SpecMaker(std::string_view bytes) : in_(bytes) {}

  uint8_t Next() {
    uint8_t byte = 0;
    return in_.remaining() > 0 && in_.TakeByte(&byte) ? byte : 0;
  }

  CoderSpec Spec(int depth) {
    static constexpr std::string_view kLeaves[] = {
        kBytesCoder,        kBoolCoder,           kStringCoder, kVarintCoder, kDoubleCoder,
        kGlobalWindowCoder, kIntervalWindowCoder, kFloatCoder,  kVoidCoder,   kTimestampCoder,
        kPaneCoder};
    static constexpr std::string_view kOne[] = {kIterableCoder,     kStateBackedIterableCoder,
                                                kLengthPrefixCoder, kNullableCoder,
                                                kShardedKeyCoder,   kCustomWindowCoder};
    static constexpr std::string_view kTwo[] = {kKvCoder, kTimerCoder, kWindowedValueCoder,
                                                kParamWindowedValueCoder};
    const uint8_t choice = Next();
    const uint8_t which = Next();
    if (depth == 0 || choice % 8 < 2) return MakeCoderSpec(kLeaves[which % 11]);
    if (choice % 8 < 4) return MakeCoderSpec(kOne[which % 6], {Spec(depth - 1)});
    if (choice % 8 < 6) {
      CoderSpec first = Spec(depth - 1);
      CoderSpec spec = MakeCoderSpec(kTwo[which % 4], {std::move(first), Spec(depth - 1)});
      if (spec.urn == kParamWindowedValueCoder) spec.payload = Some(which / 4);
      return spec;
    }
    if (choice % 8 == 6) {
      CoderSpec spec = MakeCoderSpec(kTupleCoder);
      for (int i = which % 4; i > 0; --i) spec.components.push_back(Spec(depth - 1));
      return spec;
    }
    CoderSpec spec = MakeCoderSpec(kRowCoder);
    spec.payload = which % 16 == 0 ? Some(which) : MakeSchema(depth - 1).Serialize();
    return spec;
  }

  std::string_view rest() const { return in_.rest(); }

 private:
  std::string Some(size_t size) {
    std::string_view bytes;
    return in_.Take(size < in_.remaining() ? size : in_.remaining(), &bytes) ? std::string(bytes)
                                                                             : std::string();
  }

  Schema MakeSchema(int depth) {
    Schema schema;
    const int count = Next() % 12;
    for (int i = 0; i < count; ++i) {
      Field field;
      field.name = "f" + std::to_string(i);
      field.type = Type(depth);
      field.encoding_position = count - 1 - i;
      schema.fields.push_back(field);
    }
    schema.encoding_positions_set = Next() % 4 == 0;
    return schema;
  }

  FieldType Type(int depth) {
    const uint8_t choice = Next();
    FieldType type = FieldType::Atomic(static_cast<AtomicType>(1 + choice / 16 % 9));
    if (depth > 0) {
      switch (choice % 16) {
        case 0: type = FieldType::Array(Type(depth - 1)); break;
        case 1: type = FieldType::Iterable(Type(depth - 1)); break;
        case 2: {
          FieldType key = Type(depth - 1);
          type = FieldType::Map(std::move(key), Type(depth - 1));
          break;
        }
        case 3: type = FieldType::Row(MakeSchema(depth - 1)); break;
        case 4: type = FieldType::Logical("test:logical:v1", Type(depth - 1)); break;
        case 5: type = FieldType::Logical(kMillisInstantType, type); break;
        case 6: type = FieldType::Logical(kDecimalType, type); break;
        case 7:
        case 8:
          type = FieldType::Logical(choice % 2 == 0 ? kFixedCharType : kVarBytesType, Type(0));
          type.logical_argument = std::string("\x0a\x02\x18", 3) + static_cast<char>(choice / 16);
          break;
        default: break;
      }
    }
    type.nullable = Next() % 3 == 0;
    return type;
  }

  ByteReader in_;
};

void RunOne(std::string_view input) {
  SpecMaker maker(input);
  const bool nested = maker.Next() % 2 == 0;
  const Result<StandardCoder> coder = StandardCoder::Make(maker.Spec(4));
  if (!coder.ok()) return;
  const std::string_view bytes = maker.rest();
  const StandardCoder::StateReader state = [bytes](std::string_view token) -> Result<std::string> {
    return std::string(bytes.substr(0, token.size()));
  };
  const Result<Value> value = coder->DecodeFromString(bytes, nested, state);
  if (!value.ok()) {
    JOIST_CHECK(!value.status().message().empty());
    return;
  }
  JOIST_CHECK(!value->ToString().empty());
  const Result<std::string> again = coder->EncodeToString(*value, nested);
  JOIST_CHECK(again.ok());
  const Result<Value> back = coder->DecodeFromString(*again, nested);
  // What takes no bytes in its normal form may have too many parts for them.
  if (!back.ok()) {
    JOIST_CHECK(back.status().message().find("more parts than its bytes") != std::string::npos);
    return;
  }
  JOIST_CHECK(coder->EncodeToString(*back, nested).value() == *again);
}

}  // namespace
}  // namespace joist

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  joist::RunOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
