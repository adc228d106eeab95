// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The steps of a query. QueryStep gathers: each share appends its blocks within a transaction of
// its own for each window, which counts once the share commits; then the query runs once a window,
// its results read by the chunk. A window's tables lie in a schema of its own. BundleStep runs the
// query over a bounded number of rows at a time.

#include "joist/sql/query.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "joist/sql/database.h"

namespace joist::sql {

namespace {

constexpr int64_t kLeastMemory = int64_t{64} << 20;
/// Rows and bytes of a window over which BundleStep runs the query at once.
constexpr size_t kBundleRows = 65'536;
constexpr size_t kBundleBytes = size_t{16} << 20;

bool IsInteger(duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT: return true;
    default: return false;
  }
}

/// A value of type `from` becomes one of `to`, or fails the query where it doesn't fit; nothing is
/// lost silently but fractions of a millisecond.
bool Becomes(duckdb_type from, ColumnType to) {
  switch (to) {
    case ColumnType::kBool: return from == DUCKDB_TYPE_BOOLEAN;
    case ColumnType::kFloat:
      return from == DUCKDB_TYPE_FLOAT || from == DUCKDB_TYPE_TINYINT ||
             from == DUCKDB_TYPE_SMALLINT;
    case ColumnType::kDouble:
      return from == DUCKDB_TYPE_FLOAT || from == DUCKDB_TYPE_DOUBLE ||
             from == DUCKDB_TYPE_DECIMAL || from == DUCKDB_TYPE_TINYINT ||
             from == DUCKDB_TYPE_SMALLINT || from == DUCKDB_TYPE_INTEGER;
    case ColumnType::kText:
      return from == DUCKDB_TYPE_VARCHAR || from == DUCKDB_TYPE_ENUM || from == DUCKDB_TYPE_UUID ||
             from == DUCKDB_TYPE_DECIMAL;
    case ColumnType::kBytes: return from == DUCKDB_TYPE_BLOB;
    case ColumnType::kTimestamp:
      return from == DUCKDB_TYPE_TIMESTAMP || from == DUCKDB_TYPE_TIMESTAMP_S ||
             from == DUCKDB_TYPE_TIMESTAMP_MS || from == DUCKDB_TYPE_TIMESTAMP_NS ||
             from == DUCKDB_TYPE_DATE;
    case ColumnType::kDuration: return from == DUCKDB_TYPE_INTERVAL;
    default: return IsInteger(from);
  }
}

std::string ShapeOf(const std::vector<ResultColumn>& columns) {
  std::string shape;
  for (const ResultColumn& column : columns) {
    shape += (shape.empty() ? "" : ", ") + column.name + " " + column.type_name;
  }
  return "(" + shape + ")";
}

std::string ShapeOf(const std::vector<Column>& columns) {
  std::string shape;
  for (const Column& column : columns) {
    shape += (shape.empty() ? "" : ", ") + column.name + " " + std::string(SqlNameOf(column.type));
  }
  return "(" + shape + ")";
}

/// SQL's names are the same whatever their case.
bool SameName(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

/// The statement that gives the output's columns in their order, each cast to its type.
std::string StatementFor(const Query& query, const std::vector<ResultColumn>& columns) {
  const auto refuse = [&](const std::string& why) {
    throw StatusException(InvalidArgument("the query gives " + ShapeOf(columns) + ", but " +
                                          query.output_type + " wants " + ShapeOf(query.output) +
                                          ": " + why));
  };
  std::string casts;
  for (const Column& wanted : query.output) {
    const auto found = std::find_if(
        columns.begin(), columns.end(),
        [&](const ResultColumn& column) { return SameName(column.name, wanted.name); });
    if (found == columns.end()) refuse("no column is called " + Quoted(wanted.name));
    if (std::count_if(columns.begin(), columns.end(), [&](const ResultColumn& column) {
          return SameName(column.name, wanted.name);
        }) > 1) {
      refuse("several columns are called " + Quoted(wanted.name));
    }
    const std::string type(SqlNameOf(wanted.type));
    if (!Becomes(found->type, wanted.type)) {
      refuse(Quoted(wanted.name) + " is no " + type + "; write CAST(… AS " + type +
             ") in the query, or change the field's type");
    }
    casts += (casts.empty() ? "CAST(c" : ", CAST(c") + std::to_string(found - columns.begin()) +
             " AS " + type + ")";
  }
  for (const ResultColumn& column : columns) {
    if (std::none_of(query.output.begin(), query.output.end(),
                     [&](const Column& wanted) { return SameName(column.name, wanted.name); })) {
      refuse("it has no field called " + Quoted(column.name));
    }
  }
  std::string names;
  for (size_t i = 0; i < columns.size(); ++i) {
    names += (i == 0 ? "c" : ", c") + std::to_string(i);
  }
  return "SELECT " + casts + " FROM (\n" + query.text + "\n) AS joist_query(" + names + ")";
}

void CheckNames(const std::vector<Table>& tables) {
  for (const Table& table : tables) {
    if (table.name.empty()) {
      throw StatusException(InvalidArgument("one of its tables has no name"));
    }
    if (std::count_if(tables.begin(), tables.end(),
                      [&](const Table& other) { return SameName(table.name, other.name); }) > 1) {
      throw StatusException(InvalidArgument("two of its tables are called " + Quoted(table.name)));
    }
  }
}

int64_t MemoryFor(const Query& query, const MemoryBudget* budget) {
  if (query.memory > 0) return std::max(query.memory, kLeastMemory);
  int64_t memory = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE) / 4;
  if (budget != nullptr) memory = std::min(memory, budget->limit() / 2);
  return std::max(memory, kLeastMemory);
}

std::string TemporaryFolder(const MemoryBudget* budget) {
  if (budget != nullptr && !budget->spill_directory().empty()) return budget->spill_directory();
  const char* folder = std::getenv("TMPDIR");
  return folder == nullptr || *folder == '\0' ? "/var/tmp" : folder;
}

/// The tables of one window, being filled in one transaction.
class Filling {
 public:
  Filling(const std::shared_ptr<Database>& database, std::string schema,
          const std::vector<Table>& tables)
      : connection_(database), schema_(std::move(schema)), tables_(tables) {
    connection_.Execute("BEGIN TRANSACTION");
    appenders_.resize(tables.size());
  }
  /// Returns the number of rows.
  size_t Append(std::string_view bytes) {
    BlockReader block(bytes);
    if (block.table() >= tables_.size()) {
      throw StatusException(DataLoss("a block of rows for SQL belongs to no table"));
    }
    std::unique_ptr<TableAppender>& appender = appenders_[block.table()];
    if (appender == nullptr) {
      appender = std::make_unique<TableAppender>(connection_, schema_, tables_[block.table()]);
    }
    appender->Append(block);
    return block.rows();
  }
  /// No more rows come.
  void Close() {
    for (auto& appender : appenders_) {
      if (appender != nullptr) appender->Close();
      appender.reset();
    }
  }
  void Commit() { connection_.Execute("COMMIT"); }

