// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_PORTABILITY_DESCRIPTOR_CODERS_H_
#define JOIST_PORTABILITY_DESCRIPTOR_CODERS_H_

#include "joist/portability/beam_names.h"

namespace joist::portability {

/// Gives `descriptor`, which is whole otherwise, the coders that it names, with their parts: a
/// large pipeline has thousands of others. All of them where it has a transform of a kind whose
/// payload may name any. Pure.
void AddCoders(const pipeline::Components& components, fn::ProcessBundleDescriptor* descriptor);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_DESCRIPTOR_CODERS_H_
