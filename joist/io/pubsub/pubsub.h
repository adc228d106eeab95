// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Pub/Sub: reads a subscription, writes to a topic. Of Google, of its emulator, or of `joist
// serve`; without any, of a message log inside of this process (joist/io/google/service_channel.h).
//
//   pipeline | joist::pubsub::ReadMessages("projects/shop/subscriptions/clicks")
//                  .WithTimestampAttribute("event_time")
//                  .WithIdAttribute("event_id")
//   events   | joist::pubsub::WriteMessages("projects/shop/topics/counts")
//
// Reading. A message is acknowledged once a checkpoint has what became of it. Until then, and for a
// minute after that, its id is remembered, so a message that is delivered again (because a job was
// killed, or the service forgot an acknowledgement) has no effect again: with checkpoints, each
// message that the service has takes effect once. Publishers that try again make another message of
// the same event: WithIdAttribute is for that.
//
// Times. A message has the time at which it was published, or that of an attribute. The watermark
// is the least time among the messages of the last seconds (WithWatermarkPeriod) and among those
// that wait; it stands still for a lease's time after a restart, since what the last process was
// given comes again only then. A message that is older is late.
//
// Writing is at least once: a bundle's messages are published before it is finished.

#ifndef JOIST_IO_PUBSUB_PUBSUB_H_
#define JOIST_IO_PUBSUB_PUBSUB_H_

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "joist/io/pubsub/message.h"
#include "joist/sdk/pipeline.h"

namespace joist::pubsub {

struct ReadSettings {
  std::string subscription;
  std::string endpoint;  ///< As joist::google::Connect takes it.
  std::string timestamp_attribute;
  std::string id_attribute;
  Duration id_period = Duration::Minutes(10);
  Duration watermark_period = Duration::Seconds(5);
  int64_t most_outstanding = 100'000;
};
JOIST_ROW(ReadSettings, subscription, endpoint, timestamp_attribute, id_attribute, id_period,
          watermark_period, most_outstanding)

class ReadMessages : public Transform {
 public:
  static constexpr std::string_view kKind = "pubsub::ReadMessages";
  /// "projects/P/subscriptions/S".
  explicit ReadMessages(std::string subscription,
                        std::source_location where = std::source_location::current())
      : Transform(where) {
    settings_.subscription = std::move(subscription);
  }
  /// "google", "local" or "HOST:PORT"; by default what the environment says.
  ReadMessages WithEndpoint(std::string endpoint) && {
    settings_.endpoint = std::move(endpoint);
    return std::move(*this);
  }
  /// Messages have the time in this attribute: milliseconds since 1970, or RFC 3339 in UTC. One
  /// without, or with another text there, has the time at which it was published.
  ReadMessages WithTimestampAttribute(std::string name) && {
    settings_.timestamp_attribute = std::move(name);
    return std::move(*this);
  }
  /// Of messages with the same value of this attribute only the first takes effect, for `period`
  /// after it, by the messages' times (joist/sdk/deduplicate.h).
  ReadMessages WithIdAttribute(std::string name, Duration period = Duration::Minutes(10)) && {
    settings_.id_attribute = std::move(name);
    settings_.id_period = period;
    return std::move(*this);
  }
  ReadMessages WithWatermarkPeriod(Duration period) && {
    settings_.watermark_period = period;
    return std::move(*this);
  }
  /// The most messages that wait for a checkpoint to be acknowledged: with a checkpoint each second
  /// no more than so many are read in a second.
  ReadMessages WithMaxOutstanding(int64_t messages) && {
    settings_.most_outstanding = messages;
    return std::move(*this);
  }

  PCollection<Message> Expand(const Pipeline& pipeline) const;

 private:
  ReadSettings settings_;
};

struct WriteSettings {
  std::string topic;
  std::string endpoint;
};
JOIST_ROW(WriteSettings, topic, endpoint)

class WriteMessages : public Transform {
 public:
  static constexpr std::string_view kKind = "pubsub::WriteMessages";
  /// "projects/P/topics/T".
  explicit WriteMessages(std::string topic,
                         std::source_location where = std::source_location::current())
      : Transform(where) {
    settings_.topic = std::move(topic);
  }
  WriteMessages WithEndpoint(std::string endpoint) && {
    settings_.endpoint = std::move(endpoint);
    return std::move(*this);
  }

  /// The ids of the messages that were published.
  PCollection<std::string> Expand(const PCollection<Message>& messages) const;

 private:
  WriteSettings settings_;
};

}  // namespace joist::pubsub

#endif  // JOIST_IO_PUBSUB_PUBSUB_H_
