// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BigQuery: reads the rows of a table or of a query's result as rows of a type.
//
//   struct Visit { std::string user; Timestamp at; std::optional<double> price; };
//   JOIST_ROW(Visit, user, at, price)
//   p | joist::bigquery::ReadRows<Visit>("shop.web.visits").WithRowRestriction("price > 5")
//   p | joist::bigquery::ReadQuery<Visit>("SELECT * FROM web.visits").WithProject("shop")
//
// The members' names are the columns', as the table spells them; only those are read, of nested
// records too. All threads read, by the Storage Read API; what is read again, after a failure, is
// the same, since a session has the rows of its creation.
//
// | column               | member                                                                 |
// |----------------------|------------------------------------------------------------------------|
// | STRING, JSON         | std::string; STRING: enums declared with JOIST_ENUM                    |
// | DATETIME             | std::string: "2026-11-23T06:55:00"                                     |
// | BYTES                | Bytes, std::string                                                     |
// | INTEGER              | integers, within the member's range; float, double                     |
// | FLOAT                | double, float                                                          |
// | NUMERIC              | std::string, its digits; double                                        |
// | BOOLEAN              | bool                                                                   |
// | TIMESTAMP            | Timestamp, cut to milliseconds                                         |
// | DATE                 | Timestamp, the day's beginning in UTC                                  |
// | TIME                 | Duration since midnight, cut to milliseconds                           |
// | RECORD               | a row                                                                  |
// | NULLABLE             | std::optional; without, a NULL is an error                             |
// | REPEATED             | std::vector                                                            |
//
// BIGNUMERIC is refused: CAST it in a query. A column that is missing or does not go with its
// member ends the job before a row is read, with one line. Transforms are values.

#ifndef JOIST_IO_BIGQUERY_READ_H_
#define JOIST_IO_BIGQUERY_READ_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/io/avro/field_shape.h"
#include "joist/io/bigquery/row_stream.h"
#include "joist/io/bigquery/stream_reader.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"

namespace joist::bigquery {

/// A table that is read.
struct TableToRead {
  std::string table = {};            ///< "projects/P/datasets/D/tables/T".
  std::string project = {};          ///< That pays; "" the table's.
  std::string row_restriction = {};  ///< As in a WHERE.
  std::optional<Timestamp> snapshot_time = {};
  std::string endpoint = {};  ///< As joist::google::Connect takes it.
};
JOIST_ROW(TableToRead, table, project, row_restriction, snapshot_time, endpoint)

/// A value for @name in a query.
struct QueryValue {
  std::string name = {};
  std::string type = {};  ///< "STRING", "INT64", …
  std::string value = {};
};
JOIST_ROW(QueryValue, name, type, value)

/// A query that is read.
struct QueryToRead {
  std::string query = {};
  std::string job = {};  ///< Its id, made when the pipeline runs.
  std::string project = {};
  std::string location = {};
  std::string default_dataset = {};  ///< "DATASET" or "PROJECT.DATASET".
  std::vector<QueryValue> values = {};
  std::string endpoint = {};
  std::string http_endpoint = {};  ///< "http://HOST:PORT"; "" as `endpoint` says.
};
JOIST_ROW(QueryToRead, query, job, project, location, default_dataset, values, endpoint,
          http_endpoint)

namespace read_internal {

/// The streams of a session of the table, for rows of that shape. Throws.
std::vector<RowStream> StreamsOf(const TableToRead& table, const avro::FieldShape& row);
/// Runs the query, or finds what it has come to. Throws.
std::vector<RowStream> StreamsOf(const QueryToRead& query, const avro::FieldShape& row);

/// With mistakes as faults of `builder`.
TableToRead Checked(TableToRead table, PipelineBuilder* builder);
QueryToRead Checked(QueryToRead query, PipelineBuilder* builder);

/// Gives queries their ids; what follows is given the same ones again.
PCollection<QueryToRead> NameJobs(const PCollection<QueryToRead>& queries);

template <IsRow T, class Source>
struct FindStreams {
  void Process(const Source& source, Emit<RowStream> emit) const {
    for (RowStream& stream : StreamsOf(source, avro::ShapeOf<T>())) emit(std::move(stream));
  }
};
template <IsRow T, class Source>
constexpr FieldList<FindStreams<T, Source>> JoistFields(const FindStreams<T, Source>*) {
  return {"FindStreams", {}};
}

template <IsRow T>
struct ReadStream {
  std::shared_ptr<StreamReader> reader;  ///< Each copy's own.

  void Setup() { reader = std::make_shared<StreamReader>(avro::ShapeOf<T>()); }
  RowsFrom InitialRestriction(const RowStream&) const { return {}; }

