// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Subscription: who was handed which message of a topic, until when, and what is done with. Time is
// an argument. Thread-safe, with one lock; waiters are called without it.
//
// Messages are read in the topic's order by a cursor, `next_`. Behind it each message is
// acknowledged (in `acked_`) or has a lease; nothing is kept of those beyond it, so that a backlog
// costs no memory. With most_leases of them reading stops until some are acknowledged.
//
// Messages that wait behind another one of their ordering key have a lease too, but only so many of
// a key (and while half of the leases are free): the others are left in the log, and read again
// when the key can go on, all such keys in one pass. So a key that is blocked holds up nobody else.
//
// Invariants:
//  - Of an ordering key, what was left in the log is behind what waits, and in [left_begin,
//    left_end), where none of its messages has a lease.
//  - `acked_` and the offsets of `leases_` have nothing in common.
//  - Of an ordering key, what is leased is before what waits. What is acknowledged behind a leased
//    message of its key counts when that is acknowledged too: if that comes again, it does.
//  - With a dead-letter topic `attempts_` has the messages that came back or were handed out again.

#ifndef JOIST_STORE_LOG_SUBSCRIPTION_H_
#define JOIST_STORE_LOG_SUBSCRIPTION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/log/attempt_table.h"
#include "joist/store/log/catalog.h"
#include "joist/store/log/filter.h"
#include "joist/store/log/lease_deadlines.h"
#include "joist/store/log/lease_table.h"
#include "joist/store/log/offset_ranges.h"
#include "joist/store/log/ordered_key.h"
#include "joist/store/log/settings.h"
#include "joist/store/log/topic_files.h"
#include "joist/store/log/waiter_list.h"

namespace joist::store {

/// A message as it was handed out this time.
struct AckId {
  uint64_t offset = 0;
  uint64_t lease_id = 0;
  friend bool operator==(const AckId&, const AckId&) = default;
};

struct Delivery {
  AckId id = {};
  uint32_t attempts = 0;  ///< This one included.
  int64_t publish_micros = 0;
  MessageView message = {};
};

/// Messages, and the blocks in which they lie.
struct Deliveries {
  std::vector<Delivery> messages = {};
  std::vector<std::shared_ptr<const MessageBlock>> blocks = {};
};

struct PullLimits {
  size_t messages = 1000;
  size_t bytes = 10 << 20;          ///< Of data, keys and attributes; a longer message comes alone.
  int64_t ack_deadline_micros = 0;  ///< 0: the subscription's.
  /// Counts what is handed out until it is acknowledged or its lease ends; may be null.
  std::shared_ptr<Outstanding> holder = {};
};

class Subscription {
 public:
  static constexpr size_t kMostLeases = 1'000'000;
  static constexpr size_t kMostWaitingOfKey = 1000;

  /// `first_lease_id` must be beyond any that was given before.
  Subscription(uint64_t number, SubscriptionSettings settings, Filter filter,
               std::shared_ptr<const TopicFiles> files, OffsetRanges acked, AttemptTable attempts,
               uint64_t first_lease_id, size_t most_leases, size_t most_waiting_of_key);

  uint64_t number() const { return number_; }
  SubscriptionSettings settings() const;
  void SetSettings(SubscriptionSettings settings);

  /// Hands out what there is within the limits. If that is nothing, `waiter` (unless null) is kept.
  Result<Deliveries> Pull(int64_t now, const PullLimits& limits, const Waiter& waiter);
  /// `waiter` is called when something may have become deliverable to who has room.
  void Wait(const Waiter& waiter);
  /// Acknowledges. Returns what could not be: with exactly-once delivery those whose lease is over;
  /// otherwise nothing: a late acknowledgement counts, unless the message waits with its key.
  std::vector<AckId> Acknowledge(int64_t now, std::span<const AckId> ids);
  /// Leases last `micros` from now on, or end with 0 (nack). Returns what was not leased so.
  std::vector<AckId> ModifyAckDeadline(int64_t now, std::span<const AckId> ids, int64_t micros);
  /// Ends the leases that are due. Cheap if none is.
  void Expire(int64_t now);
  /// New messages are in the topic's files.
  void Published();

  /// Messages for the dead-letter topic; each is given once, until Forwarded(…, false).
  Deliveries TakeForwards(int64_t now);
  void Forwarded(int64_t now, std::span<const uint64_t> offsets, bool is_done);

