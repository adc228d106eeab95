// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What each Method of joist/io/bigquery promises, against Joist's own tables: rows that are
// refused, dispositions, many destinations.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "joist/sdk/testing/test_pipeline.h"
#include "joist/transforms/generate_sequence.h"
#include "tests/bigquery_server.h"

namespace joist::bigquery {

/// As MayFail; one of a hundred has a time that no table takes, and whoever is first of a thousand
/// is followed by 300 of those.
struct MayFailAndBeBad {
  static bool IsBad(int64_t number) { return number % 100 == 7 || number % 1000 < 300; }
  Numbered operator()(int64_t number) const {
    Numbered row = MayFail()(number);
    if (IsBad(number)) row.at = Timestamp::Millis(400'000'000'000'000);
    return row;
  }
};
constexpr FieldList<MayFailAndBeBad> JoistFields(const MayFailAndBeBad*) {
  return {"MayFailAndBeBad", {}};
}

inline std::atomic<int> later_failures_left{0};

/// Fails twice when something was written, and no checkpoint knows of it yet.
struct MayFailLater {
  bool operator()(std::string_view) const {
    if (later_failures_left == 0) return true;
    --later_failures_left;
    if (later_failures_left % 3 == 0) throw std::runtime_error("on purpose, later");
    return true;
  }
};
constexpr FieldList<MayFailLater> JoistFields(const MayFailLater*) { return {"MayFailLater", {}}; }

namespace {

class BigQueryMethodsTest : public BigQueryConnectorTest {
 protected:
  static int64_t BadOf(int64_t count) {
    int64_t bad = 0;
    for (int64_t i = 0; i < count; ++i) bad += MayFailAndBeBad::IsBad(i) ? 1 : 0;
    return bad;
  }
  /// 0 where there is no such table yet.
  int64_t Distinct(const std::string& column, const std::string& table) {
    if (!server_->store().GetTable({"p", "d", table}).ok()) return 0;
    return Ask("count(DISTINCT " + column + ")", table);
  }
  /// The good ones of MayFailAndBeBad's are in t, and the others in the table failed, once each.
  void ExpectGoodAndFailed(int64_t count) {
    const int64_t bad = BadOf(count);
    EXPECT_EQ(Ask("count(*)"), count - bad);
    EXPECT_EQ(Ask("count(DISTINCT number)"), count - bad);
    EXPECT_EQ(Ask("count(*) FILTER (WHERE number % 100 = 7 OR number % 1000 < 300)"), 0);
    EXPECT_EQ(Ask("count(*)", "failed"), bad);
    EXPECT_EQ(Ask("count(DISTINCT \"row\")", "failed"), bad);
    EXPECT_EQ(Ask("count(*) FILTER (WHERE \"table\" = 'projects/p/datasets/d/tables/t' AND "
                  "error <> '' AND \"row\" LIKE '{\"number\":%,\"text\":\"row %')",
                  "failed"),
              bad);
  }
  WriteRows<FailedRow> WriteFailed() const {
    return WriteRows<FailedRow>("p.d.failed")
        .WithEndpoint(endpoint_)
        .WithHttpEndpoint(http_endpoint_);
  }
  /// Of rows 0 … count-1 of MayFailAndBeBad.
  void RunBounded(Method method, int64_t count) {
    TestPipeline p;
    const WriteResult result = p | GenerateSequence(0).To(count) |
                               "Rows" >> Map(MayFailAndBeBad()) |
                               "Write" >> Write().WithMethod(method).WithFailedRows();
    result.failed_rows() | "Failed" >> WriteFailed();
    EXPECT_TRUE(p.RunOk());
  }
  /// A stream of them whose function fails three times, while the server is away three times.
  void RunStream(Method method, int64_t count, bool server_stops) {
    failures_left = 3;
    later_failures_left = 6;
    until_failure = failure_distance = static_cast<int>(count / 5);
    const std::string state = "--checkpoint_dir=" + folder_ + "/state";
    const char* const argv[] = {"test", state.c_str(), "--checkpoint_interval=50ms",
                                "--max_num_workers=2"};
    Pipeline p(4, argv);
    const WriteResult result =
        p | GenerateSequence(0).WithRate(400, Duration::Millis(20)) |
        "Some" >> Filter([count](int64_t number) { return number < count; }) |
        "Rows" >> Map(MayFailAndBeBad()) | "Write" >> Write().WithMethod(method).WithFailedRows();
    result.written() | "Then" >> Filter(MayFailLater());
    result.failed_rows() | "Failed" >> WriteFailed();
    const PipelineResult job = p.Run();
    for (int i = 0; server_stops && i < 3; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(400));
      RestartServer();
    }
    const int64_t bad = BadOf(count);
    for (int i = 0; i < 600 && (Distinct("number", "t") < count - bad ||
                                Distinct("\"row\"", "failed") < bad || failures_left > 0);
         ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    job.Cancel();
    job.WaitUntilFinish();
    EXPECT_EQ(failures_left, 0);
    EXPECT_LE(later_failures_left, 0);
  }
  std::string FailureOf(WriteRows<Numbered> write, int64_t count = 3) {
    TestPipeline p;
    p | GenerateSequence(0).To(count) | "Rows" >> Map(MayFailAndBeBad()) | "Write" >> write;
    return p.RunToEnd().status.message();
  }
  void Fill(WriteRows<Numbered> write, int64_t begin, int64_t end) {
    TestPipeline p;
    p | GenerateSequence(begin).To(end) | "Rows" >> Map(RowOf) | "Write" >> write;
    EXPECT_TRUE(p.RunOk());
  }
  /// Of all datasets, those that loads leave behind.
  std::string TablesBeside() {
    return AskText(
        "SELECT count(*)::VARCHAR FROM information_schema.tables WHERE table_name LIKE "
        "'%joist_%' AND table_schema LIKE 'p.%'");
  }
};

TEST_F(BigQueryMethodsTest, FailedRowsOfStorageWrite) {
  if (HasASecondProcess()) GTEST_SKIP() << "it has another server";
  RunBounded(Method::kStorageWriteApi, 20'000);
  ExpectGoodAndFailed(20'000);
}

TEST_F(BigQueryMethodsTest, FailedRowsOfDefaultStreams) {
  if (HasASecondProcess()) GTEST_SKIP() << "it has another server";
  RunBounded(Method::kStorageApiAtLeastOnce, 20'000);
  ExpectGoodAndFailed(20'000);
}

TEST_F(BigQueryMethodsTest, FailedRowsOfInserts) {
  if (HasASecondProcess()) GTEST_SKIP() << "it has another server";
  RunBounded(Method::kStreamingInserts, 5'000);
  ExpectGoodAndFailed(5'000);
}

TEST_F(BigQueryMethodsTest, AStreamWithFailedRowsAndFailures) {
  RunStream(Method::kStorageWriteApi, 20'000, true);
  ExpectGoodAndFailed(20'000);
}

TEST_F(BigQueryMethodsTest, AStreamOfInsertsWithFailures) {
  RunStream(Method::kStreamingInserts, 5'000, false);
  ExpectGoodAndFailed(5'000);
}

TEST_F(BigQueryMethodsTest, AStreamToDefaultStreamsHasAllRows) {
  RunStream(Method::kStorageApiAtLeastOnce, 10'000, true);
  EXPECT_EQ(Ask("count(DISTINCT number)"), 10'000 - BadOf(10'000));
}

TEST_F(BigQueryMethodsTest, ARefusedRowThatNobodyTakesEndsTheJob) {
  for (const Method method : {Method::kStorageWriteApi, Method::kStorageApiAtLeastOnce}) {
    const std::string failure = FailureOf(Write().WithMethod(method));
    EXPECT_NE(failure.find("cannot append to projects/p/datasets/d/tables/t/streams/"),
              std::string::npos)
        << failure;
    EXPECT_NE(failure.find("; row 0: "), std::string::npos) << failure;
  }
  const std::string insert = FailureOf(Write().WithMethod(Method::kStreamingInserts));
  EXPECT_NE(insert.find("cannot insert into projects/p/datasets/d/tables/t: a row: at: "),
            std::string::npos)
      << insert;
  const std::string load = FailureOf(Write().WithMethod(Method::kFileLoads));
  EXPECT_NE(load.find("cannot load rows into projects/p/datasets/d/tables/t: "), std::string::npos)
      << load;
  EXPECT_EQ(Ask("count(*)"), 0);
}

TEST_F(BigQueryMethodsTest, LoadsAppendReplaceAndFillWhatIsEmpty) {
  if (HasASecondProcess()) GTEST_SKIP() << "it has another server";
  const auto load = [&](WriteDisposition disposition) {
    return Write().WithMethod(Method::kFileLoads).WithWriteDisposition(disposition);
  };
  Fill(load(WriteDisposition::kEmpty), 0, 1'000);
  ExpectNumbers(1'000);
  const std::string full = FailureOf(
      load(WriteDisposition::kEmpty).WithCreateDisposition(CreateDisposition::kCreateNever), 0);
  EXPECT_NE(full.find("cannot load rows into projects/p/datasets/d/tables/t: Already Exists: "),
            std::string::npos)
      << full;
  Fill(load(WriteDisposition::kAppend), 1'000, 3'000);
  ExpectNumbers(3'000);
  Fill(load(WriteDisposition::kTruncate), 0, 500);
  ExpectNumbers(500);
  Fill(load(WriteDisposition::kTruncate), 0, 0);
  EXPECT_EQ(Ask("count(*)"), 0);
  EXPECT_EQ(TablesBeside(), "0");
}

TEST_F(BigQueryMethodsTest, LoadsOfSeveralFilesToTablesThatAreNotThere) {
  if (HasASecondProcess()) GTEST_SKIP() << "it has another server";
  TestPipeline p;
  p | GenerateSequence(0).To(400'000) | "Rows" >> Map(RowOf) |
      "Write" >> Write("p.new.big")
                     .WithMethod(Method::kFileLoads)
                     .WithWriteDisposition(WriteDisposition::kTruncate);
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(AskText("SELECT (count(*) || ' ' || count(DISTINCT number))::VARCHAR FROM "
                    "\"p.new\".\"big\""),
            "400000 400000");
  EXPECT_EQ(TablesBeside(), "0");
}

TEST_F(BigQueryMethodsTest, LoadsThatAreDoneAgainLoadOnce) {
  if (HasASecondProcess()) GTEST_SKIP() << "it has another server";
  failures_left = 2;
  until_failure = failure_distance = 1'000;
  later_failures_left = 4;
  TestPipeline p;
  const WriteResult result = p | GenerateSequence(0).To(4'000) | "Rows" >> Map(MayFail()) |
                             "Write" >> Write().WithMethod(Method::kFileLoads);
  result.written() | "Then" >> Filter(MayFailLater());
  EXPECT_TRUE(p.RunOk());
  EXPECT_EQ(failures_left, 0);
  EXPECT_EQ(later_failures_left, 2);
  ExpectNumbers(4'000);
  EXPECT_EQ(TablesBeside(), "0");
}

TEST_F(BigQueryMethodsTest, EachMethodMakesTables) {
  if (HasASecondProcess()) GTEST_SKIP() << "it has another server";
  int number = 0;
  for (const Method method : {Method::kStorageWriteApi, Method::kStorageApiAtLeastOnce,
                              Method::kStreamingInserts, Method::kFileLoads}) {
    const std::string table = "made" + std::to_string(number++);
    const std::string none = FailureOf(Write("p.d." + table)
                                           .WithMethod(method)
                                           .WithCreateDisposition(CreateDisposition::kCreateNever),
                                       method == Method::kFileLoads ? 0 : 3);
    EXPECT_NE(none.find("ot found: "), std::string::npos) << none;
    Fill(Write("p.d." + table).WithMethod(method), 0, 10);
    EXPECT_EQ(Ask("count(*)", table), 10) << table;
  }
}

TEST_F(BigQueryMethodsTest, ThirtyDestinations) {
  if (HasASecondProcess()) GTEST_SKIP() << "it has another server";
  TestPipeline p;
  const auto rows = p | GenerateSequence(0).To(30'000) | "Rows" >> Map(RowOf);
  rows | "Write" >> Write().To([](const Numbered& row) {
    return "p.d.n" + std::to_string(row.number % 30);
  });
  rows | "Load" >> Write().WithMethod(Method::kFileLoads).To([](const Numbered& row) {
    return std::string(row.number % 2 == 0 ? "p.d.even" : "p:d.odd");
  });
  EXPECT_TRUE(p.RunOk());
  for (int i = 0; i < 30; ++i) {
    const std::string table = "n" + std::to_string(i);
    EXPECT_EQ(Ask("count(DISTINCT number)", table), 1'000) << table;
    EXPECT_EQ(Ask("count(*) FILTER (WHERE number % 30 = " + std::to_string(i) + ")", table), 1'000)
        << table;
  }
  EXPECT_EQ(Ask("count(DISTINCT number) FILTER (WHERE number % 2 = 0)", "even"), 15'000);
  EXPECT_EQ(Ask("count(*)", "odd"), 15'000);
}

TEST_F(BigQueryMethodsTest, MoreDestinationsThanConnections) {
  if (HasASecondProcess()) GTEST_SKIP() << "it has another server";
  TestPipeline p;
  p | GenerateSequence(0).To(3'000) | "Rows" >> Map(RowOf) |
      "Write" >> Write().WithMethod(Method::kStorageApiAtLeastOnce).To([](const Numbered& row) {
        return "p.d.n" + std::to_string(row.number % 100);
      });
  EXPECT_TRUE(p.RunOk());
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Ask("count(DISTINCT number)", "n" + std::to_string(i)), 30) << i;
  }
}

TEST_F(BigQueryMethodsTest, WhatCannotBeHadIsRefused) {
  const auto fault_of = [&](WriteRows<Numbered> write, bool is_bounded) {
    TestPipeline p;
    const auto rows = is_bounded ? p | "Numbers" >> GenerateSequence(0).To(3)
                                 : p | "Stream" >> GenerateSequence(0);
    rows | "Rows" >> Map(RowOf) | "Write" >> write;
    return p.RunToEnd().status.message();
  };
  const auto load = [&] { return Write().WithMethod(Method::kFileLoads); };
  const auto expect = [](const std::string& fault, const std::string& part) {
    EXPECT_NE(fault.find(part), std::string::npos) << fault;
  };
  expect(fault_of(load(), false), "loads input without end");
  expect(fault_of(Write().WithWriteDisposition(WriteDisposition::kTruncate), false),
         "writes input without end; that goes with WriteDisposition::kAppend alone");
  expect(fault_of(Write().WithWriteDisposition(WriteDisposition::kEmpty), true),
         "takes WithMethod(Method::kFileLoads)");
  expect(fault_of(load().WithFailedRows(), true), "has no failed rows");
  expect(fault_of(WriteRows<Numbered>().WithEndpoint(endpoint_), true), "has no table");
  TestPipeline p;
  const WriteResult result =
      p | GenerateSequence(0).To(3) | "Rows" >> Map(RowOf) | "Write" >> Write();
  result.failed_rows() | "Failed" >> WriteFailed();
  expect(p.RunToEnd().status.message(), "which WithFailedRows() gives");
}

TEST_F(BigQueryMethodsTest, ADestinationThatIsNoTable) {
  TestPipeline p;
  p | GenerateSequence(0).To(3) | "Rows" >> Map(RowOf) |
      "Write" >> Write().To([](const Numbered&) { return "nothing"; });
  const std::string failure = p.RunToEnd().status.message();
  EXPECT_NE(failure.find("'nothing' is no table: it takes PROJECT.DATASET.TABLE"),
            std::string::npos)
      << failure;
}

}  // namespace
}  // namespace joist::bigquery
