// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/checkpoint_folders.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace joist::portability {
namespace {

namespace fs = std::filesystem;

class CheckpointFoldersTest : public testing::Test {
 protected:
  CheckpointFoldersTest()
      : base_(fs::canonical(fs::temp_directory_path()) /
              ("joist_folders_" + std::to_string(getpid()))),
        state_((base_ / "state").string()),
        folders_(state_) {
    fs::create_directories(base_ / "other");
  }
  ~CheckpointFoldersTest() override { fs::remove_all(base_); }

  std::string Found(const std::string& asked, const std::string& job_name = "job") const {
    const Result<std::string> found = folders_.Find(asked, job_name);
    return found.ok() ? *found : found.status().message().substr(0, 3) + "…";
  }

  const fs::path base_;
  const std::string state_;  ///< Not there at first.
  CheckpointFolders folders_;
};

TEST_F(CheckpointFoldersTest, AreBelowTheServersOwn) {
  EXPECT_EQ(Found(""), state_ + "/job");
  EXPECT_EQ(Found("", "../a b/c"), state_ + "/___a_b_c");
  EXPECT_EQ(Found("", ""), "");
  EXPECT_EQ(Found("counts"), state_ + "/counts");
  EXPECT_EQ(Found("team/counts/"), state_ + "/team/counts");
  EXPECT_EQ(Found(state_ + "/counts"), state_ + "/counts");
  EXPECT_FALSE(fs::exists(state_));
  fs::create_directories(state_);
  EXPECT_EQ(Found("counts"), state_ + "/counts");
}

TEST_F(CheckpointFoldersTest, AreNowhereElse) {
  fs::create_directories(state_);
  const std::string nul("a\0b", 3);
  for (const std::string& asked :
       {std::string(".."), std::string("../other"), std::string("a/../../other"),
        std::string("a/.."), std::string("/"), std::string("/etc"), state_, state_ + "/",
        std::string("."), state_ + "x", state_ + "/../other", nul}) {
    EXPECT_EQ(Found(asked), "the…") << asked;
  }
  EXPECT_EQ(folders_.Find("../other", "job").status().message(),
            "the pipeline option checkpoint_dir, \"../other\", is no folder below this server's "
            "--state_dir; name one by a path relative to that, without \"..\" and links that lead "
            "elsewhere");
}

TEST_F(CheckpointFoldersTest, LinksLeadNowhereElse) {
  fs::create_directories(state_ + "/inner");
  fs::create_directory_symlink(base_ / "other", state_ + "/out");
  fs::create_directory_symlink(state_ + "/inner", state_ + "/in");
  fs::create_directory_symlink(base_ / "nowhere", state_ + "/broken");
  EXPECT_EQ(Found("out"), "the…");
  EXPECT_EQ(Found("out/deeper"), "the…");
  EXPECT_EQ(Found("broken/deeper"), "the…");
  EXPECT_EQ(Found("in/deeper"), state_ + "/inner/deeper");
  // A job's name may be that of a link.
  EXPECT_EQ(Found("", "out"), "the…");
  // The server's own folder may be behind one.
  fs::create_directory_symlink(state_, base_ / "link");
  const CheckpointFolders linked((base_ / "link").string());
  EXPECT_EQ(linked.Find("inner", "").value(), state_ + "/inner");
}

TEST_F(CheckpointFoldersTest, AServerWithoutOneKeepsNone) {
  const CheckpointFolders none("");
  EXPECT_EQ(none.Find("", "job").value(), "");
  EXPECT_EQ(none.Find("counts", "job").status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(CheckpointFoldersTest, AreOfOneJobAtATime) {
  auto taken = folders_.Take(state_ + "/a", "job-1");
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(
      folders_.CheckFree(state_ + "/a").message(),
      "the job job-1 runs and has its checkpoints in the folder \"a\", where those of this one "
      "would be; wait for it to end, or give this one another --job_name or --checkpoint_dir");
  EXPECT_FALSE(folders_.Take(state_ + "/a/cold", "job-2").ok());
  EXPECT_FALSE(folders_.CheckFree(state_).ok());
  EXPECT_TRUE(folders_.CheckFree(state_ + "/ab").ok());
  *taken = nullptr;
  EXPECT_TRUE(folders_.CheckFree(state_ + "/a").ok());
}

}  // namespace
}  // namespace joist::portability
