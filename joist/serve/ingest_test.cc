// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "joist/serve/token.h"

namespace joist::serve {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Published {
  std::string topic;
  std::vector<std::string> data;
  std::vector<std::string> times;
  std::vector<std::string> keys;
};

/// Keeps what is published; answers with `given`, or with `result` later.
struct Topics {
  std::vector<Published> published;
  Status given;
  Result<uint64_t> result = uint64_t{7};

  PublishEvents Publish() {
    return [this](std::string_view topic, std::span<const IngestEvent> events,
                  const std::function<void(Result<uint64_t>)>& done) {
      if (!given.ok()) return given;
      Published& one = published.emplace_back();
      one.topic = topic;
      for (const IngestEvent& event : events) {
        one.data.emplace_back(event.data);
        one.times.push_back(std::string(event.attribute_name) + "=" +
                            std::string(event.attribute_value));
        one.keys.emplace_back(event.ordering_key);
      }
      done(result);
      return OkStatus();
    };
  }
};

HttpAnswer Ask(const Ingest& ingest, std::string_view body, std::string_view query = "",
               std::string_view authorization = "") {
  HttpAnswer given;
  ingest.Handler()({.method = "POST",
                    .path = "/v1/topics/clicks",
                    .query = query,
                    .body = body,
                    .headers = {{"authorization", authorization}}},
                   [&](HttpAnswer answer) { given = std::move(answer); });
  return given;
}

JsonSchema SchemaOf(std::string_view text) {
  Result<JsonSchema> schema = JsonSchema::Read(text);
  EXPECT_TRUE(schema.ok()) << schema.status().message();
  return *schema;
}

TEST(Ingest, TakesTheThreeForms) {
  Topics topics;
  const Ingest ingest({}, topics.Publish());
  EXPECT_EQ(Ask(ingest, " {\"a\": 1} ").body, "{\"published\":1}\n");
  EXPECT_EQ(Ask(ingest, "[{\"a\":1}, {\"b\":[{}]}]\n").body, "{\"published\":2}\n");
  EXPECT_EQ(Ask(ingest, "{\"a\":1}\n{\"s\":\"}\\\"\"}\r\n\n{}\n", "ids=true").body,
            "{\"published\":3,\"messageIds\":[\"7\",\"8\",\"9\"]}\n");
  EXPECT_EQ(Ask(ingest, "[]").body, "{\"published\":0}\n");
  ASSERT_EQ(topics.published.size(), 3U);
  EXPECT_EQ(topics.published[0].topic, "clicks");
  EXPECT_THAT(topics.published[0].data, ElementsAre("{\"a\": 1}"));
  EXPECT_THAT(topics.published[1].data, ElementsAre("{\"a\":1}", "{\"b\":[{}]}"));
  EXPECT_THAT(topics.published[2].data, ElementsAre("{\"a\":1}", "{\"s\":\"}\\\"\"}", "{}"));
  EXPECT_EQ(ingest.figures().requests, 4U);
  EXPECT_EQ(ingest.figures().published, 6U);
  EXPECT_EQ(ingest.figures().published_bytes, 8U + 7 + 10 + 7 + 11 + 2);
}

TEST(Ingest, SaysWhatIsMalformedAndWhere) {
  Topics topics;
  const Ingest ingest({.most_events = 3, .most_event_bytes = 20}, topics.Publish());
  const auto refused = [&](std::string_view body, int status, const std::string& why) {
    const HttpAnswer answer = Ask(ingest, body);
    EXPECT_EQ(answer.status, status) << body;
    EXPECT_THAT(answer.body, HasSubstr("\"message\":\"" + why + "\"")) << body;
  };
  refused("", 400, "the body is empty; send an event: a JSON object");
  refused("{\"a\":1}\n{\"b\":tru}", 400, "event 1: byte 13: a value is expected");
  refused("[{},{\"a\":}]", 400, "event 1: byte 9: a value is expected");
  refused("[{},{}", 400, "event 2: byte 6: a comma or ] is expected");
  refused("[{}] x", 400, "byte 5: something follows the array of events");
  refused("[{}, 5]", 400, "event 1: byte 5: an event is an object, but this is a number");
  refused("{} []", 400, "event 1: byte 3: an event is an object, but this is an array");
  refused("{\"a\":\"\xff\"}", 400, "event 0: byte 6: a string is not UTF-8");
  refused("{\"a\":01}", 400, "event 0: byte 7: a number begins with 0");
  refused("{} {} {} {}", 413, "more than 3 events; send fewer in a request");
  refused("{\"a\":\"0123456789abc\"}", 413, "event 0: has 21 bytes, but 20 are the most");
  refused(std::string(300, '['), 400,
          "event 0: byte 1: an event is an object, but this is an array");
  EXPECT_TRUE(topics.published.empty());
  EXPECT_EQ(ingest.figures().refused, 12U);
}

TEST(Ingest, TakesTimesAndKeysFromMembers) {
  Topics topics;
  const Ingest ingest(
      {.ordering_key_field = "user", .timestamp_field = "at", .timestamp_unit = TimeUnit::kMicros},
      topics.Publish());
  EXPECT_EQ(Ask(ingest,
                "[{\"at\":1700000000123456,\"user\":\"\\u0041da\"},"
                "{\"user\":17,\"x\":{\"at\":3},\"at\":\"2026-01-01T00:00:00Z\"},"
                "{\"at\":-1,\"user\":\"\"}]")
                .status,
            200);
  EXPECT_THAT(
      topics.published[0].times,
      ElementsAre("timestamp=1700000000123", "timestamp=2026-01-01T00:00:00Z", "timestamp=-1"));
  EXPECT_THAT(topics.published[0].keys, ElementsAre("Ada", "17", ""));
  const auto why = [&](std::string_view body) {
    const HttpAnswer answer = Ask(ingest, body);
    EXPECT_EQ(answer.status, 422);
    return answer.body;
  };
  EXPECT_THAT(why("{\"user\":1}"), HasSubstr("event 0: /at is missing"));
  EXPECT_THAT(why("{\"at\":1}"), HasSubstr("event 0: /user is missing"));
  EXPECT_THAT(why("{\"at\":1.5,\"user\":1}"), HasSubstr("/at must be a whole number or text"));
  EXPECT_THAT(why("{\"at\":1,\"user\":{}}"), HasSubstr("/user must be a string or a number"));
  EXPECT_THAT(why("{\"at\":1,\"user\":\"" + std::string(1025, 'k') + "\"}"),
              HasSubstr("/user has more than 1024 bytes"));
}

TEST(Ingest, ChecksTheTopicsSchema) {
  Topics topics;
  IngestSettings settings;
  settings.schemas.emplace("clicks", SchemaOf(R"({"type":"object","required":["user"]})"));
  const Ingest ingest(settings, topics.Publish());
  const HttpAnswer answer = Ask(ingest, "{\"user\":1}\n{\"users\":1}");
  EXPECT_EQ(answer.status, 422);
  EXPECT_THAT(answer.body, HasSubstr("event 1: /user is missing"));
  EXPECT_TRUE(topics.published.empty());
  EXPECT_EQ(Ask(ingest, "{\"user\":1}\n{\"user\":2}").status, 200);
  EXPECT_THAT(Ask(ingest, "{\"user\":1").body, HasSubstr("byte 9: a comma or } is expected"));
}

TEST(Ingest, HandsOnWhatTheTopicSays) {
  Topics topics;
  const Ingest ingest({}, topics.Publish());
  topics.given = NotFound("there is no topic clicks; joist topic create clicks makes it");
  EXPECT_EQ(Ask(ingest, "{}").status, 404);
  topics.given = {StatusCode::kResourceExhausted, "too much is on its way"};
  HttpAnswer answer = Ask(ingest, "{}");
  EXPECT_EQ(answer.status, 429);
  EXPECT_THAT(answer.headers, ElementsAre(std::pair<std::string, std::string>("Retry-After", "1")));
  topics.given = OkStatus();
  topics.result = Status(StatusCode::kUnavailable, "the disk is full");
  answer = Ask(ingest, "{}");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("the disk is full"));
  EXPECT_EQ(answer.headers.size(), 1U);
  EXPECT_EQ(ingest.figures().pushed_back, 2U);
  EXPECT_EQ(ingest.figures().refused, 1U);
  EXPECT_EQ(ingest.figures().published, 0U);
}

