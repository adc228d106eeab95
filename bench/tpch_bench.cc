// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TPC-H-like queries 1, 3 and 6, from Parquet files to lines of text.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/joist_tpch.h"
#include "bench/joist_variants.h"
#include "bench/packages.h"
#include "bench/result_lines.h"
#include "bench/rivals/tpch.h"
#include "joist/io/text/text.h"

namespace joist::bench {
namespace {

using tpch::Tables;

Tables TablesOf(const Settings& settings) {
  const int64_t part = settings.quick ? 100 : 1;
  const std::string folder = settings.data_dir + (settings.quick ? "/tpch-0.01" : "/tpch-1");
  return {150'000 / part, 1'500'000 / part, folder};
}

// --- References: the rows that the files were made of, by maps
// ------------------------------------

std::vector<std::string> PricingReference(const Tables& tables) {
  std::map<std::pair<std::string, std::string>, tpch::Pricing> groups;
  tables.ForEachLine([&](const tpch::Order&, const tpch::LineItem& line) {
    if (line.shipdate > tpch::kPricedUntil) return;
    groups[{line.returnflag, line.linestatus}].Add(line.quantity, line.extendedprice, line.discount,
                                                   line.tax);
  });
  std::vector<std::string> lines;
  for (const auto& [key, pricing] : groups) lines.push_back(pricing.Line(key.first, key.second));
  return lines;
}

std::vector<std::string> ShippingReference(const Tables& tables) {
  std::unordered_set<int64_t> customers;
  tables.ForEachCustomer([&](const tpch::Customer& customer) {
    if (customer.mktsegment == tpch::kSegment) customers.insert(customer.custkey);
  });
  std::unordered_map<int64_t, tpch::Revenue> orders;
  tables.ForEachLine([&](const tpch::Order& order, const tpch::LineItem& line) {
    if (order.orderdate >= tpch::kPlacedBefore || line.shipdate <= tpch::kPlacedBefore ||
        !customers.contains(order.custkey)) {
      return;
    }
    tpch::Revenue& of_order = orders[order.orderkey];
    of_order = {of_order.revenue + line.extendedprice * (100 - line.discount), order.orderdate,
                order.shippriority, order.orderkey};
  });
  std::vector<tpch::Revenue> all;
  for (const auto& [key, revenue] : orders) all.push_back(revenue);
  std::sort(all.begin(), all.end());
  std::vector<std::string> lines;
  for (int64_t i = 0; i < tpch::kTopOrders && !all.empty(); ++i, all.pop_back()) {
    lines.push_back(all.back().Line());
  }
  return lines;
}

std::vector<std::string> ForecastReference(const Tables& tables) {
  int64_t sum = 0;
  tables.ForEachLine([&](const tpch::Order&, const tpch::LineItem& line) {
    if (line.shipdate < tpch::kForecastFrom || line.shipdate >= tpch::kForecastUntil) return;
    if (line.discount < tpch::kLeastDiscount || line.discount > tpch::kMostDiscount) return;
    if (line.quantity < tpch::kQuantityBelow) sum += line.extendedprice * line.discount;
  });
  return {std::to_string(sum)};
}

// --- Variants
// -------------------------------------------------------------------------------------

template <typename Query>
Variant ByHand(const Tables& tables, Query query) {
  return {.name = "by hand, over Arrow's batches", .run = [tables, query](Measurement& m) {
            m.Start();
            const std::vector<std::string> result = query(tables, m.threads());
            m.Stop();
            ResultLines lines(m);
            for (const std::string& line : result) lines.Add(line);
          }};
}

template <typename Query>
Variant Joist(const std::string& name, const Tables& tables, Query query) {
  return {.name = name,
          .run =
              [tables, query](Measurement& m) {
                m.Start();
                Pipeline p = MakePipeline(m.threads());
                query(p, tables) | "Write" >> text::Write(m.scratch());
                RunToEnd(p);
                m.Stop();
                CollectLines(m);
              },
          .beside = {"Polars", "DuckDB", "Spark local"}};
}

bool HaveJava() {
  const char* home = std::getenv("JAVA_HOME");
  if (home != nullptr && access((std::string(home) + "/bin/java").c_str(), X_OK) == 0) return true;
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((folder + "/java").c_str(), X_OK) == 0) return true;
  }
  return false;
}

template <typename Reference>
Benchmark QueryBenchmark(const Settings& settings, int query, const std::string& title,
                         Reference reference) {
  const Tables tables = TablesOf(settings);
  const int64_t lines = tables.CountLines();
  Benchmark benchmark;
  benchmark.name = "tpch_" + std::to_string(query);
  benchmark.title = "TPC-H-like query " + std::to_string(query) + ", " + title + ", " +
                    std::to_string(lines / 1000) + " k line items in Parquet";
  benchmark.amount = static_cast<double>(lines);
  benchmark.unit = "M/s";
  benchmark.rounds = 5;
  benchmark.prepare = [tables] { return tables.Write(); };
  benchmark.reference = [tables, reference](Measurement& m) {
    ResultLines result(m);
    for (const std::string& line : reference(tables)) result.Add(line);
  };
  benchmark.explain = ExplainLines;
  return benchmark;
}

void AddPackages(const Settings& settings, int query, Benchmark& benchmark) {
  if (settings.python.empty()) return;
  const std::string folder = TablesOf(settings).folder;
  const auto add = [&](const std::string& title, const std::string& name,
                       std::vector<int> threads) {
    benchmark.variants.push_back(PackageVariant(settings, title, name, folder, std::move(threads),
                                                CollectLines, {std::to_string(query)}));
  };
  add("Polars", "tpch_polars", {1, 2});
  add("DuckDB", "tpch_duckdb", {1, 2});
  if (HaveJava()) {
    add("Spark local", "tpch_spark", {2});
  } else {
    benchmark.prepare = [name = benchmark.name, prepare = std::move(benchmark.prepare)] {
      std::fprintf(stderr, "%s: there is no java on the PATH: without Spark\n", name.c_str());
      return prepare();
    };
  }
}

}  // namespace

Benchmark PricingBenchmark(const Settings& settings) {
  Benchmark benchmark = QueryBenchmark(settings, 1, "prices by two flags", PricingReference);
  const Tables tables = TablesOf(settings);
  benchmark.variants = {ByHand(tables, tpch::PricingByHand),
                        Joist("Joist, functions", tables, tpch::PricingByFunctions),
                        Joist("Joist, GroupByFields", tables, tpch::PricingByFields)};
  AddPackages(settings, 1, benchmark);
  return benchmark;
}

Benchmark ShippingBenchmark(const Settings& settings) {
  Benchmark benchmark = QueryBenchmark(settings, 3, "two joins and the top ten", ShippingReference);
  const Tables tables = TablesOf(settings);
  benchmark.variants = {ByHand(tables, tpch::ShippingByHand),
                        Joist("Joist, broadcast and CoGroupByKey", tables, tpch::Shipping)};
  AddPackages(settings, 3, benchmark);
  return benchmark;
}

Benchmark ForecastBenchmark(const Settings& settings) {
  Benchmark benchmark = QueryBenchmark(settings, 6, "a filter and a sum", ForecastReference);
  const Tables tables = TablesOf(settings);
  benchmark.variants = {ByHand(tables, tpch::ForecastByHand),
                        Joist("Joist, Where and Sum", tables, tpch::Forecast)};
  AddPackages(settings, 6, benchmark);
  return benchmark;
}

}  // namespace joist::bench
