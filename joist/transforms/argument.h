// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Arguments of transforms that only a number's value makes wrong: they may come from options, so
// they are reported as faults of the pipeline, before anything runs.

#ifndef JOIST_TRANSFORMS_ARGUMENT_H_
#define JOIST_TRANSFORMS_ARGUMENT_H_

#include <string>
#include <string_view>

#include "joist/sdk/pcollection.h"

namespace joist {

/// Reports, unless `is_right`, that `transform` was given `value` where it `needs` another.
template <class X, class Number>
void CheckArgument(bool is_right, PipelineBuilder& builder, const X& transform, Number value,
                   std::string_view needs) {
  if (is_right) return;
  builder.graph().AddFault(
      InvalidArgument(std::string(X::kKind) + " at " + DescribeLocation(transform.where) +
                      " was given " + std::to_string(value) + "; it needs " + std::string(needs)));
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_ARGUMENT_H_
