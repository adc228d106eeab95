// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/file_writer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/io/files/file_reader.h"

namespace joist::files {
namespace {

class FileWriterTest : public testing::Test {
 protected:
  FileWriterTest() {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  ~FileWriterTest() override { std::filesystem::remove_all(root_); }

  static std::string Content(const std::string& path, Compression compression) {
    Result<FileReader> reader = FileReader::Open(path, compression);
    EXPECT_TRUE(reader.ok()) << reader.status().message();
    std::string content(10 << 20, '\0');
    Result<size_t> size = reader->Read(content.data(), content.size());
    EXPECT_TRUE(size.ok()) << size.status().message();
    content.resize(*size);
    return content;
  }

  std::string root_ = testing::TempDir() + "joist_writer_test_" + std::to_string(getpid()) + "/";
};

TEST_F(FileWriterTest, WritesWhatIsAppended) {
  for (const Compression compression :
       {Compression::kNone, Compression::kGzip, Compression::kZstd, Compression::kBzip2}) {
    const std::string path = root_ + "f" + std::string(CompressionName(compression));
    std::string expected;
    Result<FileWriter> writer = FileWriter::Create(path, "f", compression, 100);
    ASSERT_TRUE(writer.ok()) << writer.status().message();
    for (size_t i = 0; i < 2000; ++i) {
      const std::string line(i % 250, static_cast<char>('a' + i % 26));
      ASSERT_TRUE(writer->AppendLine(line).ok());
      expected += line + "\n";
    }
    ASSERT_TRUE(writer->Close().ok());
    EXPECT_EQ(Content(path, compression), expected);
  }
}

TEST_F(FileWriterTest, LeavesNothingUnlessClosed) {
  {
    Result<FileWriter> writer = FileWriter::Create(root_ + "f", "f");
    ASSERT_TRUE(writer.ok());
    FileWriter moved = std::move(*writer);
    ASSERT_TRUE(moved.Append("x").ok());
    EXPECT_TRUE(std::filesystem::exists(root_ + "f"));
  }
  EXPECT_FALSE(std::filesystem::exists(root_ + "f"));
}

TEST_F(FileWriterTest, PutsPiecesBehindEachOther) {
  for (const char* name : {"1", "2"}) {
    Result<FileWriter> writer = FileWriter::Create(root_ + name, "f", Compression::kGzip);
    ASSERT_TRUE(writer->AppendLine(name).ok());
    ASSERT_TRUE(writer->Close().ok());
  }
  Result<FileWriter> whole = FileWriter::Create(root_ + "whole", "f");
  ASSERT_TRUE(whole->AppendFile(root_ + "1").ok());
  ASSERT_TRUE(whole->AppendFile(root_ + "2").ok());
  EXPECT_EQ(whole->AppendFile(root_ + "3").message(),
            "cannot write f: a part of it is gone: No such file or directory");
  ASSERT_TRUE(whole->Close().ok());
  EXPECT_EQ(Content(root_ + "whole", Compression::kGzip), "1\n2\n");
}

TEST_F(FileWriterTest, SaysWhyItCannotWrite) {
  EXPECT_EQ(FileWriter::Create(root_ + "no/f", "out/counts").status().message(),
            "cannot write out/counts: No such file or directory");
  // A size limit stands for a full disk: the same path from write(2).
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit low = {1000, limit.rlim_max};
  Result<FileWriter> writer = FileWriter::Create(root_ + "f", "out/counts");
  ASSERT_TRUE(writer->Append(std::string(5000, 'x')).ok());
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
  const Status status = writer->Close();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, previous);
  EXPECT_EQ(status.message(), "cannot write out/counts: File too large");
}

TEST_F(FileWriterTest, TemporaryFoldersLieBesideTheResult) {
  Result<std::string> folder = MakeTemporaryFolder(root_ + "counts", "job1");
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ(*folder, root_ + ".joist-job1");
  EXPECT_EQ(*MakeTemporaryFolder(root_ + "counts", "job1"), *folder);
  EXPECT_EQ(MakeTemporaryFolder(root_ + "no/counts", "job1").status().message(),
            "cannot write " + root_ + "no/counts: there is no folder " + root_ + "no");
  EXPECT_EQ(MakeTemporaryFolder("/proc/counts", "job1").status().code(), StatusCode::kNotFound);
  std::ofstream(*folder + "/f") << "x";
  ASSERT_TRUE(Publish(*folder + "/f", root_ + "counts-00000-of-00001").ok());
  EXPECT_TRUE(SyncFolder(FolderOf(root_ + "counts")).ok());
  Remove(*folder);
  EXPECT_FALSE(std::filesystem::exists(*folder));
  EXPECT_FALSE(Publish(*folder + "/f", root_ + "x").ok());
}

TEST(ShardNameTest, IsBeams) {
  EXPECT_EQ(ShardName("out/counts", ".txt", 2, 10), "out/counts-00002-of-00010.txt");
  EXPECT_EQ(ShardName("out/counts", ".txt", 0, 1, true), "out/counts.txt");
  EXPECT_EQ(FolderOf("out/counts"), "out");
  EXPECT_EQ(FolderOf("counts"), ".");
  EXPECT_EQ(FolderOf("/counts"), "/");
}

}  // namespace
}  // namespace joist::files
