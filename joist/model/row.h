// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows: the schema and the row coder of what is declared with JOIST_ROW (joist/model/fields.h),
// byte for byte as Beam's. Stateless; pure functions. Included by joist/model/coder.h.
//
// | type of a field                        | type in the schema |
// |----------------------------------------|-------------------------------------------------------|
// | bool                                   | BOOLEAN | | int8, int16, int32, int64              |
// BYTE, INT16, INT32, INT64                             | | uint8 and char, uint16, uint32 | INT16,
// INT32, INT64                                   | | uint64                                 | a
// logical type over INT64                             | | enums                                  |
// INT32 or INT64; STRING if declared with JOIST_ENUM    | | float, double | FLOAT, DOUBLE | |
// std::string; Bytes, vectors of bytes   | STRING; BYTES                                         |
// | Timestamp, Duration                    | millis_instant, nanos_duration | | std::optional |
// nullable                                              | | std::vector, sets; maps | ARRAY; MAP |
// | rows, KV, std::pair, std::tuple        | ROW | | LogicalType                            | its
// logical type                                      |

#ifndef JOIST_MODEL_ROW_H_
#define JOIST_MODEL_ROW_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/model/coder.h"
#include "joist/model/fields.h"
#include "joist/model/schema.h"

namespace joist {

/// How a type stands in a row: Type(), Put, Take, kDeterministic.
template <class T>
struct FieldCoder;

template <class T>
concept HasFieldCoder = requires(const T& value, T* to, std::string* out, ByteReader* in) {
  FieldCoder<T>::Put(value, out);
  { FieldCoder<T>::Take(in, to) } -> std::same_as<bool>;
  { FieldCoder<T>::Type() } -> std::same_as<FieldType>;
};

/// The schema of a type declared with JOIST_ROW.
template <IsRow T>
const Schema& SchemaOf();

namespace row_internal {

template <class T>
struct OptionalOf {
  static constexpr bool kIs = false;
  using Value = T;
};
template <class T>
struct OptionalOf<std::optional<T>> {
  static constexpr bool kIs = true;
  using Value = T;
};

template <class T>
inline constexpr bool kHasFieldCoder = HasFieldCoder<T>;

template <class T>
struct RequireFieldCoder {
  static_assert(kHasFieldCoder<T>,
                "Joist has no schema type for a field of this row; declare the field's type with "
                "JOIST_ROW or specialise joist::LogicalType for it");
  static constexpr bool kDeterministic = [] {
    if constexpr (HasFieldCoder<T>) return FieldCoder<T>::kDeterministic;
    return false;
  }();
};

template <class T>
bool IsNull(const T& field) {
  if constexpr (OptionalOf<T>::kIs) return !field.has_value();
  return false;
}

// A row's fields: their number, a bit for each that is null, then each that is not.
template <class... Fields>
void PutRow(std::string* out, const Fields&... fields) {
  PutVarint(sizeof...(Fields), out);
  uint8_t nulls[sizeof...(Fields) / 8 + 1] = {};
  bool any_null = false;
  if constexpr ((OptionalOf<Fields>::kIs || ...)) {
    size_t i = 0;
    const auto note = [&nulls, &any_null, &i](bool null) {
      if (null) {
        nulls[i / 8] = static_cast<uint8_t>(nulls[i / 8] | 1 << (i % 8));
        any_null = true;
      }
      ++i;
    };
    (note(IsNull(fields)), ...);
  }
  constexpr size_t kNullBytes = (sizeof...(Fields) + 7) / 8;
  PutBytes({reinterpret_cast<const char*>(nulls), any_null ? kNullBytes : 0}, out, true);
  [[maybe_unused]] const auto put = [out]<class F>(const F& field) {
    if constexpr (OptionalOf<F>::kIs) {
      if (field.has_value()) FieldCoder<typename OptionalOf<F>::Value>::Put(*field, out);
    } else if constexpr (kHasFieldCoder<F>) {
      FieldCoder<F>::Put(field, out);
    }
  };
  (put(fields), ...);
}

// Where a row that was written has fewer fields than this program's, those that are missing are
// null, as far as they can be.
template <class... Fields>
bool TakeRow(ByteReader* in, Fields&... fields) {
  uint64_t count;
  std::string_view nulls;
  if (!in->TakeVarint(&count) || !in->TakeBytes(&nulls, true)) return false;
  if (count > sizeof...(Fields)) return in->Fail("a row has more fields than its schema");
  uint64_t i = 0;
  [[maybe_unused]] const auto take = [in, &i, count, nulls]<class F>(F& field) {
    const uint64_t index = i++;
    const bool present =
        index < count && !(index / 8 < nulls.size() && (nulls[index / 8] >> (index % 8) & 1) != 0);
    if constexpr (OptionalOf<F>::kIs) {
      if (present) return FieldCoder<typename OptionalOf<F>::Value>::Take(in, &field.emplace());
      field.reset();
      return true;
    } else if constexpr (kHasFieldCoder<F>) {
      if (present) return FieldCoder<F>::Take(in, &field);
      return in->Fail("a row has null in a field that cannot be null");
    } else {
      return false;
    }
  };
  return (take(fields) && ...);
}

template <class F>
FieldType TypeOf() {
  if constexpr (HasFieldCoder<F>) return FieldCoder<F>::Type();
  return {};
}

void AddField(std::string_view name, FieldType type, Schema* schema);

// INT16 and the like: the smallest type of the schema that holds all of T.
template <class T>
constexpr AtomicType IntegerType() {
  constexpr size_t kBits =
      sizeof(T) * 8 + (std::is_signed_v<T> && !std::is_same_v<T, char> ? 0 : 1);
  return kBits <= 8    ? AtomicType::kByte
         : kBits <= 16 ? AtomicType::kInt16
         : kBits <= 32 ? AtomicType::kInt32
                       : AtomicType::kInt64;
}

}  // namespace row_internal

template <>
struct FieldCoder<bool> {
  static constexpr bool kDeterministic = true;
  static FieldType Type() { return FieldType::Atomic(AtomicType::kBoolean); }
  static void Put(bool value, std::string* out) { Coder<bool>::Encode(value, out, true); }
  static bool Take(ByteReader* in, bool* value) { return Coder<bool>::Decode(in, value, true); }
};

template <Integer T>
struct FieldCoder<T> {
  static constexpr bool kDeterministic = true;
  static constexpr AtomicType kType = row_internal::IntegerType<T>();
  static FieldType Type() {
    const FieldType type = FieldType::Atomic(kType);
    return sizeof(T) == 8 && std::is_unsigned_v<T> ? FieldType::Logical(kUint64Type, type) : type;
  }
  static void Put(T value, std::string* out) {
    const uint64_t word = IntegerToWord(value);
    if constexpr (kType == AtomicType::kByte) {
      PutByte(static_cast<uint8_t>(word), out);
    } else if constexpr (kType == AtomicType::kInt16) {
      PutBigEndian16(static_cast<uint16_t>(word), out);
    } else if constexpr (kType == AtomicType::kInt32) {
      PutVarint(static_cast<uint32_t>(word), out);
    } else {
      PutVarint(word, out);
    }
  }
  static bool Take(ByteReader* in, T* value) {
    int64_t number;
    if constexpr (kType == AtomicType::kByte) {
      uint8_t byte;
      if (!in->TakeByte(&byte)) return false;
      number = static_cast<int8_t>(byte);
    } else if constexpr (kType == AtomicType::kInt16) {
      uint16_t word;
      if (!in->TakeBigEndian16(&word)) return false;
      number = static_cast<int16_t>(word);
    } else {
      uint64_t word;
      if (!in->TakeVarint(&word)) return false;
      if constexpr (kType == AtomicType::kInt32) {
        if (word > UINT32_MAX) return in->Fail("a number exceeds INT32");
        number = static_cast<int32_t>(word);
      } else {
        number = static_cast<int64_t>(word);
      }
    }
    *value = static_cast<T>(number);
    return IntegerToWord(*value) == static_cast<uint64_t>(number) ||
           in->Fail("a number exceeds its type");
  }
};

template <class T>
  requires std::is_enum_v<T>
struct FieldCoder<T> {
  using Number = typename Coder<T>::Number;
  static constexpr bool kDeterministic = true;
  static FieldType Type() {
    if constexpr (IsNamedEnum<T>) return FieldType::Atomic(AtomicType::kString);
    return FieldCoder<Number>::Type();
  }
  static void Put(T value, std::string* out) {
    if constexpr (IsNamedEnum<T>) {
      PutBytes(EnumText(value), out, true);
    } else {
      FieldCoder<Number>::Put(static_cast<Number>(value), out);
    }
  }
  static bool Take(ByteReader* in, T* value) {
    if constexpr (IsNamedEnum<T>) {
      std::string_view text;
      if (!in->TakeBytes(&text, true)) return false;
      return EnumFromText(text, value) || in->Fail("a text is not the name of an enumerator");
    } else {
      Number number;
      if (!FieldCoder<Number>::Take(in, &number)) return false;
      *value = static_cast<T>(number);
      return true;
    }
  }
};

namespace row_internal {
// What stands in a row exactly as it stands nested in anything else.
template <class T, AtomicType kType>
struct NestedField {
  static constexpr bool kDeterministic = true;
  static FieldType Type() { return FieldType::Atomic(kType); }
  static void Put(const T& value, std::string* out) { Coder<T>::Encode(value, out, true); }
  static bool Take(ByteReader* in, T* value) { return Coder<T>::Decode(in, value, true); }
};
}  // namespace row_internal

template <>
struct FieldCoder<float> : row_internal::NestedField<float, AtomicType::kFloat> {};
template <>
struct FieldCoder<double> : row_internal::NestedField<double, AtomicType::kDouble> {};
template <>
struct FieldCoder<std::string> : row_internal::NestedField<std::string, AtomicType::kString> {};
template <>
struct FieldCoder<Bytes> : row_internal::NestedField<Bytes, AtomicType::kBytes> {};
template <RawByte T>
struct FieldCoder<std::vector<T>> : row_internal::NestedField<std::vector<T>, AtomicType::kBytes> {
};

template <>
struct FieldCoder<Timestamp> {
  static constexpr bool kDeterministic = true;
  static FieldType Type() {
    return FieldType::Logical(kMillisInstantType, FieldType::Atomic(AtomicType::kInt64));
  }
  static void Put(Timestamp value, std::string* out) { PutInstant(value.millis, out); }
  static bool Take(ByteReader* in, Timestamp* value) { return in->TakeInstant(&value->millis); }
};

template <>
struct FieldCoder<Duration> {
  static constexpr bool kDeterministic = true;
  static FieldType Type();
  static void Put(Duration value, std::string* out) {
    row_internal::PutRow(out, value.millis / 1000,
                         static_cast<int32_t>(value.millis % 1000 * 1'000'000));
  }
  static bool Take(ByteReader* in, Duration* value) {
    int64_t seconds;
    int32_t nanos;
    if (!row_internal::TakeRow(in, seconds, nanos)) return false;
    *value = Duration::Seconds(seconds) + Duration::Millis(nanos / 1'000'000);
    return true;
  }
};

namespace row_internal {
// An element of an array or a map, which has a byte of its own to tell whether it is null.
template <class T>
struct ElementCoder {
  using Value = typename OptionalOf<T>::Value;
  static FieldType Type() {
    return OptionalOf<T>::kIs ? FieldCoder<Value>::Type().Nullable() : FieldCoder<Value>::Type();
  }
  static void Put(const T& value, std::string* out) {
    if constexpr (OptionalOf<T>::kIs) {
      PutByte(value.has_value() ? 1 : 0, out);
      if (value.has_value()) FieldCoder<Value>::Put(*value, out);
    } else {
      FieldCoder<Value>::Put(value, out);
    }
  }
  static bool Take(ByteReader* in, T* value) {
    if constexpr (OptionalOf<T>::kIs) {
      bool present;
      if (!Coder<bool>::Decode(in, &present, true)) return false;
      if (present) return FieldCoder<Value>::Take(in, &value->emplace());
      value->reset();
      return true;
    } else {
      return FieldCoder<Value>::Take(in, value);
    }
  }
};
template <class T>
concept IsElement = HasFieldCoder<typename OptionalOf<T>::Value>;
}  // namespace row_internal

template <class T>
  requires(row_internal::IsElement<T> && !RawByte<T>)
struct FieldCoder<std::vector<T>> {
  using Element = row_internal::ElementCoder<T>;
  static constexpr bool kDeterministic = FieldCoder<typename Element::Value>::kDeterministic;
  static FieldType Type() { return FieldType::Array(Element::Type()); }
  static void Put(const std::vector<T>& value, std::string* out) {
    coder_internal::PutSequenceSize(value.size(), out);
    for (const auto& element : value) Element::Put(element, out);
  }
  static bool Take(ByteReader* in, std::vector<T>* value) {
    int64_t size;
    if (!coder_internal::TakeSequenceSize(in, &size)) return false;
    value->clear();
    if (size > 0) value->reserve(in->ReserveHint(static_cast<uint64_t>(size)));
    return coder_internal::TakeSequence(in, size, [in, value] {
      T element{};
      if (!Element::Take(in, &element)) return false;
      value->push_back(std::move(element));
      return true;
    });
  }
};

template <SetLike T>
  requires row_internal::IsElement<typename T::key_type>
struct FieldCoder<T> {
  using Element = row_internal::ElementCoder<typename T::key_type>;
  static constexpr bool kDeterministic =
      OrderedByKey<T> && FieldCoder<typename Element::Value>::kDeterministic;
  static FieldType Type() { return FieldType::Array(Element::Type()); }
  static void Put(const T& value, std::string* out) {
    coder_internal::PutSequenceSize(value.size(), out);
    for (const auto& element : value) Element::Put(element, out);
  }
  static bool Take(ByteReader* in, T* value) {
    int64_t size;
    if (!coder_internal::TakeSequenceSize(in, &size)) return false;
    value->clear();
    return coder_internal::TakeSequence(in, size, [in, value] {
      typename T::key_type element{};
      if (!Element::Take(in, &element)) return false;
      value->insert(std::move(element));
      return true;
    });
  }
};

template <MapLike T>
  requires row_internal::IsElement<typename T::key_type> &&
           row_internal::IsElement<typename T::mapped_type>
struct FieldCoder<T> {
  using Key = row_internal::ElementCoder<typename T::key_type>;
  using Mapped = row_internal::ElementCoder<typename T::mapped_type>;
  static constexpr bool kDeterministic = OrderedByKey<T> &&
                                         FieldCoder<typename Key::Value>::kDeterministic &&
                                         FieldCoder<typename Mapped::Value>::kDeterministic;
  static FieldType Type() { return FieldType::Map(Key::Type(), Mapped::Type()); }
  static void Put(const T& value, std::string* out) {
    coder_internal::PutSequenceSize(value.size(), out);
    for (const auto& [key, mapped] : value) {
      Key::Put(key, out);
      Mapped::Put(mapped, out);
    }
  }
  static bool Take(ByteReader* in, T* value) {
    int64_t size;
    if (!coder_internal::TakeSequenceSize(in, &size)) return false;
    value->clear();
    return coder_internal::TakeSequence(in, size, [in, value] {
      typename T::key_type key{};
      typename T::mapped_type mapped{};
      if (!Key::Take(in, &key) || !Mapped::Take(in, &mapped)) return false;
      value->insert_or_assign(std::move(key), std::move(mapped));
      return true;
    });
  }
};

namespace row_internal {
// KV, pair and tuple as rows without a name.
template <class A, class B>
struct PairField {
  static constexpr bool kDeterministic =
      RequireFieldCoder<typename OptionalOf<A>::Value>::kDeterministic &&
      RequireFieldCoder<typename OptionalOf<B>::Value>::kDeterministic;
  static FieldType Type() {
    Schema schema;
    AddField("key", ElementCoder<A>::Type(), &schema);
    AddField("value", ElementCoder<B>::Type(), &schema);
    return FieldType::Row(std::move(schema));
  }
};
}  // namespace row_internal

template <row_internal::IsElement A, row_internal::IsElement B>
struct FieldCoder<KV<A, B>> : row_internal::PairField<A, B> {
  static void Put(const KV<A, B>& value, std::string* out) {
    row_internal::PutRow(out, value.key, value.value);
  }
  static bool Take(ByteReader* in, KV<A, B>* value) {
    return row_internal::TakeRow(in, value->key, value->value);
  }
};

template <row_internal::IsElement A, row_internal::IsElement B>
struct FieldCoder<std::pair<A, B>> : row_internal::PairField<A, B> {
  static void Put(const std::pair<A, B>& value, std::string* out) {
    row_internal::PutRow(out, value.first, value.second);
  }
  static bool Take(ByteReader* in, std::pair<A, B>* value) {
    return row_internal::TakeRow(in, value->first, value->second);
  }
};

template <row_internal::IsElement... Ts>
struct FieldCoder<std::tuple<Ts...>> {
  static constexpr bool kDeterministic =
      (FieldCoder<typename row_internal::OptionalOf<Ts>::Value>::kDeterministic && ...);
  static FieldType Type() {
    Schema schema;
    (row_internal::AddField("f" + std::to_string(schema.fields.size()),
                            row_internal::ElementCoder<Ts>::Type(), &schema),
     ...);
    return FieldType::Row(std::move(schema));
  }
  static void Put(const std::tuple<Ts...>& value, std::string* out) {
    std::apply([out](const Ts&... parts) { row_internal::PutRow(out, parts...); }, value);
  }
  static bool Take(ByteReader* in, std::tuple<Ts...>* value) {
    return std::apply([in](Ts&... parts) { return row_internal::TakeRow(in, parts...); }, *value);
  }
};

template <IsLogical T>
  requires HasFieldCoder<typename LogicalType<T>::Representation>
struct FieldCoder<T> {
  using Representation = typename LogicalType<T>::Representation;
  static constexpr bool kDeterministic = FieldCoder<Representation>::kDeterministic;
  static FieldType Type() {
    return FieldType::Logical(LogicalType<T>::kUrn, FieldCoder<Representation>::Type());
  }
  static void Put(const T& value, std::string* out) {
    FieldCoder<Representation>::Put(LogicalType<T>::ToRepresentation(value), out);
  }
  static bool Take(ByteReader* in, T* value) {
    Representation representation;
    if (!FieldCoder<Representation>::Take(in, &representation)) return false;
    return LogicalType<T>::FromRepresentation(representation, value) ||
           in->Fail("a value is not one of its logical type");
  }
};

template <IsRow T>
struct Coder<T> {
  static constexpr bool kDeterministic = RowTraits<T>::AllTypes([]<class F>() {
    return row_internal::RequireFieldCoder<
        typename row_internal::OptionalOf<F>::Value>::kDeterministic;
  });
  static CoderSpec Spec() {
    CoderSpec spec = MakeCoderSpec(kRowCoder);
    spec.payload = SchemaOf<T>().Serialize();
    return spec;
  }
  static void Encode(const T& value, std::string* out, bool) {
    RowTraits<T>::Apply(value,
                        [out](const auto&... fields) { row_internal::PutRow(out, fields...); });
  }
  static bool Decode(ByteReader* in, T* value, bool) {
    return RowTraits<T>::Apply(
        *value, [in](auto&... fields) { return row_internal::TakeRow(in, fields...); });
  }
};

template <IsRow T>
struct FieldCoder<T> {
  static constexpr bool kDeterministic = Coder<T>::kDeterministic;
  static FieldType Type() { return FieldType::Row(SchemaOf<T>()); }
  static void Put(const T& value, std::string* out) { Coder<T>::Encode(value, out, true); }
  static bool Take(ByteReader* in, T* value) { return Coder<T>::Decode(in, value, true); }
};

template <IsRow T>
const Schema& SchemaOf() {
  static const Schema schema = [] {
    Schema made;
    size_t i = 0;
    RowTraits<T>::AllTypes([&made, &i]<class F>() {
      using Optional = row_internal::OptionalOf<F>;
      FieldType type = row_internal::TypeOf<typename Optional::Value>();
      type.nullable = Optional::kIs;
      row_internal::AddField(RowTraits<T>::FieldName(i++), std::move(type), &made);
      return true;
    });
    made.id = made.StableId();
    return made;
  }();
  return schema;
}

}  // namespace joist

#endif  // JOIST_MODEL_ROW_H_