 private:
  Connection connection_;
  std::string schema_;
  const std::vector<Table>& tables_;
  std::vector<std::unique_ptr<TableAppender>> appenders_;
};

/// Pushes blocks one by one.
class BlockOutput {
 public:
  explicit BlockOutput(const OperatorContext& context) : stats_(context.stats) {}
  void Connect(Receiver* consumer) { output_.Connect(consumer); }
  Bytes* block() { return column_.data(); }
  void Push(Window window) {
    ++stats_->elements_out;
    output_.Push({column_.view(),
                  1,
                  {SharedColumn<Timestamp>(window.max_timestamp()), SharedColumn<Window>(window),
                   SharedColumn<PaneInfo>(PaneInfo::OnTimeAndOnly())}});
  }

 private:
  StepStats* stats_;
  Output<Bytes> output_;
  ColumnBuffer<Bytes> column_;
};

class QueryBreaker final : public Breaker {
 public:
  QueryBreaker(Query query, const BreakerContext& context)
      : query_(std::move(query)), context_(context) {}

  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::make_unique<Sink>(this, context);
  }
  void Commit(Operator& sink) override;
  void Seal(int) override {
    if (windows_.empty()) windows_.push_back(Window::Global());  // A query of nothing has a result.
  }
  std::shared_ptr<Source> MakeOutput() override { return std::make_shared<Results>(this); }

