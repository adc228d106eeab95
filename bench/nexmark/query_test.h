// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the tests of Nexmark's queries share: inputs, and the comparison of a query with its
// reference.

#ifndef JOIST_BENCH_NEXMARK_QUERY_TEST_H_
#define JOIST_BENCH_NEXMARK_QUERY_TEST_H_

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "bench/nexmark/generator.h"
#include "bench/nexmark/reference.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist::bench::nexmark {

struct QueryInput {
  std::string name;
  GeneratorConfig generator;
  QueryConfig query;
};

inline std::vector<QueryInput> QueryInputs() {
  QueryInput as_beam{"as Beam has it", {.event_count = 100'000, .seed = 1}, {}};
  QueryInput slow{"slow, out of order",
                  {.event_count = 30'000,
                   .seed = 2,
                   .events_per_second = 1000,
                   .in_flight_auctions = 20,
                   .out_of_order_group_size = 500},
                  {.auction_skip = 7,
                   .window_size = Duration::Seconds(2),
                   .window_period = Duration::Millis(700),
                   .session_gap = Duration::Seconds(1)}};
  QueryInput hours{"some hours, few people",
                   {.event_count = 25'000,
                    .seed = 3,
                    .events_per_second = 1,
                    .base_time = Timestamp::Millis(1'436'936'400'000),  // At five in the morning.
                    .hot_auction_ratio = 1,  // None are hot, so that several have the most bids.
                    .hot_bidders_ratio = 2,
                    .active_people = 30},
                   {.window_size = Duration::Minutes(20),
                    .window_period = Duration::Minutes(5),
                    .log_shards = 3,
                    .side_input_rows = 50,
                    .session_gap = Duration::Minutes(1),
                    .bid_wait = Duration::Hours(1)}};
  return {as_beam, slow, hours};
}

/// Runs `query(events, config)`, or `query(pipeline, events, config)`, on one thread and on two,
/// and compares what comes of it, and in which windows, with `reference`.
template <class Query, class Row>
void ExpectAsReference(Query query,
                       InWindows<Row> (*reference)(const Events&, const QueryConfig&)) {
  for (const QueryInput& input : QueryInputs()) {
    const InWindows<Row> expected = reference(MakeEvents(input.generator), input.query);
    EXPECT_FALSE(expected.empty()) << input.name;
    for (const int threads : {1, 2}) {
      TestPipeline p;
      p.set_threads(threads);
      const auto events = p | "Events" >> Read(NexmarkSource{input.generator});
      const auto rows = [&] {
        if constexpr (std::is_invocable_v<Query, Pipeline&, PCollection<Event>, QueryConfig>) {
          return query(p, events, input.query);
        } else {
          return query(events, input.query);
        }
      }();
      const auto results = rows | "With window" >> Map([](const Row& row, Window window) {
                                    return KV<Window, Row>{window, row};
                                  });
      PAssert::That(results).ContainsInAnyOrder(expected);
      EXPECT_TRUE(p.RunOk()) << input.name << ", threads: " << threads;
    }
  }
}

}  // namespace joist::bench::nexmark

#endif  // JOIST_BENCH_NEXMARK_QUERY_TEST_H_
