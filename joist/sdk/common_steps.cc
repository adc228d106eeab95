// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/common_steps.h"

namespace joist {

template class CombineStep<std::string, Void, CountFn>;
template class CombineStep<std::string, int64_t, SumFn<int64_t>>;
template class CombineStep<Void, Void, CountFn>;

}  // namespace joist
