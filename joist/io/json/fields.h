// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How each type of a row's field is taken from JSON and put into it. The mapping is that of
// joist/model/json.h. Pure templates over Cursor; no allocation but what the fields need, and a row
// that is taken again and again keeps the memory of its texts and lists.

#ifndef JOIST_IO_JSON_FIELDS_H_
#define JOIST_IO_JSON_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/io/json/cursor.h"
#include "joist/model/coder.h"
#include "joist/model/fields.h"
#include "joist/model/row.h"

namespace joist::json {

template <class T>
bool Take(Cursor& in, T* value);
template <class T>
void Put(const T& value, std::string* out);

namespace fields_internal {

template <class T>
inline constexpr bool kIsOptional = row_internal::OptionalOf<T>::kIs;

/// The parts of what is an object in JSON: their names and how to get at them.
template <class T>
struct Parts {
  static constexpr bool kExist = false;
};
template <auto kMember, class T>
struct Part {
  using Type = std::remove_reference_t<decltype(std::declval<T&>().*kMember)>;
  static Type& Of(T& row) { return row.*kMember; }
};
template <size_t kIndex, class T>
struct TuplePart {
  using Type = std::tuple_element_t<kIndex, T>;
  static Type& Of(T& row) { return std::get<kIndex>(row); }
};

template <class T, class P>
constexpr FieldEntry EntryOf(std::string_view name) {
  using F = typename P::Type;
  constexpr auto kTake =
      +[](Cursor& in, void* row) { return Take<F>(in, &P::Of(*static_cast<T*>(row))); };
  if constexpr (kIsOptional<F>) {
    return MakeFieldEntry(name, kTake, +[](void* row) { P::Of(*static_cast<T*>(row)).reset(); });
  } else {
    return MakeFieldEntry(name, kTake, nullptr);
  }
}

/// The table that TakeRow works by, and `f(name, part)` for each part.
template <class T, class... P>
struct PartList {
  static constexpr bool kExist = true;
  static constexpr size_t kCount = sizeof...(P);

