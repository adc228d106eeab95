// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What TopicFiles makes of files that are not as they were written: cut by a crash, or damaged.

#include "joist/store/log/topic_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "joist/store/log/testing/scratch_folder.h"

namespace joist::store {
namespace {

using ::testing::HasSubstr;

class TornSegmentTest : public ::testing::Test {
 protected:
  /// One write of a batch for each text.
  void Append(TopicFiles* files, const std::vector<std::string>& texts) {
    std::vector<PublishBatch> batches(texts.size());
    std::vector<PublishBatch*> pointers;
    for (size_t i = 0; i < texts.size(); ++i) {
      ASSERT_TRUE(batches[i].Add(texts[i]).ok());
      batches[i].Seal();
      pointers.push_back(&batches[i]);
    }
    ASSERT_TRUE(files->Append(pointers, 1).ok());
  }
  /// Writes of as many messages as `sizes` says; `ends_` becomes where frames end.
  void Fill(const std::vector<size_t>& sizes) {
    std::filesystem::remove(Segment());
    auto files = std::move(*TopicFiles::Open(folder_.path()));
    ends_ = {0};
    write_begins_.clear();
    for (const size_t size : sizes) {
      write_begins_.push_back(ends_.back());
      std::vector<std::string> texts;
      for (size_t i = 0; i < size; ++i) {
        texts.emplace_back(ends_.size() * 7 % 40, static_cast<char>('a' + ends_.size() % 26));
        PublishBatch batch;
        ASSERT_TRUE(batch.Add(texts.back()).ok());
        ends_.push_back(ends_.back() + batch.size());
      }
      Append(files.get(), texts);
    }
    ASSERT_EQ(files->bytes(), ends_.back());
  }
  std::string Segment() const { return folder_.path() + "/" + std::string(20, '0') + ".log"; }
  std::string Content() const {
    std::ifstream in(Segment(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void SetContent(const std::string& content) const {
    std::ofstream(Segment(), std::ios::binary | std::ios::trunc) << content;
  }
  /// How many frames end at or before the byte.
  uint64_t FramesBefore(size_t byte) const {
    uint64_t frames = 0;
    while (frames + 1 < ends_.size() && ends_[frames + 1] <= byte) ++frames;
    return frames;
  }

  ScratchFolder folder_;
  std::vector<size_t> ends_;
  std::vector<size_t> write_begins_;
};

TEST_F(TornSegmentTest, EveryCutLeavesTheWholeFramesBeforeIt) {
  for (const std::vector<size_t>& writes :
       std::vector<std::vector<size_t>>{{1, 1, 1}, {3}, {2, 3}}) {
    Fill(writes);
    const std::string whole = Content();
    for (size_t cut = 0; cut <= whole.size(); ++cut) {
      SetContent(whole.substr(0, cut));
      const auto files = TopicFiles::Open(folder_.path());
      ASSERT_TRUE(files.ok()) << files.status().message();
      const uint64_t expected = FramesBefore(cut);
      ASSERT_EQ(files.value()->end(), expected) << "cut at " << cut;
      ASSERT_EQ(std::filesystem::file_size(Segment()), ends_[expected]);
    }
  }
}

/// The disk writes the pages of a write in any order.
TEST_F(TornSegmentTest, AHoleInTheLastWriteIsCutOffWithWhatFollows) {
  Fill({2, 4});
  const std::string whole = Content();
  const size_t last = write_begins_.back();
  for (size_t begin = last; begin < whole.size(); begin += 3) {
    for (const size_t size : {1, 45, 100}) {
      std::string torn = whole;
      for (size_t i = begin; i < std::min(begin + size, torn.size()); ++i) torn[i] ^= 0x55;
      SetContent(torn);
      const auto files = TopicFiles::Open(folder_.path());
      ASSERT_TRUE(files.ok()) << files.status().message();
      ASSERT_EQ(files.value()->end(), FramesBefore(begin)) << "from " << begin;
    }
  }
}

TEST_F(TornSegmentTest, ABitThatChangedBeforeTheLastWriteIsRefused) {
  std::mt19937 random(7);
  for (int round = 0; round < 100; ++round) {
    std::vector<size_t> writes;
    for (size_t i = 0; i < 1 + random() % 5; ++i) writes.push_back(1 + random() % 4);
    Fill(writes);
    const std::string whole = Content();
    std::string damaged = whole;
    const size_t byte = random() % whole.size();
    damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << random() % 8));
    SetContent(damaged);
    const auto files = TopicFiles::Open(folder_.path());
    const uint64_t sound = FramesBefore(byte);
    if (byte >= write_begins_.back()) {
      ASSERT_TRUE(files.ok()) << files.status().message();
      ASSERT_EQ(files.value()->end(), sound);
      continue;
    }
    ASSERT_EQ(files.status().code(), StatusCode::kDataLoss) << "round " << round;
    ASSERT_THAT(files.status().message(), HasSubstr(Segment()));
    ASSERT_THAT(files.status().message(), HasSubstr("at byte " + std::to_string(ends_[sound]) +
                                                    " (message " + std::to_string(sound) + ")"));
    ASSERT_EQ(Content(), damaged);
    // What the message says helps.
    std::filesystem::resize_file(Segment(), ends_[sound]);
    ASSERT_EQ(TopicFiles::Open(folder_.path()).value()->end(), sound);
  }
}

TEST_F(TornSegmentTest, AFrameWithinAMessageIsNoMessageThatFollows) {
  Fill({1, 1, 1});
  const std::string frames = Content();
  std::filesystem::remove(Segment());
  {
    auto files = std::move(*TopicFiles::Open(folder_.path()));
    Append(files.get(), {"first"});
    Append(files.get(), {frames + "more"});
  }
  const std::string whole = Content();
  for (size_t cut = whole.size() - 3; cut < whole.size(); ++cut) {
    SetContent(whole.substr(0, cut));
    const auto files = TopicFiles::Open(folder_.path());
    ASSERT_TRUE(files.ok()) << files.status().message();
    ASSERT_EQ(files.value()->end(), 1u);
  }
}

TEST_F(TornSegmentTest, ASegmentOfOtherMessagesIsRefused) {
  Fill({1, 1});
  std::filesystem::rename(Segment(), folder_.path() + "/" + std::string(19, '0') + "7.log");
  EXPECT_EQ(TopicFiles::Open(folder_.path()).status().code(), StatusCode::kDataLoss);
}

TEST_F(TornSegmentTest, DamageIsFoundFarAwayToo) {
  auto files = std::move(*TopicFiles::Open(folder_.path()));
  Append(files.get(), {"first"});
  Append(files.get(), {std::string(3 << 20, 'x')});  // Longer than what is read at once.
  Append(files.get(), {"third"});
  files.reset();
  std::string damaged = Content();
  for (int i = 0; i < 100; ++i) damaged[60 + i] = '?';  // With the header.
  SetContent(damaged);
  EXPECT_EQ(TopicFiles::Open(folder_.path()).status().code(), StatusCode::kDataLoss);
}

TEST_F(TornSegmentTest, AChangedByteOfAnOldSegmentIsDataLoss) {
  {
    auto files = std::move(*TopicFiles::Open(folder_.path(), 10));
    for (const char* text : {"first", "second", "third"}) Append(files.get(), {text});
  }
  std::string damaged = Content();
  damaged.back() = '?';
  SetContent(damaged);
  const auto files = std::move(*TopicFiles::Open(folder_.path(), 10));
  EXPECT_EQ(files->end(), 3u);
  EXPECT_EQ(files->Read(0, 100).status().code(), StatusCode::kDataLoss);
  EXPECT_TRUE(files->Read(1, 100).ok());
  EXPECT_EQ(files->Read(3, 100).status().code(), StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace joist::store
