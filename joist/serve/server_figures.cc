// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/server_figures.h"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/store/log/message_log.h"

namespace joist::serve {
namespace {

constexpr size_t kMostNames = 1000;

template <class Figures>
using Named = std::vector<std::pair<std::string, Figures>>;

/// One metric, with a sample for each name.
template <class Figures, class Value>
void Append(std::string_view metric, std::string_view type, std::string_view help,
            std::string_view label, const Named<Figures>& all, Value value, MetricsText* text) {
  text->Begin(metric, type, help);
  for (const auto& [name, figures] : all) {
    text->Sample(static_cast<double>(value(figures)), label, name);
  }
}

double SecondsSince(int64_t micros) {
  if (micros == 0) return 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count() - static_cast<double>(micros) / 1e6;
}

void AppendTopics(const Named<store::TopicFigures>& topics, MetricsText* text) {
  using Figures = store::TopicFigures;
  const auto append = [&](std::string_view metric, std::string_view type, std::string_view help,
                          auto value) { Append(metric, type, help, "topic", topics, value, text); };
  append("joist_topic_messages_total", "counter", "Messages published.",
         [](const Figures& f) { return f.messages; });
  append("joist_topic_bytes_total", "counter", "Bytes of those messages, as on disk.",
         [](const Figures& f) { return f.bytes; });
  append("joist_topic_stored_bytes", "gauge", "Bytes on disk.",
         [](const Figures& f) { return f.stored_bytes; });
}

void AppendSubscriptions(const Named<store::SubscriptionFigures>& subscriptions,
                         MetricsText* text) {
  using Figures = store::SubscriptionFigures;
  const auto append = [&](std::string_view metric, std::string_view type, std::string_view help,
                          auto value) {
    Append(metric, type, help, "subscription", subscriptions, value, text);
  };
  append("joist_subscription_unacked_messages", "gauge",
         "Messages that are not acknowledged; with a filter also those that are not read yet and "
         "would "
         "be refused.",
         [](const Figures& f) { return f.unacked; });
  append("joist_subscription_oldest_unacked_seconds", "gauge", "Age of the oldest one of them.",
         [](const Figures& f) { return SecondsSince(f.oldest_unacked_micros); });
  append("joist_subscription_outstanding_messages", "gauge",
         "Handed out and neither acknowledged "
         "nor expired.",
         [](const Figures& f) { return f.outstanding; });
  append("joist_subscription_deliveries_total", "counter", "Messages handed out.",
         [](const Figures& f) { return f.deliveries; });
  append("joist_subscription_acks_total", "counter", "Messages acknowledged.",
         [](const Figures& f) { return f.acks; });
  append("joist_subscription_nacks_total", "counter", "Messages given back.",
         [](const Figures& f) { return f.nacks; });
  append("joist_subscription_expired_total", "counter", "Leases that were over.",
         [](const Figures& f) { return f.expired; });
  append("joist_subscription_dead_lettered_total", "counter", "Messages given to the dead letters.",
         [](const Figures& f) { return f.dead_lettered; });
}

}  // namespace

void AppendHttpFigures(const HttpFigures& figures, MetricsText* text) {
  text->Begin("joist_http_requests_total", "counter", "HTTP requests by the answer's status.");
  for (const auto& [status, count] : figures.answers) {
    text->Sample(static_cast<double>(count), "status", std::to_string(status));
  }
  text->Counter("joist_http_body_bytes_total", "Bytes of requests' bodies.", figures.body_bytes);
  text->Counter("joist_http_connections_total", "HTTP connections.", figures.connections);
  text->Gauge("joist_http_open_connections", "HTTP connections that are open.",
              figures.open_connections);
  text->Gauge("joist_http_requests_in_flight", "HTTP requests without their answer.",
              figures.requests_in_flight);
}

void AppendIngestFigures(const IngestFigures& figures, MetricsText* text) {
  text->Counter("joist_ingest_requests_total", "Requests to ingest.", figures.requests);
  text->Counter("joist_ingest_events_total", "Events published by ingest.", figures.published);
  text->Counter("joist_ingest_bytes_total", "Bytes of those events.", figures.published_bytes);
  text->Counter("joist_ingest_refused_requests_total", "Requests with wrong events.",
                figures.refused);
  text->Counter("joist_ingest_pushed_back_requests_total", "Requests that were to come again.",
                figures.pushed_back);
  text->Counter("joist_ingest_failed_requests_total", "Requests that failed.", figures.failed);
}

void AppendLogFigures(store::MessageLog* log, MetricsText* text) {
  Named<store::TopicFigures> topics;
  for (const auto& topic : log->ListTopics("", "", kMostNames)) {
    // One that was deleted since then is left away.
    if (auto figures = log->FiguresOfTopic(topic.name); figures.ok()) {
      topics.emplace_back(topic.name, *figures);
    }
  }
  AppendTopics(topics, text);
  Named<store::SubscriptionFigures> subscriptions;
  for (const auto& subscription : log->ListSubscriptions("", "", kMostNames)) {
    if (auto figures = log->FiguresOfSubscription(subscription.name); figures.ok()) {
      subscriptions.emplace_back(subscription.name, *figures);
    }
  }
  AppendSubscriptions(subscriptions, text);
}

}  // namespace joist::serve
