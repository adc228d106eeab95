// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "joist/io/google/service_channel.h"
#include "joist/io/pubsub/drop_repeated.h"
#include "joist/io/pubsub/ledger.h"
#include "joist/io/pubsub/message_time.h"
#include "joist/io/pubsub/names.h"
#include "joist/io/pubsub/pubsub.h"
#include "joist/io/pubsub/subscriber.h"
#include "joist/sdk/metrics.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"

namespace joist::pubsub {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace read_internal {

constexpr size_t kMessagesOfClaim = 1'000;
/// For how long an id is remembered after its acknowledgement was confirmed: a service may forget
/// in a crash what it has not written yet.
constexpr Duration kMemory = Duration::Minutes(1);
/// And one of which nobody knows whether it was acknowledged: it waits among others to come again.
constexpr Duration kLongMemory = Duration::Minutes(10);
constexpr Duration kLease = Duration::Seconds(10);
/// What was given to a process that was killed comes again after its lease, and some more.
constexpr Duration kAfterRestart = Duration::Seconds(13);
/// After a call to the service that leaves an acknowledgement to another: longer than a checkpoint.
constexpr Duration kExpiry = Duration::Hours(1);

/// What a copy of the function has between its calls.
class Connection {
 public:
  Connection(const ReadSettings& settings, std::shared_ptr<grpc::Channel> channel)
      : subscriber_(std::make_shared<Subscriber>(
            std::move(channel),
            SubscriberSettings{.subscription = settings.subscription,
                               .timestamp_attribute = settings.timestamp_attribute,
                               .most_outstanding = settings.most_outstanding,
                               .lease = kLease})),
        recent_(settings.watermark_period) {}

  /// Before each call's work: the ledger that it goes on from. It is another one than the last call
  /// left when that call's work, or this process, is new to it.
  void Follow(const Ledger& ledger, Timestamp now) {
    if (follows_ && ledger.next == ledger_.next) return;
    // What was done since a checkpoint is undone: it has to be delivered once more.
    if (follows_) subscriber_->ReturnAll();
    follows_ = true;
    known_.clear();
    for (const Ledger::Claim& claim : ledger.claims) Remember(claim);
    ledger_ = ledger;
    first_known_ = ledger.next;
    if (ledger.next > 0) watermark_from_ = now + kAfterRestart;
  }

  /// What has come, to be claimed; false if that is nothing.
  bool Next(Timestamp now) {
    received_ = subscriber_->Take(kMessagesOfClaim);
    const std::vector<int64_t> confirmed = subscriber_->TakeConfirmed();
    step_.confirmed.insert(step_.confirmed.end(), confirmed.begin(), confirmed.end());
    step_.ids.clear();
    for (const Message& message : received_.messages) {
      step_.ids.push_back(NumberOfId(message.message_id));
    }
    step_.now = now;
    step_.memory = kMemory;
    step_.first_known = first_known_;
    step_.long_memory = kLongMemory;
    return !step_.ids.empty() || !step_.confirmed.empty();
  }
  const LedgerStep& step() const { return step_; }
  /// It could not be claimed: it comes next.
  void PutBack() { subscriber_->PutBack(std::move(received_)); }

  /// It was claimed, after which the ledger is `ledger`.
  void Give(const Ledger& ledger, const BundleFinalizer& finalizer, const Emit<Message>& emit) {
    for (size_t i = 0; i < received_.messages.size(); ++i) {
      recent_.Observe(received_.times[i], step_.now);
      if (!known_.contains(step_.ids[i]) && given_.insert(step_.ids[i]).second) {
        emit(received_.messages[i], received_.times[i]);
      } else {
        repeated.Inc();
      }
    }
    given_.clear();
    const int64_t number = ledger.next - 1;
    subscriber_->Hold(number, std::move(received_.ack_ids));
    finalizer.AfterBundleCommit(
        kExpiry, [subscriber = subscriber_, number] { subscriber->Acknowledge(number); });
    Forget(ledger);
    Remember(ledger.claims.back());
    ledger_ = ledger;
    step_.confirmed.clear();
  }

