// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/tfrecord/tfrecord.h"

#include <filesystem>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist::tfrecord {
namespace {

using testing::HasSubstr;

class TfRecordTest : public testing::Test {
 protected:
  TfRecordTest() { std::filesystem::create_directories(root_); }
  ~TfRecordTest() override { std::filesystem::remove_all(root_); }

  std::string File(const std::string& name, std::string_view content,
                   Compression compression = Compression::kNone) {
    std::string bytes(content);
    if (const auto compressor = files::Compressor::Create(compression)) {
      bytes.clear();
      EXPECT_TRUE(compressor->Run(content, true, &bytes).ok());
    }
    std::ofstream(root_ + name, std::ios::binary) << bytes;
    return root_ + name;
  }
  std::string Failure(const Read& read) {
    TestPipeline p;
    p | "Read" >> read;
    return p.RunToEnd().status.message();
  }

  std::string root_ = testing::TempDir() + "joist_tfrecord_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
};

std::string Records(const std::vector<std::string>& records) {
  std::string content;
  for (const std::string& record : records) AppendRecord(record, &content);
  return content;
}

// "foo" as TensorFlow writes it; Beam's tests have it as AwAAAAAAAACwmUkOZm9vYYq+/g==.
TEST_F(TfRecordTest, TheFormatIsThatOfOthers) {
  const std::string foo(
      "\x03\0\0\0\0\0\0\0\xB0\x99\x49\x0E"
      "foo"
      "\x61\x8A\xBE\xFE",
      19);
  EXPECT_EQ(Records({"foo"}), foo);
  TestPipeline p;
  PAssert::That(p | Read(File("f", foo + Records({"", "bar"}))))
      .ContainsInAnyOrder({Bytes("foo"), Bytes(""), Bytes("bar")});
  EXPECT_TRUE(p.RunOk());
}

TEST_F(TfRecordTest, ReadAndReadAllOfPatterns) {
  File("a.tfrecord", Records({"1", std::string("\0\n", 2)}));
  File("b.tfrecord.gz", Records({"2"}), Compression::kGzip);
  File("c.tfrecord.zst", Records({"3"}), Compression::kZstd);
  File("d.tfrecord", "");
  const std::vector<Bytes> expected = {Bytes("1"), Bytes(std::string("\0\n", 2)), Bytes("2"),
                                       Bytes("3")};
  TestPipeline p;
  PAssert::That(p | Read(root_ + "*")).ContainsInAnyOrder(expected);
  PAssert::That(p | Create<std::string>({root_ + "*"}) | ReadAll()).ContainsInAnyOrder(expected);
  EXPECT_TRUE(p.RunOk());
}

TEST_F(TfRecordTest, SaysWhatIsWrong) {
  const std::string content = Records({"first", "second"});
  for (size_t size = 0; size < content.size(); ++size) {
    const std::string message = Failure(Read(File("f", content.substr(0, size))));
    if (size == 0 || size == 21) {
      EXPECT_EQ(message, "");
    } else {
      EXPECT_THAT(message, HasSubstr("the record at byte " + std::string(size < 21 ? "0" : "21") +
                                     " ends too early"));
    }
  }
  for (size_t at = 0; at < content.size(); ++at) {
    std::string changed = content;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    const size_t in_record = at < 21 ? at : at - 21;
    EXPECT_THAT(Failure(Read(File("f", changed))),
                HasSubstr(in_record < 12 ? "has a length whose checksum is wrong"
                                         : "has data whose checksum is wrong"));
  }
  const std::string huge = File("huge", Records({std::string(1 << 20, 'x')}));
  EXPECT_EQ(Failure(Read(huge)), "");
  EXPECT_THAT(Failure(Read(huge).WithLongestRecord(1000)), HasSubstr("has 1048576 bytes"));
  EXPECT_THAT(Failure(Read(root_ + "none*")), HasSubstr("no file matches"));
  EXPECT_EQ(Failure(Read(root_ + "none*").WithEmptyMatch(EmptyMatch::kAllow)), "");
}

TEST_F(TfRecordTest, WritesWhatReadGivesBack) {
  std::mt19937_64 random(1);
  std::vector<Bytes> records;
  for (int i = 0; i < 5000; ++i) {
    std::string record;
    for (uint64_t n = random() % 100; n > 0; --n) record += static_cast<char>(random());
    records.emplace_back(record);
  }
  records.emplace_back(std::string(3 << 20, 'x'));
  for (const char* suffix : {"", ".gz"}) {
    TestPipeline write;
    write | Create<Bytes>(std::vector<Bytes>(records)) |
        Write(root_ + "out").WithNumShards(3).WithSuffix(suffix);
    EXPECT_TRUE(write.RunOk());
    TestPipeline read;
    PAssert::That(read | Read(root_ + "out-*-of-00003" + suffix)).ContainsInAnyOrder(records);
    EXPECT_TRUE(read.RunOk());
  }
  TestPipeline strings;
  strings | Create({"text"}) | Write(root_ + "text").WithoutSharding();
  strings | "Keyed" >> Create<KV<std::string, Bytes>>({{"a", Bytes("x")}, {"b", Bytes("y")}}) |
      "ByKey" >> Write(root_ + "by-").WithoutSharding();
  EXPECT_TRUE(strings.RunOk());
  TestPipeline read;
  PAssert::That(read | Read(root_ + "text")).ContainsInAnyOrder({Bytes("text")});
  PAssert::That(read | "B" >> Read(root_ + "by-b")).ContainsInAnyOrder({Bytes("y")});
  EXPECT_TRUE(read.RunOk());
}

}  // namespace
}  // namespace joist::tfrecord
