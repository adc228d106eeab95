// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A comparison that never fails proves nothing: here results differ, and the harness must say so.

#include "bench/harness.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace joist::bench {
namespace {

Variant Counting(const std::string& name, uint64_t measured, const std::string& exact) {
  Variant variant;
  variant.name = name;
  variant.threads = {1};
  variant.run = [measured, exact](Measurement& m) {
    m.digest.Add(measured);
    m.exact = exact;
  };
  return variant;
}

int RunWith(const Variant& variant) {
  Benchmark benchmark;
  benchmark.name = "harness_test";
  benchmark.amount = 1;
  benchmark.unit = "M/s";
  benchmark.memory_bytes = 4096;
  benchmark.variants = {Counting("right", 7, "a: 1\nb: 2\n"), variant};
  benchmark.reference = benchmark.variants[0].run;
  benchmark.explain = [](const std::string&, const std::string&, size_t offset) {
    return "at " + std::to_string(offset);
  };
  Settings settings;
  settings.quick = true;
  settings.scratch_dir = testing::TempDir();
  return RunBenchmarks({benchmark}, settings);
}

TEST(Harness, AcceptsTheSameResult) { EXPECT_EQ(RunWith(Counting("other", 7, "a: 1\nb: 2\n")), 0); }

TEST(Harness, FindsOneKeyThatDiffers) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(RunWith(Counting("other", 7, "a: 1\nb: 3\n")), 1);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("harness_test: other on 1 thread(s)"), std::string::npos) << said;
  EXPECT_NE(said.find("at 8"), std::string::npos) << said;
}

TEST(Harness, FindsAMissingEnd) { EXPECT_EQ(RunWith(Counting("other", 7, "a: 1\n")), 1); }

TEST(Harness, ComparesMeasuredRoundsToo) {
  EXPECT_EQ(RunWith(Counting("other", 8, "a: 1\nb: 2\n")), 1);
}

TEST(Harness, ReportsAVariantThatDies) {
  Variant variant = Counting("other", 7, "");
  variant.run = [](Measurement&) { std::abort(); };
  EXPECT_EQ(RunWith(variant), 1);
}

}  // namespace
}  // namespace joist::bench
