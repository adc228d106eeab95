// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Queries 0, 1, 2, 5 and 8 as loops by hand over events in memory, a piece of them for each
// consumer's thread. They know what a pipeline isn't told: that events are in the order of their
// times, and that ids have no gaps, so that an array does where others need a hash table.

#ifndef JOIST_BENCH_NEXMARK_LOOPS_H_
#define JOIST_BENCH_NEXMARK_LOOPS_H_

#include <vector>

#include "bench/nexmark/generator.h"
#include "bench/nexmark/queries.h"
#include "bench/nexmark/row_consumer.h"

namespace joist::bench::nexmark {

/// A thread works for each of them.
using RowConsumers = std::vector<RowConsumer>;

/// Makes each event and gives it to a consumer.
void GenerateByHand(const GeneratorConfig& config, RowConsumers& consumers);

void PassthroughByHand(const std::vector<Event>& events, const QueryConfig& config,
                       RowConsumers& consumers);
void CurrencyConversionByHand(const std::vector<Event>& events, const QueryConfig& config,
                              RowConsumers& consumers);
void SelectionByHand(const std::vector<Event>& events, const QueryConfig& config,
                     RowConsumers& consumers);
/// The window's size must be a multiple of its period.
void HotItemsByHand(const std::vector<Event>& events, const QueryConfig& config,
                    RowConsumers& consumers);
void MonitorNewUsersByHand(const std::vector<Event>& events, const QueryConfig& config,
                           RowConsumers& consumers);

}  // namespace joist::bench::nexmark

#endif  // JOIST_BENCH_NEXMARK_LOOPS_H_
