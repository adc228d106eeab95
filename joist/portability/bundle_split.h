// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BundleSplit: a bundle in two, and how an SDK's answer to ProcessBundleSplitRequest says it.

#ifndef JOIST_PORTABILITY_BUNDLE_SPLIT_H_
#define JOIST_PORTABILITY_BUNDLE_SPLIT_H_

#include <cstddef>
#include <optional>

#include "joist/base/status.h"
#include "joist/portability/beam_names.h"
#include "joist/portability/encoded_elements.h"

namespace joist::portability {

/// A bundle keeps its first `whole` elements and, of the next, `kept`; `rest` is all else.
struct BundleSplit {
  size_t whole = 0;
  EncodedElements kept = {};
  EncodedElements rest = {};
  /// So many elements it still has something of: the first that it has nothing of.
  size_t own = 0;
};

/// What `response` does to the first `own` elements of a bundle; none if nothing comes off.
/// kInternal, with one line, if it makes no sense.
Result<std::optional<BundleSplit>> ReadBundleSplit(const fn::ProcessBundleSplitResponse& response,
                                                   const EncodedElements& elements, size_t own);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_BUNDLE_SPLIT_H_
