// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// MakeSdkWindowMerger: lets an SDK's worker merge windows by its own function: a bundle of the
// transform beam:transform:merge_windows:v1 for each question. Answers are kept for a while, since
// the keys of a bundle often have the same windows.

#ifndef JOIST_PORTABILITY_SDK_WINDOW_MERGER_H_
#define JOIST_PORTABILITY_SDK_WINDOW_MERGER_H_

#include <functional>
#include <memory>
#include <string>

#include "joist/base/status.h"
#include "joist/portability/beam_names.h"
#include "joist/portability/fn_server.h"
#include "joist/portability/remote_windows.h"
#include "joist/portability/window_code.h"

namespace joist::portability {

struct SdkWindowMergerSetup {
  /// A worker of the function's environment, whenever one is needed; blocks until there is one. Any
  /// thread.
  std::function<Result<std::shared_ptr<SdkWorker>>()> worker = nullptr;
  std::string endpoint = {};         ///< Of the FnServer: "localhost:41234".
  std::string descriptor_id = {};    ///< Unique among those of the job's descriptors.
  std::shared_ptr<WindowCode> code;  ///< Of the strategy's windows.
};

/// Of `windowing`, one of `components`; both are copied as far as they are needed. kInvalidArgument
/// where the coder of its windows is malformed.
Result<std::shared_ptr<WindowMergingWorker>> MakeSdkWindowMerger(
    const pipeline::WindowingStrategy& windowing, const pipeline::Components& components,
    SdkWindowMergerSetup setup);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_SDK_WINDOW_MERGER_H_
