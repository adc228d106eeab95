// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Nexmark's queries as variants of benchmarks: pipelines that read the events from memory.

#ifndef JOIST_BENCH_NEXMARK_JOIST_NEXMARK_H_
#define JOIST_BENCH_NEXMARK_JOIST_NEXMARK_H_

#include "bench/harness.h"
#include "bench/nexmark/generator.h"
#include "bench/nexmark/queries.h"

namespace joist::bench::nexmark {

/// Events that are made in the source.
Variant JoistGenerateVariant(const GeneratorConfig& config);
/// Query `number`, 0 to 14.
Variant JoistQueryVariant(int number, const GeneratorConfig& events, const QueryConfig& config);
/// The same over events that have no end for the runner, and that are made in the source.
Variant JoistStreamVariant(int number, const GeneratorConfig& events, const QueryConfig& config);
/// The files of query 10 below a prefix as a result, which removes them.
void TakeLogFiles(const std::string& prefix, Measurement& m);

}  // namespace joist::bench::nexmark

#endif  // JOIST_BENCH_NEXMARK_JOIST_NEXMARK_H_
