// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Results that are lines of text in no order, as files hold them: each line is an entry of the
// digest, and the exact form is all lines, sorted.

#ifndef JOIST_BENCH_RESULT_LINES_H_
#define JOIST_BENCH_RESULT_LINES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bench/harness.h"

namespace joist::bench {

/// Gathers lines into a measurement's result, which is complete when this is destroyed.
class ResultLines {
 public:
  explicit ResultLines(Measurement& measurement) : measurement_(measurement) {}
  ResultLines(const ResultLines&) = delete;
  ResultLines& operator=(const ResultLines&) = delete;
  ~ResultLines();

  void Add(std::string_view line);

 private:
  Measurement& measurement_;
  std::vector<std::string> lines_;
};

/// Takes and removes the files whose names begin with m.scratch().
void CollectLines(Measurement& m);

/// Benchmark::explain for them: the lines that differ.
std::string ExplainLines(const std::string& expected, const std::string& found, size_t offset);

}  // namespace joist::bench

#endif  // JOIST_BENCH_RESULT_LINES_H_
