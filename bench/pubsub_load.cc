// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// pubsub_load: publishes messages to a Pub/Sub server and pulls them by streaming pull at the same
// time; says how fast that was and how much processor time the server took for a message.
//
//   pubsub_load ENDPOINT PID [messages] [batch] [bytes]     // PID is the server's
//
// bench/pubsub_rivals.py runs it against `joist serve` and Google's emulator.

#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace api = google::pubsub::v1;
using Clock = std::chrono::steady_clock;

constexpr int kRequestsOnTheirWay = 8;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

[[noreturn]] void Die(const std::string& what, const grpc::Status& status) {
  std::cerr << "pubsub_load: " << what << ": " << status.error_message() << '\n';
  std::exit(1);
}

/// Of all the threads of a process, in user and in kernel mode (proc(5), stat).
double ProcessorSecondsOf(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(std::min(line.rfind(')') + 2, line.size())));
  std::string field;
  for (int i = 3; i < 14; ++i) fields >> field;
  double user = 0, kernel = 0;
  fields >> user >> kernel;
  return (user + kernel) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

class Load {
 public:
  Load(const std::string& endpoint, const std::string& name) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(64 << 20);
    const auto channel =
        grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
    publisher_ = api::Publisher::NewStub(channel);
    // A connection of its own, as two programs have.
    arguments.SetInt("joist.pull", 1);
    subscriber_ = api::Subscriber::NewStub(
        grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments));
    const std::string unique = std::to_string(getpid()) + name;
    topic_ = "projects/load/topics/t" + unique;
    subscription_ = "projects/load/subscriptions/s" + unique;
  }

  void Make() {
    grpc::ClientContext of_topic, of_subscription;
    api::Topic topic;
    topic.set_name(topic_);
    if (const auto status = publisher_->CreateTopic(&of_topic, topic, &topic); !status.ok()) {
      Die("no topic", status);
    }
    api::Subscription subscription;
    subscription.set_name(subscription_);
    subscription.set_topic(topic_);
    subscription.set_ack_deadline_seconds(60);
    const auto status =
        subscriber_->CreateSubscription(&of_subscription, subscription, &subscription);
    if (!status.ok()) Die("no subscription", status);
  }

  /// Until `messages` have come, which is when it returns; acknowledges each.
  Clock::time_point Pull(int64_t messages) {
    grpc::ClientContext context;
    const auto stream = subscriber_->StreamingPull(&context);
    api::StreamingPullRequest request;
    request.set_subscription(subscription_);
    request.set_stream_ack_deadline_seconds(60);
    stream->Write(request);
    api::StreamingPullResponse answer;
    while (pulled_ < messages && stream->Read(&answer)) {
      api::StreamingPullRequest acks;
      for (const auto& message : answer.received_messages()) acks.add_ack_ids(message.ack_id());
      pulled_ += answer.received_messages_size();
      stream->Write(acks);
    }
    const auto end = Clock::now();
    // The last acknowledgements are on their way.
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    context.TryCancel();
    stream->Finish().ok();
    return end;
  }

  void Publish(int64_t messages, int64_t batch, size_t bytes) {
    api::PublishRequest request;
    request.set_topic(topic_);
    std::string data(bytes, 'x');
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>('a' + i * 7 % 26);
    for (int64_t i = 0; i < batch; ++i) request.add_messages()->set_data(data);
    struct Call {
      grpc::ClientContext context;
      api::PublishResponse response;
      grpc::Status status;
      std::unique_ptr<grpc::ClientAsyncResponseReader<api::PublishResponse>> reader;
    };
    grpc::CompletionQueue queue;
    int on_their_way = 0;
    const auto wait = [&] {
      void* tag = nullptr;
      bool ok = false;
      queue.Next(&tag, &ok);
      const std::unique_ptr<Call> call(static_cast<Call*>(tag));
      if (!call->status.ok()) Die("not published", call->status);
      --on_their_way;
    };
    for (int64_t sent = 0; sent < messages; sent += batch) {
      if (on_their_way == kRequestsOnTheirWay) wait();
      auto* const call = new Call;
      call->reader = publisher_->AsyncPublish(&call->context, request, &queue);
      call->reader->Finish(&call->response, &call->status, call);
      ++on_their_way;
    }
    while (on_their_way > 0) wait();
  }

  int64_t pulled() const { return pulled_; }

 private:
  std::unique_ptr<api::Publisher::Stub> publisher_;
  std::unique_ptr<api::Subscriber::Stub> subscriber_;
  std::string topic_;
  std::string subscription_;
  std::atomic<int64_t> pulled_{0};
};

int64_t ArgumentOr(int argc, char** argv, int i, int64_t value) {
  return i < argc ? std::strtoll(argv[i], nullptr, 10) : value;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: pubsub_load ENDPOINT PID [messages] [batch] [bytes]\n";
    return 2;
  }
  const int64_t messages = ArgumentOr(argc, argv, 3, 200'000);
  const int64_t batch = ArgumentOr(argc, argv, 4, 100);
  const auto bytes = static_cast<size_t>(ArgumentOr(argc, argv, 5, 1024));
  if (batch < 1 || messages < batch || messages % batch != 0) {
    std::cerr << "pubsub_load: messages must be a multiple of the batch\n";
    return 2;
  }
  // What a server does once, and a virtual machine that compiles while it runs.
  Load warm(argv[1], "warm");
  warm.Make();
  std::thread warm_puller([&] { warm.Pull(messages); });
  warm.Publish(messages, batch, bytes);
  warm_puller.join();

  Load load(argv[1], "load");
  load.Make();
  const double processor = ProcessorSecondsOf(argv[2]);
  const auto begin = Clock::now();
  double pulled = 0;
  std::thread puller(
      [&] { pulled = std::chrono::duration<double>(load.Pull(messages) - begin).count(); });
  load.Publish(messages, batch, bytes);
  const double published = SecondsSince(begin);
  puller.join();
  const double took = ProcessorSecondsOf(argv[2]) - processor;
  const auto count = static_cast<double>(messages);
  std::cout << "published " << static_cast<int64_t>(count / published) << "/s, and pulled "
            << static_cast<int64_t>(count / pulled) << "/s, " << took / count * 1e6
            << " us of the server's processors a message\n";
  return load.pulled() == messages ? 0 : 1;
}
