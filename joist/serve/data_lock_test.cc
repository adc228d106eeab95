// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/data_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <utility>

namespace joist::serve {
namespace {

TEST(DataLock, IsForOneAtATime) {
  const std::string folder =
      (std::filesystem::temp_directory_path() / ("joist-lock-" + std::to_string(getpid())))
          .string();
  {
    Result<DataLock> first = DataLock::Take(folder + "/deep/down");
    ASSERT_TRUE(first.ok()) << first.status().message();
    const Result<DataLock> second = DataLock::Take(folder + "/deep/down");
    EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
    EXPECT_EQ(second.status().message(), folder + "/deep/down is in use by process " +
                                             std::to_string(getpid()) +
                                             "; stop it or choose another folder of data");
    std::optional<DataLock> moved = std::move(*first);
    EXPECT_FALSE(DataLock::Take(folder + "/deep/down").ok());
    moved.reset();
    EXPECT_TRUE(DataLock::Take(folder + "/deep/down").ok());
  }
  EXPECT_FALSE(DataLock::Take("/proc/none/here").ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace joist::serve
