// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How the fields of rows are taken from columns and put into them, for each type that a row may
// have (joist/model/row.h). Pure templates; a column after the other, so that what is decided about
// a column is decided once for a thousand rows.

#ifndef JOIST_IO_PARQUET_FIELDS_H_
#define JOIST_IO_PARQUET_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/io/parquet/column_builder.h"
#include "joist/io/parquet/column_data.h"
#include "joist/io/parquet/row_group_reader.h"
#include "joist/model/coder.h"
#include "joist/model/fields.h"
#include "joist/model/row.h"

namespace joist::parquet {

/// Sets `*field` to value `i` of the column; false and the fault where it cannot hold it.
template <class T>
bool Take(const ColumnData& column, size_t i, T* field, Fault* fault);
/// Appends a field to its column.
template <class T>
void Put(const T& field, ColumnBuilder* column);

namespace fields_internal {

template <class T>
inline constexpr bool kIsOptional = row_internal::OptionalOf<T>::kIs;

template <class T>
concept IsByteVector = requires {
  typename T::value_type;
  requires RawByte<typename T::value_type>;
  requires std::is_same_v<T, std::vector<typename T::value_type>>;
};

/// Calls f(part…) with references to the parts of what is a row in the schema.
template <class T, class F>
constexpr decltype(auto) WithParts(T& value, F f) {
  using V = std::remove_const_t<T>;
  if constexpr (IsRow<V>) {
    return RowTraits<V>::Apply(value, f);
  } else if constexpr (requires { value.key; }) {
    return f(value.key, value.value);
  } else {
    return std::apply(f, value);
  }
}
template <class T>
inline constexpr bool kHasParts = IsRow<T>;
template <class A, class B>
inline constexpr bool kHasParts<KV<A, B>> = true;
template <class A, class B>
inline constexpr bool kHasParts<std::pair<A, B>> = true;
template <class... Ts>
inline constexpr bool kHasParts<std::tuple<Ts...>> = true;

inline bool Refuse(const ColumnData& column, std::string_view reason, Fault* fault) {
  *fault = {&column, reason};
  return false;
}

/// The number that stands in the columns for an integer type.
template <class T>
using ColumnNumber = std::conditional_t<
    sizeof(T) == 8 && std::is_unsigned_v<T>, uint64_t,
    std::conditional_t<
        FieldCoder<T>::kType == AtomicType::kByte, int8_t,
        std::conditional_t<
            FieldCoder<T>::kType == AtomicType::kInt16, int16_t,
            std::conditional_t<FieldCoder<T>::kType == AtomicType::kInt32, int32_t, int64_t>>>>;

template <class T>
bool TakeInteger(const ColumnData& column, size_t i, T* field, Fault* fault) {
  const auto number = column.As<ColumnNumber<T>>()[i];
  *field = static_cast<T>(number);
  if constexpr (sizeof(T) == sizeof(number) &&
                std::is_signed_v<T> == std::is_signed_v<decltype(number)>) {
    return true;
  } else {
    return IntegerToWord(*field) == IntegerToWord(number) ||
           Refuse(column, "has a number that the row's field cannot hold", fault);
  }
}

template <class T>
bool TakeEnum(const ColumnData& column, size_t i, T* field, Fault* fault) {
  if constexpr (IsNamedEnum<T>) {
    return EnumFromText(column.As<std::string_view>()[i], field) ||
           Refuse(column, "has a text that is not the name of an enumerator", fault);
  } else {
    typename Coder<T>::Number number{};
    if (!TakeInteger(column, i, &number, fault)) return false;
    *field = static_cast<T>(number);
    return true;
  }
}

template <class T>
bool TakeParts(const ColumnData& column, size_t i, T* value, Fault* fault) {
  return WithParts(*value, [&](auto&... parts) {
    size_t part = 0;
    return (Take(column.parts[part++], i, &parts, fault) && ...);
  });
}

template <class T>
bool TakeList(const ColumnData& column, size_t i, std::vector<T>* list, Fault* fault) {
  const auto begin = static_cast<size_t>(column.offsets[i]);
  const auto size = static_cast<size_t>(column.offsets[i + 1]) - begin;
  list->resize(size);
  for (size_t j = 0; j < size; ++j) {
    if constexpr (std::is_same_v<T, bool>) {
      bool element = false;
      if (!Take(column.parts[0], begin + j, &element, fault)) return false;
      (*list)[j] = element;
    } else {
      if (!Take(column.parts[0], begin + j, &(*list)[j], fault)) return false;
    }
  }
  return true;
}

template <class T>
bool TakeSet(const ColumnData& column, size_t i, T* set, Fault* fault) {
  set->clear();
  const auto end = static_cast<size_t>(column.offsets[i + 1]);
  for (auto j = static_cast<size_t>(column.offsets[i]); j < end; ++j) {
    typename T::key_type element{};
    if (!Take(column.parts[0], j, &element, fault)) return false;
    set->insert(std::move(element));
  }
  return true;
}

template <class T>
bool TakeMap(const ColumnData& column, size_t i, T* map, Fault* fault) {
  map->clear();
  const auto end = static_cast<size_t>(column.offsets[i + 1]);
  for (auto j = static_cast<size_t>(column.offsets[i]); j < end; ++j) {
    typename T::key_type key{};
    typename T::mapped_type mapped{};
    if (!Take(column.parts[0], j, &key, fault) || !Take(column.parts[1], j, &mapped, fault)) {
      return false;
    }
    map->insert_or_assign(std::move(key), std::move(mapped));
  }
  return true;
}

/// Value `i`, which is there, as a T that isn't optional.
template <class T>
bool TakePresent(const ColumnData& column, size_t i, T* field, Fault* fault) {
  if constexpr (std::is_same_v<T, bool>) {
    *field = column.As<uint8_t>()[i] != 0;
    return true;
  } else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    *field = column.As<T>()[i];
    return true;
  } else if constexpr (std::is_enum_v<T> && !std::is_same_v<T, std::byte>) {
    return TakeEnum(column, i, field, fault);
  } else if constexpr (Integer<T>) {
    return TakeInteger(column, i, field, fault);
  } else if constexpr (std::is_same_v<T, std::string>) {
    field->assign(column.As<std::string_view>()[i]);
    return true;
  } else if constexpr (std::is_same_v<T, Bytes>) {
    field->data.assign(column.As<std::string_view>()[i]);
    return true;
  } else if constexpr (std::is_same_v<T, Timestamp> || std::is_same_v<T, Duration>) {
    field->millis = column.As<int64_t>()[i];
    return true;
  } else if constexpr (IsByteVector<T>) {
    const std::string_view bytes = column.As<std::string_view>()[i];
    const auto* data = reinterpret_cast<const typename T::value_type*>(bytes.data());
    field->assign(data, data + bytes.size());
    return true;
  } else if constexpr (IsLogical<T>) {
    typename LogicalType<T>::Representation representation{};
    if (!Take(column, i, &representation, fault)) return false;
    return LogicalType<T>::FromRepresentation(representation, field) ||
           Refuse(column, "has a value that is not one of its logical type", fault);
  } else if constexpr (kHasParts<T>) {
    return TakeParts(column, i, field, fault);
  } else if constexpr (MapLike<T>) {
    return TakeMap(column, i, field, fault);
  } else if constexpr (SetLike<T>) {
    return TakeSet(column, i, field, fault);
  } else if constexpr (HasFieldCoder<T>) {
    return TakeList(column, i, field, fault);
  } else {
    return false;  // The row's coder says that there is no such field.
  }
}

/// The fields of the slice's rows that a column has, from `kStride` bytes to the next.
template <class Row, auto kMember>
bool TakeColumn(const ColumnData& column, const RowGroupReader::Slice& slice, Row* rows,
                Fault* fault) {
  using F = std::remove_reference_t<decltype(std::declval<Row&>().*kMember)>;
  if constexpr (!kIsOptional<F>) {
    if (!column.may_be_null()) {
      if (slice.selected == nullptr) {
        for (size_t i = 0; i < slice.rows; ++i) {
          if (!TakePresent(column, slice.first + i, &(rows[i].*kMember), fault)) return false;
        }
      } else {
        for (size_t i = 0; i < slice.rows; ++i) {
          if (!TakePresent(column, slice.selected[i], &(rows[i].*kMember), fault)) return false;
        }
      }
      return true;
    }
  }
  for (size_t i = 0; i < slice.rows; ++i) {
    if (!Take(column, slice.PositionOf(i), &(rows[i].*kMember), fault)) return false;
  }
  return true;
}

template <class T, class List>
struct RowColumns;
template <class T, auto... kMembers>
struct RowColumns<T, FieldList<T, kMembers...>> {
  static bool Take(const RowGroupReader::Slice& slice, [[maybe_unused]] T* rows,
                   [[maybe_unused]] Fault* fault) {
    size_t column = 0;
    return (TakeColumn<T, kMembers>(slice.columns[column++], slice, rows, fault) && ...);
  }
};

template <class T>
void PutParts(const T& value, ColumnBuilder* column) {
  WithParts(value, [column](const auto&... parts) {
    size_t part = 0;
    (Put(parts, &column->parts[part++]), ...);
  });
}

}  // namespace fields_internal

