// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// DealtElements: what is between a Reshuffle of bounded input and the SDK's stage behind it.
// Elements are kept until all are there, then dealt out in bundles that become larger as long as
// they take little time. What a worker gives away of its bundle, elements or a part of a
// restriction, others get; whoever tries the bundle again gets what it has kept, so nothing is lost
// or done twice.

#ifndef JOIST_PORTABILITY_DEALT_ELEMENTS_H_
#define JOIST_PORTABILITY_DEALT_ELEMENTS_H_

#include <memory>

#include "joist/exec/step.h"
#include "joist/portability/window_codec.h"

namespace joist::portability {

/// From std::string to SharedBundleRef (shared_bundle.h), one at a time: whoever is pushed it has
/// done what is in it, but for what others have taken, when that returns. `windows` are those of
/// the input.
std::shared_ptr<Step> MakeDealtElements(const WindowCodec& windows);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_DEALT_ELEMENTS_H_
