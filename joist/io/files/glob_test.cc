// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/glob.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace joist::files {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(MatchesTest, FollowsBeamsRules) {
  EXPECT_TRUE(Matches("*.txt", "a.txt"));
  EXPECT_TRUE(Matches("*", ""));
  EXPECT_TRUE(Matches("*", ".hidden"));
  EXPECT_FALSE(Matches("*", "a/b"));
  EXPECT_TRUE(Matches("**", "a/b/c"));
  EXPECT_TRUE(Matches("a/**/c", "a/x/y/c"));
  EXPECT_FALSE(Matches("a/**/c", "a/c"));
  EXPECT_TRUE(Matches("**.txt", "a/b.txt"));
  EXPECT_TRUE(Matches("**/x*y/z", "a/xy/b/xqy/z"));
  EXPECT_FALSE(Matches("**/x*y/z", "a/x/y/z"));
  EXPECT_TRUE(Matches("a?c", "abc"));
  EXPECT_TRUE(Matches("a?c", "aüc"));
  EXPECT_FALSE(Matches("a?c", "a/c"));
  EXPECT_TRUE(Matches("[a-cx]1", "b1"));
  EXPECT_TRUE(Matches("[!a-c]1", "x1"));
  EXPECT_FALSE(Matches("[!a-c]1", "/1"));
  EXPECT_TRUE(Matches("[]]", "]"));
  EXPECT_TRUE(Matches("[a", "[a"));
  EXPECT_TRUE(Matches("\\*", "*"));
  EXPECT_FALSE(Matches("\\*", "x"));
  EXPECT_TRUE(Matches("*a*b*c*", "xaxbxcx"));
  EXPECT_FALSE(Matches("*a*b*c*", "xaxcxbx"));
}

TEST(ExpandBracesTest, GivesEveryAlternative) {
  EXPECT_THAT(*ExpandBraces("a"), ElementsAre("a"));
  EXPECT_THAT(*ExpandBraces("{a,b}.{x,y}"), UnorderedElementsAre("a.x", "a.y", "b.x", "b.y"));
  EXPECT_THAT(*ExpandBraces("p{a,{b,c}d,}"), UnorderedElementsAre("pa", "pbd", "pcd", "p"));
  EXPECT_THAT(*ExpandBraces("\\{a,b}"), ElementsAre("\\{a,b}"));
  EXPECT_EQ(ExpandBraces("x{a,b").status().message(), "file pattern x{a,b has a { without its }");
  EXPECT_FALSE(ExpandBraces(std::string(40, '{') + "a,b" + std::string(39, '}')).ok());
  std::string many;
  for (int i = 0; i < 40; ++i) many += "{a,b}";
  EXPECT_FALSE(ExpandBraces(many).ok());
}

class MatchTest : public testing::Test {
 protected:
  MatchTest() {
    std::filesystem::remove_all(root_);
    for (const char* path : {"a.txt", "b.txt", "c.csv", "[x].txt", ".hidden", "d/a.txt",
                             "d/e/a.txt", "d/e/f/b.csv", ".joist-1/a.txt", "d/.joist-2/a.txt"}) {
      std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
      std::ofstream(root_ + path) << "12345";
    }
  }
  ~MatchTest() override { std::filesystem::remove_all(root_); }

  std::vector<std::string> Paths(const std::string& pattern) {
    Result<std::vector<FileInfo>> found = Match(root_ + pattern, EmptyMatch::kAllow);
    EXPECT_TRUE(found.ok()) << found.status().message();
    std::vector<std::string> paths;
    for (const FileInfo& file : *found) {
      EXPECT_EQ(file.size, 5u);
      paths.push_back(file.path.substr(root_.size()));
    }
    return paths;
  }

  std::string root_ = testing::TempDir() + "joist_glob_test_" + std::to_string(getpid()) + "/";
};

TEST_F(MatchTest, FindsFilesInOrder) {
  EXPECT_THAT(Paths("a.txt"), ElementsAre("a.txt"));
  EXPECT_THAT(Paths("*.txt"), ElementsAre("[x].txt", "a.txt", "b.txt"));
  EXPECT_THAT(Paths("{b,a,a}.txt"), ElementsAre("a.txt", "b.txt"));
  EXPECT_THAT(Paths("[ab].*"), ElementsAre("a.txt", "b.txt"));
  EXPECT_THAT(Paths("[x].txt"), ElementsAre("[x].txt"));
  EXPECT_THAT(Paths("\\[x\\].t?t"), ElementsAre("[x].txt"));
  EXPECT_THAT(Paths("*/a.txt"), ElementsAre("d/a.txt"));
  EXPECT_THAT(Paths("*/*/*.txt"), ElementsAre("d/e/a.txt"));
  EXPECT_THAT(Paths("**.csv"), ElementsAre("c.csv", "d/e/f/b.csv"));
  EXPECT_THAT(Paths("d/**"), ElementsAre("d/a.txt", "d/e/a.txt", "d/e/f/b.csv"));
  EXPECT_THAT(Paths("d/**/a.txt"), ElementsAre("d/e/a.txt"));
  EXPECT_THAT(Paths("no*"), IsEmpty());
  EXPECT_THAT(Paths("no/*"), IsEmpty());
  EXPECT_THAT(Paths("a.txt/*"), IsEmpty());
}

TEST_F(MatchTest, TakesUrlsOfFiles) {
  EXPECT_EQ(Match("file://" + root_ + "a.txt")->size(), 1u);
  EXPECT_EQ(Match("gs://bucket/a").status().code(), StatusCode::kUnimplemented);
}

TEST_F(MatchTest, SaysWhatIsWrong) {
  EXPECT_EQ(Match(root_ + "zzz").status().message(), "no such file: " + root_ + "zzz");
  EXPECT_EQ(Match(root_ + "z*").status().message(), "no file matches " + root_ + "z*");
  EXPECT_EQ(Match(root_ + "d").status().message(),
            root_ + "d is a folder; to read its files say \"" + root_ + "d/*\"");
  EXPECT_EQ(Match(root_ + "a.txt/b").status().message(),
            "cannot open " + root_ + "a.txt/b: Not a directory");
  EXPECT_FALSE(Match("").ok());
}

}  // namespace
}  // namespace joist::files
