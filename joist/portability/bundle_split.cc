// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/bundle_split.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace joist::portability {

Result<std::optional<BundleSplit>> ReadBundleSplit(const fn::ProcessBundleSplitResponse& response,
                                                   const EncodedElements& elements, size_t own) {
  if (response.residual_roots_size() == 0 && response.channel_splits_size() == 0) {
    return std::optional<BundleSplit>();
  }
  const auto size = static_cast<int64_t>(own);
  int64_t whole = -1;
  int64_t first_rest = -1;
  if (response.channel_splits_size() == 1) {
    whole = response.channel_splits(0).last_primary_element() + 1;
    first_rest = std::min(response.channel_splits(0).first_residual_element(), size);
  }
  const bool has_parts = response.residual_roots_size() > 0;
  if (whole < 0 || whole > first_rest || (whole < first_rest) != has_parts) {
    return Internal("the SDK has split a bundle of " + std::to_string(size) +
                    " elements in a way that makes no sense: " + response.ShortDebugString());
  }
  if (whole == size) return std::optional<BundleSplit>();
  BundleSplit split;
  split.whole = static_cast<size_t>(whole);
  split.own = static_cast<size_t>(first_rest);
  for (const fn::BundleApplication& root : response.primary_roots()) {
    split.kept.Append(root.element(), {});
  }
  for (const fn::DelayedBundleApplication& root : response.residual_roots()) {
    split.rest.Append(root.application().element(), {});
  }
  split.rest.Append(elements, split.own, own);
  return std::optional<BundleSplit>(std::move(split));
}

}  // namespace joist::portability
