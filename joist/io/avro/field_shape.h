// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FieldShape: what a type of a row's field is in memory, and how to fill it, without its type: so
// that Avro's schemas are resolved against rows, and rows are decoded, by code that is compiled
// once. ShapeOf<T>() makes it, once a type; immutable afterwards.

#ifndef JOIST_IO_AVRO_FIELD_SHAPE_H_
#define JOIST_IO_AVRO_FIELD_SHAPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/model/coder.h"
#include "joist/model/fields.h"
#include "joist/model/row.h"
#include "joist/model/type_name.h"

namespace joist::avro {

struct FieldShape;

/// A field of a row, or of what is a row in the schema.
struct FieldPart {
  std::string name;
  size_t offset = 0;  ///< In bytes, from the row.
  const FieldShape* shape = nullptr;
};

/// Fills a value that somebody else has made; false ends all.
class ValueFiller {
 public:
  virtual bool Fill(void* value) = 0;

 protected:
  ~ValueFiller() = default;
};

struct FieldShape {
  enum class Kind : uint8_t {
    kNone,  ///< Of a type that rows don't take; the row's coder says so.
    kBool,
    kInteger,
    kFloat,
    kDouble,
    kText,        ///< std::string.
    kBytes,       ///< Bytes, which is a std::string in memory.
    kByteVector,  ///< A vector of bytes.
    kTimestamp,
    kDuration,
    kEnum,        ///< Declared with JOIST_ENUM; others are kInteger.
    kOptional,    ///< Of `part`.
    kList,        ///< A vector of `part`.
    kCollection,  ///< Something that elements (`part`) are added to.
    kMap,         ///< The same; `part` is a row of key and value.
    kRow,
    kLogical,  ///< Made from a `part`.
  };
  enum class Added : uint8_t { kYes, kUnfilled, kRefused };

  Kind kind = Kind::kNone;
  bool is_signed = false;  ///< Of an integer.
  size_t size = 0;         ///< sizeof.
  std::string type;        ///< As in C++, for messages.
  std::string row_name;    ///< Of a row.
  std::vector<FieldPart> fields;
  const FieldShape* part = nullptr;

