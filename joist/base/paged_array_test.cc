// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/base/paged_array.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(PagedArray, KeepsWhatWasWrittenAndIsZeroElsewhere) {
  PagedArray<uint64_t> array;
  size_t count = 0;
  for (const size_t more : {1, 15, 1, 100, 1'000'000, 1, 3'000'000}) {
    array.Include(count + more);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(array[i], i + 1);
    for (size_t i = count; i < count + more; ++i) {
      ASSERT_EQ(array[i], 0U);
      array[i] = i + 1;
    }
    count += more;
  }
  const uint64_t* const data = array.data();
  array.Include(count);
  array.Include(1);
  EXPECT_EQ(array.data(), data);
}

}  // namespace
}  // namespace joist
