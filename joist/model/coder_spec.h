// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CoderSpec: which coder, as a value that can be compared, printed and sent: a URN, the coders that
// it is made of, and a payload. It mirrors Beam's Coder message without being one.

#ifndef JOIST_MODEL_CODER_SPEC_H_
#define JOIST_MODEL_CODER_SPEC_H_

#include <string>
#include <string_view>
#include <vector>

namespace joist {

// Beam's standard coders.
inline constexpr std::string_view kBytesCoder = "beam:coder:bytes:v1";
inline constexpr std::string_view kBoolCoder = "beam:coder:bool:v1";
inline constexpr std::string_view kStringCoder = "beam:coder:string_utf8:v1";
inline constexpr std::string_view kKvCoder = "beam:coder:kv:v1";
inline constexpr std::string_view kVarintCoder = "beam:coder:varint:v1";
inline constexpr std::string_view kDoubleCoder = "beam:coder:double:v1";
inline constexpr std::string_view kIntervalWindowCoder = "beam:coder:interval_window:v1";
inline constexpr std::string_view kGlobalWindowCoder = "beam:coder:global_window:v1";
inline constexpr std::string_view kCustomWindowCoder = "beam:coder:custom_window:v1";
inline constexpr std::string_view kIterableCoder = "beam:coder:iterable:v1";
inline constexpr std::string_view kStateBackedIterableCoder = "beam:coder:state_backed_iterable:v1";
inline constexpr std::string_view kTimerCoder = "beam:coder:timer:v1";
inline constexpr std::string_view kLengthPrefixCoder = "beam:coder:length_prefix:v1";
inline constexpr std::string_view kWindowedValueCoder = "beam:coder:windowed_value:v1";
inline constexpr std::string_view kParamWindowedValueCoder = "beam:coder:param_windowed_value:v1";
inline constexpr std::string_view kShardedKeyCoder = "beam:coder:sharded_key:v1";
inline constexpr std::string_view kNullableCoder = "beam:coder:nullable:v1";
inline constexpr std::string_view kRowCoder = "beam:coder:row:v1";
// Python's, for tuples: the parts one after the other, nested but for the last.
inline constexpr std::string_view kTupleCoder = "beam:coder:tuple:v1";
// Joist's own, for what Beam has no standard for. Others see them as opaque bytes.
inline constexpr std::string_view kFloatCoder = "joist:coder:float:v1";
inline constexpr std::string_view kTimestampCoder = "joist:coder:timestamp:v1";
inline constexpr std::string_view kPaneCoder = "joist:coder:pane:v1";
inline constexpr std::string_view kVoidCoder = "joist:coder:void:v1";

struct CoderSpec {
  std::string urn;
  std::vector<CoderSpec> components;
  std::string payload;

  /// "kv<string_utf8, varint>"; Beam's coders without their prefix and version.
  std::string ToString() const;

  friend bool operator==(const CoderSpec& a, const CoderSpec& b);
};

/// A spec of `urn` and `components`.
CoderSpec MakeCoderSpec(std::string_view urn, std::vector<CoderSpec> components = {});

}  // namespace joist

#endif  // JOIST_MODEL_CODER_SPEC_H_
