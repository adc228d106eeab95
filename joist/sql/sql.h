// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Sql: a query over collections of rows, run by DuckDB inside of the program.
//
//   auto totals = orders | joist::Sql<Total>(
//       "SELECT user, sum(cents) AS cents FROM PCOLLECTION GROUP BY user");
//   auto cities = joist::SqlTables("orders", orders).And("users", users) |
//                 joist::Sql<CityTotal>("SELECT city, sum(cents) AS cents FROM orders "
//                                       "JOIN users ON orders.user = users.name GROUP BY city");
//
// The query sees one table for each collection, with the fields of its rows as columns, and nothing
// else: no files, no network. Its columns go to the fields of Total by their names. All that can be
// wrong about that is said before anything runs. Types are those of joist/sql/block.h; see
// docs/guide/sql.md.
//
// By default a query sees all rows of a window together, and its results have the end of the window
// as timestamp. Rows go to DuckDB as they come, by the block and from all threads; beyond its
// memory limit it keeps them in --temp_location.

#ifndef JOIST_SQL_SQL_H_
#define JOIST_SQL_SQL_H_

#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/sdk/flatten.h"
#include "joist/sql/query.h"

namespace joist {

/// Collections of rows with the names that they have in a query; made by SqlTables.
template <class... T>
class NamedCollections {
 public:
  NamedCollections(std::vector<std::string> names, std::tuple<PCollection<T>...> collections)
      : names_(std::move(names)), collections_(std::move(collections)) {}

  template <class U>
  NamedCollections<T..., U> And(std::string name, const PCollection<U>& collection) const {
    std::vector<std::string> names = names_;
    names.push_back(std::move(name));
    return {std::move(names), std::tuple_cat(collections_, std::tuple(collection))};
  }

  PipelineBuilder& builder() const { return std::get<0>(collections_).builder(); }
  const std::vector<std::string>& names() const { return names_; }
  const std::tuple<PCollection<T>...>& collections() const { return collections_; }

 private:
  std::vector<std::string> names_;
  std::tuple<PCollection<T>...> collections_;
};

template <class T>
NamedCollections<T> SqlTables(std::string name, const PCollection<T>& collection) {
  return {{std::move(name)}, std::tuple(collection)};
}

template <class... T, class X>
auto operator|(const NamedCollections<T...>& in, const X& transform) {
  return apply_internal::Apply(in.builder(), in, "", transform);
}
template <class... T, class X>
auto operator|(const NamedCollections<T...>& in, const Named<X>& named) {
  return apply_internal::Apply(in.builder(), in, named.name, named.transform);
}

namespace sql {

template <class T>
struct Pack : Transform {
  explicit Pack(uint32_t table) : table(table) {}
  static constexpr std::string_view kKind = "Pack";
  PCollection<Bytes> Expand(const PCollection<T>& in) const {
    return AddStep<Bytes>(in, MakeStep<PackStep<T>>(table));
  }
  uint32_t table;
};

/// Whether T can be a table; says in one static_assert why not.
template <class T>
consteval bool CheckTable() {
  static_assert(IsSqlRow<T>,
                "Joist: Sql takes collections of rows (JOIST_ROW or joist::Row) whose fields are "
                "bool, numbers, text, Bytes, Timestamp, Duration, enums, and std::optional of "
                "those; take the fields of rows within rows out with Select<\"a.b\">().");
  return IsSqlRow<T>;
}

}  // namespace sql

/// The query's result as rows of type Out.
template <class Out>
class Sql : public Transform {
 public:
  explicit Sql(std::string query, std::source_location where = std::source_location::current())
      : Transform(where) {
    query_.text = std::move(query);
  }
  static constexpr std::string_view kKind = "Sql";

  /// What DuckDB may hold in memory, in bytes (at least 64 MB, which is what it needs); beyond, it
  /// goes to disk. By default a quarter of the machine's memory, at most half of --memory.
  Sql WithMemory(int64_t bytes) const {
    Sql changed = *this;
    changed.query_.memory = bytes;
    return changed;
  }
  /// Runs the query again and again over some ten thousand rows, as they come. For queries that
  /// look at one row at a time (no aggregates, no ORDER BY … LIMIT), of which nothing then has to
  /// be kept; which rows are together in one run, is not said.
  Sql PerBundle() const {
    Sql changed = *this;
    changed.query_.per_bundle = true;
    return changed;
  }

  /// The table is called PCOLLECTION.
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    return Expand(SqlTables("PCOLLECTION", in));
  }

  template <class... T>
  auto Expand(const NamedCollections<T...>& in) const {
    constexpr bool kOutput = sql::IsSqlRow<Out>;
    static_assert(kOutput,
                  "Joist: Sql gives rows (JOIST_ROW or joist::Row) whose fields are bool, numbers, "
                  "text, Bytes, Timestamp, Duration, enums, and std::optional of those.");
    if constexpr (kOutput && (sql::CheckTable<T>() && ...)) {
      sql::Query query = query_;
      query.output = sql::ColumnsOf<Out>();
      query.output_type = RowTraits<Out>::TypeName();
      size_t named = 0;
      (query.tables.push_back({in.names()[named++], sql::ColumnsOf<T>()}), ...);
      if (Status status = sql::Prepare(&query); !status.ok()) {
        in.builder().graph().AddFault(InvalidArgument(
            std::string(kKind) + " at " + DescribeLocation(where) + ": " + status.message()));
      }
      uint32_t table = 0;
      std::vector<PCollection<Bytes>> blocks;
      std::apply(
          [&](const PCollection<T>&... one) {
            ((blocks.push_back(one | std::string_view(in.names()[table]) >> sql::Pack<T>(table)),
              ++table),
             ...);
          },
          in.collections());
      const auto all = blocks.size() == 1 ? blocks[0] : Flatten("Tables", blocks);
      return sql::Run(all, std::move(query)) | "Unpack" >> FlatMap(sql::Unpack<Out>());
    } else {
      return PCollection<Invalid>(&in.builder());
    }
  }

 private:
  sql::Query query_;
};

}  // namespace joist

#endif  // JOIST_SQL_SQL_H_