 private:
  class Sink final : public Operator, public BatchReceiver<Bytes> {
   public:
    Sink(QueryBreaker* breaker, const OperatorContext& context)
        : breaker_(breaker), context_(context) {}
    Receiver* input(int) override { return static_cast<BatchReceiver<Bytes>*>(this); }
    void Connect(int, Receiver*) override {}
    void Push(const Batch<Bytes>& batch) override {
      const StepScope scope(context_.stats);
      ++context_.stats->batches_in;
      try {
        for (size_t i = 0; i < batch.count; ++i) {
          context_.stats->elements_in += Of(batch.window(i)).Append(batch[i].view());
        }
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }
    void Finish() override {
      const StepScope scope(context_.stats);
      try {
        for (auto& [window, filling] : windows_) filling->Close();
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

   private:
    friend class QueryBreaker;
    Filling& Of(Window window) {
      for (size_t i = windows_.size(); i-- > 0;) {
        if (windows_[i].first == window) return *windows_[i].second;
      }
      windows_.emplace_back(
          window, std::make_unique<Filling>(breaker_->database(), breaker_->SchemaOf(window),
                                            breaker_->query_.tables));
      return *windows_.back().second;
    }

    QueryBreaker* breaker_;
    OperatorContext context_;
    std::vector<std::pair<Window, std::unique_ptr<Filling>>> windows_;
  };

  /// One range for each window.
  class Results final : public Source {
   public:
    explicit Results(QueryBreaker* breaker) : breaker_(breaker) {}
    Result<std::vector<SourceRange>> Split(int) override {
      std::vector<SourceRange> ranges;
      for (uint32_t i = 0; i < breaker_->windows_.size(); ++i) ranges.push_back({i, 0, 1, false});
      return ranges;
    }
    std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override {
      return std::make_unique<WindowReader>(breaker_, context);
    }

   private:
    QueryBreaker* breaker_;
  };

  class WindowReader final : public Reader {
   public:
    WindowReader(QueryBreaker* breaker, const OperatorContext& context)
        : breaker_(breaker), context_(context), output_(context) {}
    void Connect(Receiver* consumer) override { output_.Connect(consumer); }
    void Read(RangeTracker& tracker) override {
      const StepScope scope(context_.stats);
      int64_t begin, end;
      if (!tracker.Claim(1, &begin, &end)) return;
      const Window window = breaker_->windows_[tracker.item()];
      try {
        Connection connection(breaker_->database());
        connection.Execute("USE " + Quoted(breaker_->SchemaOf(window)));
        ResultReader result(connection, breaker_->query_.statement, breaker_->query_.output);
        while (!result.Work()) {
          if (tracker.cancelled()) return;
        }
        while (result.Next(output_.block())) {
          if (tracker.cancelled()) return;
          output_.Push(window);
        }
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
    }

   private:
    QueryBreaker* breaker_;
    OperatorContext context_;
    BlockOutput output_;
  };

  /// Opened when first needed. Any thread.
  std::shared_ptr<Database> database() {
    const std::lock_guard lock(mutex_);
    if (database_ == nullptr) {
      database_ = std::make_shared<Database>(DatabaseSettings{MemoryFor(query_, context_.memory), 0,
                                                              TemporaryFolder(context_.memory)});
    }
    return database_;
  }
  /// The schema of a window's tables, which are there when this returns. Any thread.
  std::string SchemaOf(Window window) {
    const std::shared_ptr<Database> opened = database();
    const std::lock_guard lock(mutex_);
    const auto found = std::find(schemas_.begin(), schemas_.end(), window);
    std::string name = "window" + std::to_string(found - schemas_.begin());
    if (found == schemas_.end()) {
      Connection connection(opened);
      connection.Execute("CREATE SCHEMA " + Quoted(name));
      connection.Execute("USE " + Quoted(name));
      connection.CreateTables(query_.tables);
      schemas_.push_back(window);
    }
    return name;
  }

  const Query query_;
  const BreakerContext context_;
  std::mutex mutex_;
  std::shared_ptr<Database> database_;
  std::vector<Window> schemas_;  ///< Number n is called windown.
  std::vector<Window> windows_;  ///< That have committed rows.
};

void QueryBreaker::Commit(Operator& sink) {
  for (auto& [window, filling] : static_cast<Sink&>(sink).windows_) {
    filling->Commit();
    if (std::find(windows_.begin(), windows_.end(), window) == windows_.end()) {
      windows_.push_back(window);
    }
  }
  static_cast<Sink&>(sink).windows_.clear();
}

class QueryStep final : public StepOf<QueryStep, Query> {
 public:
  using StepOf<QueryStep, Query>::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<Bytes>}; }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::make_unique<QueryBreaker>(definition(), context);
  }
};

/// Each share has a database of its own, of one thread: the shares are the threads.
class BundleOperator final : public Operator, public BatchReceiver<Bytes> {
 public:
  BundleOperator(const Query* query, const OperatorContext& context)
      : query_(query), context_(context), output_(context) {}
  Receiver* input(int) override { return static_cast<BatchReceiver<Bytes>*>(this); }
  void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }

