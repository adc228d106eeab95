// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/joist_variants.h"

#include <array>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace joist::bench {
namespace {

std::mutex collector_mutex;
Digest collected;

}  // namespace

Pipeline MakePipeline(int threads, const std::vector<std::string>& options) {
  const std::string workers = "--max_num_workers=" + std::to_string(threads);
  std::vector<const char*> arguments = {"joist_bench", workers.c_str(), "--progress=off"};
  for (const std::string& option : options) arguments.push_back(option.c_str());
  return Pipeline(static_cast<int>(arguments.size()), arguments.data());
}

void RunToEnd(Pipeline& pipeline) {
  const PipelineResult result = pipeline.Run();
  result.WaitUntilFinish();
  if (!result.status().ok()) throw std::runtime_error(result.status().message());
}

void DigestCollector::Add(const Digest& digest) {
  const std::lock_guard lock(collector_mutex);
  collected.Merge(digest);
}

Digest DigestCollector::Take() {
  const std::lock_guard lock(collector_mutex);
  return std::exchange(collected, Digest());
}

Result<std::vector<SourceRange>> Indices::Split(int) const {
  return std::vector<SourceRange>{{0, 0, count, true}};
}

Status Indices::Read(RangeTracker& tracker, SourceOutput<int64_t>& out) const {
  std::array<int64_t, kBatchSize> indices;
  int64_t begin, end;
  while (tracker.Claim(kBatchSize, &begin, &end)) {
    const auto count = static_cast<size_t>(end - begin);
    std::iota(indices.begin(), indices.begin() + static_cast<ptrdiff_t>(count), begin);
    out.PushColumn(ColumnView<int64_t>(indices.data()), count);
  }
  return OkStatus();
}

}  // namespace joist::bench
