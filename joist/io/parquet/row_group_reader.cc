// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/parquet/row_group_reader.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/extension_type.h>
#include <arrow/io/file.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>
#include <parquet/statistics.h>

#include "joist/io/parquet/arrow_columns.h"
#include "joist/sdk/metrics.h"

namespace joist::parquet {

using ::parquet::arrow::SchemaField;

namespace {

// Of each column; a page header is read with it.
constexpr int64_t kReadBuffer = 256 << 10;
// What one reader may hold: pages and decoded values. A damaged file may ask for anything.
constexpr int64_t kMostMemory = int64_t{4} << 30;

const Counter& GroupsRead() {
  static const Counter counter("parquet", "row_groups_read");
  return counter;
}
const Counter& GroupsSkipped() {
  static const Counter counter("parquet", "row_groups_skipped");
  return counter;
}
const Counter& BytesRead() {
  static const Counter counter("parquet", "bytes_read");
  return counter;
}

// Arrow throws in its lower layers and returns in its upper ones.
template <class F>
Status Guarded(const std::string& path, F f) {
  try {
    return f();
  } catch (const std::exception& error) {
    std::string words = error.what();
    std::replace(words.begin(), words.end(), '\n', ' ');
    return DataLoss(path + ": " + words);
  }
}

// The type as which a column is compared with a literal, or an error.
Result<FieldType> ComparedAs(const PredicateNode& node, const ::arrow::DataType& column,
                             Literal* literal) {
  using Id = ::arrow::Type;
  const Id::type id = column.id();
  const bool is_integer = ::arrow::is_integer(id);
  const bool is_real = id == Id::FLOAT || id == Id::DOUBLE || id == Id::HALF_FLOAT;
  switch (literal->kind) {
    case LiteralKind::kBoolean:
      if (id == Id::BOOL) return FieldType::Atomic(AtomicType::kBoolean);
      break;
    case LiteralKind::kInteger:
      if (id == Id::UINT64) {
        return FieldType::Logical(kUint64Type, FieldType::Atomic(AtomicType::kInt64));
      }
      if (is_integer) return FieldType::Atomic(AtomicType::kInt64);
      if (is_real && std::abs(literal->integer) <= int64_t{1} << 53) {
        *literal = Literal::Of(static_cast<double>(literal->integer));
        return FieldType::Atomic(AtomicType::kDouble);
      }
      break;
    case LiteralKind::kReal:
      if (is_real) return FieldType::Atomic(AtomicType::kDouble);
      break;
    case LiteralKind::kText:
      if (::arrow::is_base_binary_like(id) || ::arrow::is_binary_view_like(id) ||
          id == Id::FIXED_SIZE_BINARY || id == Id::DICTIONARY) {
        return FieldType::Atomic(AtomicType::kBytes);
      }
      break;
    case LiteralKind::kTime:
      if (id == Id::TIMESTAMP || id == Id::DATE32 || id == Id::DATE64) {
        return FieldType::Logical(kMillisInstantType, FieldType::Atomic(AtomicType::kInt64));
      }
      break;
    case LiteralKind::kNone: break;
  }
  return InvalidArgument("its column \"" + node.column + "\" is " + column.ToString() +
                         ", which cannot be compared with " + literal->ToString());
}

// A bound of a column's statistics as the literal that it is compared with.
bool BoundOf(const ::arrow::Type::type id, const ::arrow::DataType& type, int64_t value,
             LiteralKind kind, Literal* bound) {
  bound->kind = kind;
  if (kind == LiteralKind::kTime) {
    if (id == ::arrow::Type::DATE32) {
      bound->integer = Timestamp::Millis(value * 86'400'000).millis;
      return true;
    }
    if (id != ::arrow::Type::TIMESTAMP) return false;
    // Rounded down as the values are, so that bounds stay bounds.
    int64_t unit = 1;
    switch (static_cast<const ::arrow::TimestampType&>(type).unit()) {
      case ::arrow::TimeUnit::SECOND: return false;  // Parquet has none.
      case ::arrow::TimeUnit::MILLI: break;
      case ::arrow::TimeUnit::MICRO: unit = 1000; break;
      case ::arrow::TimeUnit::NANO: unit = 1'000'000;
    }
    bound->integer = Timestamp::Millis((value - FloorMod(value, unit)) / unit).millis;
    return true;
  }
  if (kind != LiteralKind::kInteger) return false;
  switch (id) {
    case ::arrow::Type::UINT8:
    case ::arrow::Type::UINT16:
    case ::arrow::Type::UINT32: bound->integer = static_cast<uint32_t>(value); return true;
    case ::arrow::Type::UINT64:
      bound->integer = value;
      return value >= 0;  // Beyond that Literal has no numbers.
    default: bound->integer = value; return ::arrow::is_integer(id);
  }
}

template <class Type>
bool HasReals(const ::parquet::Statistics& statistics, Literal* least, Literal* greatest) {
  const auto& typed = static_cast<const ::parquet::TypedStatistics<Type>&>(statistics);
  *least = Literal::Of(typed.min());
  *greatest = Literal::Of(typed.max());
  return !std::isnan(least->real) && !std::isnan(greatest->real);
}

template <class Type>
bool HasIntegers(const ::parquet::Statistics& statistics, const ::arrow::DataType& type,
                 LiteralKind kind, Literal* least, Literal* greatest) {
  const auto& typed = static_cast<const ::parquet::TypedStatistics<Type>&>(statistics);
  return BoundOf(type.id(), type, typed.min(), kind, least) &&
         BoundOf(type.id(), type, typed.max(), kind, greatest) &&
         least->integer <= greatest->integer;
}

bool HasBounds(const ::parquet::Statistics& statistics, const ::arrow::DataType& type,
               LiteralKind kind, Literal* least, Literal* greatest) {
  using Physical = ::parquet::Type;
  if (!statistics.HasMinMax()) return false;
  switch (statistics.physical_type()) {
    case Physical::BOOLEAN: {
      if (kind != LiteralKind::kBoolean) return false;
      const auto& typed =
          static_cast<const ::parquet::TypedStatistics<::parquet::BooleanType>&>(statistics);
      *least = Literal::Of(typed.min());
      *greatest = Literal::Of(typed.max());
      return true;
    }
    case Physical::INT32:
      return HasIntegers<::parquet::Int32Type>(statistics, type, kind, least, greatest);
    case Physical::INT64:
      return HasIntegers<::parquet::Int64Type>(statistics, type, kind, least, greatest);
    case Physical::FLOAT:
      return kind == LiteralKind::kReal &&
             HasReals<::parquet::FloatType>(statistics, least, greatest);
    case Physical::DOUBLE:
      return kind == LiteralKind::kReal &&
             HasReals<::parquet::DoubleType>(statistics, least, greatest);
    case Physical::BYTE_ARRAY: {
      if (kind != LiteralKind::kText) return false;
      const auto& typed =
          static_cast<const ::parquet::TypedStatistics<::parquet::ByteArrayType>&>(statistics);
      *least = Literal::Of(std::string_view(typed.min()));
      *greatest = Literal::Of(std::string_view(typed.max()));
      return least->text <= greatest->text;
    }
    default: return false;
  }
}

}  // namespace

struct RowGroupReader::File {
  /// A node of the predicate with its column.
  struct Leaf {
    BoundColumn column;
    int leaf_column = -1;    ///< Of the file, where it has statistics.
    bool only_null = false;  ///< kIsNull: nothing but presence matters.
    std::shared_ptr<::arrow::DataType> type;
  };
  struct Group {
    uint64_t begin = 0;
    int index = 0;
  };

