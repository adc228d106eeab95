// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How fields of rows are encoded as Avro, by the schema that field_shape.h makes of their type.
// Pure functions.

#ifndef JOIST_IO_AVRO_ENCODE_H_
#define JOIST_IO_AVRO_ENCODE_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "joist/io/avro/field_shape.h"
#include "joist/model/coder.h"
#include "joist/model/fields.h"
#include "joist/model/row.h"

namespace joist::avro {

/// A zigzag varint.
inline void PutLong(int64_t value, std::string* out) {
  auto word = static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
  char bytes[10];
  size_t size = 0;
  for (; word >= 0x80; word >>= 7) bytes[size++] = static_cast<char>(word | 0x80);
  bytes[size++] = static_cast<char>(word);
  out->append(bytes, size);
}

/// A string or bytes.
inline void PutText(std::string_view text, std::string* out) {
  PutLong(static_cast<int64_t>(text.size()), out);
  out->append(text);
}

/// A decimal(20, 0).
inline void PutUnsigned(uint64_t value, std::string* out) {
  char bytes[9] = {};  // The first byte is the sign.
  for (int i = 8; i > 0; --i, value >>= 8) bytes[i] = static_cast<char>(value);
  PutText({bytes, sizeof(bytes)}, out);
}

template <class T>
void Put(const T& value, std::string* out) {
  using Parts = field_shape_internal::Parts<T>;
  if constexpr (row_internal::OptionalOf<T>::kIs) {
    *out += value.has_value() ? '\2' : '\0';  // The branches 1 and 0.
    if (value.has_value()) Put(*value, out);
  } else if constexpr (std::is_same_v<T, bool>) {
    *out += value ? '\1' : '\0';
  } else if constexpr (IsNamedEnum<T>) {
    PutText(EnumText(value), out);
  } else if constexpr (std::is_enum_v<T> && !std::is_same_v<T, std::byte>) {
    Put(static_cast<typename Coder<T>::Number>(value), out);
  } else if constexpr (Integer<T>) {
    if constexpr (sizeof(T) == 8 && std::is_unsigned_v<T>) {
      PutUnsigned(value, out);
    } else {
      PutLong(static_cast<int64_t>(IntegerToWord(value)), out);
    }
  } else if constexpr (std::is_floating_point_v<T>) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out->append(bytes, sizeof(T));
  } else if constexpr (std::is_same_v<T, std::string>) {
    PutText(value, out);
  } else if constexpr (std::is_same_v<T, Bytes>) {
    PutText(value.view(), out);
  } else if constexpr (std::is_same_v<T, Timestamp> || std::is_same_v<T, Duration>) {
    PutLong(value.millis, out);
  } else if constexpr (field_shape_internal::IsByteVector<T>) {
    PutText({reinterpret_cast<const char*>(value.data()), value.size()}, out);
  } else if constexpr (IsLogical<T>) {
    Put(LogicalType<T>::ToRepresentation(value), out);
  } else if constexpr (Parts::kExist) {
    Parts::ForEach(value, [out](const auto& field) { Put(field, out); });
  } else if constexpr (HasFieldCoder<T>) {
    if (!value.empty()) PutLong(static_cast<int64_t>(value.size()), out);
    if constexpr (MapLike<T>) {
      for (const auto& [key, mapped] : value) {
        Put(key, out);
        Put(mapped, out);
      }
    } else {
      for (const auto& element : value) {
        if constexpr (std::is_same_v<T, std::vector<bool>>) {
          Put<bool>(element, out);
        } else {
          Put(element, out);
        }
      }
    }
    *out += '\0';
  }
}

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_ENCODE_H_
