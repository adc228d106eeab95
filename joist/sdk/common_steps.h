// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Steps that many pipelines have, compiled once into the library, so that a program that counts
// words need not compile how.

#ifndef JOIST_SDK_COMMON_STEPS_H_
#define JOIST_SDK_COMMON_STEPS_H_

#include <string>

#include "joist/sdk/combine.h"

namespace joist {

extern template class CombineStep<std::string, Void, CountFn>;
extern template class CombineStep<std::string, int64_t, SumFn<int64_t>>;
extern template class CombineStep<Void, Void, CountFn>;

}  // namespace joist

#endif  // JOIST_SDK_COMMON_STEPS_H_