  explicit File(std::string path) : path(std::move(path)) {}

  Status Open(const Schema& wanted);
  Status BindPredicate(const Schema& wanted);
  Status FindGroups();
  /// Goes to the next row group of the part that may have rows; false if there is none.
  Result<bool> NextGroup();
  Result<bool> NextBlock();
  OutcomeSet OutcomesOf(int group) const;
  Status Select();

  std::string path;
  Predicate where;
  uint64_t begin = 0;
  uint64_t end = 0;

  // In the order in which they are needed: the last is destroyed first.
  ::arrow::CappedMemoryPool pool{::arrow::default_memory_pool(), kMostMemory};
  uint64_t size = 0;
  std::unique_ptr<::parquet::arrow::FileReader> reader;
  std::vector<BoundColumn> fields;
  std::vector<Leaf> leaves;  ///< As many as the predicate has nodes.
  std::vector<int> columns;  ///< To be read.
  std::vector<Group> groups;
  size_t next_group = 0;

  uint64_t group_begin = 0;
  int group = -1;
  bool every_row = true;  ///< All rows of the group satisfy the predicate.
  int64_t rows_without_columns = 0;
  std::unique_ptr<::arrow::RecordBatchReader> batches;
  std::shared_ptr<::arrow::RecordBatch> batch;

