// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sql/sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

using testing::HasSubstr;

enum class Level : int8_t { kLow = -3, kHigh = 5 };
enum class Color { kRed, kBlue };
JOIST_ENUM(Color, kRed, kBlue)

struct Order {
  std::string user;
  int64_t cents = 0;
  std::optional<int32_t> discount;
  Timestamp at;
};
JOIST_ROW(Order, user, cents, discount, at)

struct User {
  std::string name;
  std::string city;
};
JOIST_ROW(User, name, city)

struct Total {
  std::string user;
  int64_t cents = 0;
};
JOIST_ROW(Total, user, cents)

struct CityTotal {
  std::string city;
  int64_t cents = 0;
};
JOIST_ROW(CityTotal, city, cents)

std::vector<Order> Orders() {
  return {{"ann", 300, {}, Timestamp::Seconds(86'400)},
          {"bob", 500, 50, Timestamp::Seconds(86'401)},
          {"ann", 100, 10, Timestamp::Seconds(3 * 86'400)}};
}

TEST(Sql, Example) {
  TestPipeline p;
  auto orders = p | Create(Orders());
  auto users = p | Create<User>({{"ann", "Bern"}, {"bob", "Basel"}, {"eve", "Biel"}});
  // [example]
  auto totals = orders | "Totals" >> joist::Sql<Total>(
                                         "SELECT user, sum(cents) AS cents FROM PCOLLECTION "
                                         "GROUP BY user");
  auto cities = joist::SqlTables("orders", orders).And("users", users) |
                "Cities" >> joist::Sql<CityTotal>(
                                "SELECT city, coalesce(sum(cents), 0) AS cents FROM users "
                                "LEFT JOIN orders ON orders.user = users.name GROUP BY city");
  auto large = orders | "Large" >> joist::Sql<Total>(
                                       "SELECT upper(user) AS user, cents FROM PCOLLECTION "
                                       "WHERE cents > 200")
                                       .PerBundle();
  // [example]
  PAssert::That(totals).ContainsInAnyOrder({{"ann", 400}, {"bob", 500}});
  PAssert::That(cities).ContainsInAnyOrder({{"Bern", 400}, {"Basel", 500}, {"Biel", 0}});
  PAssert::That(large).ContainsInAnyOrder({{"ANN", 300}, {"BOB", 500}});
  EXPECT_TRUE(p.RunOk());
}

struct AllTypes {
  bool flag = false;
  int8_t i8 = 0;
  int16_t i16 = 0;
  int32_t i32 = 0;
  int64_t i64 = 0;
  uint8_t u8 = 0;
  uint16_t u16 = 0;
  uint32_t u32 = 0;
  uint64_t u64 = 0;
  float f = 0;
  double d = 0;
  std::string text;
  Bytes bytes;
  Timestamp time;
  Duration duration;
  Level level = Level::kLow;
  Color color = Color::kRed;
};
JOIST_ROW(AllTypes, flag, i8, i16, i32, i64, u8, u16, u32, u64, f, d, text, bytes, time, duration,
          level, color)

struct AllOptional {
  std::optional<bool> flag;
  std::optional<int8_t> i8;
  std::optional<int64_t> i64;
  std::optional<uint64_t> u64;
  std::optional<double> d;
  std::optional<std::string> text;
  std::optional<Bytes> bytes;
  std::optional<Timestamp> time;
  std::optional<Duration> duration;
  std::optional<Color> color;
};
JOIST_ROW(AllOptional, flag, i8, i64, u64, d, text, bytes, time, duration, color)

TEST(Sql, AllTypesThereAndBack) {
  const std::vector<AllTypes> all = {
      {},
      {true, INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN, UINT8_MAX, UINT16_MAX, UINT32_MAX,
       UINT64_MAX, -0.5F, 1e300, "Zürich, \"quoted\", 漢字漢字漢字漢字",
       Bytes(std::string("\xFF\x00\x80 more than twelve", 20)), Timestamp::Max(),
       Duration::Millis(-1), Level::kHigh, Color::kBlue},
      {false, 1, 2, 3, 4, 5, 6, 7, 8, 0.25F, -1.5, std::string(12, 'x'), Bytes("b"),
       Timestamp::Min(), Duration::Days(400), Level::kLow, Color::kBlue},
      {false, 1, 2, 3, 4, 5, 6, 7, 8, 0.25F, -1.5, std::string(13, 'y'), Bytes(""),
       Timestamp::Millis(-1), Duration::Millis(1), Level::kLow, Color::kRed}};
  std::vector<AllOptional> optional(70);
  for (size_t i = 0; i < optional.size(); i += 3) {
    optional[i] = {i % 2 == 0,
                   int8_t(i),
                   int64_t(i),
                   i,
                   i / 2.0,
                   std::string(i, 'z'),
                   Bytes(std::string(i, '\xFF')),
                   Timestamp::Seconds(int64_t(i)),
                   Duration::Seconds(int64_t(i)),
                   Color::kBlue};
  }
  TestPipeline p;
  PAssert::That(p | "All" >> Create(all) | "Query" >> Sql<AllTypes>("SELECT * FROM PCOLLECTION"))
      .ContainsInAnyOrder(all);
  PAssert::That(p | "Optional" >> Create(optional) |
                "OptionalQuery" >> Sql<AllOptional>("FROM PCOLLECTION;").PerBundle())
      .ContainsInAnyOrder(optional);
  EXPECT_TRUE(p.RunOk());
}

struct Computed {
  Timestamp day;
  double share = 0;
  std::string exact;
  int32_t rank = 0;
  std::optional<std::string> missing;
};
JOIST_ROW(Computed, day, share, exact, rank, missing)

// Dates, decimals, windows of SQL, subqueries; columns in another order.
TEST(Sql, TypesThatOnlyTheQueryKnows) {
  TestPipeline p;
  PAssert::That(p | Create(Orders()) |
                Sql<Computed>("SELECT NULL::VARCHAR AS missing, CAST(\"at\" AS DATE) AS day,\n"
                              "  CAST(cents AS DECIMAL(12, 2)) / 4 AS share,  -- a comment\n"
                              "  CAST(cents AS DECIMAL(12, 2)) AS exact,\n"
                              "  row_number() OVER (ORDER BY cents) AS rank\n"
                              "FROM (SELECT * FROM PCOLLECTION WHERE cents < 500) -- the end"))
      .ContainsInAnyOrder({{Timestamp::Seconds(86'400), 75.0, "300.00", 2, {}},
                           {Timestamp::Seconds(3 * 86'400), 25.0, "100.00", 1, {}}});
  EXPECT_TRUE(p.RunOk());
}

struct OneCount {
  int64_t n = 0;
};
JOIST_ROW(OneCount, n)

TEST(Sql, OfNothing) {
  TestPipeline p;
  auto none = p | Create(std::vector<Order>());
  PAssert::That(none | "Count" >> Sql<OneCount>("SELECT count(*) AS n FROM PCOLLECTION"))
      .ContainsInAnyOrder({{0}});
  PAssert::That(none | "Rows" >> Sql<OneCount>("SELECT cents AS n FROM PCOLLECTION"))
      .ContainsInAnyOrder(std::vector<OneCount>());
  PAssert::That(none | "Bundles" >> Sql<OneCount>("SELECT cents AS n FROM PCOLLECTION").PerBundle())
      .ContainsInAnyOrder(std::vector<OneCount>());
  EXPECT_TRUE(p.RunOk());
}

struct Group {
  std::optional<int32_t> discount;
  int64_t rows = 0;
  int64_t cents = 0;
  std::string last;
};
JOIST_ROW(Group, discount, rows, cents, last)

TEST(Sql, AgreesWithNaive) {
  std::mt19937_64 random(3);
  std::vector<Order> all;
  std::map<std::optional<int32_t>, Group> naive;
  for (int i = 0; i < 30'000; ++i) {
    Order order{"user" + std::string(random() % 30, 'x') + std::to_string(random() % 100),
                static_cast<int64_t>(random() % 2000) - 1000,
                {},
                {}};
    if (random() % 5 != 0) order.discount = static_cast<int32_t>(random() % 300);
    Group& group = naive[order.discount];
    group.discount = order.discount;
    ++group.rows;
    group.cents += order.cents;
    group.last = std::max(group.last, order.user);
    all.push_back(std::move(order));
  }
  std::vector<Group> want;
  for (const auto& [discount, group] : naive) want.push_back(group);
  TestPipeline p;
  p.set_threads(4);
  PAssert::That(p | Create(all) | Reshuffle() |
                Sql<Group>("SELECT discount, count(*) AS rows, sum(cents) AS cents, "
                           "max(user) AS last FROM PCOLLECTION GROUP BY discount"))
      .ContainsInAnyOrder(want);
  EXPECT_TRUE(p.RunOk());
}

// Puts orders into the day of their field `at`; the batch's elements get different windows.
class IntoDays final : public StepOf<IntoDays, NoState> {
 public:
  using StepOf<IntoDays, NoState>::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<Order>}; }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext&) const override {
    return std::make_unique<Assign>();
  }

 private:
  class Assign final : public Operator, public BatchReceiver<Order> {
   public:
    Receiver* input(int) override { return static_cast<BatchReceiver<Order>*>(this); }
    void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }
    void Push(const Batch<Order>& batch) override {
      std::vector<Window> windows;
      for (size_t i = 0; i < batch.count; ++i) {
        windows.push_back(FixedWindow(batch[i].at, Duration::Days(1)));
      }
      Batch<Order> assigned = batch;
      assigned.meta.windows = SharedColumn<Window>(windows.data());
      output_.Push(assigned);
    }

   private:
    Output<Order> output_;
  };
};

struct DayTotal {
  Timestamp at;
  int64_t cents = 0;
};
JOIST_ROW(DayTotal, at, cents)

// Each window has its own result, at the window's end; in both modes.
TEST(Sql, WindowsAreApart) {
  std::vector<Order> orders;
  std::map<int64_t, int64_t> cents_of;
  for (int64_t i = 0; i < 5000; ++i) {
    const int64_t day = i * 7 % 30;
    orders.push_back({"u", i, {}, Timestamp::Seconds(86'400 * day + i)});
    cents_of[day] += i;
  }
  std::vector<DayTotal> want;
  std::vector<DayTotal> rows;
  for (const auto& [day, cents] : cents_of) {
    want.push_back({Timestamp::Seconds(86'400 * (day + 1)) - Duration::Millis(1), cents});
  }
  for (const Order& order : orders) {
    rows.push_back({FixedWindow(order.at, Duration::Days(1)).max_timestamp(), order.cents});
  }
  TestPipeline p;
  p.set_threads(3);
  auto in_days = [&] {
    auto all = p | Create(orders) | Reshuffle();
    const PipelineBuilder::Scope scope(&p.builder(), "IntoDays", "", nullptr);
    return AddStep<Order>(all, std::make_shared<IntoDays>(NoState()));
  }();
  const auto with_time = [](const OneCount& row, Timestamp at) { return DayTotal{at, row.n}; };
  PAssert::That(in_days | "Sum" >> Sql<OneCount>("SELECT sum(cents) AS n FROM PCOLLECTION") |
                "SumTime" >> Map(with_time))
      .ContainsInAnyOrder(want);
  PAssert::That(in_days |
                "Rows" >> Sql<OneCount>("SELECT cents AS n FROM PCOLLECTION").PerBundle() |
                "RowsTime" >> Map(with_time))
      .ContainsInAnyOrder(rows);
  EXPECT_TRUE(p.RunOk());
}

// Shares that fail after having appended count once all the same, as does a result that is read
// again.
TEST(Sql, RetriesAreExact) {
  static std::atomic<int> failures_left;  // Fewer than a range is tried.
  static std::atomic<int> result_failures_left;
  failures_left = 3;
  result_failures_left = 2;
  std::vector<Order> orders(20'000);
  for (size_t i = 0; i < orders.size(); ++i) orders[i].cents = static_cast<int64_t>(i);
  const auto sometimes_fails = [](const Order& order) {
    if (order.cents % 4999 == 4998 && failures_left.fetch_sub(1) > 0) {
      throw std::runtime_error("not now");
    }
    return order;
  };
  const auto result_fails = [](const OneCount& row) {
    if (row.n == 777 && result_failures_left.fetch_sub(1) > 0) throw std::runtime_error("not now");
    return row;
  };
  TestPipeline p;
  auto some = p | Create(orders) | Reshuffle() | "Fails" >> Map(sometimes_fails);
  PAssert::That(some | "Sum" >> Sql<OneCount>("SELECT sum(cents) AS n FROM PCOLLECTION"))
      .ContainsInAnyOrder({{19'999LL * 10'000}});
  PAssert::That(some | "Rows" >> Sql<OneCount>("SELECT cents AS n FROM PCOLLECTION") |
                "ResultFails" >> Map(result_fails) | Count::Globally())
      .ContainsInAnyOrder({20'000});
  PAssert::That(some |
                "Bundles" >> Sql<OneCount>("SELECT cents AS n FROM PCOLLECTION").PerBundle() |
                "CountBundles" >> Count::Globally())
      .ContainsInAnyOrder({20'000});
  EXPECT_TRUE(p.RunOk());
}

std::string FaultOf(Pipeline& p) {
  const Status status = p.Run().status();
  return status.ok() ? "none" : status.message();
}

template <class Out>
std::string FaultOfQuery(std::string query) {
  Pipeline p;
  p | Create(Orders()) | Sql<Out>(std::move(query));
  return FaultOf(p);
}

TEST(Sql, WrongQueriesAreRefusedBeforeTheRun) {
  EXPECT_THAT(FaultOfQuery<Total>("SELECT * FORM PCOLLECTION"),
              HasSubstr("DuckDB says: Parser Error: syntax error at or near \"PCOLLECTION\""));
  EXPECT_THAT(FaultOfQuery<Total>("SELECT * FORM PCOLLECTION"), HasSubstr("sql_test.cc:"));
  EXPECT_THAT(FaultOfQuery<Total>("SELECT usr FROM PCOLLECTION"),
              HasSubstr("Referenced column \"usr\" not found"));
  EXPECT_THAT(FaultOfQuery<Total>("SELECT * FROM elsewhere"), HasSubstr("elsewhere"));
  EXPECT_THAT(FaultOfQuery<Total>("DROP TABLE PCOLLECTION"), HasSubstr("only a query (SELECT)"));
  EXPECT_THAT(FaultOfQuery<Total>("SELECT 1; SELECT 2"), HasSubstr("multiple statements"));
  EXPECT_THAT(FaultOfQuery<Total>("SELECT user, cents FROM PCOLLECTION WHERE cents > ?"),
              HasSubstr("it has parameters"));
  EXPECT_THAT(FaultOfQuery<Total>("SELECT user, cents::DOUBLE AS cents FROM PCOLLECTION"),
              HasSubstr("the query gives (user VARCHAR, cents DOUBLE), but Total wants (user "
                        "VARCHAR, cents BIGINT): \"cents\" is no BIGINT; write CAST(… AS BIGINT)"));
  EXPECT_THAT(FaultOfQuery<Total>("SELECT user FROM PCOLLECTION"),
              HasSubstr("no column is called \"cents\""));
  EXPECT_THAT(FaultOfQuery<Total>("SELECT user, cents, discount FROM PCOLLECTION"),
              HasSubstr("it has no field called \"discount\""));
  EXPECT_THAT(FaultOfQuery<Total>("SELECT user, cents, cents FROM PCOLLECTION"),
              HasSubstr("several columns are called \"cents\""));
  Pipeline p;
  auto orders = p | Create(Orders());
  SqlTables("o", orders).And("O", orders) | Sql<Total>("SELECT user, cents FROM o");
  EXPECT_THAT(FaultOf(p), HasSubstr("two of its tables are called"));
  Pipeline q;
  auto users = q | Create<User>({{"ann", "Bern"}});
  SqlTables("a", users).And("b", users) |
      Sql<OneCount>("SELECT count(*) AS n FROM a, b").PerBundle();
  EXPECT_THAT(FaultOf(q), HasSubstr("PerBundle sees some rows of one collection"));
}

TEST(Sql, QueriesReadNothingButTheirTables) {
  for (const char* query : {"SELECT user, cents FROM read_csv('/etc/passwd')",
                            "SELECT content AS user, 1 AS cents "
                            "FROM read_text('/etc/passwd')",
                            "SELECT user, cents FROM '/tmp/x.parquet'"}) {
    EXPECT_NE(FaultOfQuery<Total>(query), "none") << query;
  }
}

TEST(Sql, FailuresOfTheRunSayWhy) {
  EXPECT_THAT(FaultOfQuery<OneCount>("SELECT CAST(discount AS BIGINT) AS n FROM PCOLLECTION"),
              HasSubstr("the query gave NULL in the column \"n\"; make the field of that name a "
                        "std::optional"));
  EXPECT_THAT(FaultOfQuery<Total>("SELECT user, cents * 900000000000000000 AS cents "
                                  "FROM PCOLLECTION"),
              HasSubstr("Out of Range Error"));
  EXPECT_THAT(FaultOfQuery<Total>("SELECT user, CAST(user AS BIGINT) AS cents FROM PCOLLECTION"),
              HasSubstr("Conversion Error"));
  Pipeline p;
  p | Create<User>({{"\xC3", "\xA9"}}) | Sql<OneCount>("SELECT count(name) AS n FROM PCOLLECTION");
  EXPECT_THAT(FaultOf(p), HasSubstr("has a text that is not UTF-8"));
  Pipeline q;
  q | Create<User>({{"x\xC3", ""}, {"\xA9", ""}}) |
      Sql<OneCount>("SELECT count(name) AS n FROM PCOLLECTION");
  EXPECT_THAT(FaultOf(q), HasSubstr("the column \"name\" of the table \"PCOLLECTION\""));
}

struct Numbered {
  int64_t key = 0;
  std::string text;
};
JOIST_ROW(Numbered, key, text)

int FilesIn(const std::string& folder) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    ++count;
  }
  return count;
}

// A million rows of more bytes than DuckDB may hold; its files are gone at the end, also of a
// query that fails.
TEST(Sql, LargeInputGoesToDisk) {
  const std::string folder = testing::TempDir() + "joist_sql_large_" + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  const std::string temp_location = "--temp_location=" + folder;
  for (const bool fails : {false, true}) {
    const char* arguments[] = {"test", temp_location.c_str()};
    Pipeline p(PipelineOptions::Parse(2, arguments).value());
    std::vector<int64_t> thousands(1000);
    for (size_t i = 0; i < thousands.size(); ++i) thousands[i] = static_cast<int64_t>(i);
    auto rows = p | Create(thousands) | FlatMap([](int64_t thousand, Emit<Numbered> emit) {
                  for (int64_t i = 0; i < 1000; ++i) {
                    const int64_t n = thousand * 1000 + i;
                    emit(Numbered{
                        n, std::string(100, 'a' + static_cast<char>(n % 26)) + std::to_string(n)});
                  }
                });
    auto result =
        rows | Sql<OneCount>(fails ? "SELECT CAST(min(text) AS BIGINT) AS n FROM PCOLLECTION"
                                   : "SELECT count(DISTINCT text) + sum(key) AS n FROM PCOLLECTION")
                   .WithMemory(64 << 20);
    PAssert::That(result).ContainsInAnyOrder({{1'000'000 + 999'999LL * 500'000}});
    const std::string fault = FaultOf(p);
    EXPECT_EQ(fault == "none", !fails) << fault;
    EXPECT_EQ(FilesIn(folder), 0);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace joist