template <class T>
bool Take(const ColumnData& column, size_t i, T* field, Fault* fault) {
  if constexpr (fields_internal::kIsOptional<T>) {
    if (!column.Has(i)) {
      field->reset();
      return true;
    }
    if (!field->has_value()) field->emplace();
    return fields_internal::TakePresent(column, i, &**field, fault);
  } else {
    if (!column.Has(i)) {
      return fields_internal::Refuse(column, "has a null, and the row's field is no std::optional",
                                     fault);
    }
    return fields_internal::TakePresent(column, i, field, fault);
  }
}

template <class T>
void Put(const T& field, ColumnBuilder* column) {
  if constexpr (fields_internal::kIsOptional<T>) {
    if (field.has_value()) {
      column->PutPresent();
      Put(*field, column);
    } else {
      column->PutNull();
    }
  } else if constexpr (std::is_same_v<T, bool>) {
    column->PutValue(static_cast<uint8_t>(field ? 1 : 0));
  } else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    column->PutValue(field);
  } else if constexpr (IsNamedEnum<T>) {
    column->PutText(EnumText(field));
  } else if constexpr (std::is_enum_v<T> && !std::is_same_v<T, std::byte>) {
    Put(static_cast<typename Coder<T>::Number>(field), column);
  } else if constexpr (Integer<T>) {
    column->PutValue(static_cast<fields_internal::ColumnNumber<T>>(IntegerToWord(field)));
  } else if constexpr (std::is_same_v<T, std::string>) {
    column->PutText(field);
  } else if constexpr (std::is_same_v<T, Bytes>) {
    column->PutText(field.view());
  } else if constexpr (std::is_same_v<T, Timestamp> || std::is_same_v<T, Duration>) {
    column->PutValue(field.millis);
  } else if constexpr (fields_internal::IsByteVector<T>) {
    column->PutText({reinterpret_cast<const char*>(field.data()), field.size()});
  } else if constexpr (IsLogical<T>) {
    Put(LogicalType<T>::ToRepresentation(field), column);
  } else if constexpr (fields_internal::kHasParts<T>) {
    column->PutRow();
    fields_internal::PutParts(field, column);
  } else if constexpr (MapLike<T>) {
    for (const auto& [key, mapped] : field) {
      Put(key, &column->parts[0]);
      Put(mapped, &column->parts[1]);
    }
    column->EndList();
  } else if constexpr (HasFieldCoder<T>) {
    for (const auto& element : field) {
      if constexpr (std::is_same_v<T, std::vector<bool>>) {
        Put<bool>(element, &column->parts[0]);
      } else {
        Put(element, &column->parts[0]);
      }
    }
    column->EndList();
  }
}

/// Fills the first rows of `rows` with the slice's; false and the fault where a field cannot.
template <IsRow T>
bool TakeRows(const RowGroupReader::Slice& slice, T* rows, Fault* fault) {
  using List = joist::fields_internal::ListOf<T>;
  return fields_internal::RowColumns<T, List>::Take(slice, rows, fault);
}

/// Puts each field of a row into its column.
template <IsRow T>
void PutRow(const T& row, std::span<ColumnBuilder> columns) {
  ColumnBuilder* column = columns.data();
  RowTraits<T>::ForEachField(row, [&column](const auto& field) { Put(field, column++); });
}

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_FIELDS_H_