  std::vector<ColumnData> block;
  std::vector<ColumnData> compared;
  std::vector<Outcome> outcomes;
  std::vector<uint32_t> selected;
  size_t block_rows = 0;  ///< Those that are selected.
  size_t next_row = 0;
};

Status RowGroupReader::File::Open(const Schema& wanted) {
  auto opened = ::arrow::io::ReadableFile::Open(path, &pool);
  if (!opened.ok()) return FromArrow(opened.status(), path);
  const auto bytes = (*opened)->GetSize();
  if (!bytes.ok()) return FromArrow(bytes.status(), path);
  size = static_cast<uint64_t>(*bytes);
  if (size == 0) return DataLoss(path + ": it is empty, which no Parquet file is");

  ::parquet::ReaderProperties properties(&pool);
  properties.enable_buffered_stream();
  properties.set_buffer_size(kReadBuffer);
  ::parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
  arrow_properties.set_pre_buffer(false);
  arrow_properties.set_batch_size(static_cast<int64_t>(kBlockRows));
  arrow_properties.set_coerce_int96_timestamp_unit(::arrow::TimeUnit::MICRO);
  auto made = ::parquet::arrow::FileReader::Make(
      &pool, ::parquet::ParquetFileReader::Open(*opened, properties), arrow_properties);
  if (!made.ok()) return FromArrow(made.status(), path);
  reader = std::move(*made);

  const auto named = [this](const Status& status) {
    return Status(status.code(), path + ": " + status.message());
  };
  auto bound = Bind(wanted, reader->manifest().schema_fields, &columns);
  if (!bound.ok()) return named(bound.status());
  fields = std::move(*bound);
  if (const Status status = BindPredicate(wanted); !status.ok()) return named(status);
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  if (const Status status = FindGroups(); !status.ok()) return named(status);
  return OkStatus();
}

Status RowGroupReader::File::BindPredicate(const Schema& wanted) {
  JOIST_RETURN_IF_ERROR(Validate(where));
  leaves.resize(where.nodes.size());
  const std::vector<SchemaField>& all = reader->manifest().schema_fields;
  for (size_t i = 0; i < where.nodes.size(); ++i) {
    PredicateNode& node = where.nodes[i];
    if (node.column.empty()) continue;
    Leaf& leaf = leaves[i];
    const auto found = std::find_if(all.begin(), all.end(), [&](const SchemaField& one) {
      return one.field->name() == node.column;
    });
    leaf.column.path = node.column;
    leaf.column.name = node.column;
    if (found == all.end()) {
      const int index = wanted.IndexOf(node.column);
      if (index < 0 || !wanted.fields[static_cast<size_t>(index)].type.nullable) {
        return InvalidArgument("it has no column \"" + node.column + "\"");
      }
      leaf.column.missing = true;
      continue;
    }
    leaf.type = found->field->type();
    if (leaf.type->id() == ::arrow::Type::EXTENSION) {
      leaf.type = static_cast<const ::arrow::ExtensionType&>(*leaf.type).storage_type();
    }
    if (found->is_leaf() && found->level_info.rep_level == 0) {
      leaf.leaf_column = found->column_index;
    }
    if (node.kind == PredicateKind::kIsNull || leaf.type->id() == ::arrow::Type::NA) {
      leaf.only_null = true;
      columns.push_back(FirstLeaf(*found));
      continue;
    }
    JOIST_ASSIGN_OR_RETURN(const FieldType type, ComparedAs(node, *leaf.type, &node.literal));
    JOIST_ASSIGN_OR_RETURN(leaf.column, BindColumn(type, node.column, *found, &columns));
  }
  return OkStatus();
}

Status RowGroupReader::File::FindGroups() {
  const auto metadata = reader->parquet_reader()->metadata();
  for (int i = 0; i < metadata->num_row_groups(); ++i) {
    const auto row_group = metadata->RowGroup(i);
    if (row_group->num_rows() < 0)
      return DataLoss("row group " + std::to_string(i) + " is damaged");
    int64_t at = 0;
    if (row_group->num_columns() > 0) {
      const auto chunk = row_group->ColumnChunk(0);
      at = chunk->data_page_offset();
      if (chunk->has_dictionary_page() && chunk->dictionary_page_offset() > 0) {
        at = std::min(at, chunk->dictionary_page_offset());
      }
    }
    if (at < 0 || static_cast<uint64_t>(at) >= size) {
      return DataLoss("row group " + std::to_string(i) + " would begin at byte " +
                      std::to_string(at) + " of " + std::to_string(size));
    }
    groups.push_back({static_cast<uint64_t>(at), i});
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.begin < b.begin; });
  while (next_group < groups.size() && groups[next_group].begin < begin) ++next_group;
  return OkStatus();
}

