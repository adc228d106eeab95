// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Equal unordered maps need not have equal bytes: they are no keys.
// expect: Joist cannot group by this type: it has no coder, or none that gives equal keys equal bytes

#include <string>
#include <unordered_map>

#include "joist/model/key_traits.h"

uint64_t Hash(const std::unordered_map<std::string, int>& map) { return joist::HashKey(map); }
