// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JobCounters: what the SDK's code of a job has counted (metrics.proto), bundle by bundle: of all
// bundles that were attempted, and of those whose output is safe.

#ifndef JOIST_PORTABILITY_JOB_COUNTERS_H_
#define JOIST_PORTABILITY_JOB_COUNTERS_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/portability/beam_names.h"
#include "joist/portability/fn_server.h"

namespace joist::portability {

/// Counts by what they are of: a serialized MonitoringInfo without payload, then its payload.
using Counts = std::map<std::string, std::string>;

/// Adds `counts` to `to`, each as its type says: sums, distributions, the latest value, sets.
void AddCounts(const Counts& counts, Counts* to);

/// Thread-safe.
class JobCounters {
 public:
  /// `names`: of transforms, by their ids.
  explicit JobCounters(std::map<std::string, std::string> names = {}) : names_(std::move(names)) {}

  /// What a bundle of `worker` has counted; it was attempted.
  Counts Attempted(SdkWorker& worker, const fn::ProcessBundleResponse& response);
  void Committed(const Counts& counts);

  /// Serialized MonitoringInfos, of transforms by their names: by these SDKs show and find them.
  std::vector<std::string> attempted() const;
  std::vector<std::string> committed() const;

 private:
  std::vector<std::string> AsInfos(const Counts& counts) const;

  const std::map<std::string, std::string> names_;
  mutable std::mutex mutex_;
  Counts attempted_;
  Counts committed_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOB_COUNTERS_H_
