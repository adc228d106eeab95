// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The TPC-H-like queries by hand, over Arrow's batches (record_batches.h), on threads that share
// row groups. Query 1 adds up into an array by the two letters; query 6 without branches. Query 3
// marks the segment's customers in an array by key, puts their orders into a hash table that does
// not change any more, and looks the line items up by the block, with prefetching, each thread
// adding to an array of its own.

#ifndef JOIST_BENCH_RIVALS_TPCH_H_
#define JOIST_BENCH_RIVALS_TPCH_H_

#include <string>
#include <vector>

#include "bench/tpch.h"

namespace joist::bench::tpch {

/// Each returns its result's lines. They throw.
std::vector<std::string> PricingByHand(const Tables& tables, int threads);
std::vector<std::string> ShippingByHand(const Tables& tables, int threads);
std::vector<std::string> ForecastByHand(const Tables& tables, int threads);

}  // namespace joist::bench::tpch

#endif  // JOIST_BENCH_RIVALS_TPCH_H_
