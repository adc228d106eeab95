// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// EncodeRow: a row in protocol buffers' wire format, as DescriptorOf(ColumnsOf<T>()) describes it
// (https://protobuf.dev/programming-guides/encoding/). Pure templates; no allocation but that of
// the output.

#ifndef JOIST_IO_BIGQUERY_ENCODE_ROW_H_
#define JOIST_IO_BIGQUERY_ENCODE_ROW_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "joist/io/bigquery/columns.h"
#include "joist/model/wire.h"

namespace joist::bigquery {

template <IsRow T>
void EncodeRow(const T& row, std::string* out);

namespace encode_internal {

enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kLength = 2 };

inline void PutTag(uint32_t number, WireType type, std::string* out) {
  PutVarint(uint64_t{number} << 3 | type, out);
}
inline void PutText(uint32_t number, std::string_view text, std::string* out) {
  PutTag(number, kLength, out);
  PutVarint(text.size(), out);
  out->append(text);
}

template <class T>
void PutField(uint32_t number, const T& value, std::string* out) {
  if constexpr (std::is_same_v<T, std::string>) {
    PutText(number, value, out);
  } else if constexpr (std::is_same_v<T, Bytes>) {
    PutText(number, value.data, out);
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    PutTag(number, kVarint, out);
    PutVarint(static_cast<uint64_t>(value.millis) * 1000, out);
  } else if constexpr (std::is_integral_v<T>) {
    PutTag(number, kVarint, out);
    PutVarint(static_cast<uint64_t>(static_cast<int64_t>(value)), out);
  } else if constexpr (std::is_floating_point_v<T>) {
    PutTag(number, kFixed64, out);
    const double wide = value;
    char bytes[sizeof wide];
    std::memcpy(bytes, &wide, sizeof wide);
    out->append(bytes, sizeof wide);
  } else {
    // The length goes before what it is of: most records need one byte.
    PutTag(number, kLength, out);
    const size_t at = out->size();
    out->push_back('\0');
    EncodeRow(value, out);
    const size_t size = out->size() - at - 1;
    if (size < 0x80) {
      (*out)[at] = static_cast<char>(size);
    } else {
      std::string length;
      PutVarint(size, &length);
      out->replace(at, 1, length);
    }
  }
}
template <class T>
void PutField(uint32_t number, const std::optional<T>& value, std::string* out) {
  if (value.has_value()) PutField(number, *value, out);
}
template <class T>
void PutField(uint32_t number, const std::vector<T>& values, std::string* out) {
  for (const T& value : values) PutField(number, value, out);
}

}  // namespace encode_internal

template <IsRow T>
void EncodeRow(const T& row, std::string* out) {
  uint32_t number = 0;
  RowTraits<T>::ForEachField(
      row, [&](const auto& field) { encode_internal::PutField(++number, field, out); });
}

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_ENCODE_ROW_H_
