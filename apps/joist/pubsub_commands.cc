// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/joist/pubsub_commands.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/joist/actions.h"
#include "apps/joist/row_output.h"
#include "joist/base/status.h"
#include "joist/cli/command_options.h"
#include "joist/model/timestamp.h"
#include "joist/serve/pubsub_client.h"

namespace joist::apps {
namespace {

using serve::ClientMessage;
using serve::PubsubClient;
using serve::SubscriptionSummary;
using serve::TopicSummary;

/// Of a request to publish, as Pub/Sub has it.
constexpr size_t kMostMessages = 1000;
constexpr size_t kMostBytes = 5 << 20;

struct PubsubOptions {
  std::string server;
  std::string project = "local";
  RowFormat format = RowFormat::kTable;
  std::vector<std::string> attribute;
  std::string ordering_key;
  std::string topic;
  std::string filter;
  Duration ack_deadline = Duration::Seconds(10);
  bool ordered = false;
  bool exactly_once = false;
  std::string dead_letter_topic;
  int max_delivery_attempts = 5;
  int max = 10;
  bool ack = true;
};

OptionFields FieldsOf(PubsubOptions* o, std::string_view command) {
  OptionFields fields;
  fields.Add(o->server, "server", "Where Pub/Sub is: host:port");
  fields.Add(o->project, "project", "Project of short names");
  if (command != "publish" && command != "create" && command != "delete") {
    fields.Add(o->format, "format", "table, json or csv");
  }
  if (command == "publish") {
    fields.Add(o->attribute, "attribute", "NAME=VALUE of each message");
    fields.Add(o->ordering_key, "ordering_key", "Of each message");
  }
  if (command == "create subscription") {
    fields.Add(o->topic, "topic", "Whose messages", kRequired);
    fields.Add(o->filter, "filter", "Which of them: attributes.kind = \"click\"");
    fields.Add(o->ack_deadline, "ack_deadline", "Until a message is handed out again");
    fields.Add(o->ordered, "ordered", "Messages of a key in order");
    fields.Add(o->exactly_once, "exactly_once", "What is acknowledged never comes again");
    fields.Add(o->dead_letter_topic, "dead_letter_topic", "For what is never acknowledged");
    fields.Add(o->max_delivery_attempts, "max_delivery_attempts", "Until it goes there");
  }
  if (command == "pull") {
    fields.Add(o->max, "max", "The most messages");
    fields.Add(o->ack, "ack", "Acknowledges them; --noack leaves them");
  }
  return fields;
}

/// The server and the project of a command.
class PubsubPlace {
 public:
  explicit PubsubPlace(const PubsubOptions& options)
      : project_("projects/" + options.project), client_(ServerOf(options)) {}

  const std::string& project() const { return project_; }
  PubsubClient& client() { return client_; }

  /// "projects/P/topics/T", of T too.
  std::string Topic(const std::string& name) const { return Whole("topics", name); }
  std::string Subscription(const std::string& name) const { return Whole("subscriptions", name); }

 private:
  std::string Whole(const char* kind, const std::string& name) const {
    return name.find('/') != std::string::npos ? name : project_ + "/" + kind + "/" + name;
  }
  static std::string ServerOf(const PubsubOptions& options) {
    if (!options.server.empty()) return options.server;
    const char* const variable = std::getenv("PUBSUB_EMULATOR_HOST");
    return variable != nullptr && *variable != '\0' ? variable : "127.0.0.1:8481";
  }

  const std::string project_;
  PubsubClient client_;
};

// --- Topics

Status CreateTopics(const Words& names, const PubsubOptions&, PubsubPlace* place, std::string*) {
  for (const std::string& name : names) {
    JOIST_RETURN_IF_ERROR(place->client().CreateTopic(place->Topic(name)));
  }
  return OkStatus();
}

Status DeleteTopics(const Words& names, const PubsubOptions&, PubsubPlace* place, std::string*) {
  for (const std::string& name : names) {
    JOIST_RETURN_IF_ERROR(place->client().DeleteTopic(place->Topic(name)));
  }
  return OkStatus();
}

std::string TopicRows(const std::vector<TopicSummary>& topics, RowFormat format) {
  RowOutput rows({"name", "retention"});
  for (const TopicSummary& topic : topics) {
    rows.Add({topic.name, topic.retention.millis == 0 ? "" : topic.retention.ToString()});
  }
  return rows.Text(format);
}

Status ListTopics(const Words&, const PubsubOptions& options, PubsubPlace* place,
                  std::string* out) {
  JOIST_ASSIGN_OR_RETURN(const auto topics, place->client().ListTopics(place->project()));
  *out = TopicRows(topics, options.format);
  return OkStatus();
}

Status DescribeTopics(const Words& names, const PubsubOptions& options, PubsubPlace* place,
                      std::string* out) {
  std::vector<TopicSummary> topics;
  for (const std::string& name : names) {
    JOIST_ASSIGN_OR_RETURN(TopicSummary topic, place->client().GetTopic(place->Topic(name)));
    topics.push_back(std::move(topic));
  }
  *out = TopicRows(topics, options.format);
  return OkStatus();
}

/// Gathers messages and publishes them when there are enough.
class LinePublisher {
 public:
  LinePublisher(PubsubPlace* place, std::string topic, ClientMessage pattern)
      : place_(*place), topic_(std::move(topic)), pattern_(std::move(pattern)) {}