  void Push(const Batch<Bytes>& batch) override {
    const StepScope scope(context_.stats);
    ++context_.stats->batches_in;
    try {
      for (size_t i = 0; i < batch.count; ++i) {
        const Window window = batch.window(i);
        if (filling_ != nullptr && window != window_) RunQuery();
        if (filling_ == nullptr) Begin(window);
        const size_t rows = filling_->Append(batch[i].view());
        context_.stats->elements_in += rows;
        rows_ += rows;
        bytes_ += batch[i].size();
        if (rows_ >= kBundleRows || bytes_ >= kBundleBytes) RunQuery();
      }
    } catch (...) {
      RethrowAsStepFailure(context_.step, "");
    }
  }
  void Finish() override {
    const StepScope scope(context_.stats);
    try {
      if (filling_ != nullptr) RunQuery();
    } catch (...) {
      RethrowAsStepFailure(context_.step, "");
    }
  }

 private:
  void Begin(Window window) {
    if (database_ == nullptr) {
      database_ = std::make_shared<Database>(DatabaseSettings{MemoryFor(*query_, context_.memory),
                                                              1, TemporaryFolder(context_.memory)});
    }
    Connection connection(database_);
    connection.Execute("CREATE SCHEMA bundle");
    connection.Execute("USE bundle");
    connection.CreateTables(query_->tables);
    filling_ = std::make_unique<Filling>(database_, "bundle", query_->tables);
    window_ = window;
  }
  void RunQuery() {
    filling_->Close();
    filling_->Commit();
    filling_.reset();
    rows_ = bytes_ = 0;
    Connection connection(database_);
    connection.Execute("USE bundle");
    {
      ResultReader result(connection, query_->statement, query_->output);
      while (!result.Work()) {
      }
      while (result.Next(output_.block())) output_.Push(window_);
    }
    connection.Execute("USE main");
    connection.Execute("DROP SCHEMA bundle CASCADE");
  }

  const Query* query_;
  OperatorContext context_;
  BlockOutput output_;
  std::shared_ptr<Database> database_;
  std::unique_ptr<Filling> filling_;  ///< Of window_; null if nothing has come.
  Window window_;
  size_t rows_ = 0;
  size_t bytes_ = 0;
};

class BundleStep final : public StepOf<BundleStep, Query> {
 public:
  using StepOf<BundleStep, Query>::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<Bytes>}; }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    return std::make_unique<BundleOperator>(&definition(), context);
  }
};

}  // namespace

Status Prepare(Query* query) {
  try {
    while (!query->text.empty() &&
           std::string_view("; \n\t\r").find(query->text.back()) != std::string_view::npos) {
      query->text.pop_back();
    }
    if (query->memory < 0) {
      throw StatusException(InvalidArgument("its memory limit is negative"));
    }
    CheckNames(query->tables);
    if (query->per_bundle && query->tables.size() > 1) {
      throw StatusException(InvalidArgument(
          "PerBundle sees some rows of one collection at a time, and this query has several"));
    }
    Connection connection(std::make_shared<Database>(DatabaseSettings{kLeastMemory, 1, ""}));
    connection.CreateTables(query->tables);
    query->statement = StatementFor(*query, connection.ColumnsOf(query->text));
    connection.ColumnsOf(query->statement);
    return OkStatus();
  } catch (const StatusException& e) {
    return e.status();
  }
}

PCollection<Bytes> Run(const PCollection<Bytes>& blocks, Query query) {
  PipelineBuilder& builder = blocks.builder();
  const PipelineBuilder::Scope scope(&builder, "Query", "", nullptr);
  if (query.per_bundle) {
    return AddStep<Bytes>(blocks, MakeStep<BundleStep>(std::move(query)));
  }
  return AddStep<Bytes>(blocks, MakeStep<QueryStep>(std::move(query)));
}

}  // namespace joist::sql
