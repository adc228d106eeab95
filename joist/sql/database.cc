// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sql/database.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <thread>
#include <utility>

#include "joist/base/one_line.h"
#include "joist/base/status.h"

namespace joist::sql {

namespace {

static_assert(sizeof(Interval) == sizeof(duckdb_interval));

[[noreturn]] void Throw(const char* message) {
  throw StatusException(
      InvalidArgument("DuckDB says: " + OneLine(message == nullptr ? "no reason" : message)));
}

struct NamedType {
  duckdb_type type;
  std::string_view name;
};
/// By ColumnType.
constexpr NamedType kColumnTypes[] = {
    {DUCKDB_TYPE_BOOLEAN, "BOOLEAN"},     {DUCKDB_TYPE_TINYINT, "TINYINT"},
    {DUCKDB_TYPE_SMALLINT, "SMALLINT"},   {DUCKDB_TYPE_INTEGER, "INTEGER"},
    {DUCKDB_TYPE_BIGINT, "BIGINT"},       {DUCKDB_TYPE_UTINYINT, "UTINYINT"},
    {DUCKDB_TYPE_USMALLINT, "USMALLINT"}, {DUCKDB_TYPE_UINTEGER, "UINTEGER"},
    {DUCKDB_TYPE_UBIGINT, "UBIGINT"},     {DUCKDB_TYPE_FLOAT, "FLOAT"},
    {DUCKDB_TYPE_DOUBLE, "DOUBLE"},       {DUCKDB_TYPE_VARCHAR, "VARCHAR"},
    {DUCKDB_TYPE_BLOB, "BLOB"},           {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP"},
    {DUCKDB_TYPE_INTERVAL, "INTERVAL"},
};
static_assert(std::size(kColumnTypes) == static_cast<size_t>(ColumnType::kDuration) + 1);
/// Others that a query may give, for messages.
constexpr NamedType kOtherTypes[] = {
    {DUCKDB_TYPE_HUGEINT, "HUGEINT"},
    {DUCKDB_TYPE_UHUGEINT, "UHUGEINT"},
    {DUCKDB_TYPE_DATE, "DATE"},
    {DUCKDB_TYPE_TIME, "TIME"},
    {DUCKDB_TYPE_TIMESTAMP_S, "TIMESTAMP_S"},
    {DUCKDB_TYPE_TIMESTAMP_MS, "TIMESTAMP_MS"},
    {DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS"},
    {DUCKDB_TYPE_TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE"},
    {DUCKDB_TYPE_UUID, "UUID"},
    {DUCKDB_TYPE_ENUM, "ENUM"},
    {DUCKDB_TYPE_LIST, "LIST"},
    {DUCKDB_TYPE_STRUCT, "STRUCT"},
    {DUCKDB_TYPE_MAP, "MAP"},
};

duckdb_type TypeOf(ColumnType type) { return kColumnTypes[static_cast<size_t>(type)].type; }

std::string NameOf(duckdb_logical_type type) {
  const duckdb_type id = duckdb_get_type_id(type);
  if (id == DUCKDB_TYPE_DECIMAL) {
    return "DECIMAL(" + std::to_string(duckdb_decimal_width(type)) + "," +
           std::to_string(duckdb_decimal_scale(type)) + ")";
  }
  for (const NamedType& known : kColumnTypes) {
    if (known.type == id) return std::string(known.name);
  }
  for (const NamedType& known : kOtherTypes) {
    if (known.type == id) return std::string(known.name);
  }
  return "another type";
}

void SetConfig(duckdb_config config, const char* name, const std::string& value) {
  if (duckdb_set_config(config, name, value.c_str()) == DuckDBError) {
    throw StatusException(Internal(std::string("DuckDB refuses its setting ") + name));
  }
}

std::string MakeFolder(const std::string& wanted) {
  const std::string parent = wanted.empty() ? "/var/tmp" : wanted;
  std::string path = parent + "/joist-sql-XXXXXX";  // mkdtemp puts a name of its own there.
  if (mkdtemp(path.data()) == nullptr) {
    throw StatusException(FromErrno(
        errno, "cannot make a folder in " + parent + " for what SQL cannot hold in memory"));
  }
  return path;
}

/// A text that lies elsewhere.
duckdb_string_t TextAt(const char* text, uint32_t size) {
  duckdb_string_t string;
  std::memset(&string, 0, sizeof(string));
  if (size <= sizeof(string.value.inlined.inlined)) {
    string.value.inlined.length = size;
    std::memcpy(string.value.inlined.inlined, text, size);
  } else {
    string.value.pointer.length = size;
    std::memcpy(string.value.pointer.prefix, text, sizeof(string.value.pointer.prefix));
    string.value.pointer.ptr = const_cast<char*>(text);
  }
  return string;
}

/// DuckDB trusts that its texts are UTF-8. All texts of a column are looked at as one; if that is
/// right and none begins in the middle of a character, so is each of them.
bool AreUtf8(const BlockReader::Part& part, size_t rows) {
  uint64_t high_bits = 0;
  size_t i = 0;
  for (; i + 8 <= part.texts.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, part.texts.data() + i, 8);
    high_bits |= word;
  }
  for (; i < part.texts.size(); ++i) high_bits |= static_cast<uint8_t>(part.texts[i]);
  if ((high_bits & 0x8080808080808080) == 0) return true;
  const char* text = part.texts.data();
  for (size_t row = 0; row < rows; ++row) {
    const uint32_t size = part.SizeOf(row);
    if (size > 0 && (*text & 0xC0) == 0x80) return false;
    text += size;
  }
  duckdb_error_data error = duckdb_valid_utf8_check(part.texts.data(), part.texts.size());
  const bool valid = error == nullptr || !duckdb_error_data_has_error(error);
  if (error != nullptr) duckdb_destroy_error_data(&error);
  return valid;
}

/// Each thread of DuckDB has partitions of its own that stay in memory; of several threads these
/// may be more than a small limit allows, whatever goes to disk ("Out of Memory Error"). DuckDB's
/// guide to tuning asks for 125 MB a thread.
constexpr int64_t kMemoryOfThread = int64_t{128} << 20;

int ThreadsFor(const DatabaseSettings& settings) {
  const auto machine = static_cast<int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  const int64_t wanted = settings.threads > 0 ? settings.threads : machine;
  return static_cast<int>(std::clamp<int64_t>(settings.memory / kMemoryOfThread, 1, wanted));
}

}  // namespace

std::string Quoted(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string_view SqlNameOf(ColumnType type) { return kColumnTypes[static_cast<size_t>(type)].name; }

Database::Database(const DatabaseSettings& settings) {
  duckdb_config config;
  if (duckdb_create_config(&config) == DuckDBError) Throw("no memory for its settings");
  char* error = nullptr;
  try {
    if (!settings.temporary_folder.empty()) {
      folder_ = MakeFolder(settings.temporary_folder);
      SetConfig(config, "temp_directory", folder_);
    } else {
      SetConfig(config, "temp_directory", "");
    }
    SetConfig(config, "memory_limit", std::to_string(settings.memory) + "B");
    SetConfig(config, "threads", std::to_string(ThreadsFor(settings)));
    SetConfig(config, "preserve_insertion_order", "false");
    // A query reads its tables and nothing else.
    SetConfig(config, "enable_external_access", "false");
    SetConfig(config, "autoinstall_known_extensions", "false");
    SetConfig(config, "autoload_known_extensions", "false");
    SetConfig(config, "lock_configuration", "true");
    if (duckdb_open_ext(":memory:", &database_, config, &error) == DuckDBError) {
      const std::string message = error == nullptr ? "it cannot be opened" : error;
      duckdb_free(error);
      Throw(message.c_str());
    }
  } catch (...) {
    duckdb_destroy_config(&config);
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
    throw;
  }
  duckdb_destroy_config(&config);
}

Database::~Database() {
  duckdb_close(&database_);
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

Connection::Connection(std::shared_ptr<Database> database) : database_(std::move(database)) {
  if (duckdb_connect(database_->database_, &connection_) == DuckDBError) Throw("cannot connect");
}

Connection::~Connection() { duckdb_disconnect(&connection_); }

void Connection::Execute(const std::string& statement) {
  duckdb_result result;
  const bool failed = duckdb_query(connection_, statement.c_str(), &result) == DuckDBError;
  const std::string message = failed ? OneLine(duckdb_result_error(&result)) : "";
  duckdb_destroy_result(&result);
  if (failed) Throw(message.c_str());
}

std::vector<ResultColumn> Connection::ColumnsOf(const std::string& query) {
  duckdb_prepared_statement statement = nullptr;
  struct Destroy {
    duckdb_prepared_statement* statement;
    ~Destroy() { duckdb_destroy_prepare(statement); }
  } const destroy{&statement};
  if (duckdb_prepare(connection_, query.c_str(), &statement) == DuckDBError) {
    Throw(duckdb_prepare_error(statement));
  }
  if (duckdb_prepared_statement_type(statement) != DUCKDB_STATEMENT_TYPE_SELECT) {
    throw StatusException(InvalidArgument("only a query (SELECT) can be run over collections"));
  }
  if (duckdb_nparams(statement) > 0) {
    throw StatusException(
        InvalidArgument("it has parameters (? or $1), for which there are no values"));
  }
  std::vector<ResultColumn> columns;
  for (idx_t i = 0; i < duckdb_prepared_statement_column_count(statement); ++i) {
    const char* name = duckdb_prepared_statement_column_name(statement, i);
    duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(statement, i);
    columns.push_back({name, duckdb_get_type_id(type), NameOf(type)});
    duckdb_destroy_logical_type(&type);
    duckdb_free(const_cast<char*>(name));
  }
  return columns;
}

void Connection::CreateTables(const std::vector<Table>& tables) {
  for (const Table& table : tables) {
    std::string statement = "CREATE TABLE " + Quoted(table.name) + " (";
    for (const Column& column : table.columns) {
      if (&column != table.columns.data()) statement += ", ";
      statement += Quoted(column.name) + " " + std::string(SqlNameOf(column.type));
    }
    Execute(statement + ")");
  }
}

TableAppender::TableAppender(const Connection& connection, const std::string& schema,
                             const Table& table)
    : table_(table) {
  std::vector<duckdb_logical_type> types;
  for (const Column& column : table.columns) {
    types.push_back(duckdb_create_logical_type(TypeOf(column.type)));
  }
  chunk_ = duckdb_create_data_chunk(types.data(), types.size());
  for (duckdb_logical_type& type : types) duckdb_destroy_logical_type(&type);
  if (duckdb_appender_create(connection.get(), schema.c_str(), table.name.c_str(), &appender_) ==
      DuckDBError) {
    const char* error = duckdb_appender_error(appender_);
    const std::string message = error == nullptr ? "cannot append" : error;
    duckdb_appender_destroy(&appender_);
    duckdb_destroy_data_chunk(&chunk_);
    Throw(message.c_str());
  }
}

TableAppender::~TableAppender() {
  duckdb_destroy_data_chunk(&chunk_);
  if (appender_ == nullptr) return;
  duckdb_appender_clear(appender_);
  duckdb_appender_destroy(&appender_);
}

void TableAppender::Fail() const { Throw(duckdb_appender_error(appender_)); }

void TableAppender::Append(BlockReader& block) {
  const size_t rows = block.rows();
  if (rows > duckdb_vector_size()) {
    throw StatusException(DataLoss("a block of rows for SQL has more rows than any should"));
  }
  duckdb_data_chunk_reset(chunk_);
  for (size_t c = 0; c < table_.columns.size(); ++c) {
    const Column& column = table_.columns[c];
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk_, c);
    void* const values = duckdb_vector_get_data(vector);
    const BlockReader::Part part = block.Next(column.type, column.nullable);
    if (part.present != nullptr) {
      duckdb_vector_ensure_validity_writable(vector);
      std::memcpy(duckdb_vector_get_validity(vector), part.present, (rows + 63) / 64 * 8);
    }
    if (!IsText(column.type)) {
      std::memcpy(values, part.values, rows * WidthOf(column.type));
      continue;
    }
    if (column.type == ColumnType::kText && !AreUtf8(part, rows)) {
      throw StatusException(InvalidArgument(
          "the column " + Quoted(column.name) + " of the table " + Quoted(table_.name) +
          " has a text that is not UTF-8; repair it, or make the field joist::Bytes"));
    }
    // The chunk refers to the block; appending copies.
    auto* const texts = static_cast<duckdb_string_t*>(values);
    const char* text = part.texts.data();
    for (size_t i = 0; i < rows; ++i) {
      const uint32_t size = part.SizeOf(i);
      texts[i] = TextAt(text, size);
      text += size;
    }
  }
  duckdb_data_chunk_set_size(chunk_, rows);
  if (duckdb_append_data_chunk(appender_, chunk_) == DuckDBError) Fail();
}

void TableAppender::Close() {
  if (duckdb_appender_close(appender_) == DuckDBError) Fail();
}

ResultReader::ResultReader(const Connection& connection, const std::string& statement,
                           const std::vector<Column>& columns)
    : columns_(columns) {
  std::string error;
  if (duckdb_prepare(connection.get(), statement.c_str(), &statement_) == DuckDBError) {
    error = OneLine(duckdb_prepare_error(statement_));
  } else if (duckdb_pending_prepared_streaming(statement_, &pending_) == DuckDBError) {
    error = OneLine(duckdb_pending_error(pending_));
  }
  if (error.empty()) return;
  duckdb_destroy_pending(&pending_);
  duckdb_destroy_prepare(&statement_);
  Throw(error.c_str());
}

ResultReader::~ResultReader() {
  if (has_result_) duckdb_destroy_result(&result_);
  duckdb_destroy_pending(&pending_);
  duckdb_destroy_prepare(&statement_);
}

bool ResultReader::Work() {
  if (has_result_) return true;
  const duckdb_pending_state state = duckdb_pending_execute_task(pending_);
  if (state == DUCKDB_PENDING_ERROR) Throw(duckdb_pending_error(pending_));
  if (!duckdb_pending_execution_is_finished(state)) {
    // Other threads of DuckDB are at it, and there is nothing to help with.
    if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return false;
  }
  has_result_ = true;  // Also where it fails: it is to be destroyed.
  if (duckdb_execute_pending(pending_, &result_) == DuckDBError) {
    Throw(duckdb_result_error(&result_));
  }
  return true;
}

bool ResultReader::Next(Bytes* block) {
  duckdb_data_chunk chunk = duckdb_fetch_chunk(result_);
  struct Destroy {
    duckdb_data_chunk* chunk;
    ~Destroy() { duckdb_destroy_data_chunk(chunk); }
  } const destroy{&chunk};
  const size_t rows = chunk == nullptr ? 0 : duckdb_data_chunk_get_size(chunk);
  if (rows == 0) {
    const char* error = duckdb_result_error(&result_);
    if (error != nullptr && *error != '\0') Throw(error);
    return false;
  }
  block->data.clear();
  const uint32_t head[] = {0, static_cast<uint32_t>(rows)};
  block->data.append(reinterpret_cast<const char*>(head), sizeof(head));
  for (size_t c = 0; c < columns_.size(); ++c) {
    PutColumn(duckdb_data_chunk_get_vector(chunk, c), columns_[c], rows, &block->data);
  }
  return true;
}

void ResultReader::PutColumn(duckdb_vector vector, const Column& column, size_t rows,
                             std::string* out) const {
  using block_internal::AddZeros;
  using block_internal::Padded;
  const uint64_t* validity = duckdb_vector_get_validity(vector);
  const void* values = duckdb_vector_get_data(vector);
  const auto has = [validity](size_t i) {
    return validity == nullptr || (validity[i / 64] >> i % 64 & 1) != 0;
  };
  if (column.nullable) {
    const size_t size = (rows + 63) / 64 * 8;
    char* const present = AddZeros(size, out);
    if (validity == nullptr) {
      std::memset(present, 0xFF, size);
    } else {
      std::memcpy(present, validity, size);
    }
  } else {
    for (size_t i = 0; validity != nullptr && i < rows; ++i) {
      if (has(i)) continue;
      throw StatusException(InvalidArgument(
          "the query gave NULL in the column " + Quoted(column.name) +
          "; make the field of that name a std::optional, or use coalesce in the query"));
    }
  }
  if (!IsText(column.type)) {
    const size_t size = rows * WidthOf(column.type);
    std::memcpy(AddZeros(Padded(size), out), values, size);
    return;
  }
  const size_t sizes = out->size();
  AddZeros(Padded(rows * sizeof(uint32_t)), out);
  const size_t begin = out->size();
  const auto* texts = static_cast<const duckdb_string_t*>(values);
  for (size_t i = 0; i < rows; ++i) {
    if (!has(i)) continue;
    const uint32_t size = texts[i].value.inlined.length;
    std::memcpy(out->data() + sizes + i * sizeof(size), &size, sizeof(size));
    const bool is_inlined = size <= sizeof(texts[i].value.inlined.inlined);
    out->append(is_inlined ? texts[i].value.inlined.inlined : texts[i].value.pointer.ptr, size);
  }
  AddZeros(Padded(out->size() - begin) - (out->size() - begin), out);
}

}  // namespace joist::sql
