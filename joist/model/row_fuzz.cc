// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a row, a key and a windowed thing of C++ types, and any text as a row's JSON. What
// can be read must come back the same; what was encoded by the type must be understood by the
// schema.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "joist/model/describe.h"
#include "joist/model/json.h"
#include "joist/model/key_traits.h"
#include "joist/model/standard_coder.h"

namespace joist {
namespace {

enum class Color : uint8_t { kRed, kBlue };
JOIST_ENUM(Color, kRed, kBlue)

struct Inner {
  std::optional<int32_t> number;
  std::vector<std::optional<std::string>> texts;
};
JOIST_ROW(Inner, number, texts)

struct Outer {
  bool flag = false;
  int8_t byte = 0;
  int16_t int16 = 0;
  uint32_t uint32 = 0;
  uint64_t uint64 = 0;
  float ratio = 0;
  std::string text;
  Bytes bytes;
  Timestamp when;
  Duration span;
  std::map<std::string, Inner> map;
  std::set<int64_t> set;
  std::optional<Inner> maybe;
  KV<std::string, std::optional<double>> kv;
  Color color = Color::kRed;
  std::vector<bool> flags;
};
JOIST_ROW(Outer, flag, byte, int16, uint32, uint64, ratio, text, bytes, when, span, map, set, maybe,
          kv, color, flags)

template <class T>
void Check(std::string_view bytes) {
  const Result<T> value = DecodeFromString<T>(bytes);
  if (!value.ok()) return;
  JOIST_CHECK(!ToDescription(*value).empty());
  const std::string again = EncodeToString(*value);
  const Result<T> back = DecodeFromString<T>(again);
  JOIST_CHECK(back.ok());
  JOIST_CHECK(EncodeToString(*back) == again);
  if constexpr (IsKey<T>) {
    JOIST_CHECK(EqualKeys(*value, *back));
    JOIST_CHECK(HashKey(*value) == HashKey(*back));
  }
  const Result<StandardCoder> coder = StandardCoder::Make(Coder<T>::Spec());
  JOIST_CHECK(coder.ok());
  const Result<Value> dynamic = coder->DecodeFromString(again);
  JOIST_CHECK(dynamic.ok());
  JOIST_CHECK(coder->EncodeToString(*dynamic).value() == again);
  if constexpr (IsRow<T>) JOIST_CHECK(ToJson(*value).ok());
}

void CheckJson(std::string_view text) {
  const Result<Outer> row = FromJson<Outer>(text);
  if (!row.ok()) return;
  const std::string json = ToJson(*row).value();
  JOIST_CHECK(ToJson(FromJson<Outer>(json).value()).value() == json);
}

void RunOne(std::string_view input) {
  if (input.empty()) return;
  const std::string_view rest = input.substr(1);
  switch (input[0] % 6) {
    case 0: return Check<Outer>(rest);
    case 1: return Check<Inner>(rest);
    case 2:
      return Check<KV<std::string, std::vector<std::tuple<int32_t, double, std::string>>>>(rest);
    case 3: return Check<std::tuple<Window, PaneInfo, std::optional<Timestamp>, Void, Bytes>>(rest);
    case 4: return Check<std::vector<std::map<uint8_t, std::optional<Color>>>>(rest);
    default: return CheckJson(rest);
  }
}

}  // namespace
}  // namespace joist

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  joist::RunOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
