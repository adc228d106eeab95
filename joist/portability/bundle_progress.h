// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_PORTABILITY_BUNDLE_PROGRESS_H_
#define JOIST_PORTABILITY_BUNDLE_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "joist/portability/beam_names.h"
#include "joist/portability/job_workers.h"

namespace joist::portability {

/// How far a worker says that it is with a bundle.
struct BundleProgress {
  uint64_t begun = 0;  ///< Elements; 0 where it does not say.
  uint64_t made = 0;   ///< Elements of the stage's outputs.
};

/// `is_output` tells by a collection's name whether it leaves the stage.
BundleProgress ReadBundleProgress(const fn::ProcessBundleProgressResponse& response,
                                  SdkWorker& worker,
                                  const std::function<bool(const std::string&)>& is_output);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_BUNDLE_PROGRESS_H_
