// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/options.h"

#include <cstdio>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "joist/sdk/standard_options.h"

namespace joist {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

enum class Color { kRed, kDarkBlue };
JOIST_ENUM(Color, kRed, kDarkBlue)

struct PlainOptions {
  std::string input = "README.md";
  std::string output = "counts";
};
JOIST_OPTIONS(PlainOptions, input, output)

struct AllTypes {
  bool verbose = false;
  bool merge = true;
  int top = 10;
  uint8_t level = 3;
  int64_t big = 0;
  uint64_t huge = 0;
  double ratio = 0.5;
  std::string pattern = "*.txt";
  Duration window = Duration::Seconds(60);
  ByteCount cache;
  std::optional<int> limit;
  std::optional<std::string> note;
  std::vector<std::string> names;
  std::vector<int> sizes = {1, 2};
  Color color = Color::kRed;
  int maxWords = 5;
};
JOIST_OPTIONS(AllTypes, verbose, merge, (top, "How many"), level, big, huge, ratio,
              (pattern, "What to read; globs allowed", kOptional), window, cache, limit, note,
              names, sizes, color, maxWords)

struct RequiredOptions {
  std::string target;
};
JOIST_OPTIONS(RequiredOptions, (target, "Where to go", kRequired))

// Shares a name with AllTypes.
struct OtherTop {
  std::string top;
};
JOIST_OPTIONS(OtherTop, top)

Result<PipelineOptions> Parsed(std::vector<const char*> args) {
  args.insert(args.begin(), "bin/prog");
  return PipelineOptions::Parse(static_cast<int>(args.size()), args.data());
}

AllTypes Get(std::vector<const char*> args) {
  Result<PipelineOptions> options = Parsed(std::move(args));
  EXPECT_TRUE(options.ok()) << options.status().message();
  Result<AllTypes> all = options->Get<AllTypes>();
  EXPECT_TRUE(all.ok()) << all.status().message();
  return *all;
}

std::string Refusal(std::vector<const char*> args) {
  Result<PipelineOptions> options = Parsed(std::move(args));
  if (!options.ok()) return options.status().message();
  Result<AllTypes> all = options->Get<AllTypes>();
  return all.ok() ? "accepted" : all.status().message();
}

TEST(OptionsTest, DefaultsAreTheStructs) {
  const AllTypes all = Get({});
  EXPECT_EQ(all.top, 10);
  EXPECT_EQ(all.window, Duration::Seconds(60));
  EXPECT_THAT(all.sizes, ElementsAre(1, 2));
  EXPECT_FALSE(all.limit.has_value());
  EXPECT_EQ(Parsed({})->As<PlainOptions>().input, "README.md");
}

TEST(OptionsTest, ReadsEveryType) {
  const AllTypes all =
      Get({"--verbose", "--nomerge", "--top=-3", "--level=255", "--big=-9223372036854775808",
           "--huge=18446744073709551615", "--ratio=1e-3", "--pattern=", "--window=1h30m",
           "--cache=2GB", "--limit=7", "--note=a b", "--names=a,b", "--names=c\\,d", "--sizes=5",
           "--color=dark-blue", "--max_words=9"});
  EXPECT_TRUE(all.verbose);
  EXPECT_FALSE(all.merge);
  EXPECT_EQ(all.top, -3);
  EXPECT_EQ(all.level, 255);
  EXPECT_EQ(all.big, INT64_MIN);
  EXPECT_EQ(all.huge, UINT64_MAX);
  EXPECT_EQ(all.ratio, 1e-3);
  EXPECT_EQ(all.pattern, "");
  EXPECT_EQ(all.window, Duration::Minutes(90));
  EXPECT_EQ(all.cache.bytes, uint64_t{2} << 30);
  EXPECT_EQ(all.limit, 7);
  EXPECT_EQ(all.note, "a b");
  EXPECT_THAT(all.names, ElementsAre("a", "b", "c,d"));
  EXPECT_THAT(all.sizes, ElementsAre(5));
  EXPECT_EQ(all.color, Color::kDarkBlue);
  EXPECT_EQ(all.maxWords, 9);
}

TEST(OptionsTest, ValueMayBeTheNextArgument) {
  const AllTypes all = Get({"--top", "-4", "--verbose", "false", "--pattern", "-", "--merge"});
  EXPECT_EQ(all.top, -4);
  EXPECT_FALSE(all.verbose);
  EXPECT_EQ(all.pattern, "-");
  EXPECT_TRUE(all.merge);
}

TEST(OptionsTest, DashesUnderscoresAndCamelCaseAreOne) {
  for (const char* arg : {"--max-words=7", "--max_words=7", "--maxWords=7"}) {
    EXPECT_EQ(Get({arg}).maxWords, 7) << arg;
  }
  EXPECT_EQ(Parsed({"--tempLocation=/tmp/x"})->As<StandardOptions>().temp_location, "/tmp/x");
}

TEST(OptionsTest, LastValueOfAScalarCounts) {
  EXPECT_EQ(Get({"--top=1", "--top=2"}).top, 2);
  EXPECT_TRUE(Get({"--noverbose", "--verbose"}).verbose);
  EXPECT_FALSE(Get({"--verbose", "--no-verbose"}).verbose);
}

TEST(OptionsTest, EmptyListIsAList) { EXPECT_THAT(Get({"--sizes="}).sizes, IsEmpty()); }

TEST(OptionsTest, RefusesWithOneClearLine) {
  EXPECT_EQ(Refusal({"--ouput=x"}), "unknown option --ouput; did you mean --output?");
  EXPECT_EQ(Refusal({"--xyzzyplugh=x"}), "unknown option --xyzzyplugh; --help lists all options");
  EXPECT_EQ(Refusal({"--level=256"}),
            "option --level: expected a whole number from 0 to 255, got \"256\"");
  EXPECT_EQ(Refusal({"--top=3x"}),
            "option --top: expected a whole number from -2147483648 to 2147483647, got \"3x\"");
  EXPECT_EQ(Refusal({"--ratio=much"}), "option --ratio: expected a number, got \"much\"");
  EXPECT_EQ(Refusal({"--verbose=maybe"}),
            "option --verbose: expected true or false, got \"maybe\"");
  EXPECT_EQ(Refusal({"--window=10"}),
            "option --window: expected a duration such as 90s, 250ms or 1h30m, got \"10\"");
  EXPECT_EQ(Refusal({"--cache=2XB"}),
            "option --cache: expected a size such as 512MB or 2GB, got \"2XB\"");
  EXPECT_EQ(Refusal({"--color=green"}), "option --color: expected red or dark_blue, got \"green\"");
  EXPECT_THAT(Refusal({"--sizes=1,b"}), HasSubstr("got \"b\""));
  EXPECT_EQ(Refusal({"--pattern"}), "option --pattern needs a value: --pattern=text");
  EXPECT_EQ(Refusal({"--pattern", "--verbose"}), "option --pattern needs a value: --pattern=text");
  EXPECT_EQ(Refusal({"file.txt"}),
            "unexpected argument \"file.txt\"; options look like --name=value");
  EXPECT_EQ(Refusal({"-v"}), "unexpected argument \"-v\"; options look like --name=value");
}

TEST(OptionsTest, RequiredOptionMustBeGiven) {
  EXPECT_EQ(Parsed({})->Get<RequiredOptions>().status().message(),
            "option --target is required: Where to go");
  EXPECT_EQ(Parsed({"--target=x"})->Get<RequiredOptions>()->target, "x");
}

TEST(OptionsTest, StructsMayShareAName) {
  Result<PipelineOptions> options = Parsed({"--top=word"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->Get<OtherTop>()->top, "word");
  EXPECT_THAT(options->Get<AllTypes>().status().message(), HasSubstr("option --top: expected"));
}

TEST(OptionsTest, UnderstandsBeamsNames) {
  Result<PipelineOptions> options = Parsed(
      {"--runner=DataflowRunner", "--project=p", "--region", "europe-west1", "--machine_type=n1",
       "--label=a=b", "--labels=c=d", "--streaming", "--max_num_workers=3", "--experiment=x,y",
       "--no_use_public_ips", "--environment_type=LOOPBACK", "--flink_master=[local]"});
  ASSERT_TRUE(options.ok()) << options.status().message();
  EXPECT_EQ(options->As<StandardOptions>().runner, "DataflowRunner");
  EXPECT_TRUE(options->As<StandardOptions>().streaming);
  EXPECT_EQ(options->As<GoogleCloudOptions>().region, "europe-west1");
  EXPECT_THAT(options->As<GoogleCloudOptions>().labels, ElementsAre("a=b", "c=d"));
  EXPECT_EQ(options->As<WorkerOptions>().worker_machine_type, "n1");
  EXPECT_EQ(options->As<WorkerOptions>().max_num_workers, 3);
  EXPECT_EQ(options->As<WorkerOptions>().use_public_ips, false);
  EXPECT_THAT(options->As<WorkerOptions>().experiments, ElementsAre("x", "y"));
  EXPECT_EQ(options->As<PortableOptions>().environment_type, "LOOPBACK");
}

class OptionsFileTest : public testing::Test {
 protected:
  ~OptionsFileTest() override { std::remove(path_.c_str()); }
  std::string Write(std::string_view text) {
    std::ofstream(path_) << text;
    return "--options_file=" + path_;
  }
  std::string path_ =
      testing::TempDir() + "joist_options_test_" + std::to_string(getpid()) + ".json";
};

TEST_F(OptionsFileTest, IsBeatenByTheCommandLine) {
  const std::string file = Write(
      R"({"top": 4, "pattern": "x", "names": ["a,b", "c"], "verbose": true, "ratio": 2.5,
          "maxWords": 6, "note": null, "sizes": [9]})");
  const AllTypes all = Get({"--sizes=1,2,3", file.c_str(), "--top=5"});
  EXPECT_EQ(all.top, 5);
  EXPECT_EQ(all.pattern, "x");
  EXPECT_THAT(all.names, ElementsAre("a,b", "c"));
  EXPECT_TRUE(all.verbose);
  EXPECT_EQ(all.ratio, 2.5);
  EXPECT_EQ(all.maxWords, 6);
  EXPECT_THAT(all.sizes, ElementsAre(1, 2, 3));
}

TEST_F(OptionsFileTest, IsRefusedWithItsName) {
  std::string file = Write("{\"top\": }");
  EXPECT_THAT(Refusal({file.c_str()}), HasSubstr("options in " + path_ + " are not JSON: parse"));
  file = Write("[1]");
  EXPECT_THAT(Refusal({file.c_str()}), HasSubstr("are not a JSON object"));
  file = Write(R"({"tops": 1})");
  EXPECT_EQ(Refusal({file.c_str()}), "unknown option --tops in " + path_ + "; did you mean --top?");
  file = Write(R"({"pattern": ["a"]})");
  EXPECT_THAT(Refusal({file.c_str()}), HasSubstr("expected text, got [\"a\"]"));
  EXPECT_EQ(Refusal({"--options_file=/no/such.json"}),
            "cannot open options file /no/such.json: No such file or directory");
  EXPECT_THAT(Refusal({"--options_file=/tmp"}),
              HasSubstr("cannot read options file /tmp: Is a directory"));
}

TEST(OptionsTest, TravelsAsArgumentsAndAsJson) {
  Result<PipelineOptions> options =
      Parsed({"--top=3", "--names=a\\,b,c", "--noverbose", "--pattern=\"q\" \\ ü", "--ratio=0.1",
              "--sizes=4,5", "--runner=flink"});
  ASSERT_TRUE(options.ok()) << options.status().message();
  std::vector<std::string> args = options->ToArgs();
  std::vector<const char*> pointers;
  for (const std::string& arg : args) pointers.push_back(arg.c_str());
  EXPECT_EQ(*Parsed(pointers), *options);

  const std::string text = options->ToJson();
  EXPECT_THAT(text, HasSubstr(R"("names":["a,b","c"])"));
  EXPECT_THAT(text, HasSubstr(R"("verbose":false)"));
  Result<PipelineOptions> again = PipelineOptions::FromJson(text);
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_EQ(again->ToJson(), text);
  EXPECT_EQ(again->As<AllTypes>().pattern, "\"q\" \\ ü");
  EXPECT_EQ(again->As<AllTypes>().ratio, 0.1);
}

TEST(OptionsTest, TakesOverAStruct) {
  AllTypes all;
  all.top = 77;
  all.names = {"x,y", "z"};
  all.sizes = {};
  all.limit = 1;
  PipelineOptions options;
  options.Set(all);
  EXPECT_FALSE(options.Has("ratio"));
  const AllTypes again = options.As<AllTypes>();
  EXPECT_EQ(again.top, 77);
  EXPECT_EQ(again.names, all.names);
  EXPECT_THAT(again.sizes, IsEmpty());
  EXPECT_EQ(again.limit, 1);
  options.Set(AllTypes());
  EXPECT_THAT(options.ToArgs(), IsEmpty());
}

TEST(OptionsTest, HelpShowsOwnAndStandardOptions) {
  const std::string help = PipelineOptions::Help("bin/prog");
  EXPECT_THAT(help, HasSubstr("Usage: prog "));
  EXPECT_THAT(help, HasSubstr("--top=integer"));
  EXPECT_THAT(help, HasSubstr("How many (default: 10)"));
  EXPECT_THAT(help, HasSubstr("Where to go (required)"));
  EXPECT_THAT(help, HasSubstr("Standard options:"));
  EXPECT_THAT(help, HasSubstr("--temp_location=text"));
  EXPECT_THAT(help, HasSubstr("--options_file=FILE.json"));
  size_t start = 0;
  for (size_t end; (end = help.find('\n', start)) != std::string::npos; start = end + 1) {
    EXPECT_LE(end - start, 104u) << help.substr(start, end - start);
  }
}

TEST(OptionsDeathTest, ExitsWithTwoAndNamesTheProgram) {
  const char* args[] = {"/some/bin/prog", "--ouput=x"};
  EXPECT_EXIT(PipelineOptions::FromArgs(2, args), testing::ExitedWithCode(2),
              "^prog: unknown option --ouput; did you mean --output\\?\n$");
  EXPECT_EXIT(Parsed({})->As<RequiredOptions>(), testing::ExitedWithCode(2),
              "^prog: option --target is required: Where to go\n$");
  const char* help[] = {"prog", "--ouput=x", "--help"};
  EXPECT_EXIT(PipelineOptions::FromArgs(3, help), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace joist