  bool (*enum_from_text)(std::string_view text, void* value) = nullptr;
  /// Of an optional: makes sure that it has a value, keeping an old one's memory; its address.
  void* (*emplace)(void* optional) = nullptr;
  void (*reset)(void* optional) = nullptr;
  /// Of kList and kByteVector: changes the size; the address of the first element.
  void* (*resize)(void* list, size_t size) = nullptr;
  void (*clear)(void* collection) = nullptr;
  /// Adds an element, or sets a kLogical; kRefused where the value isn't one of the logical type.
  Added (*add)(void* collection, ValueFiller& filler) = nullptr;
};

/// The Avro schema, as JSON, of files that rows of this shape are written to.
std::string SchemaTextOf(const FieldShape& row);

template <class T>
const FieldShape& ShapeOf();

namespace field_shape_internal {

using Kind = FieldShape::Kind;

/// An element of a map while it is being made.
template <class K, class V>
struct MapEntry {
  K key{};
  V value{};
};

template <class T>
concept IsByteVector = requires {
  typename T::value_type;
  requires RawByte<typename T::value_type>;
  requires std::is_same_v<T, std::vector<typename T::value_type>>;
};

/// Whether maps with such keys are maps in Avro, too.
template <class K>
inline constexpr bool kIsTextKey = std::is_same_v<K, std::string> || IsNamedEnum<K>;

template <class F>
void AddPart(std::string_view name, const void* row, const F& field, FieldShape* shape) {
  shape->kind = Kind::kRow;
  shape->fields.push_back(
      {std::string(name),
       static_cast<size_t>(reinterpret_cast<const char*>(&field) - static_cast<const char*>(row)),
       &ShapeOf<F>()});
}

// What is a row in the schema.
template <class T>
struct Parts {
  static constexpr bool kExist = IsRow<T>;
  static void Add(FieldShape* shape) {
    const T probe{};
    shape->kind = Kind::kRow;
    shape->row_name = RowTraits<T>::TypeName();
    size_t i = 0;
    RowTraits<T>::ForEachField(probe, [&](const auto& field) {
      AddPart(RowTraits<T>::FieldName(i++), &probe, field, shape);
    });
  }
  template <class F>
  static void ForEach(const T& row, F f) {
    RowTraits<T>::ForEachField(row, f);
  }
};
template <class T>
struct KeyAndValue {
  static constexpr bool kExist = true;
  static void Add(FieldShape* shape) {
    const T probe{};
    shape->row_name = "Entry";
    size_t i = 0;
    Parts<T>::ForEach(probe, [&](const auto& field) {
      AddPart(i++ == 0 ? "key" : "value", &probe, field, shape);
    });
  }
};
template <class K, class V>
struct Parts<KV<K, V>> : KeyAndValue<KV<K, V>> {
  template <class F>
  static void ForEach(const KV<K, V>& kv, F f) {
    f(kv.key), f(kv.value);
  }
};
template <class K, class V>
struct Parts<MapEntry<K, V>> : KeyAndValue<MapEntry<K, V>> {
  template <class F>
  static void ForEach(const MapEntry<K, V>& entry, F f) {
    f(entry.key), f(entry.value);
  }
};
template <class K, class V>
struct Parts<std::pair<K, V>> : KeyAndValue<std::pair<K, V>> {
  template <class F>
  static void ForEach(const std::pair<K, V>& pair, F f) {
    f(pair.first), f(pair.second);
  }
};
template <class... Ts>
struct Parts<std::tuple<Ts...>> {
  static constexpr bool kExist = true;
  static void Add(FieldShape* shape) {
    const std::tuple<Ts...> probe{};
    shape->row_name = "Tuple";
    ForEach(probe, [&](const auto& field) {
      AddPart("f" + std::to_string(shape->fields.size()), &probe, field, shape);
    });
    shape->kind = Kind::kRow;
  }
  template <class F>
  static void ForEach(const std::tuple<Ts...>& tuple, F f) {
    std::apply([&](const auto&... fields) { (f(fields), ...); }, tuple);
  }
};

template <class Element, class T, class Insert>
FieldShape::Added Add(void* collection, ValueFiller& filler, Insert insert) {
  Element element{};
  if (!filler.Fill(&element)) return FieldShape::Added::kUnfilled;
  return insert(*static_cast<T*>(collection), std::move(element)) ? FieldShape::Added::kYes
                                                                  : FieldShape::Added::kRefused;
}

template <class T>
constexpr auto kClear = +[](void* collection) { static_cast<T*>(collection)->clear(); };
template <class T>
constexpr auto kResize = +[](void* list, size_t size) -> void* {
  auto& vector = *static_cast<T*>(list);
  vector.resize(size);
  return vector.data();
};

template <class T>
void Fill(FieldShape* shape) {
  if constexpr (row_internal::OptionalOf<T>::kIs) {
    shape->kind = Kind::kOptional;
    shape->part = &ShapeOf<typename row_internal::OptionalOf<T>::Value>();
    shape->emplace = [](void* field) -> void* {
      auto& optional = *static_cast<T*>(field);
      if (!optional.has_value()) optional.emplace();
      return &*optional;
    };
    shape->reset = [](void* field) { static_cast<T*>(field)->reset(); };
  } else if constexpr (std::is_same_v<T, bool>) {
    shape->kind = Kind::kBool;
  } else if constexpr (IsNamedEnum<T>) {
    shape->kind = Kind::kEnum;
    shape->enum_from_text = [](std::string_view text, void* value) {
      return EnumFromText(text, static_cast<T*>(value));
    };
  } else if constexpr (std::is_enum_v<T> && !std::is_same_v<T, std::byte>) {
    shape->kind = Kind::kInteger;
    shape->is_signed = std::is_signed_v<std::underlying_type_t<T>>;
  } else if constexpr (Integer<T>) {
    // A char is a number from 0 to 255, as in Joist's schemas.
    shape->kind = Kind::kInteger;
    shape->is_signed = std::is_signed_v<T> && !std::is_same_v<T, char>;
  } else if constexpr (std::is_same_v<T, float>) {
    shape->kind = Kind::kFloat;
  } else if constexpr (std::is_same_v<T, double>) {
    shape->kind = Kind::kDouble;
  } else if constexpr (std::is_same_v<T, std::string>) {
    shape->kind = Kind::kText;
  } else if constexpr (std::is_same_v<T, Bytes>) {
    static_assert(sizeof(Bytes) == sizeof(std::string));
    shape->kind = Kind::kBytes;
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    shape->kind = Kind::kTimestamp;
  } else if constexpr (std::is_same_v<T, Duration>) {
    shape->kind = Kind::kDuration;
  } else if constexpr (IsByteVector<T>) {
    shape->kind = Kind::kByteVector;
    shape->resize = kResize<T>;
  } else if constexpr (IsLogical<T>) {
    using R = typename LogicalType<T>::Representation;
    shape->kind = Kind::kLogical;
    shape->part = &ShapeOf<R>();
    shape->add = [](void* value, ValueFiller& filler) {
      return Add<R, T>(value, filler, [](T& logical, R&& representation) {
        return LogicalType<T>::FromRepresentation(representation, &logical);
      });
    };
  } else if constexpr (Parts<T>::kExist) {
    Parts<T>::Add(shape);
  } else if constexpr (MapLike<T>) {
    using Entry = MapEntry<typename T::key_type, typename T::mapped_type>;
    shape->kind = Kind::kMap;
    shape->part = &ShapeOf<Entry>();
    shape->clear = kClear<T>;
    shape->add = [](void* map, ValueFiller& filler) {
      return Add<Entry, T>(map, filler, [](T& to, Entry&& entry) {
        to.insert_or_assign(std::move(entry.key), std::move(entry.value));
        return true;
      });
    };
  } else if constexpr (SetLike<T>) {
    using Element = typename T::key_type;
    shape->kind = Kind::kCollection;
    shape->part = &ShapeOf<Element>();
    shape->clear = kClear<T>;
    shape->add = [](void* set, ValueFiller& filler) {
      return Add<Element, T>(set, filler, [](T& to, Element&& element) {
        to.insert(std::move(element));
        return true;
      });
    };
  } else if constexpr (HasFieldCoder<T> && std::is_same_v<T, std::vector<bool>>) {
    shape->kind = Kind::kCollection;
    shape->part = &ShapeOf<bool>();
    shape->clear = kClear<T>;
    shape->add = [](void* list, ValueFiller& filler) {
      return Add<bool, T>(list, filler, [](T& to, bool element) {
        to.push_back(element);
        return true;
      });
    };
  } else if constexpr (HasFieldCoder<T>) {
    shape->kind = Kind::kList;
    shape->part = &ShapeOf<typename T::value_type>();
    shape->resize = kResize<T>;
  }
}

}  // namespace field_shape_internal

template <class T>
const FieldShape& ShapeOf() {
  static const FieldShape shape = [] {
    FieldShape made;
    made.size = sizeof(T);
    made.type = TypeName<T>();
    field_shape_internal::Fill<T>(&made);
    return made;
  }();
  return shape;
}

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_FIELD_SHAPE_H_
