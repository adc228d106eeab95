// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/joist/pubsub_commands.h"

#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/joist/row_output.h"
#include "joist/base/status.h"
#include "joist/cli/command_options.h"
#include "joist/model/timestamp.h"

namespace joist::apps {
namespace {

namespace v1 = google::pubsub::v1;

constexpr std::chrono::seconds kLongestCall{30};
constexpr int kPageSize = 1000;
/// Of a request to publish, as Pub/Sub has it.
constexpr int kMostMessages = 1000;
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

Status FromGrpc(const grpc::Status& status, const std::string& server) {
  if (status.ok()) return OkStatus();
  const auto code = static_cast<StatusCode>(status.error_code());
  if (code != StatusCode::kUnavailable) return {code, status.error_message()};
  return {code, "cannot reach " + server + " (" + status.error_message() +
                    "); does `joist serve` run? --server says where"};
}

/// Sends one kind of requests to a server.
class PubsubClient {
 public:
  explicit PubsubClient(const PubsubOptions& options)
      : project_("projects/" + options.project),
        server_(ServerOf(options)),
        channel_(grpc::CreateChannel(server_, grpc::InsecureChannelCredentials())),
        publisher_(v1::Publisher::NewStub(channel_)),
        subscriber_(v1::Subscriber::NewStub(channel_)) {}

  const std::string& project() const { return project_; }
  v1::Publisher::Stub& publisher() { return *publisher_; }
  v1::Subscriber::Stub& subscriber() { return *subscriber_; }

  /// "projects/P/topics/T", of T too.
  std::string Name(std::string_view kind, const std::string& name) const {
    if (name.find('/') != std::string::npos) return name;
    return project_ + "/" + std::string(kind) + "/" + name;
  }

  /// `call(context)` makes the call.
  template <class F>
  Status Call(F call) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kLongestCall);
    return FromGrpc(call(&context), server_);
  }

 private:
  static std::string ServerOf(const PubsubOptions& options) {
    if (!options.server.empty()) return options.server;
    const char* const variable = std::getenv("PUBSUB_EMULATOR_HOST");
    return variable != nullptr && *variable != '\0' ? variable : "127.0.0.1:8481";
  }

  const std::string project_;
  const std::string server_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Publisher::Stub> publisher_;
  const std::unique_ptr<v1::Subscriber::Stub> subscriber_;
};

using Names = std::vector<std::string>;

