// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/parquet/arrow_columns.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include <arrow/array.h>
#include <arrow/extension_type.h>
#include <arrow/type.h>
#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>
#include <parquet/arrow/schema.h>

#include "joist/model/timestamp.h"

namespace joist::parquet {

using ::parquet::arrow::SchemaField;
using TypeId = ::arrow::Type;

namespace {

constexpr int64_t kMillisOfDay = 86'400'000;

bool IsTimestamp(const FieldType& type) {
  return type.kind == FieldType::Kind::kLogical && type.urn == kMillisInstantType;
}
bool IsDuration(const FieldType& type) {
  return type.kind == FieldType::Kind::kLogical && type.urn == kNanosDurationType;
}
// What stands for a value of a logical type that Joist doesn't know.
const FieldType& Representation(const FieldType& type) {
  const FieldType* at = &type;
  while (at->kind == FieldType::Kind::kLogical && !IsTimestamp(*at) && !IsDuration(*at) &&
         at->urn != kUint64Type && !at->parts.empty()) {
    at = &at->parts[0];
  }
  return *at;
}

const ::arrow::DataType& StorageType(const ::arrow::DataType& type) {
  if (type.id() != TypeId::EXTENSION) return type;
  return *static_cast<const ::arrow::ExtensionType&>(type).storage_type();
}

bool IsText(TypeId::type id) {
  switch (id) {
    case TypeId::STRING:
    case TypeId::BINARY:
    case TypeId::LARGE_STRING:
    case TypeId::LARGE_BINARY:
    case TypeId::STRING_VIEW:
    case TypeId::BINARY_VIEW:
    case TypeId::FIXED_SIZE_BINARY: return true;
    default: return false;
  }
}
bool IsDecimal(TypeId::type id) {
  return id == TypeId::DECIMAL32 || id == TypeId::DECIMAL64 || id == TypeId::DECIMAL128 ||
         id == TypeId::DECIMAL256;
}
// Whether all integers of the type are among those of `bits` bits.
bool FitsSigned(TypeId::type id, int bits) {
  switch (id) {
    case TypeId::INT8: return true;
    case TypeId::UINT8:
    case TypeId::INT16: return bits >= 16;
    case TypeId::UINT16:
    case TypeId::INT32: return bits >= 32;
    case TypeId::UINT32:
    case TypeId::INT64: return bits >= 64;
    default: return false;
  }
}

// Whether a column of the Arrow type can be taken as `type`.
bool Agrees(const FieldType& type, Form form, const ::arrow::DataType& arrow_type) {
  const TypeId::type id = arrow_type.id();
  switch (form) {
    case Form::kBool: return id == TypeId::BOOL;
    case Form::kInt8: return FitsSigned(id, 8);
    case Form::kInt16: return FitsSigned(id, 16);
    case Form::kInt32: return FitsSigned(id, 32);
    case Form::kInt64:
      if (IsTimestamp(type)) {
        return id == TypeId::TIMESTAMP || id == TypeId::DATE32 || id == TypeId::DATE64;
      }
      if (IsDuration(type)) {
        return id == TypeId::DURATION || id == TypeId::TIME32 || id == TypeId::TIME64;
      }
      return FitsSigned(id, 64);
    case Form::kUint64:
      return id == TypeId::UINT8 || id == TypeId::UINT16 || id == TypeId::UINT32 ||
             id == TypeId::UINT64;
    case Form::kFloat: return id == TypeId::FLOAT || id == TypeId::HALF_FLOAT;
    case Form::kDouble:
      return id == TypeId::DOUBLE || id == TypeId::FLOAT || id == TypeId::HALF_FLOAT ||
             IsDecimal(id);
    case Form::kText:
      if (id == TypeId::DICTIONARY) {
        return IsText(static_cast<const ::arrow::DictionaryType&>(arrow_type).value_type()->id());
      }
      return IsText(id) || (IsDecimal(id) && type.atomic == AtomicType::kString);
    case Form::kList:
      return id == TypeId::LIST || id == TypeId::LARGE_LIST || id == TypeId::FIXED_SIZE_LIST ||
             id == TypeId::MAP;
    case Form::kMap: return id == TypeId::MAP;
    case Form::kRow: return id == TypeId::STRUCT;
  }
  return false;
}

Status BindParts(const Schema& fields, const std::vector<SchemaField>& columns,
                 const std::string& prefix, std::vector<BoundColumn>* parts,
                 std::vector<int>* leaves) {
  for (const Field& field : fields.fields) {
    const auto is_it = [&](const SchemaField& one) { return one.field->name() == field.name; };
    const auto found = std::find_if(columns.begin(), columns.end(), is_it);
    const std::string path = prefix + field.name;
    if (found == columns.end()) {
      if (!field.type.nullable) {
        return InvalidArgument("it has no column \"" + path + "\"");
      }
      BoundColumn missing;
      missing.type = Representation(field.type);
      missing.form = FormOf(field.type);
      missing.name = field.name;
      missing.path = path;
      missing.missing = true;
      parts->push_back(std::move(missing));
      continue;
    }
    if (std::find_if(found + 1, columns.end(), is_it) != columns.end()) {
      return InvalidArgument("it has two columns \"" + path + "\"");
    }
    JOIST_ASSIGN_OR_RETURN(BoundColumn part, BindColumn(field.type, path, *found, leaves));
    parts->push_back(std::move(part));
  }
  return OkStatus();
}

// --- Arrays as ColumnData -----------------------------------------------------------------------

// Room for `size` values of type V that the column keeps.
template <class V>
V* RoomFor(int64_t size, BoundColumn* column, ColumnData* data) {
  column->values.resize(static_cast<size_t>(size) * sizeof(V));
  V* room = reinterpret_cast<V*>(column->values.data());
  data->values = room;
  return room;
}

template <class V, class From, class F>
void TransformInto(const From* from, int64_t size, F change, BoundColumn* column,
                   ColumnData* data) {
  V* to = RoomFor<V>(size, column, data);
  for (int64_t i = 0; i < size; ++i) to[i] = change(from[i]);
}

template <class V, class From>
void TakeNumbers(const ::arrow::Array& array, BoundColumn* column, ColumnData* data) {
  const From* from = array.data()->GetValues<From>(1);
  if constexpr (std::is_same_v<V, From>) {
    data->values = from;
  } else {
    TransformInto<V>(
        from, array.length(), [](From value) { return static_cast<V>(value); }, column, data);
  }
}

template <class V>
bool TakeIntegers(const ::arrow::Array& array, BoundColumn* column, ColumnData* data) {
  switch (array.type_id()) {
    case TypeId::INT8: TakeNumbers<V, int8_t>(array, column, data); return true;
    case TypeId::INT16: TakeNumbers<V, int16_t>(array, column, data); return true;
    case TypeId::INT32: TakeNumbers<V, int32_t>(array, column, data); return true;
    case TypeId::INT64: TakeNumbers<V, int64_t>(array, column, data); return true;
    case TypeId::UINT8: TakeNumbers<V, uint8_t>(array, column, data); return true;
    case TypeId::UINT16: TakeNumbers<V, uint16_t>(array, column, data); return true;
    case TypeId::UINT32: TakeNumbers<V, uint32_t>(array, column, data); return true;
    case TypeId::UINT64: TakeNumbers<V, uint64_t>(array, column, data); return true;
    default: return false;
  }
}

constexpr int64_t FloorDivide(int64_t a, int64_t b) { return (a - FloorMod(a, b)) / b; }

// Times of a unit as milliseconds.
template <class From>
void TakeTimes(const ::arrow::Array& array, ::arrow::TimeUnit::type unit, bool instants,
               BoundColumn* column, ColumnData* data) {
  const From* from = array.data()->GetValues<From>(1);
  const auto as_time = [instants](int64_t millis) {
    return instants ? Timestamp::Millis(millis).millis : millis;
  };
  switch (unit) {
    case ::arrow::TimeUnit::SECOND:
      TransformInto<int64_t>(
          from, array.length(),
          [&](From value) { return as_time(SaturatingMultiply(value, 1000)); }, column, data);
      break;
    case ::arrow::TimeUnit::MILLI:
      TransformInto<int64_t>(
          from, array.length(), [&](From value) { return as_time(value); }, column, data);
      break;
    case ::arrow::TimeUnit::MICRO:
      TransformInto<int64_t>(
          from, array.length(), [&](From value) { return FloorDivide(value, 1000); }, column, data);
      break;
    case ::arrow::TimeUnit::NANO:
      TransformInto<int64_t>(
          from, array.length(), [&](From value) { return FloorDivide(value, 1'000'000); }, column,
          data);
  }
}

bool TakeMillis(const ::arrow::Array& array, BoundColumn* column, ColumnData* data) {
  const ::arrow::DataType& type = *array.type();
  switch (type.id()) {
    case TypeId::TIMESTAMP:
      TakeTimes<int64_t>(array, static_cast<const ::arrow::TimestampType&>(type).unit(), true,
                         column, data);
      return true;
    case TypeId::DURATION:
      TakeTimes<int64_t>(array, static_cast<const ::arrow::DurationType&>(type).unit(), false,
                         column, data);
      return true;
    case TypeId::TIME32:
      TakeTimes<int32_t>(array, static_cast<const ::arrow::Time32Type&>(type).unit(), false, column,
                         data);
      return true;
    case TypeId::TIME64:
      TakeTimes<int64_t>(array, static_cast<const ::arrow::Time64Type&>(type).unit(), false, column,
                         data);
      return true;
    case TypeId::DATE32:
      TransformInto<int64_t>(
          array.data()->GetValues<int32_t>(1), array.length(),
          [](int32_t days) { return Timestamp::Millis(days * kMillisOfDay).millis; }, column, data);
      return true;
    case TypeId::DATE64:
      TakeTimes<int64_t>(array, ::arrow::TimeUnit::MILLI, true, column, data);
      return true;
    default: return false;
  }
}

bool TakeReals(const ::arrow::Array& array, BoundColumn* column, ColumnData* data) {
  const auto take_halves = [&]<class V>(V) {
    TransformInto<V>(
        array.data()->GetValues<uint16_t>(1), array.length(),
        [](uint16_t bits) {
          return static_cast<V>(::arrow::util::Float16::FromBits(bits).ToFloat());
        },
        column, data);
  };
  const bool is_double = data->form == Form::kDouble;
  switch (array.type_id()) {
    case TypeId::HALF_FLOAT: is_double ? take_halves(double()) : take_halves(float()); return true;
    case TypeId::FLOAT:
      is_double ? TakeNumbers<double, float>(array, column, data)
                : TakeNumbers<float, float>(array, column, data);
      return true;
    case TypeId::DOUBLE:
      if (!is_double) return false;
      TakeNumbers<double, double>(array, column, data);
      return true;
    default: return false;
  }
}

template <class DecimalArray, class DecimalValue>
void TakeDecimals(const ::arrow::Array& array, BoundColumn* column, ColumnData* data) {
  const auto& decimals = static_cast<const DecimalArray&>(array);
  const int32_t scale = static_cast<const ::arrow::DecimalType&>(*array.type()).scale();
  const int64_t size = array.length();
  if (data->form == Form::kDouble) {
    double* to = RoomFor<double>(size, column, data);
    for (int64_t i = 0; i < size; ++i) to[i] = DecimalValue(decimals.GetValue(i)).ToDouble(scale);
    return;
  }
  std::vector<size_t> ends;
  column->text.clear();
  for (int64_t i = 0; i < size; ++i) {
    if (array.IsValid(i)) column->text += DecimalValue(decimals.GetValue(i)).ToString(scale);
    ends.push_back(column->text.size());
  }
  column->views.resize(static_cast<size_t>(size));
  size_t begin = 0;
  for (size_t i = 0; i < ends.size(); begin = ends[i++]) {
    column->views[i] = std::string_view(column->text).substr(begin, ends[i] - begin);
  }
  data->values = column->views.data();
}

bool TakeAnyDecimals(const ::arrow::Array& array, BoundColumn* column, ColumnData* data) {
  switch (array.type_id()) {
    case TypeId::DECIMAL32:
      TakeDecimals<::arrow::Decimal32Array, ::arrow::Decimal32>(array, column, data);
      return true;
    case TypeId::DECIMAL64:
      TakeDecimals<::arrow::Decimal64Array, ::arrow::Decimal64>(array, column, data);
      return true;
    case TypeId::DECIMAL128:
      TakeDecimals<::arrow::Decimal128Array, ::arrow::Decimal128>(array, column, data);
      return true;
    case TypeId::DECIMAL256:
      TakeDecimals<::arrow::Decimal256Array, ::arrow::Decimal256>(array, column, data);
      return true;
    default: return false;
  }
}

template <class TextArray>
void TakeViews(const ::arrow::Array& array, std::vector<std::string_view>* views) {
  const auto& texts = static_cast<const TextArray&>(array);
  views->resize(static_cast<size_t>(array.length()));
  for (int64_t i = 0; i < array.length(); ++i) {
    (*views)[static_cast<size_t>(i)] = texts.GetView(i);
  }
}

bool TakeTexts(const ::arrow::Array& array, std::vector<std::string_view>* views) {
  switch (array.type_id()) {
    case TypeId::STRING:
    case TypeId::BINARY: TakeViews<::arrow::BinaryArray>(array, views); return true;
    case TypeId::LARGE_STRING:
    case TypeId::LARGE_BINARY: TakeViews<::arrow::LargeBinaryArray>(array, views); return true;
    case TypeId::STRING_VIEW:
    case TypeId::BINARY_VIEW: TakeViews<::arrow::BinaryViewArray>(array, views); return true;
    case TypeId::FIXED_SIZE_BINARY:
      TakeViews<::arrow::FixedSizeBinaryArray>(array, views);
      return true;
    case TypeId::DICTIONARY: {
      const auto& encoded = static_cast<const ::arrow::DictionaryArray&>(array);
      std::vector<std::string_view> words;
      if (!TakeTexts(*encoded.dictionary(), &words)) return false;
      views->assign(static_cast<size_t>(array.length()), {});
      for (int64_t i = 0; i < array.length(); ++i) {
        if (array.IsNull(i)) continue;
        const auto index = static_cast<uint64_t>(encoded.GetValueIndex(i));
        if (index >= words.size()) return false;
        (*views)[static_cast<size_t>(i)] = words[index];
      }
      return true;
    }
    default: return false;
  }
}

template <class List>
Status TakeLists(const ::arrow::Array& array, BoundColumn* column, ColumnData* data,
                 std::shared_ptr<::arrow::Array>* elements) {
  const auto& lists = static_cast<const List&>(array);
  const int64_t size = array.length();
  const int64_t first = lists.value_offset(0);
  const int64_t last = lists.value_offset(size);
  if (first < 0 || last < first || last > lists.values()->length() ||
      last - first > std::numeric_limits<int32_t>::max()) {
    return DataLoss("the column \"" + column->path + "\" has lists that are damaged");
  }
  column->offsets.resize(static_cast<size_t>(size) + 1);
  int64_t before = first;
  for (int64_t i = 0; i <= size; ++i) {
    const int64_t offset = lists.value_offset(i);
    if (offset < before || offset > last) {
      return DataLoss("the column \"" + column->path + "\" has lists that are damaged");
    }
    before = offset;
    column->offsets[static_cast<size_t>(i)] = static_cast<int32_t>(offset - first);
  }
  data->offsets = column->offsets.data();
  *elements = lists.values()->Slice(first, last - first);
  return OkStatus();
}

Status TakeAnyLists(const ::arrow::Array& array, BoundColumn* column, ColumnData* data) {
  std::shared_ptr<::arrow::Array> elements;
  switch (array.type_id()) {
    case TypeId::LIST:
    case TypeId::MAP:
      JOIST_RETURN_IF_ERROR(TakeLists<::arrow::ListArray>(array, column, data, &elements));
      break;
    case TypeId::LARGE_LIST:
      JOIST_RETURN_IF_ERROR(TakeLists<::arrow::LargeListArray>(array, column, data, &elements));
      break;
    default:
      JOIST_RETURN_IF_ERROR(TakeLists<::arrow::FixedSizeListArray>(array, column, data, &elements));
  }
  data->parts.resize(column->parts.size());
  if (data->form == Form::kList) {
    return Convert(*elements, &column->parts[0], &data->parts[0]);
  }
  const auto& entries = static_cast<const ::arrow::StructArray&>(*elements);
  for (int i = 0; i < 2; ++i) {
    const auto part = static_cast<size_t>(i);
    JOIST_RETURN_IF_ERROR(Convert(*entries.field(i), &column->parts[part], &data->parts[part]));
  }
  return OkStatus();
}

void TakePresence(const ::arrow::Array& array, BoundColumn* column, ColumnData* data) {
  data->present = nullptr;
  if (array.null_count() == 0) return;
  column->present.resize(static_cast<size_t>(array.length()));
  const uint8_t* bits = array.null_bitmap_data();
  if (bits == nullptr) {
    data->all_null = true;  // Arrow's type of nothing but nulls.
    return;
  }
  const int64_t offset = array.offset();
  for (int64_t i = 0; i < array.length(); ++i) {
    const int64_t bit = offset + i;
    column->present[static_cast<size_t>(i)] = bits[bit / 8] >> (bit % 8) & 1;
  }
  data->present = column->present.data();
}

void TakeBools(const ::arrow::Array& array, BoundColumn* column, ColumnData* data) {
  const auto& bools = static_cast<const ::arrow::BooleanArray&>(array);
  uint8_t* to = RoomFor<uint8_t>(array.length(), column, data);
  for (int64_t i = 0; i < array.length(); ++i) to[i] = bools.Value(i) ? 1 : 0;
}

std::shared_ptr<::arrow::DataType> ArrowTypeOf(const FieldType& type);

std::shared_ptr<::arrow::Field> ArrowFieldOf(const std::string& name, const FieldType& type) {
  return ::arrow::field(name, ArrowTypeOf(type), type.nullable);
}

::arrow::FieldVector ArrowFieldsOf(const Schema& schema) {
  ::arrow::FieldVector fields;
  for (const Field& field : schema.fields) fields.push_back(ArrowFieldOf(field.name, field.type));
  return fields;
}

std::shared_ptr<::arrow::DataType> ArrowTypeOf(const FieldType& given) {
  const FieldType& type = Representation(given);
  if (IsTimestamp(type)) return ::arrow::timestamp(::arrow::TimeUnit::MILLI, "UTC");
  if (IsDuration(type)) return ::arrow::duration(::arrow::TimeUnit::MILLI);
  switch (FormOf(type)) {
    case Form::kBool: return ::arrow::boolean();
    case Form::kInt8: return ::arrow::int8();
    case Form::kInt16: return ::arrow::int16();
    case Form::kInt32: return ::arrow::int32();
    case Form::kInt64: return ::arrow::int64();
    case Form::kUint64: return ::arrow::uint64();
    case Form::kFloat: return ::arrow::float32();
    case Form::kDouble: return ::arrow::float64();
    case Form::kText:
      return type.atomic == AtomicType::kString ? ::arrow::utf8() : ::arrow::binary();
    case Form::kList: return ::arrow::list(ArrowFieldOf("element", type.parts[0]));
    case Form::kMap:
      return std::make_shared<::arrow::MapType>(
          ::arrow::field("key", ArrowTypeOf(type.parts[0]), false),
          ArrowFieldOf("value", type.parts[1]));
    case Form::kRow: return ::arrow::struct_(ArrowFieldsOf(type.row[0]));
  }
  return nullptr;
}

// The type that a file cannot hold, if there is one.
const char* NotWritable(const FieldType& given) {
  const FieldType& type = Representation(given);
  if (IsDuration(type) || IsTimestamp(type)) return nullptr;
  if (FormOf(type) == Form::kMap && type.parts[0].nullable) return "a map with keys that are null";
  if (type.kind == FieldType::Kind::kRow) {
    if (type.row[0].fields.empty()) return "a row without fields";
    for (const Field& field : type.row[0].fields) {
      if (const char* problem = NotWritable(field.type)) return problem;
    }
  }
  for (const FieldType& part : type.parts) {
    if (const char* problem = NotWritable(part)) return problem;
  }
  return nullptr;
}

}  // namespace

Form FormOf(const FieldType& given) {
  const FieldType& type = Representation(given);
  switch (type.kind) {
    case FieldType::Kind::kLogical: return type.urn == kUint64Type ? Form::kUint64 : Form::kInt64;
    case FieldType::Kind::kArray:
    case FieldType::Kind::kIterable: return Form::kList;
    case FieldType::Kind::kMap: return Form::kMap;
    case FieldType::Kind::kRow: return Form::kRow;
    case FieldType::Kind::kAtomic: break;
  }
  switch (type.atomic) {
    case AtomicType::kBoolean: return Form::kBool;
    case AtomicType::kByte: return Form::kInt8;
    case AtomicType::kInt16: return Form::kInt16;
    case AtomicType::kInt32: return Form::kInt32;
    case AtomicType::kInt64: return Form::kInt64;
    case AtomicType::kFloat: return Form::kFloat;
    case AtomicType::kDouble: return Form::kDouble;
    case AtomicType::kString:
    case AtomicType::kBytes: return Form::kText;
  }
  return Form::kText;
}

int FirstLeaf(const SchemaField& column) {
  const SchemaField* at = &column;
  while (!at->is_leaf() && !at->children.empty()) at = &at->children[0];
  return at->column_index;
}

Result<BoundColumn> BindColumn(const FieldType& given, const std::string& path,
                               const SchemaField& column, std::vector<int>* leaves) {
  BoundColumn bound;
  bound.type = Representation(given);
  bound.form = FormOf(given);
  bound.name = column.field->name();
  bound.path = path;
  const ::arrow::DataType& arrow_type = StorageType(*column.field->type());
  if (arrow_type.id() != TypeId::NA && !Agrees(bound.type, bound.form, arrow_type)) {
    return InvalidArgument("its column \"" + path + "\" is " + column.field->type()->ToString() +
                           ", and " + bound.type.ToString() + " is wanted");
  }
  const size_t leaves_before = leaves->size();
  if (arrow_type.id() == TypeId::NA) {
    leaves->push_back(FirstLeaf(column));
  } else if (bound.form == Form::kRow) {
    JOIST_RETURN_IF_ERROR(
        BindParts(bound.type.row[0], column.children, path + ".", &bound.parts, leaves));
  } else if (bound.form == Form::kList) {
    JOIST_ASSIGN_OR_RETURN(BoundColumn element, BindColumn(bound.type.parts[0], path + "[]",
                                                           column.children.at(0), leaves));
    bound.parts.push_back(std::move(element));
  } else if (bound.form == Form::kMap) {
    const SchemaField& entry = column.children.at(0);
    if (entry.children.size() != 2) {
      return InvalidArgument("its column \"" + path + "\" is a map without values");
    }
    static constexpr const char* kNames[] = {".key", ".value"};
    for (size_t i = 0; i < 2; ++i) {
      JOIST_ASSIGN_OR_RETURN(BoundColumn part, BindColumn(bound.type.parts[i], path + kNames[i],
                                                          entry.children[i], leaves));
      bound.parts.push_back(std::move(part));
    }
  } else {
    leaves->push_back(column.column_index);
  }
  // Where none of its parts is there, any tells whether the row itself is.
  if (leaves->size() == leaves_before) leaves->push_back(FirstLeaf(column));
  if (leaves->back() < 0) {
    return InvalidArgument("its column \"" + path + "\" has nothing in it");
  }
  return bound;
}

Result<std::vector<BoundColumn>> Bind(const Schema& fields, const std::vector<SchemaField>& columns,
                                      std::vector<int>* leaves) {
  std::vector<BoundColumn> bound;
  JOIST_RETURN_IF_ERROR(BindParts(fields, columns, "", &bound, leaves));
  return bound;
}

Status Convert(const ::arrow::Array& given, BoundColumn* column, ColumnData* data) {
  const ::arrow::Array& array = given.type_id() == TypeId::EXTENSION
                                    ? *static_cast<const ::arrow::ExtensionArray&>(given).storage()
                                    : given;
  data->form = column->form;
  data->path = &column->path;
  data->all_null = array.type_id() == TypeId::NA;
  if (data->all_null) return OkStatus();
  TakePresence(array, column, data);
  bool taken = true;
  switch (column->form) {
    case Form::kBool: TakeBools(array, column, data); break;
    case Form::kInt8: taken = TakeIntegers<int8_t>(array, column, data); break;
    case Form::kInt16: taken = TakeIntegers<int16_t>(array, column, data); break;
    case Form::kInt32: taken = TakeIntegers<int32_t>(array, column, data); break;
    case Form::kInt64:
      taken = IsTimestamp(column->type) || IsDuration(column->type)
                  ? TakeMillis(array, column, data)
                  : TakeIntegers<int64_t>(array, column, data);
      break;
    case Form::kUint64: taken = TakeIntegers<uint64_t>(array, column, data); break;
    case Form::kFloat:
    case Form::kDouble:
      taken = TakeReals(array, column, data) || TakeAnyDecimals(array, column, data);
      break;
    case Form::kText:
      taken = TakeAnyDecimals(array, column, data);
      if (!taken) {
        taken = TakeTexts(array, &column->views);
        data->values = column->views.data();
      }
      break;
    case Form::kList:
    case Form::kMap: return TakeAnyLists(array, column, data);
    case Form::kRow: {
      const auto& rows = static_cast<const ::arrow::StructArray&>(array);
      data->parts.resize(column->parts.size());
      for (size_t i = 0; i < column->parts.size(); ++i) {
        BoundColumn& part = column->parts[i];
        if (part.missing) {
          data->parts[i].form = part.form;
          data->parts[i].path = &part.path;
          data->parts[i].all_null = true;
          continue;
        }
        const std::shared_ptr<::arrow::Array> child = rows.GetFieldByName(part.name);
        if (child == nullptr) return Internal("the part " + part.path + " was not read");
        JOIST_RETURN_IF_ERROR(Convert(*child, &part, &data->parts[i]));
      }
      break;
    }
  }
  if (!taken) {
    return DataLoss("its column \"" + column->path + "\" is not what the schema says");
  }
  return OkStatus();
}

Result<std::shared_ptr<::arrow::Schema>> ArrowSchemaOf(const Schema& fields) {
  if (fields.fields.empty()) return InvalidArgument("Parquet cannot hold rows without fields");
  for (const Field& field : fields.fields) {
    if (const char* problem = NotWritable(field.type)) {
      return InvalidArgument("Parquet cannot hold the field \"" + field.name + "\": " + problem);
    }
  }
  return ::arrow::schema(ArrowFieldsOf(fields));
}

Status FromArrow(const ::arrow::Status& status, std::string_view what) {
  if (status.ok()) return OkStatus();
  std::string words = status.message();
  std::replace(words.begin(), words.end(), '\n', ' ');
  const StatusCode code = status.IsIOError() || status.IsInvalid() ? StatusCode::kDataLoss
                          : status.IsOutOfMemory()                 ? StatusCode::kResourceExhausted
                          : status.IsNotImplemented()              ? StatusCode::kUnimplemented
                                                                   : StatusCode::kInternal;
  return Status(code, std::string(what) + ": " + words);
}

}  // namespace joist::parquet
