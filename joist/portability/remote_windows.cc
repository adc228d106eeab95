// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/remote_windows.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <utility>

namespace joist::portability {
namespace {

/// What element_type() names.
struct OnlyTheSdkSees {};

}  // namespace

RemoteWindowFn::RemoteWindowFn(const pipeline::WindowingStrategy& proto,
                               std::shared_ptr<WindowMergingWorker> merger)
    : urn_(proto.window_fn().urn()),
      assigns_one_window_(proto.assigns_to_one_window()),
      is_merging_(proto.merge_status() == pipeline::MergeStatus::NEEDS_MERGE ||
                  proto.merge_status() == pipeline::MergeStatus::ALREADY_MERGED),
      merger_(std::move(merger)) {}

const std::type_info* RemoteWindowFn::element_type() const { return &typeid(OnlyTheSdkSees); }

void RemoteWindowFn::Assign(const void* /*element*/, Timestamp /*t*/,
                            std::vector<Window>* /*windows*/) const {
  throw StatusException(Internal(ToString() + " assigns windows in its SDK only"));
}

void RemoteWindowFn::Merge(WindowMerger& merger) const {
  Result<std::vector<MergedWindows>> merged = merger_->Merge(merger.windows());
  if (!merged.ok()) {
    throw StatusException(
        Status(merged.status().code(), ToString() + " cannot merge: " + merged.status().message()));
  }
  for (const MergedWindows& one : *merged) merger.Merge(one.from, one.to);
}

Status RemoteWindowFn::Validate() const {
  if (is_merging_ && merger_ == nullptr) {
    return InvalidArgument(ToString() + " merges windows, for which there is no worker");
  }
  return OkStatus();
}

}  // namespace joist::portability