  Status Add(std::string data) {
    bytes_ += data.size();
    messages_.push_back(pattern_);
    messages_.back().data = std::move(data);
    return messages_.size() == kMostMessages || bytes_ > kMostBytes ? Flush() : OkStatus();
  }
  Status Flush() {
    if (messages_.empty()) return OkStatus();
    JOIST_RETURN_IF_ERROR(place_.client().Publish(topic_, messages_));
    published_ += messages_.size();
    messages_.clear();
    bytes_ = 0;
    return OkStatus();
  }
  size_t published() const { return published_; }

 private:
  PubsubPlace& place_;
  const std::string topic_;
  const ClientMessage pattern_;  ///< All but the data.
  std::vector<ClientMessage> messages_;
  size_t bytes_ = 0;
  size_t published_ = 0;
};

Status PublishMessages(const Words& names, const PubsubOptions& options, PubsubPlace* place,
                       std::string* out) {
  ClientMessage pattern;
  pattern.ordering_key = options.ordering_key;
  for (const std::string& attribute : options.attribute) {
    const size_t equals = attribute.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return InvalidArgument("option --attribute: expected NAME=VALUE, got \"" + attribute + "\"");
    }
    pattern.attributes.emplace_back(attribute.substr(0, equals), attribute.substr(equals + 1));
  }
  LinePublisher publisher(place, place->Topic(names[0]), std::move(pattern));
  for (size_t i = 1; i < names.size(); ++i) JOIST_RETURN_IF_ERROR(publisher.Add(names[i]));
  if (names.size() == 1) {
    std::string line;
    while (std::getline(std::cin, line)) JOIST_RETURN_IF_ERROR(publisher.Add(line));
  }
  JOIST_RETURN_IF_ERROR(publisher.Flush());
  *out = "published " + std::to_string(publisher.published()) + " messages\n";
  return OkStatus();
}

// --- Subscriptions

Status CreateSubscription(const Words& names, const PubsubOptions& options, PubsubPlace* place,
                          std::string*) {
  SubscriptionSummary subscription;
  subscription.topic = place->Topic(options.topic);
  subscription.filter = options.filter;
  subscription.ack_deadline = options.ack_deadline;
  subscription.is_ordered = options.ordered;
  subscription.is_exactly_once = options.exactly_once;
  if (!options.dead_letter_topic.empty()) {
    subscription.dead_letter_topic = place->Topic(options.dead_letter_topic);
  }
  subscription.max_delivery_attempts = options.max_delivery_attempts;
  for (const std::string& name : names) {
    subscription.name = place->Subscription(name);
    JOIST_RETURN_IF_ERROR(place->client().CreateSubscription(subscription));
  }
  return OkStatus();
}

Status DeleteSubscriptions(const Words& names, const PubsubOptions&, PubsubPlace* place,
                           std::string*) {
  for (const std::string& name : names) {
    JOIST_RETURN_IF_ERROR(place->client().DeleteSubscription(place->Subscription(name)));
  }
  return OkStatus();
}

/// Those that are set: "ordered, exactly once".
std::string SettingsText(const SubscriptionSummary& subscription) {
  std::string text;
  for (const auto& [is_set, name] : {std::pair(subscription.is_ordered, "ordered"),
                                     std::pair(subscription.is_exactly_once, "exactly once"),
                                     std::pair(subscription.is_detached, "detached"),
                                     std::pair(subscription.is_pushed, "push")}) {
    if (is_set) text += std::string(text.empty() ? "" : ", ") + name;
  }
  return text;
}

std::string SubscriptionRows(const std::vector<SubscriptionSummary>& subscriptions,
                             RowFormat format) {
  RowOutput rows({"name", "topic", "ack_deadline", "filter", "dead_letter_topic", "settings"});
  for (const SubscriptionSummary& one : subscriptions) {
    rows.Add({one.name, one.topic, one.ack_deadline.ToString(), one.filter, one.dead_letter_topic,
              SettingsText(one)});
  }
  return rows.Text(format);
}

Status ListSubscriptions(const Words&, const PubsubOptions& options, PubsubPlace* place,
                         std::string* out) {
  JOIST_ASSIGN_OR_RETURN(const auto all, place->client().ListSubscriptions(place->project()));
  *out = SubscriptionRows(all, options.format);
  return OkStatus();
}

Status DescribeSubscriptions(const Words& names, const PubsubOptions& options, PubsubPlace* place,
                             std::string* out) {
  std::vector<SubscriptionSummary> all;
  for (const std::string& name : names) {
    JOIST_ASSIGN_OR_RETURN(SubscriptionSummary one,
                           place->client().GetSubscription(place->Subscription(name)));
    all.push_back(std::move(one));
  }
  *out = SubscriptionRows(all, options.format);
  return OkStatus();
}

std::string AttributesText(const ClientMessage& message) {
  std::string text;
  for (const auto& [name, value] : message.attributes) {
    text += (text.empty() ? "" : ", ") + name + "=" + value;
  }
  return text;
}

Status PullMessages(const Words& names, const PubsubOptions& options, PubsubPlace* place,
                    std::string* out) {
  const std::string subscription = place->Subscription(names[0]);
  JOIST_ASSIGN_OR_RETURN(const auto messages, place->client().Pull(subscription, options.max));
  RowOutput rows({"id", "published", "ordering_key", "attributes", "data"});
  for (const ClientMessage& message : messages) {
    rows.Add({message.id, message.published.ToString(), message.ordering_key,
              AttributesText(message), message.data});
  }
  *out = rows.Text(options.format);
  return options.ack ? place->client().Acknowledge(subscription, messages) : OkStatus();
}

// --- The commands

using PubsubAction = Action<PubsubOptions, PubsubPlace>;

constexpr size_t kMany = 1000;
constexpr PubsubAction kTopicActions[] = {{"create", "create", 1, kMany, CreateTopics},
                                          {"list", "list", 0, 0, ListTopics},
                                          {"describe", "describe", 1, kMany, DescribeTopics},
                                          {"delete", "delete", 1, kMany, DeleteTopics},
                                          {"publish", "publish", 1, kMany, PublishMessages}};
constexpr PubsubAction kSubscriptionActions[] = {
    {"create", "create subscription", 1, kMany, CreateSubscription},
    {"list", "list", 0, 0, ListSubscriptions},
    {"describe", "describe", 1, kMany, DescribeSubscriptions},
    {"delete", "delete", 1, kMany, DeleteSubscriptions},
    {"pull", "pull", 1, 1, PullMessages}};

int RunPubsub(const std::string& title, std::span<const PubsubAction> actions,
              std::span<const std::string_view> arguments) {
  constexpr ActionServer<PubsubOptions, PubsubPlace> kServer = {
      FieldsOf, [](const PubsubOptions& options) -> Result<std::unique_ptr<PubsubPlace>> {
        setenv("GRPC_VERBOSITY", "NONE", 0);  // What it would say is in the error.
        return std::make_unique<PubsubPlace>(options);
      }};
  return RunActions(title, actions, kServer, arguments);
}

int RunTopic(const std::string& program, std::span<const std::string_view> arguments) {
  return RunPubsub(program + " topic", kTopicActions, arguments);
}

int RunSubscription(const std::string& program, std::span<const std::string_view> arguments) {
  return RunPubsub(program + " subscription", kSubscriptionActions, arguments);
}

}  // namespace

