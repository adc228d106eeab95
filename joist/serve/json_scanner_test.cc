// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/json_scanner.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <random>
#include <string>

namespace joist::serve {
namespace {

bool IsJson(std::string_view text) {
  JsonScanner scanner(text);
  return scanner.Skip() && scanner.AtEnd();
}

TEST(JsonScanner, KnowsJson) {
  for (const char* good :
       {"{}", "[]", " [ 1 , -0.5e+7 , \"\" ] ", "null", "true", "false", "0", "-1E9", "\"\\u00e9\"",
        "{\"a\":{\"b\":[{}]}}", "\"\xF0\x9F\x98\x80 longer than eight bytes\""}) {
    EXPECT_TRUE(IsJson(good)) << good;
  }
  for (const char* bad : {"",
                          "{",
                          "}",
                          "[1,]",
                          "{,}",
                          "{\"a\"}",
                          "{\"a\":1,}",
                          "{a:1}",
                          "01",
                          "1.",
                          ".5",
                          "+1",
                          "1e",
                          "nul",
                          "tru",
                          "\"",
                          "\"\\x\"",
                          "\"\\u12g4\"",
                          "\"\x01\"",
                          "\"\xC0\x80\"",
                          "[1 2]",
                          "{}{}",
                          "'a'",
                          "NaN",
                          "-",
                          "[\"0123456\n89\"]",
                          "\"\xED\xA0\x80\""}) {
    EXPECT_FALSE(IsJson(bad)) << bad;
  }
  EXPECT_TRUE(IsJson(std::string(200, '[') + std::string(200, ']')));
  EXPECT_FALSE(IsJson(std::string(201, '[') + std::string(201, ']')));
}

TEST(JsonScanner, AgreesWithAnotherParserOnDamagedText) {
  // Without what the other refuses and RFC 8259 does not: lone surrogates, numbers beyond doubles.
  const std::string whole =
      R"({"event_name":"page_view","n":[1,-2.5,0,true,false,null],"t":"a\"\\\u00e9)"
      "\xC3\xA9\xF0\x9F\x98\x80\"}";
  const std::string bytes = "{}[]\",:0123456789eE+-.\\utfn \n\x01\x80\xC3\xFF";
  std::mt19937 random(1);
  int good = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text = whole;
    for (uint32_t changes = random() % 3; changes > 0; --changes) {
      const size_t at = random() % text.size();
      const char byte = bytes[random() % bytes.size()];
      switch (random() % 3) {
        case 0: text[at] = byte; break;
        case 1: text.insert(at, 1, byte); break;
        default: text.erase(at, 1 + random() % 3);
      }
      if (text.empty()) text = "0";
    }
    const bool is_json = nlohmann::json::accept(text);
    EXPECT_EQ(IsJson(text), is_json) << text;
    good += is_json ? 1 : 0;
  }
  EXPECT_GT(good, 30'000);
}

TEST(JsonScanner, DecodesStrings) {
  EXPECT_EQ(DecodeJsonString("plain"), "plain");
  EXPECT_EQ(DecodeJsonString(R"(\"\\\/\b\f\n\r\t)"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(DecodeJsonString(R"(\u0041\u00e9\u20ac\ud83d\ude00)"),
            "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(DecodeJsonString(R"(\ud83dx\ude00\ud83d\u0041)"),
            "\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD"
            "A");
}

}  // namespace
}  // namespace joist::serve
