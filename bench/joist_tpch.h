// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The TPC-H-like queries as Joist pipelines: each adds the query to a pipeline and gives its
// result's lines. Two files, so that none takes long to compile.

#ifndef JOIST_BENCH_JOIST_TPCH_H_
#define JOIST_BENCH_JOIST_TPCH_H_

#include <string>

#include "bench/tpch.h"
#include "joist/joist.h"

namespace joist::bench::tpch {

/// With transforms that name the rows' fields.
PCollection<std::string> PricingByFields(Pipeline& p, const Tables& tables);
/// With a function for the key and a CombineFn.
PCollection<std::string> PricingByFunctions(Pipeline& p, const Tables& tables);
PCollection<std::string> Shipping(Pipeline& p, const Tables& tables);
PCollection<std::string> Forecast(Pipeline& p, const Tables& tables);

}  // namespace joist::bench::tpch

#endif  // JOIST_BENCH_JOIST_TPCH_H_