  void SetWatermark(Timestamp now, ManualWatermarkEstimator* watermark) {
    const Timestamp least = recent_.WatermarkAt(now, subscriber_->OldestWaiting());
    if (now >= watermark_from_ && subscriber_->is_connected()) watermark->SetWatermark(least);
  }
  Status status() const { return subscriber_->status(); }

 private:
  inline static const Counter repeated{"pubsub", "repeated_messages"};

  void Remember(const Ledger::Claim& claim) {
    for (const uint64_t id : *claim.ids) ++known_[id];
  }
  /// The claims that `after` has no more.
  void Forget(const Ledger& after) {
    auto kept = after.claims.begin();
    for (const Ledger::Claim& claim : ledger_.claims) {
      if (kept != after.claims.end() && kept->number == claim.number) {
        ++kept;
        continue;
      }
      for (const uint64_t id : *claim.ids) {
        const auto found = known_.find(id);
        if (--found->second == 0) known_.erase(found);
      }
    }
  }

  std::shared_ptr<Subscriber> subscriber_;
  RecentTimes recent_;
  bool follows_ = false;
  Ledger ledger_;  ///< After the last call.
  int64_t first_known_ = 0;
  std::unordered_map<uint64_t, int> known_;  ///< In how many claims of the ledger each id is.
  std::unordered_set<uint64_t> given_;       ///< By this call.
  Received received_;
  LedgerStep step_;
  Timestamp watermark_from_ = Timestamp::Min();  ///< Before it the watermark stands still.
};

struct ReadSubscription {
  static constexpr bool kIsBounded = false;
  static constexpr Duration kPause = Duration::Millis(5);
  std::shared_ptr<Connection> connection;  ///< Each copy's own.

  void Setup() { connection = nullptr; }
  Ledger InitialRestriction(const ReadSettings&) const { return {}; }

  ProcessContinuation Process(const ReadSettings& settings, RestrictionTracker<Ledger>& tracker,
                              ManualWatermarkEstimator& watermark, BundleFinalizer finalizer,
                              Emit<Message> emit) {
    const Timestamp now = tracker.processing_time();
    if (connection == nullptr) {
      auto channel = google::Connect(google::Service::kPubsub, settings.endpoint);
      ThrowIfError(channel.status());
      connection = std::make_shared<Connection>(settings, *std::move(channel));
    }
    connection->Follow(tracker.restriction(), now);
    ThrowIfError(connection->status());
    while (connection->Next(now)) {
      if (!tracker.TryClaim(connection->step())) {
        connection->PutBack();
        return ProcessContinuation::Resume();
      }
      connection->Give(tracker.restriction(), finalizer, emit);
    }
    connection->SetWatermark(now, &watermark);
    return ProcessContinuation::Resume(kPause);
  }
};
constexpr FieldList<ReadSubscription> JoistFields(const ReadSubscription*) {
  return {"ReadSubscription", {}};
}

}  // namespace read_internal

PCollection<Message> ReadMessages::Expand(const Pipeline& pipeline) const {
  PipelineBuilder& builder = pipeline.builder();
  if (!IsNameOf("subscriptions", settings_.subscription)) {
    builder.AddFault("has the subscription '" + settings_.subscription +
                     "'; it takes projects/PROJECT/subscriptions/NAME");
  }
  if (settings_.most_outstanding < 1) builder.AddFault("takes 1 outstanding message or more");
  if (settings_.watermark_period <= Duration::Zero()) {
    builder.AddFault("has a watermark period that is not positive");
  }
  const PCollection<Message> messages = pipeline |
                                        "Subscription" >> Create<ReadSettings>({settings_}) |
                                        "Read" >> ParDo(read_internal::ReadSubscription());
  if (settings_.id_attribute.empty()) return messages;
  return DropRepeated(messages, settings_.id_attribute, settings_.id_period);
}

}  // namespace joist::pubsub