TEST(Ingest, WantsItsToken) {
  Topics topics;
  const Ingest ingest({.token = "secret"}, topics.Publish());
  for (const char* wrong : {"", "secret", "Bearer ", "Bearer secre", "Bearer secrets",
                            "Bearer Secret", "Basic secret", "Bearer secretsecret"}) {
    const HttpAnswer answer = Ask(ingest, "{}", "", wrong);
    EXPECT_EQ(answer.status, 401) << wrong;
    EXPECT_EQ(answer.body.find("secret"), std::string::npos);
  }
  EXPECT_EQ(Ask(ingest, "{}", "", "Bearer secret").status, 200);
}

TEST(Token, IsReadFromAFileOfItsOwner) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("joist-token-" + std::to_string(getpid())))
          .string();
  std::ofstream(path) << "secret\n";
  chmod(path.c_str(), 0644);
  const Result<std::string> open = TokenFromFile(path);
  EXPECT_EQ(open.status().code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(open.status().message(), HasSubstr("chmod 600"));
  chmod(path.c_str(), 0600);
  const Result<std::string> token = TokenFromFile(path);
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(*token, "secret");
  std::ofstream(path) << "two\nlines\n";
  EXPECT_EQ(TokenFromFile(path).status().code(), StatusCode::kInvalidArgument);
  std::filesystem::remove(path);
  EXPECT_EQ(TokenFromFile(path).status().code(), StatusCode::kNotFound);
  setenv("JOIST_TEST_TOKEN", "of the environment", 1);
  EXPECT_FALSE(TokenFromEnvironment("JOIST_TEST_TOKEN").ok());
  setenv("JOIST_TEST_TOKEN", "good", 1);
  EXPECT_EQ(*TokenFromEnvironment("JOIST_TEST_TOKEN"), "good");
  EXPECT_FALSE(TokenFromEnvironment("JOIST_NO_TOKEN").ok());
}

}  // namespace
}  // namespace joist::serve
