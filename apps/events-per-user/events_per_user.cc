// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Events per user: a click stream, counted by user and minute, into a table.
//
//   events_per_user --checkpoint_dir=state
//
// Reads the subscription dj_subscription_dataflow of the topic dj-pubsub-topic, to which
// `joist serve` publishes what is posted to /v1/topics/dj-pubsub-topic. Each event counts once,
// however often it was posted; a row is written some seconds after a window's first event and after
// each late one, too, and has what came since the row before: the rows of a user sum to the truth.
//
// Before: windowed_wordcount.cc.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "joist/cli/pipeline.h"
#include "joist/io/bigquery/bigquery.h"
#include "joist/io/json/json.h"
#include "joist/io/pubsub/pubsub.h"
#include "joist/joist.h"
#include "joist/ml/json_models.h"
#include "joist/sdk/deduplicate.h"
#include "joist/serve/offer_in_process.h"
#include "joist/transforms/top.h"
#include "joist/transforms/with_keys.h"

namespace {

using joist::Duration;
using joist::KV;
using joist::PCollection;
using joist::Timestamp;
using joist::Trigger;
using joist::Window;

struct EventsPerUserOptions {
  std::string project = "data-journey";
  std::string subscription = "dj_subscription_dataflow";
  std::string dataset = "data_journey";
  std::string table = "dataflow";
  bool window_columns = false;
  std::string top_table;
  int32_t top = 10;
  std::string scored_table;
  std::string model = "apps/events-per-user/model/purchase.json";
  std::string rejected_topic;
  Duration window_size = Duration::Minutes(1);
  Duration early = Duration::Seconds(10);
  Duration allowed_lateness = Duration::Days(1);
  Duration forget_ids_after = Duration::Minutes(10);
  std::string messages;
  std::string tables;
  std::string data = "joist-data";
};
JOIST_OPTIONS(
    EventsPerUserOptions, (project, "Of topic, subscription and tables"), (subscription, "To read"),
    (dataset, "Of the tables; made where it is missing"),
    (table, "user_pseudo_id, event_count; made where it is missing"),
    (window_columns, "Rows say of which window they are, and whether early, on time or late"),
    (top_table, "A table for the most active users of each window; none by default"),
    (top, "How many users that has of each window"),
    (scored_table, "A table for each event with the model's score; none by default"),
    (model, "Scores events; made by apps/events-per-user/train_purchase_model.py"),
    (rejected_topic, "For messages that are no events; by default they are counted only"),
    (window_size, "Of event time"), (early, "How long after a window's first event it has a row"),
    (allowed_lateness, "Of events, behind the watermark; later ones are dropped"),
    (forget_ids_after, "Event time in which an event that is posted again is known"),
    (messages, "Where Pub/Sub is: google, local, or HOST:PORT; else what the environment says"),
    (tables, "Where BigQuery is, likewise"),
    (data, "Where there is no server: folder of messages and tables inside of this process"))

struct Ecommerce {
  double value = 0;
};
JOIST_ROW(Ecommerce, value)

// What is needed of an event; the rest of its JSON is skipped.
struct Event {
  std::string event_id;
  std::string event_name;
  std::string user_pseudo_id;
  std::optional<Ecommerce> ecommerce;
};
JOIST_ROW(Event, event_id, event_name, user_pseudo_id, ecommerce)

struct UserCount {
  std::string user_pseudo_id;
  int64_t event_count = 0;
};
JOIST_ROW(UserCount, user_pseudo_id, event_count)

struct WindowedCount {
  std::string user_pseudo_id;
  int64_t event_count = 0;
  Timestamp window_start;
  Timestamp window_end;
  std::string pane;
};
JOIST_ROW(WindowedCount, user_pseudo_id, event_count, window_start, window_end, pane)

struct TopUser {
  Timestamp window_start;
  int64_t place = 0;
  std::string user_pseudo_id;
  int64_t event_count = 0;
};
JOIST_ROW(TopUser, window_start, place, user_pseudo_id, event_count)

struct ScoredEvent {
  std::string event_id;
  std::string user_pseudo_id;
  std::string event_name;
  Timestamp event_time;
  double score = 0;
};
JOIST_ROW(ScoredEvent, event_id, user_pseudo_id, event_name, event_time, score)

// Of each event once. What is no event goes elsewhere.
PCollection<Event> ReadEvents(joist::Pipeline& p, const EventsPerUserOptions& options) {
  auto texts = p |
               "Read" >> joist::pubsub::ReadMessages("projects/" + options.project +
                                                     "/subscriptions/" + options.subscription)
                             .WithEndpoint(options.messages)
                             .WithTimestampAttribute("timestamp") |
               "Text" >> joist::Map([](const joist::pubsub::Message& m) { return m.data; });
  auto parsed = texts | "Parse" >> joist::json::Parse<Event>().WithErrors();
  auto rejected =
      parsed.Get<joist::json::Errors>() |
      "Rejected" >> joist::Map([](const joist::files::BadRecord& bad) {
        static const joist::Counter malformed("clickstream", "malformed");
        malformed.Inc();
        return joist::pubsub::Message{.data = bad.record, .attributes = {{"error", bad.reason}}};
      });
  if (!options.rejected_topic.empty()) {
    rejected | "WriteRejected" >> joist::pubsub::WriteMessages("projects/" + options.project +
                                                               "/topics/" + options.rejected_topic)
                                      .WithEndpoint(options.messages);
  }
  return parsed.Get<joist::Main>() |
         "Id" >> joist::WithKeys([](const Event& event) { return event.event_id; }) |
         "Once" >> joist::Deduplicate::KeyedValues().WithDuration(options.forget_ids_after) |
         "Event" >> joist::Values();
}

// Counts since the row before, early and late ones too.
PCollection<KV<std::string, int64_t>> CountByUser(const PCollection<std::string>& users,
                                                  const EventsPerUserOptions& options) {
  return users |
         "Windows" >> joist::WindowInto(joist::FixedWindows(options.window_size))
                          .Triggering(Trigger::AfterWatermark(
                              Trigger::Repeatedly(Trigger::AfterProcessingTime(options.early)),
                              Trigger::Repeatedly(Trigger::AfterCount(1))))
                          .WithAllowedLateness(options.allowed_lateness)
                          .DiscardingFiredPanes() |
         "Count" >> joist::Count::PerElement();
}

template <class Row>
void Write(const PCollection<Row>& rows, const std::string& name, const std::string& table,
           const EventsPerUserOptions& options) {
  rows |
      name >> joist::bigquery::WriteRows<Row>(options.project + "." + options.dataset + "." + table)
                  .WithEndpoint(options.tables);
}

void WriteCounts(const PCollection<KV<std::string, int64_t>>& counts,
                 const EventsPerUserOptions& options) {
  if (options.window_columns) {
    Write(counts | "WindowedRows" >> joist::Map([](const KV<std::string, int64_t>& count,
                                                   Window window, joist::PaneInfo pane) {
                     return WindowedCount{count.key, count.value, window.start, window.end,
                                          std::string(joist::PaneTimingName(pane.timing))};
                   }),
          "WriteCounts", options.table, options);
  } else {
    Write(counts | "Rows" >> joist::Map([](const KV<std::string, int64_t>& count) {
                     return UserCount{count.key, count.value};
                   }),
          "WriteCounts", options.table, options);
  }
}

// Once for each window, at its end.
void WriteTopUsers(const PCollection<std::string>& users, const EventsPerUserOptions& options) {
  auto top = users | "WholeWindows" >> joist::WindowInto(joist::FixedWindows(options.window_size)) |
             "CountAll" >> joist::Count::PerElement() |
             "Top" >> joist::Top::Of(options.top, [](const KV<std::string, int64_t>& a,
                                                     const KV<std::string, int64_t>& b) {
               return std::pair(a.value, b.key) < std::pair(b.value, a.key);
             });
  Write(top | "Places" >> joist::FlatMap([](const std::vector<KV<std::string, int64_t>>& users,
                                            Window window, joist::Emit<TopUser> emit) {
                int64_t place = 0;
                for (const auto& user : users) {
                  emit(TopUser{window.start, ++place, user.key, user.value});
                }
              }),
        "WriteTopUsers", options.top_table, options);
}

// The features of apps/events-per-user/train_purchase_model.py, in its order.
std::vector<double> FeaturesOf(const Event& event) {
  const auto is = [&](const char* name) { return event.event_name == name ? 1.0 : 0.0; };
  return {is("view_item"), is("add_to_cart"), is("begin_checkout"),
          event.ecommerce.has_value() ? event.ecommerce->value : 0};
}

void WriteScores(const PCollection<Event>& events, const EventsPerUserOptions& options) {
  using Scored = KV<Event, joist::PredictionResult<std::vector<double>, double>>;
  auto scored =
      events | "Features" >> joist::Map([](const Event& event) {
                 return KV<Event, std::vector<double>>{event, FeaturesOf(event)};
               }) |
      "Score" >> joist::RunInference(joist::KeyedModelHandler<Event, joist::LinearModelHandler>{
                     joist::LinearModelHandler(options.model)}) |
      "ScoredRows" >> joist::Map([](const Scored& one, Timestamp time) {
        return ScoredEvent{one.key.event_id, one.key.user_pseudo_id, one.key.event_name, time,
                           std::clamp(one.value.inference, 0.0, 1.0)};
      });
  Write(scored, "WriteScores", options.scored_table, options);
}

void EventsPerUser(joist::Pipeline& p) {
  const auto options = p.options<EventsPerUserOptions>();
  joist::serve::ServerSettings server;
  server.data = options.data;
  server.project = options.project;
  server.topics = {"dj-pubsub-topic"};
  server.ingest.timestamp_field = "event_timestamp";
  server.ingest.timestamp_unit = joist::serve::TimeUnit::kMicros;
  server.log_format = joist::serve::LogFormat::kText;
  joist::serve::OfferInProcess(std::move(server));
  const PCollection<Event> events = ReadEvents(p, options);
  const PCollection<std::string> users =
      events | "User" >> joist::Map([](const Event& event) { return event.user_pseudo_id; });
  WriteCounts(CountByUser(users, options), options);
  if (!options.top_table.empty()) WriteTopUsers(users, options);
  if (!options.scored_table.empty()) WriteScores(events, options);
}

}  // namespace

JOIST_PIPELINE(events_per_user, "Counts the events of a click stream by user and minute",
               EventsPerUser)

#ifndef JOIST_WITHOUT_MAIN
int main(int argc, char** argv) {
  joist::Pipeline p(argc, argv);
  EventsPerUser(p);
  return p.Run().WaitUntilFinish().exit_code();
}
#endif
