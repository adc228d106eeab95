// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RemoteWindowFn: a window function of an SDK, in a graph. The SDK's own steps assign its windows;
// where windows merge, a WindowMergingWorker asks the SDK. Immutable, thread-safe.

#ifndef JOIST_PORTABILITY_REMOTE_WINDOWS_H_
#define JOIST_PORTABILITY_REMOTE_WINDOWS_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/custom_windows.h"
#include "joist/portability/beam_names.h"

namespace joist::portability {

/// Windows that have become one.
struct MergedWindows {
  std::vector<Window> from = {};
  Window to = {};
};

/// Thread-safe.
class WindowMergingWorker {
 public:
  virtual ~WindowMergingWorker() = default;
  /// What of `windows`, those of one key, becomes one; the others stay as they are.
  virtual Result<std::vector<MergedWindows>> Merge(std::span<const Window> windows) = 0;
};

class RemoteWindowFn final : public CustomWindowFn {
 public:
  /// `proto` has the function. `merger` may be null where its windows do not merge.
  RemoteWindowFn(const pipeline::WindowingStrategy& proto,
                 std::shared_ptr<WindowMergingWorker> merger);

  /// Something that no collection consists of: its windows follow from what only the SDK sees.
  const std::type_info* element_type() const override;
  /// Not to be called.
  void Assign(const void* element, Timestamp t, std::vector<Window>* windows) const override;
  bool assigns_one_window() const override { return assigns_one_window_; }
  bool is_merging() const override { return is_merging_; }
  bool merges_overlapping() const override { return false; }
  /// Throws StatusException where the worker fails.
  void Merge(WindowMerger& merger) const override;
  Status Validate() const override;
  std::string ToString() const override { return "WindowFn(" + urn_ + ")"; }

 private:
  std::string urn_;
  bool assigns_one_window_;
  bool is_merging_;
  std::shared_ptr<WindowMergingWorker> merger_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_REMOTE_WINDOWS_H_
