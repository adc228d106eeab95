// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeptRestrictions: the restrictions of bounded input, before an SDK works on them. They are kept
// until all are there, then given out in bundles that begin with one restriction and become larger
// as long as they take little time. What a bundle gives away while a worker has it is given to
// others; whoever tries the bundle again gets what it has kept, so nothing is lost or done twice.

#ifndef JOIST_PORTABILITY_KEPT_RESTRICTIONS_H_
#define JOIST_PORTABILITY_KEPT_RESTRICTIONS_H_

#include <memory>

#include "joist/exec/step.h"
#include "joist/portability/window_codec.h"

namespace joist::portability {

/// From std::string to SharedBundleRef (shared_bundle.h), one at a time: whoever is pushed it has
/// done what is in it, but for what others have taken, when that returns. `windows` are those of
/// the input.
std::shared_ptr<Step> MakeKeptRestrictions(const WindowCodec& windows);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_KEPT_RESTRICTIONS_H_
