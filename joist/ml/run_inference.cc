// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/ml/run_inference.h"

#include <chrono>

#include "joist/sdk/metrics.h"

namespace joist::run_inference_internal {
namespace {

const Counter inferences("BeamML", "num_inferences");
const Distribution batch_sizes("BeamML", "inference_request_batch_size");
const Distribution batch_times("BeamML", "inference_batch_latency_micro_secs");
const Distribution load_times("BeamML", "load_model_latency_milli_secs");

}  // namespace

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void CountBatch(int64_t size, double seconds) {
  inferences.Inc(size);
  batch_sizes.Update(size);
  batch_times.Update(static_cast<int64_t>(seconds * 1e6));
}

void CountLoad(double seconds) { load_times.Update(static_cast<int64_t>(seconds * 1e3)); }

void Fail(const Status& status) { throw StatusException(status); }

}  // namespace joist::run_inference_internal