const cli::Command kTopicCommand = {
    "topic", "topic create|list|describe|delete|publish [NAME …] [--option=value …]",
    "Topics of a server that speaks Pub/Sub, and messages to them",
    "publish sends the words behind the topic's name, or each line of its input. A name is short\n"
    "(clicks), of --project [local], or whole (projects/local/topics/clicks). The server is that "
    "of\n"
    "--server, of PUBSUB_EMULATOR_HOST, or 127.0.0.1:8481.\n"
    "\nOptions: --server=HOST:PORT --project=NAME --format=table|json|csv;\n"
    "publish: --attribute=NAME=VALUE,… --ordering_key=KEY\n"
    "\nExamples:\n"
    "  $ topic create clicks\n"
    "  $ topic list --format=json\n"
    "  $ topic publish clicks '{\"user\":\"Ada\"}' --attribute=kind=test\n"
    "  $ topic publish clicks < clicks.jsonl\n",
    RunTopic};

const cli::Command kSubscriptionCommand = {
    "subscription", "subscription create|list|describe|delete|pull [NAME …] [--option=value …]",
    "Subscriptions of a server that speaks Pub/Sub, and their messages",
    "pull shows what can be had now and acknowledges it. Names and --server as of `$ topic`.\n"
    "\nOptions: --server=HOST:PORT --project=NAME --format=table|json|csv;\n"
    "create: --topic=NAME --filter=FILTER --ack_deadline=10s --ordered --exactly_once\n"
    "        --dead_letter_topic=NAME --max_delivery_attempts=5\n"
    "pull: --max=10 --noack\n"
    "\nExamples:\n"
    "  $ subscription create counts --topic=clicks --filter='attributes.kind = \"test\"'\n"
    "  $ subscription pull counts --max=100 --format=csv\n",
    RunSubscription};

}  // namespace joist::apps