  void Process(const RowStream& stream, RestrictionTracker<RowsFrom>& tracker, Emit<T> emit) const {
    ThrowIfError(reader->GoTo(stream, tracker.restriction().from));
    while (true) {
      const Result<int64_t> ready = reader->Ready();
      ThrowIfError(ready.status());
      T* const rows = emit.Room(1);
      const int64_t count = std::min(*ready, static_cast<int64_t>(emit.room()));
      if (!tracker.TryClaim(count == 0 ? RowsFrom::kEnd : reader->offset() + count)) return;
      if (count == 0) return;
      ThrowIfError(reader->Take(rows, count));
      emit.Advance(static_cast<size_t>(count));
    }
  }
};
template <IsRow T>
constexpr FieldList<ReadStream<T>> JoistFields(const ReadStream<T>*) {
  return {"ReadStream", {}};
}

template <IsRow T, class Source>
PCollection<T> ReadStreams(const PCollection<Source>& sources) {
  return sources | "Streams" >> ParDo(FindStreams<T, Source>()) | "Rows" >> ParDo(ReadStream<T>());
}

}  // namespace read_internal

/// The rows of a table. Bounded: those that are there when the job begins to read.
template <IsRow T>
class ReadRows : public Transform {
 public:
  static constexpr std::string_view kKind = "bigquery::ReadRows";
  /// "PROJECT.DATASET.TABLE" or "PROJECT:DATASET.TABLE".
  explicit ReadRows(std::string table, std::source_location where = std::source_location::current())
      : Transform(where) {
    table_.table = std::move(table);
  }
  /// "google", "local" or "HOST:PORT"; by default what the environment says.
  ReadRows WithEndpoint(std::string endpoint) && {
    table_.endpoint = std::move(endpoint);
    return std::move(*this);
  }
  /// Only rows for which it is true: a condition of SQL over columns, without aggregates and other
  /// tables.
  ReadRows WithRowRestriction(std::string condition) && {
    table_.row_restriction = std::move(condition);
    return std::move(*this);
  }
  /// The rows of that time, as long as the service keeps them. `joist serve` has none of before.
  ReadRows WithSnapshotTime(Timestamp time) && {
    table_.snapshot_time = time;
    return std::move(*this);
  }
  /// The project that the session belongs to and that pays; by default the table's.
  ReadRows WithProject(std::string project) && {
    table_.project = std::move(project);
    return std::move(*this);
  }

  PCollection<T> Expand(const Pipeline& pipeline) const {
    return read_internal::ReadStreams<T>(
        pipeline |
        "Table" >> Create<TableToRead>({read_internal::Checked(table_, &pipeline.builder())}));
  }

 private:
  TableToRead table_;
};

/// The rows of a query in GoogleSQL ("standard SQL"). The query is run once, as a job; its rows are
/// those of the job's table, by Storage Read, or its pages where a server makes no such table.
template <IsRow T>
class ReadQuery : public Transform {
 public:
  static constexpr std::string_view kKind = "bigquery::ReadQuery";
  explicit ReadQuery(std::string query,
                     std::source_location where = std::source_location::current())
      : Transform(where) {
    query_.query = std::move(query);
  }
  /// As ReadRows has it.
  ReadQuery WithEndpoint(std::string endpoint) && {
    query_.endpoint = std::move(endpoint);
    return std::move(*this);
  }
  /// Where the REST API is, if it is elsewhere.
  ReadQuery WithHttpEndpoint(std::string url) && {
    query_.http_endpoint = std::move(url);
    return std::move(*this);
  }
  /// The project that the job belongs to; by default GOOGLE_CLOUD_PROJECT says it.
  ReadQuery WithProject(std::string project) && {
    query_.project = std::move(project);
    return std::move(*this);
  }
  /// Where the job runs; has to be said for data that is neither in the US nor in the EU.
  ReadQuery WithLocation(std::string location) && {
    query_.location = std::move(location);
    return std::move(*this);
  }
  /// "DATASET" or "PROJECT.DATASET", of tables whose names have none.
  ReadQuery WithDefaultDataset(std::string dataset) && {
    query_.default_dataset = std::move(dataset);
    return std::move(*this);
  }
  /// What stands for @name in the query.
  ReadQuery WithParameter(std::string name, std::string value) && {
    return std::move(*this).With({std::move(name), "STRING", std::move(value)});
  }
  ReadQuery WithParameter(std::string name, const char* value) && {
    return std::move(*this).With({std::move(name), "STRING", value});
  }
  ReadQuery WithParameter(std::string name, int64_t value) && {
    return std::move(*this).With({std::move(name), "INT64", std::to_string(value)});
  }
  ReadQuery WithParameter(std::string name, Timestamp value) && {
    return std::move(*this).With({std::move(name), "TIMESTAMP", value.ToString()});
  }

  PCollection<T> Expand(const Pipeline& pipeline) const {
    const auto query =
        pipeline |
        "Query" >> Create<QueryToRead>({read_internal::Checked(query_, &pipeline.builder())});
    return read_internal::ReadStreams<T>(read_internal::NameJobs(query));
  }

 private:
  ReadQuery With(QueryValue value) && {
    query_.values.push_back(std::move(value));
    return std::move(*this);
  }

  QueryToRead query_;
};

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_READ_H_