OutcomeSet RowGroupReader::File::OutcomesOf(int index) const {
  const auto row_group = reader->parquet_reader()->metadata()->RowGroup(index);
  return PossibleOutcomes(where, [&](const PredicateNode& node) {
    const Leaf& leaf = leaves[static_cast<size_t>(&node - where.nodes.data())];
    ColumnRange range;
    if (leaf.column.missing) range.may_be_value = false;
    if (leaf.leaf_column < 0) return range;
    range.is_real = node.literal.kind == LiteralKind::kReal;
    const auto statistics = row_group->ColumnChunk(leaf.leaf_column)->statistics();
    if (statistics == nullptr) return range;
    if (statistics->HasNullCount()) {
      range.may_be_null = statistics->null_count() > 0;
      range.may_be_value = statistics->null_count() < row_group->num_rows();
    }
    if (node.kind != PredicateKind::kIsNull) {
      range.has_bounds =
          HasBounds(*statistics, *leaf.type, node.literal.kind, &range.least, &range.greatest);
    }
    return range;
  });
}

Result<bool> RowGroupReader::File::NextGroup() {
  batches.reset();
  while (next_group < groups.size() && groups[next_group].begin < end) {
    const Group& next = groups[next_group++];
    group_begin = next.begin;
    group = next.index;
    const auto row_group = reader->parquet_reader()->metadata()->RowGroup(group);
    if (row_group->num_rows() == 0) continue;
    if (!where.empty()) {
      const OutcomeSet outcomes = OutcomesOf(group);
      if ((outcomes & BitOf(Outcome::kTrue)) == 0) {
        GroupsSkipped().Inc();
        continue;
      }
      every_row = outcomes == BitOf(Outcome::kTrue);
    }
    GroupsRead().Inc();
    if (columns.empty()) {
      rows_without_columns = row_group->num_rows();
      return true;
    }
    int64_t bytes = 0;
    for (const int column : columns)
      bytes += row_group->ColumnChunk(column)->total_compressed_size();
    BytesRead().Inc(bytes);
    auto made = reader->GetRecordBatchReader({group}, columns);
    if (!made.ok()) return FromArrow(made.status(), path);
    batches = std::move(*made);
    return true;
  }
  return false;
}

Status RowGroupReader::File::Select() {
  const auto rows = static_cast<size_t>(batch->num_rows());
  compared.resize(leaves.size());
  for (size_t i = 0; i < leaves.size(); ++i) {
    const std::string& name = where.nodes[i].column;
    if (name.empty()) continue;
    Leaf& leaf = leaves[i];
    ColumnData& data = compared[i];
    data = ColumnData();
    data.path = &leaf.column.path;
    if (leaf.column.missing) {
      data.all_null = true;
      continue;
    }
    const std::shared_ptr<::arrow::Array> array = batch->GetColumnByName(name);
    if (array == nullptr) return Internal(path + ": the column " + name + " was not read");
    if (!leaf.only_null) {
      JOIST_RETURN_IF_ERROR(Convert(*array, &leaf.column, &data));
    } else if (array->type_id() == ::arrow::Type::NA) {
      data.all_null = true;
    } else if (array->null_count() > 0) {
      leaf.column.present.resize(rows);
      for (size_t row = 0; row < rows; ++row) {
        leaf.column.present[row] = array->IsValid(static_cast<int64_t>(row)) ? 1 : 0;
      }
      data.present = leaf.column.present.data();
    }
  }
  Evaluate(where, compared, rows, &outcomes);
  selected.resize(rows);
  block_rows = 0;
  for (size_t row = 0; row < rows; ++row) {
    selected[block_rows] = static_cast<uint32_t>(row);
    block_rows += outcomes[row] == Outcome::kTrue ? 1 : 0;
  }
  return OkStatus();
}

