// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/line_reader.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "joist/io/files/file_writer.h"
#include "joist/io/files/naive_lines.h"

namespace joist::files {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

class LineReaderTest : public testing::Test {
 protected:
  ~LineReaderTest() override {
    for (const std::string& path : paths_) std::remove(path.c_str());
  }

  std::string File(std::string_view name, std::string_view content) {
    paths_.push_back(testing::TempDir() + "joist_lines_" + std::to_string(getpid()) +
                     std::string(name));
    std::ofstream(paths_.back(), std::ios::binary) << content;
    return paths_.back();
  }
  std::string Text(std::string_view content) { return File("text", content); }

  static Result<std::vector<std::string>> Lines(const std::string& path,
                                                const LineReaderOptions& options = {}) {
    JOIST_ASSIGN_OR_RETURN(LineReader reader, LineReader::Open(path, options));
    std::vector<std::string> lines;
    for (;;) {
      JOIST_ASSIGN_OR_RETURN(const auto batch, reader.Next());
      if (batch.empty()) return lines;
      EXPECT_LE(batch.size(), LineReader::kBatch);
      lines.insert(lines.end(), batch.begin(), batch.end());
    }
  }

  std::vector<std::string> paths_;
};

TEST_F(LineReaderTest, EndsLinesAsBeamDoes) {
  EXPECT_THAT(*Lines(Text("")), IsEmpty());
  EXPECT_THAT(*Lines(Text("\n")), ElementsAre(""));
  EXPECT_THAT(*Lines(Text("a\nb\n")), ElementsAre("a", "b"));
  EXPECT_THAT(*Lines(Text("a\nb")), ElementsAre("a", "b"));
  EXPECT_THAT(*Lines(Text("a\r\n\r\nb\r\n")), ElementsAre("a", "", "b"));
  EXPECT_THAT(*Lines(Text("a\rb\n\rc\r\r\nd\r")), ElementsAre("a\rb", "\rc\r", "d\r"));
}

TEST_F(LineReaderTest, SkipsTheByteOrderMark) {
  const std::string path = Text(
      "\xEF\xBB\xBF"
      "a\n\xEF\xBB\xBF"
      "b\n");
  EXPECT_THAT(*Lines(path), ElementsAre("a",
                                        "\xEF\xBB\xBF"
                                        "b"));
  // The first line belongs to whoever has the first byte.
  EXPECT_THAT(*Lines(path, {.end = 1}), ElementsAre("a"));
  EXPECT_THAT(*Lines(path, {.begin = 1, .end = 5}), IsEmpty());
  EXPECT_THAT(*Lines(path, {.begin = 5}), ElementsAre("\xEF\xBB\xBF"
                                                      "b"));
  EXPECT_THAT(*Lines(Text("\xEF\xBB")), ElementsAre("\xEF\xBB"));
}

// As sources read: the range grows as it is claimed.
TEST_F(LineReaderTest, SkipsTheByteOrderMarkOfAnEmptyRangeThatIsExtended) {
  const std::string path = Text(
      "\xEF\xBB\xBF"
      "a\nb\n");
  for (const uint64_t end : {1, 2, 3, 4}) {
    Result<LineReader> reader = LineReader::Open(path, {.begin = 0, .end = 0});
    ASSERT_TRUE(reader.ok());
    EXPECT_TRUE(reader->Next()->empty());
    reader->Extend(end);
    EXPECT_THAT(*reader->Next(), ElementsAre("a"));
    EXPECT_TRUE(reader->Next()->empty());
    reader->Extend(UINT64_MAX);
    EXPECT_THAT(*reader->Next(), ElementsAre("b"));
  }
}

TEST_F(LineReaderTest, AnyCutsGiveTheSameLines) {
  std::mt19937 random(7);
  const auto below = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  for (int round = 0; round < 400; ++round) {
    std::string content = below(4) == 0 ? "\xEF\xBB\xBF" : "";
    const size_t size = below(3) == 0 ? below(20) : below(2000);
    const size_t newline_every = 1 + below(below(2) == 0 ? 5 : 300);
    while (content.size() < size) {
      const size_t kind = below(newline_every);
      content += kind == 0
                     ? (below(3) == 0 ? "\r\n" : "\n")
                     : std::string(1, below(9) == 0 ? '\r' : static_cast<char>('a' + below(26)));
    }
    const std::string path = Text(content);
    std::vector<uint64_t> cuts = {0, UINT64_MAX};
    for (size_t i = below(6); i > 0; --i) cuts.push_back(below(content.size() + 3));
    std::sort(cuts.begin(), cuts.end());
    const size_t block = below(2) == 0 ? 1 + below(100) : kReadBlock;
    std::vector<std::string> lines;
    for (size_t i = 0; i + 1 < cuts.size(); ++i) {
      Result<std::vector<std::string>> part =
          Lines(path, {.begin = cuts[i], .end = cuts[i + 1], .block_bytes = block});
      ASSERT_TRUE(part.ok()) << part.status().message();
      lines.insert(lines.end(), part->begin(), part->end());
    }
    ASSERT_EQ(lines, NaiveLines(content)) << "round " << round;
  }
}

TEST_F(LineReaderTest, ReadsManyBatchesAndLongLines) {
  std::string content;
  for (int i = 0; i < 100'000; ++i) content += "line " + std::to_string(i) + "\n";
  content += std::string(3 << 20, 'x') + "\n" + std::string(1 << 20, 'y');
  const std::string path = Text(content);
  EXPECT_EQ(*Lines(path), NaiveLines(content));
  // The long line begins before the cut and ends far behind it.
  EXPECT_EQ(Lines(path, {.end = content.size() - (2 << 20)})->back().size(), size_t{3} << 20);
}

TEST_F(LineReaderTest, ExtendsItsRange) {
  std::string content;
  for (int i = 0; i < 20'000; ++i) content += "line " + std::to_string(i) + "\r\n";
  content += std::string(100'000, 'x') + "\nlast";
  const std::string path = Text(content);
  for (const uint64_t step : {1000, 4097, 65536}) {
    Result<LineReader> reader = LineReader::Open(path, {.end = 0});
    std::vector<std::string> lines;
    for (uint64_t end = step; end < content.size() + step; end += step) {
      reader->Extend(end);
      for (;;) {
        const auto batch = reader->Next();
        if (batch->empty()) break;
        lines.insert(lines.end(), batch->begin(), batch->end());
      }
      EXPECT_GE(reader->position(), std::min<uint64_t>(end, content.size()));
    }
    EXPECT_EQ(lines, NaiveLines(content));
  }
}

TEST_F(LineReaderTest, SkipsLinesAtTheBeginning) {
  const std::string path = Text(
      "\xEF\xBB\xBF"
      "head\nmore\na\nb\n");
  EXPECT_THAT(*Lines(path, {.skip_lines = 1}), ElementsAre("more", "a", "b"));
  EXPECT_THAT(*Lines(path, {.end = 10, .skip_lines = 2}), IsEmpty());
  EXPECT_THAT(*Lines(path, {.begin = 3, .end = 14, .skip_lines = 2}), ElementsAre("a"));
  EXPECT_THAT(*Lines(path, {.begin = 14, .skip_lines = 2}), ElementsAre("b"));
  EXPECT_THAT(*Lines(path, {.skip_lines = 9}), IsEmpty());
}

TEST_F(LineReaderTest, RefusesWhatIsNoText) {
  const std::string path = File("binary", std::string("abc\nde\0f\n", 9));
  EXPECT_EQ(Lines(path).status().message(), path + " is not a text file: byte 6 is NUL");
  EXPECT_THAT(*Lines(path, {.binary = true}), ElementsAre("abc", std::string("de\0f", 4)));
  const std::string gzip = File("gzip", std::string("\x1F\x8B\x08\0\n", 5));
  EXPECT_THAT(Lines(gzip).status().message(),
              EndsWith("byte 3 is NUL; it looks like gzip data without the ending of the name"));
  const std::string wide = File("wide", std::string(5000, 'x'));
  EXPECT_EQ(Lines(wide, {.longest_line = 100, .block_bytes = 64}).status().message(),
            wide + ": the line at byte 0 is longer than 100 bytes; is this a text file?");
}

TEST_F(LineReaderTest, RefusesWhatItCannotOpen) {
  EXPECT_EQ(Lines("/no/such/file").status().message(),
            "cannot open /no/such/file: No such file or directory");
  EXPECT_EQ(Lines("/tmp").status().message(), "cannot read /tmp: Is a directory");
}

class CompressedLinesTest : public LineReaderTest, public testing::WithParamInterface<Compression> {
 protected:
  // `pieces` as members of one compressed file.
  std::string Compressed(const std::vector<std::string>& pieces) {
    const std::string path = testing::TempDir() + "joist_lines_compressed" +
                             std::to_string(getpid()) + std::string(CompressionSuffix(GetParam()));
    paths_.push_back(path);
    std::string bytes;
    for (const std::string& piece : pieces) {
      EXPECT_TRUE(Compressor::Create(GetParam())->Run(piece, true, &bytes).ok());
    }
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static std::string BytesOf(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
};

TEST_P(CompressedLinesTest, AreReadWhole) {
  std::string content;
  std::mt19937 random(1);
  for (int i = 0; i < 60'000; ++i) content += std::to_string(random()) + "\n";
  EXPECT_EQ(*Lines(Compressed({content})), NaiveLines(content));
  EXPECT_EQ(*Lines(Compressed({"\xEF\xBB\xBF"
                               "a\nb",
                               "c\n", "", content})),
            NaiveLines("a\nbc\n" + content));
  EXPECT_THAT(*Lines(Compressed({""})), IsEmpty());
  EXPECT_THAT(*Lines(Compressed({})), IsEmpty());
}

TEST_P(CompressedLinesTest, DamageIsFoundWithItsPlace) {
  std::string content;
  std::mt19937 random(1);
  for (int i = 0; i < 60'000; ++i) content += std::to_string(random()) + "\n";
  const std::string path = Compressed({content});
  const std::string good = BytesOf(path);
  const auto status_of = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    return Lines(path).status();
  };
  for (const size_t cut : {size_t{1}, size_t{5}, good.size() / 2, good.size() - 1}) {
    const Status status = status_of(good.substr(0, cut));
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_THAT(status.message(), HasSubstr(path + " is damaged: "));
    EXPECT_THAT(status.message(), EndsWith("it ends too early"));
  }
  for (const size_t at : {size_t{0}, good.size() / 2, good.size() - 6}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    const Status status = status_of(bad);
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << at;
    EXPECT_THAT(status.message(), HasSubstr(" data wrong near byte "));
  }
  EXPECT_EQ(status_of(good + "more").code(), StatusCode::kDataLoss);
}

INSTANTIATE_TEST_SUITE_P(All, CompressedLinesTest,
                         testing::Values(Compression::kGzip, Compression::kZstd,
                                         Compression::kBzip2),
                         [](const auto& info) { return std::string(CompressionName(info.param)); });

TEST_F(LineReaderTest, ZerosBehindGzipArePadding) {
  std::string bytes;
  ASSERT_TRUE(Compressor::Create(Compression::kGzip)->Run("a\n", true, &bytes).ok());
  EXPECT_THAT(*Lines(File("pad.gz", bytes + std::string(100, '\0'))), ElementsAre("a"));
  EXPECT_FALSE(Lines(File("pad.gz", bytes + std::string(100, '\0') + "x")).ok());
}

}  // namespace
}  // namespace joist::files
