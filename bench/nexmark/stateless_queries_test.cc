// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/nexmark/query_test.h"

namespace joist::bench::nexmark {
namespace {

TEST(NexmarkQuery0, PassesEventsThrough) {
  ExpectAsReference(
      [](const PCollection<Event>& events, const QueryConfig&) { return Passthrough(events); },
      &reference::Passthrough);
}

TEST(NexmarkQuery1, ConvertsCurrencies) {
  ExpectAsReference([](const PCollection<Event>& events,
                       const QueryConfig&) { return CurrencyConversion(events); },
                    &reference::CurrencyConversion);
}

TEST(NexmarkQuery2, SelectsAuctions) { ExpectAsReference(&Selection, &reference::Selection); }

}  // namespace
}  // namespace joist::bench::nexmark