Result<bool> RowGroupReader::File::NextBlock() {
  for (;;) {
    next_row = 0;
    block_rows = 0;
    if (columns.empty()) {
      if (rows_without_columns == 0) {
        JOIST_ASSIGN_OR_RETURN(const bool more, NextGroup());
        if (!more) return false;
      }
      block_rows = static_cast<size_t>(std::min<int64_t>(rows_without_columns, kBlockRows));
      rows_without_columns -= static_cast<int64_t>(block_rows);
      // A predicate that knows nothing but nulls is certain, so these are all of them.
      JOIST_CHECK(every_row);
    } else {
      if (batches == nullptr) {
        JOIST_ASSIGN_OR_RETURN(const bool more, NextGroup());
        if (!more) return false;
      }
      const auto read = batches->ReadNext(&batch);
      if (!read.ok()) {
        return FromArrow(read, path + ": row group " + std::to_string(group));
      }
      if (batch == nullptr) {
        batches.reset();
        continue;
      }
      if (every_row) {
        block_rows = static_cast<size_t>(batch->num_rows());
      } else {
        JOIST_RETURN_IF_ERROR(Select());
      }
    }
    if (block_rows == 0) continue;
    block.resize(fields.size());
    for (size_t i = 0; i < fields.size(); ++i) {
      block[i].form = fields[i].form;
      block[i].path = &fields[i].path;
      block[i].all_null = fields[i].missing;
      if (fields[i].missing) continue;
      const std::shared_ptr<::arrow::Array> array = batch->GetColumnByName(fields[i].name);
      if (array == nullptr) {
        return Internal(path + ": the column " + fields[i].name + " was not read");
      }
      const Status status = Convert(*array, &fields[i], &block[i]);
      if (!status.ok()) return Status(status.code(), path + ": " + status.message());
    }
    return true;
  }
}

RowGroupReader::RowGroupReader(std::unique_ptr<File> file) : file_(std::move(file)) {}
RowGroupReader::RowGroupReader(RowGroupReader&&) noexcept = default;
RowGroupReader& RowGroupReader::operator=(RowGroupReader&&) noexcept = default;
RowGroupReader::~RowGroupReader() = default;

Result<RowGroupReader> RowGroupReader::Open(const std::string& path, const Schema& wanted,
                                            const Predicate& where, uint64_t begin, uint64_t end) {
  auto file = std::make_unique<File>(path);
  file->where = where;
  file->begin = begin;
  file->end = end;
  JOIST_RETURN_IF_ERROR(Guarded(path, [&] { return file->Open(wanted); }));
  return RowGroupReader(std::move(file));
}

Result<bool> RowGroupReader::Next(Slice* slice) {
  File& file = *file_;
  if (file.next_row == file.block_rows) {
    bool more = false;
    JOIST_RETURN_IF_ERROR(Guarded(file.path, [&]() -> Status {
      JOIST_ASSIGN_OR_RETURN(more, file.NextBlock());
      return OkStatus();
    }));
    if (!more) return false;
  }
  slice->columns = file.block;
  slice->first = file.next_row;
  slice->selected = file.every_row ? nullptr : file.selected.data() + file.next_row;
  slice->rows = std::min(kSliceRows, file.block_rows - file.next_row);
  file.next_row += slice->rows;
  return true;
}

void RowGroupReader::Extend(uint64_t end) { file_->end = end; }
uint64_t RowGroupReader::position() const { return file_->group_begin; }

Status RowGroupReader::Describe(const Fault& fault) const {
  return InvalidArgument(file_->path + ": row group " + std::to_string(file_->group) +
                         ": the column \"" + *fault.column->path + "\" " +
                         std::string(fault.reason));
}

}  // namespace joist::parquet
