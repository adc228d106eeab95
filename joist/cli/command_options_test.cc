// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/command_options.h"

#include <gtest/gtest.h>

namespace joist::cli {
namespace {

struct Settings {
  int port = 80;
  bool quiet = false;
  std::string data;
  std::vector<std::string> schema;
};

OptionFields FieldsOf(Settings* settings) {
  OptionFields fields;
  fields.Add(settings->port, "port", "Where");
  fields.Add(settings->quiet, "quiet", "Says less");
  fields.Add(settings->data, "data", "Folder", kRequired);
  fields.Add(settings->schema, "schema", "Files");
  return fields;
}

std::string Error(std::vector<std::string_view> arguments) {
  Settings settings;
  return ReadCommandOptions(arguments, FieldsOf(&settings)).message();
}

TEST(CommandOptions, ReadsWhatIsGiven) {
  Settings settings;
  const std::vector<std::string_view> arguments = {"--port=7",   "--data",  "d",        "word",
                                                   "--schema=a", "--quiet", "--schema", "b"};
  std::vector<std::string> words;
  ASSERT_TRUE(ReadCommandOptions(arguments, FieldsOf(&settings), &words).ok());
  EXPECT_EQ(settings.port, 7);
  EXPECT_EQ(settings.data, "d");
  EXPECT_TRUE(settings.quiet);
  EXPECT_EQ(settings.schema, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(words, std::vector<std::string>{"word"});
  const std::vector<std::string_view> no = {"--data=d", "--quiet", "--noquiet"};
  ASSERT_TRUE(ReadCommandOptions(no, FieldsOf(&settings)).ok());
  EXPECT_FALSE(settings.quiet);
}

TEST(CommandOptions, RefusesTheRest) {
  EXPECT_EQ(Error({"--data=d", "--prot=1"}), "unknown option --prot; did you mean --port?");
  EXPECT_EQ(Error({"--data=d", "--nothing"}), "unknown option --nothing; --help lists them");
  EXPECT_EQ(Error({"--data=d", "word"}), "\"word\" belongs to no option");
  EXPECT_EQ(Error({"--port=1"}), "option --data must be given; --help says more");
  EXPECT_EQ(Error({"--data"}), "option --data needs a value");
  EXPECT_NE(Error({"--data=d", "--port=x"}).find("got \"x\""), std::string::npos);
}

}  // namespace
}  // namespace joist::cli