  template <class Names>
  static constexpr auto Table(const Names& names) {
    struct {
      FieldEntry fields[kCount + 1];
    } table = {};
    size_t i = 0;
    ((table.fields[i] = EntryOf<T, P>(names[i]), ++i), ...);
    return table;
  }
  template <class Names, class F>
  static void ForEach(const T& row, const Names& names, F f) {
    size_t i = 0;
    (f(names[i++], P::Of(const_cast<T&>(row))), ...);
  }
};

template <class T, class List>
struct RowParts;
template <class T, auto... kMembers>
struct RowParts<T, FieldList<T, kMembers...>> : PartList<T, Part<kMembers, T>...> {};
template <IsRow T>
struct Parts<T> : RowParts<T, joist::fields_internal::ListOf<T>> {
  static constexpr auto kList = JoistFields(static_cast<const T*>(nullptr));
  static constexpr auto& kNames = kList.names;
};
inline constexpr std::string_view kPairNames[] = {"key", "value"};
template <class A, class B>
struct Parts<KV<A, B>>
    : PartList<KV<A, B>, Part<&KV<A, B>::key, KV<A, B>>, Part<&KV<A, B>::value, KV<A, B>>> {
  static constexpr auto& kNames = kPairNames;
};
template <class A, class B>
struct Parts<std::pair<A, B>>
    : PartList<std::pair<A, B>, Part<&std::pair<A, B>::first, std::pair<A, B>>,
               Part<&std::pair<A, B>::second, std::pair<A, B>>> {
  static constexpr auto& kNames = kPairNames;
};
inline constexpr std::string_view kTupleNames[] = {"f0",  "f1",  "f2",  "f3", "f4",  "f5",
                                                   "f6",  "f7",  "f8",  "f9", "f10", "f11",
                                                   "f12", "f13", "f14", "f15"};
template <class T, class Indices>
struct TupleParts;
template <class T, size_t... kIndices>
struct TupleParts<T, std::index_sequence<kIndices...>> : PartList<T, TuplePart<kIndices, T>...> {};
template <class... Ts>
struct Parts<std::tuple<Ts...>> : TupleParts<std::tuple<Ts...>, std::index_sequence_for<Ts...>> {
  static_assert(sizeof...(Ts) <= std::size(kTupleNames),
                "Joist: JSON takes tuples of up to 16 parts; declare a row.");
  static constexpr auto& kNames = kTupleNames;
};

/// Maps with keys that are texts in the schema are objects; others are arrays of {key, value}.
template <class K>
inline constexpr bool kIsTextKey = std::is_same_v<K, std::string> || IsNamedEnum<K>;

template <class T>
bool TakeParts(Cursor& in, T* value) {
  static constexpr auto kTable = Parts<T>::Table(Parts<T>::kNames);
  return in.TakeRow({kTable.fields, Parts<T>::kCount}, value);
}

template <class T>
void PutParts(const T& value, std::string* out) {
  const char* separator = "{\"";
  Parts<T>::ForEach(value, Parts<T>::kNames, [&](std::string_view name, const auto& part) {
    out->append(separator).append(name).append("\":");
    Put(part, out);
    separator = ",\"";
  });
  out->append(Parts<T>::kCount == 0 ? "{}" : "}");
}

template <class T>
bool TakeEnum(Cursor& in, T* value) {
  std::string_view text;
  return in.TakeText(&text) &&
         (EnumFromText(text, value) || in.Refuse("the name of an enumerator"));
}

template <class T>
bool TakeMap(Cursor& in, T* value) {
  using K = typename T::key_type;
  using V = typename T::mapped_type;
  value->clear();
  if constexpr (kIsTextKey<K>) {
    return in.TakeObject([&](const std::string& text) {
      K key{};
      if constexpr (IsNamedEnum<K>) {
        if (!EnumFromText(text, &key)) return in.Refuse("the name of an enumerator");
      } else {
        key = text;
      }
      V mapped{};
      if (!Take(in, &mapped)) return false;
      value->insert_or_assign(std::move(key), std::move(mapped));
      return true;
    });
  } else {
    return in.TakeArray([&] {
      KV<K, V> entry{};
      if (!TakeParts(in, &entry)) return false;
      value->insert_or_assign(std::move(entry.key), std::move(entry.value));
      return true;
    });
  }
}

template <class T>
void PutMap(const T& value, std::string* out) {
  const bool text_keys = kIsTextKey<typename T::key_type>;
  *out += text_keys ? '{' : '[';
  bool first = true;
  for (const auto& [key, mapped] : value) {
    if (!first) *out += ',';
    first = false;
    if constexpr (text_keys) {
      Put(key, out);
      *out += ':';
      Put(mapped, out);
    } else {
      out->append("{\"key\":");
      Put(key, out);
      out->append(",\"value\":");
      Put(mapped, out);
      *out += '}';
    }
  }
  *out += text_keys ? '}' : ']';
}

/// One element after the other into a vector whose elements are kept where they are.
template <class T>
bool TakeList(Cursor& in, std::vector<T>* value) {
  if constexpr (std::is_same_v<T, bool>) {
    value->clear();
    return in.TakeArray([&] {
      bool element = false;
      if (!in.TakeBool(&element)) return false;
      value->push_back(element);
      return true;
    });
  } else {
    size_t size = 0;
    const bool taken = in.TakeArray([&] {
      if (size == value->size()) value->emplace_back();
      return Take(in, &(*value)[size++]);
    });
    value->resize(size);
    return taken;
  }
}

}  // namespace fields_internal

template <class T>
bool Take(Cursor& in, T* value) {
  if constexpr (fields_internal::kIsOptional<T>) {
    if (in.TakeNull()) {
      value->reset();
      return true;
    }
    if (!value->has_value()) value->emplace();
    return Take(in, &**value);
  } else if constexpr (std::is_same_v<T, bool>) {
    return in.TakeBool(value);
  } else if constexpr (std::is_same_v<T, char>) {
    int64_t number;
    if (!in.TakeInteger(0, 255, &number)) return false;
    *value = static_cast<char>(number);
    return true;
  } else if constexpr (std::is_same_v<T, int64_t>) {
    return in.TakeInteger(INT64_MIN, INT64_MAX, value);
  } else if constexpr (Integer<T>) {
    if constexpr (sizeof(T) == 8 && std::is_unsigned_v<T>) {
      uint64_t number;
      if (!in.TakeUint64(&number)) return false;
      *value = static_cast<T>(number);
    } else {
      int64_t number;
      if (!in.TakeInteger(static_cast<int64_t>(std::numeric_limits<T>::min()),
                          static_cast<int64_t>(std::numeric_limits<T>::max()), &number)) {
        return false;
      }
      *value = static_cast<T>(number);
    }
    return true;
  } else if constexpr (IsNamedEnum<T>) {
    return fields_internal::TakeEnum(in, value);
  } else if constexpr (std::is_enum_v<T>) {
    typename Coder<T>::Number number;
    if (!Take(in, &number)) return false;
    *value = static_cast<T>(number);
    return true;
  } else if constexpr (std::is_same_v<T, float>) {
    return in.TakeFloat(value);
  } else if constexpr (std::is_same_v<T, double>) {
    return in.TakeDouble(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return in.TakeText(value);
  } else if constexpr (std::is_same_v<T, Bytes>) {
    return in.TakeBytes(&value->data);
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    return in.TakeTimestamp(value);
  } else if constexpr (std::is_same_v<T, Duration>) {
    KV<int64_t, int32_t> parts{};
    static constexpr std::string_view kNames[] = {"seconds", "nanos"};
    static constexpr auto kTable = fields_internal::Parts<KV<int64_t, int32_t>>::Table(kNames);
    if (!in.TakeRow({kTable.fields, 2}, &parts)) return false;
    *value = Duration::Seconds(parts.key) + Duration::Millis(parts.value / 1'000'000);
    return true;
  } else if constexpr (requires {
                         typename T::value_type;
                         requires RawByte<typename T::value_type>;
                         requires std::is_same_v<T, std::vector<typename T::value_type>>;
                       }) {
    std::string bytes;
    if (!in.TakeBytes(&bytes)) return false;
    const auto* data = reinterpret_cast<const typename T::value_type*>(bytes.data());
    value->assign(data, data + bytes.size());
    return true;
  } else if constexpr (IsLogical<T>) {
    typename LogicalType<T>::Representation representation{};
    if (!Take(in, &representation)) return false;
    return LogicalType<T>::FromRepresentation(representation, value) ||
           in.Refuse("of its logical type");
  } else if constexpr (fields_internal::Parts<T>::kExist) {
    return fields_internal::TakeParts(in, value);
  } else if constexpr (MapLike<T>) {
    return fields_internal::TakeMap(in, value);
  } else if constexpr (SetLike<T>) {
    value->clear();
    return in.TakeArray([&] {
      typename T::key_type element{};
      if (!Take(in, &element)) return false;
      value->insert(std::move(element));
      return true;
    });
  } else if constexpr (HasFieldCoder<T>) {
    return fields_internal::TakeList(in, value);
  } else {
    return false;  // The row's coder says that there is no such field.
  }
}

template <class T>
void Put(const T& value, std::string* out) {
  if constexpr (fields_internal::kIsOptional<T>) {
    if (value.has_value()) {
      Put(*value, out);
    } else {
      out->append("null");
    }
  } else if constexpr (std::is_same_v<T, bool>) {
    out->append(value ? "true" : "false");
  } else if constexpr (Integer<T>) {
    if constexpr (sizeof(T) == 8 && std::is_unsigned_v<T>) {
      PutUint64(value, out);
    } else {
      PutInteger(static_cast<int64_t>(IntegerToWord(value)), out);
    }
  } else if constexpr (IsNamedEnum<T>) {
    PutText(EnumText(value), out);
  } else if constexpr (std::is_enum_v<T>) {
    Put(static_cast<typename Coder<T>::Number>(value), out);
  } else if constexpr (std::is_same_v<T, float>) {
    PutFloat(value, out);
  } else if constexpr (std::is_same_v<T, double>) {
    PutDouble(value, out);
  } else if constexpr (std::is_same_v<T, std::string>) {
    PutText(value, out);
  } else if constexpr (std::is_same_v<T, Bytes>) {
    PutBytes(value.view(), out);
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    out->append("\"").append(value.ToString()).append("\"");
  } else if constexpr (std::is_same_v<T, Duration>) {
    out->append("{\"seconds\":");
    PutInteger(value.millis / 1000, out);
    out->append(",\"nanos\":");
    PutInteger(value.millis % 1000 * 1'000'000, out);
    *out += '}';
  } else if constexpr (requires {
                         typename T::value_type;
                         requires RawByte<typename T::value_type>;
                         requires std::is_same_v<T, std::vector<typename T::value_type>>;
                       }) {
    PutBytes({reinterpret_cast<const char*>(value.data()), value.size()}, out);
  } else if constexpr (IsLogical<T>) {
    Put(LogicalType<T>::ToRepresentation(value), out);
  } else if constexpr (fields_internal::Parts<T>::kExist) {
    fields_internal::PutParts(value, out);
  } else if constexpr (MapLike<T>) {
    fields_internal::PutMap(value, out);
  } else if constexpr (HasFieldCoder<T>) {
    *out += '[';
    bool first = true;
    for (const auto& element : value) {
      if (!first) *out += ',';
      first = false;
      if constexpr (std::is_same_v<T, std::vector<bool>>) {
        Put<bool>(element, out);
      } else {
        Put(element, out);
      }
    }
    *out += ']';
  }
}

}  // namespace joist::json

#endif  // JOIST_IO_JSON_FIELDS_H_
