// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rivals of others, from their packages: DuckDB, Polars, Spark and Beam Python, each a small Python
// program in bench/packages/ that is given an input, an output, a number of threads and what
// arguments it has besides. What is measured is the whole process.

#ifndef JOIST_BENCH_PACKAGES_H_
#define JOIST_BENCH_PACKAGES_H_

#include <functional>
#include <string>
#include <vector>

#include "bench/harness.h"

namespace joist::bench {

/// A variant that is the program bench/packages/NAME.py, whose output collect(measurement) takes.
Variant PackageVariant(const Settings& settings, const std::string& title, const std::string& name,
                       const std::string& input, std::vector<int> threads,
                       std::function<void(Measurement&)> collect,
                       const std::vector<std::string>& arguments = {});

}  // namespace joist::bench

#endif  // JOIST_BENCH_PACKAGES_H_