  /// Acknowledges all before `offset`.
  void AcknowledgeBefore(int64_t now, uint64_t offset);
  /// Forgets leases; what is not in `acked` is to be handed out (again).
  void Reset(OffsetRanges acked);

  /// What has been acknowledged; `TakeChanged` only if that changed since it was last called.
  OffsetRanges acked() const;
  std::optional<Catalog::Acked> TakeChanged();
  void MarkChanged();
  /// Before the last TakeChanged: what is leased now has been handed out, whoever counts on.
  void RememberAttempts();

  SubscriptionFigures figures() const;

 private:
  using Message = MessageBlock::Message;
  struct Pulling;

  Status TakeRetries(Pulling* pulling);
  Status TakeReadyKeys(Pulling* pulling);
  Status TakeLeft(Pulling* pulling);
  Status ReadLeft(uint64_t end, uint64_t* at, Pulling* pulling);
  bool TakeOneLeft(uint64_t offset, const Message& message, Pulling* pulling);
  Status TakeNew(Pulling* pulling);
  bool TakeFrom(const MessageBlock& block, Pulling* pulling);
  bool CanGoOn(const OrderedKey& key, const Pulling& pulling) const;
  /// False where it is to be left in the log.
  bool AddWaiting(uint64_t offset, OrderedKey* key);
  bool MustWait(const Message& message, uint64_t offset, const Pulling& pulling);
  /// False, and nothing done, if the limits don't allow it.
  bool HandOut(uint64_t offset, const Message& message,
               const std::shared_ptr<const MessageBlock>& block, Pulling* pulling);
  /// Hands out a message that has a lease; gives false where there is no room.
  Result<bool> HandOutAgain(uint64_t offset, Pulling* pulling);
  Result<std::shared_ptr<const MessageBlock>> BlockOf(uint64_t offset);

  Lease* AddLease(uint64_t offset);
  bool CountsAttempts() const { return !settings_.dead_letter_topic.empty(); }
  bool IsSpent(const Lease& lease) const;
  void CountAttempt(const Lease& lease);
  bool AcknowledgeLease(int64_t now, uint64_t offset);
  void SettleDone(OrderedKey* key);
  bool AcknowledgeOne(int64_t now, uint64_t offset);
  void EndLease(Lease* lease);
  void RemoveLease(int64_t now, Lease* lease);
  void Return(int64_t now, Lease* lease);
  void ReturnKey(int64_t now, Lease* lease);
  void ExpireLocked(int64_t now);
  void MaybeReady(int64_t now, OrderedKey* key);
  void DropIfUnused(OrderedKey* key);
  int64_t Backoff(uint32_t attempts) const;
  void SkipDropped();
  bool IsDeliverable() const;
  void UpdateDue();

  const uint64_t number_;
  const Filter filter_;
  const std::shared_ptr<const TopicFiles> files_;
  const size_t most_leases_;
  const size_t most_waiting_of_key_;
  std::atomic<int64_t> due_{INT64_MAX};  // When Expire has something to do.

  mutable std::mutex mutex_;
  SubscriptionSettings settings_;
  OffsetRanges acked_;
  AttemptTable attempts_;
  uint64_t next_;
  uint64_t next_lease_id_;
  uint64_t pulls_ = 0;
  bool is_changed_ = false;
  LeaseTable leases_;
  uint64_t leased_ = 0;
  LeaseDeadlines deadlines_;
  using Retry = std::pair<int64_t, uint64_t>;
  std::priority_queue<Retry, std::vector<Retry>, std::greater<>> retries_;
  std::deque<uint64_t> ready_;
  std::unordered_map<std::string, OrderedKey> keys_;
  std::deque<OrderedKey*> ready_keys_;
  std::vector<OrderedKey*> left_keys_;  // Can go on, with what was left in the log.
  std::vector<uint64_t> forwards_;
  std::shared_ptr<const MessageBlock> block_;        // Of the cursor.
  std::shared_ptr<const MessageBlock> left_block_;   // Of what was left in the log.
  std::shared_ptr<const MessageBlock> retry_block_;  // Of the last message handed out again.
  WaiterList waiters_;
  SubscriptionFigures counts_;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_SUBSCRIPTION_H_