/// Flags after each other: "ordered, exactly once".
std::string Listed(const std::vector<std::pair<bool, std::string>>& flags) {
  std::string text;
  for (const auto& [is_set, name] : flags) {
    if (is_set) text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

std::string SecondsText(int64_t seconds) { return Duration::Seconds(seconds).ToString(); }

// --- Topics

Status CreateTopics(const Names& names, const PubsubOptions&, PubsubClient* client, std::string*) {
  for (const std::string& name : names) {
    v1::Topic topic;
    topic.set_name(client->Name("topics", name));
    JOIST_RETURN_IF_ERROR(client->Call([&](grpc::ClientContext* context) {
      return client->publisher().CreateTopic(context, topic, &topic);
    }));
  }
  return OkStatus();
}

Status DeleteTopics(const Names& names, const PubsubOptions&, PubsubClient* client, std::string*) {
  for (const std::string& name : names) {
    v1::DeleteTopicRequest request;
    request.set_topic(client->Name("topics", name));
    google::protobuf::Empty nothing;
    JOIST_RETURN_IF_ERROR(client->Call([&](grpc::ClientContext* context) {
      return client->publisher().DeleteTopic(context, request, &nothing);
    }));
  }
  return OkStatus();
}

void AddTopic(const v1::Topic& topic, RowOutput* rows) {
  const int64_t retention = topic.message_retention_duration().seconds();
  rows->Add({topic.name(), retention == 0 ? "" : SecondsText(retention)});
}

Status ListTopics(const Names&, const PubsubOptions& options, PubsubClient* client,
                  std::string* out) {
  RowOutput rows({"name", "retention"});
  v1::ListTopicsRequest request;
  request.set_project(client->project());
  request.set_page_size(kPageSize);
  do {
    v1::ListTopicsResponse page;
    JOIST_RETURN_IF_ERROR(client->Call([&](grpc::ClientContext* context) {
      return client->publisher().ListTopics(context, request, &page);
    }));
    for (const v1::Topic& topic : page.topics()) AddTopic(topic, &rows);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  *out = rows.Text(options.format);
  return OkStatus();
}

Status DescribeTopics(const Names& names, const PubsubOptions& options, PubsubClient* client,
                      std::string* out) {
  RowOutput rows({"name", "retention"});
  for (const std::string& name : names) {
    v1::GetTopicRequest request;
    request.set_topic(client->Name("topics", name));
    v1::Topic topic;
    JOIST_RETURN_IF_ERROR(client->Call([&](grpc::ClientContext* context) {
      return client->publisher().GetTopic(context, request, &topic);
    }));
    AddTopic(topic, &rows);
  }
  *out = rows.Text(options.format);
  return OkStatus();
}

/// Gathers messages and publishes them when there are enough.
class LinePublisher {
 public:
  LinePublisher(const PubsubOptions& options, PubsubClient* client, const std::string& topic)
      : options_(options), client_(*client) {
    request_.set_topic(client->Name("topics", topic));
  }

  Status Add(const std::string& data) {
    v1::PubsubMessage* const message = request_.add_messages();
    message->set_data(data);
    message->set_ordering_key(options_.ordering_key);
    for (const std::string& attribute : options_.attribute) {
      const size_t equals = attribute.find('=');
      if (equals == 0 || equals == std::string::npos) {
        return InvalidArgument("option --attribute: expected NAME=VALUE, got \"" + attribute +
                               "\"");
      }
      (*message->mutable_attributes())[attribute.substr(0, equals)] = attribute.substr(equals + 1);
    }
    bytes_ += data.size();
    return request_.messages_size() == kMostMessages || bytes_ > kMostBytes ? Flush() : OkStatus();
  }
  Status Flush() {
    if (request_.messages_size() == 0) return OkStatus();
    v1::PublishResponse ids;
    JOIST_RETURN_IF_ERROR(client_.Call([&](grpc::ClientContext* context) {
      return client_.publisher().Publish(context, request_, &ids);
    }));
    published_ += static_cast<uint64_t>(ids.message_ids_size());
    request_.clear_messages();
    bytes_ = 0;
    return OkStatus();
  }
  uint64_t published() const { return published_; }

 private:
  const PubsubOptions& options_;
  PubsubClient& client_;
  v1::PublishRequest request_;
  size_t bytes_ = 0;
  uint64_t published_ = 0;
};

Status PublishMessages(const Names& names, const PubsubOptions& options, PubsubClient* client,
                       std::string* out) {
  LinePublisher publisher(options, client, names[0]);
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

Status CreateSubscription(const Names& names, const PubsubOptions& options, PubsubClient* client,
                          std::string*) {
  for (const std::string& name : names) {
    v1::Subscription subscription;
    subscription.set_name(client->Name("subscriptions", name));
    subscription.set_topic(client->Name("topics", options.topic));
    subscription.set_filter(options.filter);
    subscription.set_ack_deadline_seconds(static_cast<int>(options.ack_deadline.millis / 1000));
    subscription.set_enable_message_ordering(options.ordered);
    subscription.set_enable_exactly_once_delivery(options.exactly_once);
    if (!options.dead_letter_topic.empty()) {
      auto* const policy = subscription.mutable_dead_letter_policy();
      policy->set_dead_letter_topic(client->Name("topics", options.dead_letter_topic));
      policy->set_max_delivery_attempts(options.max_delivery_attempts);
    }
    JOIST_RETURN_IF_ERROR(client->Call([&](grpc::ClientContext* context) {
      return client->subscriber().CreateSubscription(context, subscription, &subscription);
    }));
  }
  return OkStatus();
}

Status DeleteSubscriptions(const Names& names, const PubsubOptions&, PubsubClient* client,
                           std::string*) {
  for (const std::string& name : names) {
    v1::DeleteSubscriptionRequest request;
    request.set_subscription(client->Name("subscriptions", name));
    google::protobuf::Empty nothing;
    JOIST_RETURN_IF_ERROR(client->Call([&](grpc::ClientContext* context) {
      return client->subscriber().DeleteSubscription(context, request, &nothing);
    }));
  }
  return OkStatus();
}

RowOutput SubscriptionRows() {
  return RowOutput({"name", "topic", "ack_deadline", "filter", "dead_letter_topic", "settings"});
}

void AddSubscription(const v1::Subscription& subscription, RowOutput* rows) {
  rows->Add({subscription.name(), subscription.topic(),
             SecondsText(subscription.ack_deadline_seconds()), subscription.filter(),
             subscription.dead_letter_policy().dead_letter_topic(),
             Listed({{subscription.enable_message_ordering(), "ordered"},
                     {subscription.enable_exactly_once_delivery(), "exactly once"},
                     {subscription.detached(), "detached"},
                     {!subscription.push_config().push_endpoint().empty(), "push"}})});
}

Status ListSubscriptions(const Names&, const PubsubOptions& options, PubsubClient* client,
                         std::string* out) {
  RowOutput rows = SubscriptionRows();
  v1::ListSubscriptionsRequest request;
  request.set_project(client->project());
  request.set_page_size(kPageSize);
  do {
    v1::ListSubscriptionsResponse page;
    JOIST_RETURN_IF_ERROR(client->Call([&](grpc::ClientContext* context) {
      return client->subscriber().ListSubscriptions(context, request, &page);
    }));
    for (const auto& subscription : page.subscriptions()) AddSubscription(subscription, &rows);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  *out = rows.Text(options.format);
  return OkStatus();
}

Status DescribeSubscriptions(const Names& names, const PubsubOptions& options, PubsubClient* client,
                             std::string* out) {
  RowOutput rows = SubscriptionRows();
  for (const std::string& name : names) {
    v1::GetSubscriptionRequest request;
    request.set_subscription(client->Name("subscriptions", name));
    v1::Subscription subscription;
    JOIST_RETURN_IF_ERROR(client->Call([&](grpc::ClientContext* context) {
      return client->subscriber().GetSubscription(context, request, &subscription);
    }));
    AddSubscription(subscription, &rows);
  }
  *out = rows.Text(options.format);
  return OkStatus();
}

std::string AttributesText(const v1::PubsubMessage& message) {
  std::vector<std::string> pairs;
  for (const auto& [name, value] : message.attributes()) pairs.push_back(name + "=" + value);
  std::sort(pairs.begin(), pairs.end());
  std::string text;
  for (const std::string& pair : pairs) text += (text.empty() ? "" : ", ") + pair;
  return text;
}

Status PullMessages(const Names& names, const PubsubOptions& options, PubsubClient* client,
                    std::string* out) {
  RowOutput rows({"id", "published", "ordering_key", "attributes", "data"});
  v1::PullRequest request;
  request.set_subscription(client->Name("subscriptions", names[0]));
  request.set_max_messages(options.max);
// It is deprecated for consumers, who should wait; this shows what there is.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  request.set_return_immediately(true);
#pragma GCC diagnostic pop
  v1::PullResponse pulled;
  JOIST_RETURN_IF_ERROR(client->Call([&](grpc::ClientContext* context) {
    return client->subscriber().Pull(context, request, &pulled);
  }));
  v1::AcknowledgeRequest acknowledge;
  acknowledge.set_subscription(request.subscription());
  for (const v1::ReceivedMessage& received : pulled.received_messages()) {
    const v1::PubsubMessage& message = received.message();
    const auto& time = message.publish_time();
    rows.Add({message.message_id(),
              Timestamp::Millis(time.seconds() * 1000 + time.nanos() / 1'000'000).ToString(),
              message.ordering_key(), AttributesText(message), message.data()});
    acknowledge.add_ack_ids(received.ack_id());
  }
  *out = rows.Text(options.format);
  if (!options.ack || acknowledge.ack_ids().empty()) return OkStatus();
  google::protobuf::Empty nothing;
  return client->Call([&](grpc::ClientContext* context) {
    return client->subscriber().Acknowledge(context, acknowledge, &nothing);
  });
}

// --- The commands

struct Action {
  std::string_view name;
  /// For the options, where it isn't `name`.
  std::string_view options;
  size_t least_names;
  size_t most_names;
  Status (*run)(const Names& names, const PubsubOptions& options, PubsubClient* client,
                std::string* out);
};

constexpr size_t kMany = 1000;
constexpr Action kTopicActions[] = {{"create", "create", 1, kMany, CreateTopics},
                                    {"list", "list", 0, 0, ListTopics},
                                    {"describe", "describe", 1, kMany, DescribeTopics},
                                    {"delete", "delete", 1, kMany, DeleteTopics},
                                    {"publish", "publish", 1, kMany, PublishMessages}};
constexpr Action kSubscriptionActions[] = {
    {"create", "create subscription", 1, kMany, CreateSubscription},
    {"list", "list", 0, 0, ListSubscriptions},
    {"describe", "describe", 1, kMany, DescribeSubscriptions},
    {"delete", "delete", 1, kMany, DeleteSubscriptions},
    {"pull", "pull", 1, 1, PullMessages}};

int Refuse(const std::string& title, const std::string& why, int exit_code) {
  std::fprintf(stderr, "%s: %s\n", title.c_str(), why.c_str());
  return exit_code;
}

int Run(const std::string& title, std::span<const Action> actions,
        std::span<const std::string_view> arguments) {
  std::string known;
  for (const Action& action : actions) {
    known += (known.empty() ? "" : ", ") + std::string(action.name);
    if (arguments.empty() || arguments[0] != action.name) continue;
    const std::string full = title + " " + std::string(action.name);
    PubsubOptions options;
    Names names;
    const OptionFields fields = FieldsOf(&options, action.options);
    const Status read = cli::ReadCommandOptions(arguments.subspan(1), fields, &names);
    if (!read.ok()) return Refuse(full, read.message(), 2);
    if (names.size() < action.least_names || names.size() > action.most_names) {
      return Refuse(full, action.most_names == 0 ? "takes no names" : "which one? give its name",
                    2);
    }
    setenv("GRPC_VERBOSITY", "NONE", 0);  // What it would say is in the error.
    PubsubClient client(options);
    std::string out;
    const Status done = action.run(names, options, &client, &out);
    const bool is_written =
        std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0;
    if (!done.ok()) return Refuse(full, done.message(), 1);
    return is_written ? 0 : Refuse(full, "cannot write", 1);
  }
  return Refuse(title, "takes " + known + "; --help has examples", 2);
}

int RunTopic(const std::string& program, std::span<const std::string_view> arguments) {
  return Run(program + " topic", kTopicActions, arguments);
}

int RunSubscription(const std::string& program, std::span<const std::string_view> arguments) {
  return Run(program + " subscription", kSubscriptionActions, arguments);
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
