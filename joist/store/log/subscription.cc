// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/subscription.h"

#include <algorithm>
#include <iterator>

namespace joist::store {
namespace {

constexpr size_t kBlockBytes = 256 << 10;
// A pull looks at so many messages that the filter refuses or that wait, then lets others in.
constexpr size_t kMostPassedOver = 100'000;
constexpr int64_t kForwardAgainMicros = kMicrosPerSecond;

size_t BytesOf(const MessageView& message) {
  size_t bytes = message.data.size() + message.ordering_key.size();
  message.attributes.ForEach(
      [&](std::string_view name, std::string_view value) { bytes += name.size() + value.size(); });
  return bytes;
}

void Call(const std::vector<Waiter>& waiters) {
  for (const Waiter& waiter : waiters) (*waiter)();
}

void EraseSorted(uint64_t offset, std::deque<uint64_t>* offsets) {
  const auto found = std::lower_bound(offsets->begin(), offsets->end(), offset);
  if (found != offsets->end() && *found == offset) offsets->erase(found);
}

}  // namespace

/// What a pull has gathered.
struct Subscription::Pulling {
  int64_t now = 0;
  PullLimits limits;
  int64_t due = 0;
  size_t bytes = 0;
  size_t passed_over = 0;
  bool is_full = false;
  Deliveries deliveries;
  std::vector<uint64_t> offsets;
};

Subscription::Subscription(uint64_t number, SubscriptionSettings settings, Filter filter,
                           std::shared_ptr<const TopicFiles> files, OffsetRanges acked,
                           AttemptTable attempts, uint64_t first_lease_id, size_t most_leases,
                           size_t most_waiting_of_key)
    : number_(number),
      filter_(std::move(filter)),
      files_(std::move(files)),
      most_leases_(most_leases),
      most_waiting_of_key_(most_waiting_of_key),
      settings_(std::move(settings)),
      acked_(std::move(acked)),
      attempts_(std::move(attempts)),
      next_(acked_.floor()),
      next_lease_id_(first_lease_id) {}

SubscriptionSettings Subscription::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

void Subscription::SetSettings(SubscriptionSettings settings) {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    settings_ = std::move(settings);
    // Who waits learns that it was detached.
    if (settings_.is_detached) waiters = TakeWaiters();
  }
  Call(waiters);
}

Result<Deliveries> Subscription::Pull(int64_t now, const PullLimits& limits, const Waiter& waiter) {
  Pulling pulling;
  bool is_more = false;
  {
    const std::lock_guard lock(mutex_);
    if (settings_.is_detached) {
      return Status(StatusCode::kFailedPrecondition, "the subscription is detached from its topic");
    }
    ExpireLocked(now);
    SkipDropped();
    ++pulls_;
    pulling.now = now;
    pulling.limits = limits;
    pulling.limits.messages = std::max<size_t>(1, limits.messages);
    pulling.due = now + (limits.ack_deadline_micros > 0 ? limits.ack_deadline_micros
                                                        : settings_.ack_deadline_micros);
    Status status = TakeRetries(&pulling);
    if (status.ok()) status = TakeReadyKeys(&pulling);
    if (status.ok()) status = TakeLeft(&pulling);
    if (status.ok()) status = TakeNew(&pulling);
    if (!pulling.offsets.empty()) {
      AddExpiry(pulling.due, std::move(pulling.offsets));
    } else if (!status.ok()) {
      return status;
    }
    is_more = IsDeliverable();
    if (pulling.deliveries.messages.empty() && waiter != nullptr && !is_more) {
      AddWaiter(waiter);
    }
    UpdateDue();
  }
  if (pulling.deliveries.messages.empty() && waiter != nullptr && is_more) (*waiter)();
  return std::move(pulling.deliveries);
}

void Subscription::Wait(const Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  AddWaiter(waiter);
}

void Subscription::AddWaiter(const Waiter& waiter) {
  if (waiters_.size() >= prune_waiters_at_) {
    std::erase_if(waiters_, [](const auto& other) { return other.expired(); });
    prune_waiters_at_ = std::max<size_t>(64, 2 * waiters_.size());
  }
  waiters_.push_back(waiter);
}

Result<std::shared_ptr<const MessageBlock>> Subscription::BlockOf(uint64_t offset) {
  if (block_ != nullptr && block_->Contains(offset)) return block_;
  if (retry_block_ == nullptr || !retry_block_->Contains(offset)) {
    JOIST_ASSIGN_OR_RETURN(retry_block_, files_->Read(offset, 1));
  }
  return retry_block_;
}

Lease* Subscription::AddLease(uint64_t offset) {
  Lease* const lease = leases_.Insert(offset);
  lease->attempts = attempts_.Of(offset);
  return lease;
}

bool Subscription::IsSpent(const Lease& lease) const {
  return CountsAttempts() &&
         lease.attempts >= static_cast<uint32_t>(settings_.max_delivery_attempts);
}

void Subscription::CountAttempt(const Lease& lease) {
  if (CountsAttempts()) attempts_.Set(lease.offset, lease.attempts);
}

bool Subscription::HandOut(uint64_t offset, const Message& message,
                           const std::shared_ptr<const MessageBlock>& block, Pulling* pulling) {
  auto& messages = pulling->deliveries.messages;
  const size_t bytes = BytesOf(message.view);
  if (messages.size() >= pulling->limits.messages ||
      (!messages.empty() && pulling->bytes + bytes > pulling->limits.bytes)) {
    pulling->is_full = true;
    return false;
  }
  Lease* lease = leases_.Find(offset);
  if (lease == nullptr) {
    lease = AddLease(offset);
    if (settings_.is_ordered && !message.view.ordering_key.empty()) {
      const auto key = keys_.try_emplace(std::string(message.view.ordering_key)).first;
      key->second.name = &key->first;
      lease->key = &key->second;
    }
  }
  if (lease->key != nullptr) {
    lease->key->leased.push_back(offset);
    lease->key->pull = pulls_;
  }
  // An earlier process handed it out for the last time: whoever has it may still acknowledge it.
  const bool is_held = lease->lease_id == 0 && IsSpent(*lease);
  lease->state = Lease::State::kLeased;
  lease->lease_id = next_lease_id_++;
  lease->due_micros = pulling->due;
  ++leased_;
  pulling->offsets.push_back(offset);
  if (is_held) {
    if (lease->key != nullptr) lease->key->pull = 0;  // Nothing behind it either.
    return true;
  }
  if (++lease->attempts > 1) CountAttempt(*lease);
  if (pulling->limits.holder != nullptr) {
    lease->holder = pulling->limits.holder;
    lease->bytes = static_cast<uint32_t>(bytes);
    lease->holder->messages.fetch_add(1, std::memory_order_relaxed);
    lease->holder->bytes.fetch_add(lease->bytes, std::memory_order_relaxed);
  }
  ++counts_.deliveries;
  pulling->bytes += bytes;
  auto& blocks = pulling->deliveries.blocks;
  if (blocks.empty() || blocks.back() != block) blocks.push_back(block);
  messages.push_back({.id = {offset, lease->lease_id},
                      .attempts = lease->attempts,
                      .publish_micros = message.publish_micros,
                      .message = message.view});
  return true;
}

Result<bool> Subscription::HandOutAgain(uint64_t offset, Pulling* pulling) {
  auto block = BlockOf(offset);
  if (!block.ok()) {
    if (block.status().code() != StatusCode::kOutOfRange) return block.status();
    AcknowledgeOne(pulling->now, offset);  // Retention has dropped it.
    return true;
  }
  return HandOut(offset, block.value()->at(offset), *block, pulling);
}

Status Subscription::TakeRetries(Pulling* pulling) {
  while (!ready_.empty()) {
    const uint64_t offset = ready_.front();
    const Lease* lease = leases_.Find(offset);
    if (lease != nullptr && lease->state == Lease::State::kWaiting) {
      JOIST_ASSIGN_OR_RETURN(const bool is_done, HandOutAgain(offset, pulling));
      if (!is_done) return OkStatus();
    }
    ready_.pop_front();
  }
  return OkStatus();
}

Status Subscription::TakeReadyKeys(Pulling* pulling) {
  while (!ready_keys_.empty() && !pulling->is_full) {
    OrderedKey* key = ready_keys_.front();
    while (!key->waiting.empty() && key->forwarding == 0 &&
           (key->leased.empty() || key->pull == pulls_)) {
      const uint64_t offset = key->waiting.front();
      JOIST_ASSIGN_OR_RETURN(const bool is_done, HandOutAgain(offset, pulling));
      if (!is_done) break;
      EraseSorted(offset, &key->waiting);
    }
    // Without room for its first message the key stays where it is.
    if (pulling->is_full && key->leased.empty() && !key->waiting.empty()) break;
    ready_keys_.pop_front();
    key->is_ready = false;
    if (key->waiting.empty() && key->has_left() && !key->is_left_ready) {
      key->is_left_ready = true;
      left_keys_.push_back(key);
    }
    DropIfUnused(key);
  }
  return OkStatus();
}

Status Subscription::TakeLeft(Pulling* pulling) {
  if (left_keys_.empty() || pulling->is_full) return OkStatus();
  uint64_t at = UINT64_MAX;
  uint64_t end = 0;
  for (const OrderedKey* key : left_keys_) {
    at = std::min(at, key->left_begin);
    end = std::max(end, key->left_end);
  }
  const Status status = ReadLeft(end, &at, pulling);
  for (OrderedKey* key : std::exchange(left_keys_, {})) {
    if (key->is_left_ready) {
      key->left_begin = std::max(key->left_begin, at);
      key->is_left_ready = key->has_left();
      if (key->is_left_ready) left_keys_.push_back(key);
    }
    MaybeReady(pulling->now, key);
  }
  return status;
}

Status Subscription::ReadLeft(uint64_t end, uint64_t* at, Pulling* pulling) {
  size_t keys = left_keys_.size();
  while (*at < end && keys > 0 && !pulling->is_full && leases_.size() < most_leases_ &&
         pulling->passed_over < kMostPassedOver / 2) {
    if (const uint64_t beyond = acked_.EndOfRange(*at); beyond != *at) {
      *at = beyond;
      continue;
    }
    if (left_block_ == nullptr || !left_block_->Contains(*at)) {
      JOIST_ASSIGN_OR_RETURN(left_block_, files_->Read(*at, kBlockBytes));
    }
    if (!TakeOneLeft(*at, left_block_->at(*at), pulling)) --keys;
    ++*at;
  }
  return OkStatus();
}

/// False where the key has as many as may wait, so that nothing more of it is taken.
bool Subscription::TakeOneLeft(uint64_t offset, const Message& message, Pulling* pulling) {
  const auto found = keys_.find(std::string(message.view.ordering_key));
  if (found == keys_.end() || !found->second.is_left_ready || offset < found->second.left_begin ||
      offset >= found->second.left_end) {
    ++pulling->passed_over;
    return true;
  }
  OrderedKey* const key = &found->second;
  const bool is_taken = (key->waiting.empty() && CanGoOn(*key, *pulling) &&
                         HandOut(offset, message, left_block_, pulling)) ||
                        AddWaiting(offset, key);
  key->left_begin = is_taken ? offset + 1 : offset;
  key->is_left_ready = is_taken;
  return is_taken;
}

Status Subscription::TakeNew(Pulling* pulling) {
  const uint64_t end = files_->end();
  while (!pulling->is_full && next_ < end && leases_.size() < most_leases_ &&
         pulling->passed_over < kMostPassedOver) {
    if (const uint64_t beyond = acked_.EndOfRange(next_); beyond != next_) {
      next_ = beyond;
      continue;
    }
    if (block_ == nullptr || !block_->Contains(next_)) {
      JOIST_ASSIGN_OR_RETURN(block_, files_->Read(next_, kBlockBytes));
    }
    if (!TakeFrom(*block_, pulling)) break;
  }
  return OkStatus();
}

bool Subscription::TakeFrom(const MessageBlock& block, Pulling* pulling) {
  const uint64_t begin = next_;
  uint64_t refused_from = next_;  // [refused_from, next_) is what the filter refuses.
  const auto acknowledge_refused = [&] {
    if (refused_from == next_) return;
    counts_.filtered += acked_.Add(refused_from, next_);
    is_changed_ = true;
  };
  for (; next_ < block.end(); ++next_) {
    if (pulling->passed_over >= kMostPassedOver || leases_.size() >= most_leases_) break;
    if (acked_.Contains(next_)) break;
    const Message& message = block.at(next_);
    if (!filter_.Matches(message.view.attributes)) {
      ++pulling->passed_over;
      continue;
    }
    acknowledge_refused();
    refused_from = next_ + 1;
    if (MustWait(message, next_, *pulling)) {
      ++pulling->passed_over;
      continue;
    }
    if (!HandOut(next_, message, block_, pulling)) {
      refused_from = next_;
      break;
    }
  }
  acknowledge_refused();
  return next_ != begin;
}

bool Subscription::MustWait(const Message& message, uint64_t offset, const Pulling& pulling) {
  if (!settings_.is_ordered || message.view.ordering_key.empty()) return false;
  const auto found = keys_.find(std::string(message.view.ordering_key));
  if (found == keys_.end()) return false;
  OrderedKey& key = found->second;
  if (key.waiting.empty() && !key.has_left() && CanGoOn(key, pulling)) return false;
  if (key.has_left() || !AddWaiting(offset, &key)) {
    if (!key.has_left()) key.left_begin = offset;
    key.left_end = offset + 1;
  }
  return true;
}

bool Subscription::CanGoOn(const OrderedKey& key, const Pulling& pulling) const {
  return key.forwarding == 0 && key.not_before_micros <= pulling.now &&
         (key.leased.empty() || key.pull == pulls_);
}

bool Subscription::AddWaiting(uint64_t offset, OrderedKey* key) {
  // One of each key may, or it would never be found again.
  const bool has_room =
      key->waiting.size() < most_waiting_of_key_ && leases_.size() < most_leases_ / 2;
  if (!has_room && !(key->waiting.empty() && key->is_left_ready)) return false;
  Lease* lease = AddLease(offset);
  lease->state = Lease::State::kWaiting;
  lease->key = key;
  key->waiting.push_back(offset);
  return true;
}

bool Subscription::AcknowledgeOne(int64_t now, uint64_t offset) {
  if (Lease* lease = leases_.Find(offset); lease != nullptr) RemoveLease(now, lease);
  attempts_.Remove(offset);
  is_changed_ = true;
  return acked_.Add(offset, offset + 1) > 0;
}

bool Subscription::AcknowledgeLease(int64_t now, uint64_t offset) {
  Lease* lease = leases_.Find(offset);
  if (lease == nullptr || lease->key == nullptr) return AcknowledgeOne(now, offset);
  if (lease->state != Lease::State::kLeased) return false;  // It comes again, in its turn.
  OrderedKey* const key = lease->key;
  EndLease(lease);
  lease->state = Lease::State::kDone;
  SettleDone(key);
  MaybeReady(now, key);
  return true;
}

void Subscription::SettleDone(OrderedKey* key) {
  while (!key->leased.empty()) {
    const uint64_t offset = key->leased.front();
    Lease* lease = leases_.Find(offset);
    if (lease->state != Lease::State::kDone) return;
    leases_.Erase(lease);
    key->leased.pop_front();
    attempts_.Remove(offset);
    acked_.Add(offset, offset + 1);
    is_changed_ = true;
  }
}

void Subscription::EndLease(Lease* lease) {
  --leased_;
  if (lease->holder == nullptr) return;
  lease->holder->messages.fetch_sub(1, std::memory_order_relaxed);
  lease->holder->bytes.fetch_sub(lease->bytes, std::memory_order_relaxed);
  lease->holder.reset();
}

void Subscription::RemoveLease(int64_t now, Lease* lease) {
  if (lease->state == Lease::State::kLeased) EndLease(lease);
  OrderedKey* const key = lease->key;
  if (key != nullptr) {
    switch (lease->state) {
      case Lease::State::kLeased:
      case Lease::State::kDone: EraseSorted(lease->offset, &key->leased); break;
      case Lease::State::kWaiting: EraseSorted(lease->offset, &key->waiting); break;
      case Lease::State::kForwarding: --key->forwarding; break;
      case Lease::State::kNone: break;
    }
  }
  leases_.Erase(lease);
  if (key == nullptr) return;
  SettleDone(key);
  MaybeReady(now, key);
}

void Subscription::MaybeReady(int64_t now, OrderedKey* key) {
  const bool is_free = key->leased.empty() && key->forwarding == 0;
  if (is_free && key->waiting.empty() && key->has_left() && !key->is_left_ready) {
    key->is_left_ready = true;
    left_keys_.push_back(key);
  }
  if (is_free && !key->waiting.empty() && !key->is_ready) {
    if (key->not_before_micros > now) {
      retries_.emplace(key->not_before_micros, key->waiting.front());
    } else {
      key->is_ready = true;
      ready_keys_.push_back(key);
    }
  }
  DropIfUnused(key);
}

void Subscription::DropIfUnused(OrderedKey* key) {
  if (!key->leased.empty() || !key->waiting.empty() || key->forwarding > 0 || key->is_ready ||
      key->has_left() || key->is_left_ready) {
    return;
  }
  keys_.erase(keys_.find(*key->name));
}

std::vector<AckId> Subscription::Acknowledge(int64_t now, std::span<const AckId> ids) {
  std::vector<AckId> refused;
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    ExpireLocked(now);
    const uint64_t end = files_->end();
    for (const AckId& id : ids) {
      if (settings_.is_exactly_once) {
        const Lease* lease = leases_.Find(id.offset);
        if (lease == nullptr || lease->state != Lease::State::kLeased ||
            lease->lease_id != id.lease_id) {
          refused.push_back(id);
          continue;
        }
      }
      if (id.offset < end && AcknowledgeLease(now, id.offset)) ++counts_.acks;
    }
    UpdateDue();
    if (IsDeliverable()) waiters = TakeWaiters();
  }
  Call(waiters);
  return refused;
}

std::vector<AckId> Subscription::ModifyAckDeadline(int64_t now, std::span<const AckId> ids,
                                                   int64_t micros) {
  std::vector<AckId> refused;
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    ExpireLocked(now);
    std::vector<uint64_t> extended;
    for (const AckId& id : ids) {
      Lease* lease = leases_.Find(id.offset);
      if (lease == nullptr || lease->state != Lease::State::kLeased ||
          lease->lease_id != id.lease_id) {
        refused.push_back(id);
      } else if (micros > 0) {
        lease->due_micros = now + micros;
        extended.push_back(id.offset);
      } else {
        ++counts_.nacks;
        Return(now, lease);
      }
    }
    if (!extended.empty()) AddExpiry(now + micros, std::move(extended));
    UpdateDue();
    if (IsDeliverable()) waiters = TakeWaiters();
  }
  Call(waiters);
  return refused;
}

void Subscription::AddExpiry(int64_t due, std::vector<uint64_t> offsets) {
  expiring_ += offsets.size();
  expiries_.emplace(due, std::move(offsets));
  // Deadlines that were moved leave old entries behind; not more of them than leases.
  if (expiring_ < 4 * leases_.size() + 1024) return;
  std::map<int64_t, std::vector<uint64_t>> current;
  leases_.ForEach([&](const Lease& lease) {
    if (lease.state == Lease::State::kLeased) current[lease.due_micros].push_back(lease.offset);
  });
  expiries_.clear();
  expiring_ = 0;
  for (auto& [when, leased] : current) {
    expiring_ += leased.size();
    expiries_.emplace_hint(expiries_.end(), when, std::move(leased));
  }
}

int64_t Subscription::Backoff(uint32_t attempts) const {
  int64_t backoff = settings_.min_backoff_micros;
  for (uint32_t i = 1; i < attempts && backoff < settings_.max_backoff_micros; ++i) backoff *= 2;
  return std::min(backoff, std::max(settings_.min_backoff_micros, settings_.max_backoff_micros));
}

void Subscription::Return(int64_t now, Lease* lease) {
  CountAttempt(*lease);
  if (IsSpent(*lease)) {
    EndLease(lease);
    lease->state = Lease::State::kForwarding;
    forwards_.push_back(lease->offset);
    if (lease->key != nullptr) {
      EraseSorted(lease->offset, &lease->key->leased);
      ++lease->key->forwarding;
      SettleDone(lease->key);
    }
    return;
  }
  lease->due_micros = now + Backoff(lease->attempts);
  if (lease->key != nullptr) {
    ReturnKey(now, lease);
    return;
  }
  EndLease(lease);
  lease->state = Lease::State::kWaiting;
  if (lease->due_micros <= now) {
    ready_.push_back(lease->offset);
  } else {
    retries_.emplace(lease->due_micros, lease->offset);
  }
}

void Subscription::ReturnKey(int64_t now, Lease* lease) {
  // What was handed out after it comes again after it.
  OrderedKey* const key = lease->key;
  const uint64_t offset = lease->offset;
  key->not_before_micros = lease->due_micros;
  while (!key->leased.empty() && key->leased.back() >= offset) {
    const uint64_t later = key->leased.back();
    key->leased.pop_back();
    key->waiting.push_front(later);
    Lease* const returned = leases_.Find(later);
    CountAttempt(*returned);
    if (returned->state == Lease::State::kLeased) EndLease(returned);
    returned->state = Lease::State::kWaiting;
  }
  MaybeReady(now, key);
}

void Subscription::Expire(int64_t now) {
  if (due_.load(std::memory_order_relaxed) > now) return;
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    ExpireLocked(now);
    UpdateDue();
    if (IsDeliverable()) waiters = TakeWaiters();
  }
  Call(waiters);
}

void Subscription::ExpireLocked(int64_t now) {
  while (!expiries_.empty() && expiries_.begin()->first <= now) {
    const auto group = expiries_.extract(expiries_.begin());
    expiring_ -= group.mapped().size();
    for (const uint64_t offset : group.mapped()) {
      Lease* lease = leases_.Find(offset);
      if (lease == nullptr || lease->state != Lease::State::kLeased || lease->due_micros > now) {
        continue;
      }
      ++counts_.expired;
      Return(now, lease);
    }
  }
  while (!retries_.empty() && retries_.top().first <= now) {
    const uint64_t offset = retries_.top().second;
    retries_.pop();
    const Lease* lease = leases_.Find(offset);
    if (lease == nullptr || lease->state != Lease::State::kWaiting) continue;
    if (lease->key != nullptr) {
      MaybeReady(now, lease->key);
    } else {
      ready_.push_back(offset);
    }
  }
}

void Subscription::UpdateDue() {
  int64_t due = expiries_.empty() ? INT64_MAX : expiries_.begin()->first;
  if (!retries_.empty()) due = std::min(due, retries_.top().first);
  due_.store(due, std::memory_order_relaxed);
}

void Subscription::Published() {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    if (waiters_.empty()) return;
    waiters = TakeWaiters();
  }
  Call(waiters);
}

std::vector<Waiter> Subscription::TakeWaiters() {
  std::vector<Waiter> taken;
  taken.reserve(waiters_.size());
  for (const auto& waiter : waiters_) {
    if (Waiter alive = waiter.lock(); alive != nullptr) taken.push_back(std::move(alive));
  }
  waiters_.clear();
  return taken;
}

bool Subscription::IsDeliverable() const {
  return !ready_.empty() || !ready_keys_.empty() ||
         ((next_ < files_->end() || !left_keys_.empty()) && leases_.size() < most_leases_);
}

void Subscription::SkipDropped() {
  const uint64_t begin = files_->begin();
  if (acked_.floor() >= begin) return;
  acked_.Add(acked_.floor(), begin);
  attempts_.RemoveBefore(begin);
  next_ = std::max(next_, acked_.floor());
  is_changed_ = true;
}

Deliveries Subscription::TakeForwards(int64_t now) {
  Deliveries taken;
  const std::lock_guard lock(mutex_);
  for (const uint64_t offset : std::exchange(forwards_, {})) {
    const Lease* lease = leases_.Find(offset);
    if (lease == nullptr || lease->state != Lease::State::kForwarding) continue;
    const uint32_t attempts = lease->attempts;
    auto block = BlockOf(offset);
    if (!block.ok()) {
      AcknowledgeOne(now, offset);  // It can be handed to nobody any more.
      continue;
    }
    const Message& message = block.value()->at(offset);
    taken.messages.push_back({.id = {offset, 0},
                              .attempts = attempts,
                              .publish_micros = message.publish_micros,
                              .message = message.view});
    taken.blocks.push_back(std::move(*block));
  }
  return taken;
}

void Subscription::Forwarded(int64_t now, std::span<const uint64_t> offsets, bool is_done) {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    for (const uint64_t offset : offsets) {
      Lease* lease = leases_.Find(offset);
      if (lease == nullptr || lease->state != Lease::State::kForwarding) continue;
      if (is_done) {
        AcknowledgeOne(now, offset);
        ++counts_.dead_lettered;
        continue;
      }
      lease->state = Lease::State::kWaiting;
      lease->due_micros = now + kForwardAgainMicros;
      if (OrderedKey* key = lease->key; key != nullptr) {
        --key->forwarding;
        key->not_before_micros = lease->due_micros;
        key->waiting.insert(std::lower_bound(key->waiting.begin(), key->waiting.end(), offset),
                            offset);
        MaybeReady(now, key);
      } else {
        retries_.emplace(lease->due_micros, offset);
      }
    }
    UpdateDue();
    if (IsDeliverable()) waiters = TakeWaiters();
  }
  Call(waiters);
}

void Subscription::AcknowledgeBefore(int64_t now, uint64_t offset) {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    std::vector<uint64_t> before;
    leases_.ForEach([&](const Lease& lease) {
      if (lease.offset < offset) before.push_back(lease.offset);
    });
    std::sort(before.begin(), before.end());
    for (const uint64_t leased : before) AcknowledgeOne(now, leased);
    acked_.Add(acked_.floor(), offset);
    attempts_.RemoveBefore(offset);
    next_ = std::max(next_, acked_.floor());
    is_changed_ = true;
    UpdateDue();
    if (IsDeliverable()) waiters = TakeWaiters();
  }
  Call(waiters);
}

void Subscription::Reset(OffsetRanges acked) {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    leases_.ForEach([&](Lease& lease) {
      if (lease.state == Lease::State::kLeased) EndLease(&lease);
    });
    leases_.Clear();
    expiries_.clear();
    expiring_ = 0;
    retries_ = {};
    ready_.clear();
    ready_keys_.clear();
    left_keys_.clear();
    keys_.clear();
    forwards_.clear();
    attempts_.RemoveBefore(UINT64_MAX);
    acked_ = std::move(acked);
    next_ = acked_.floor();
    is_changed_ = true;
    UpdateDue();
    if (IsDeliverable()) waiters = TakeWaiters();
  }
  Call(waiters);
}

OffsetRanges Subscription::acked() const {
  const std::lock_guard lock(mutex_);
  return acked_;
}

std::optional<Catalog::Acked> Subscription::TakeChanged() {
  const std::lock_guard lock(mutex_);
  const bool is_tried = attempts_.TakeIsChanged();
  if (!std::exchange(is_changed_, false) && !is_tried) return std::nullopt;
  Catalog::Acked changed = {.subscription = number_, .ranges = acked_.Encode()};
  if (is_tried) changed.attempts = attempts_.Encode();
  return changed;
}

void Subscription::RememberAttempts() {
  const std::lock_guard lock(mutex_);
  if (!CountsAttempts()) return;
  leases_.ForEach([&](const Lease& lease) {
    if (lease.attempts > 0) CountAttempt(lease);
  });
}

void Subscription::MarkChanged() {
  const std::lock_guard lock(mutex_);
  is_changed_ = true;
  attempts_.MarkChanged();
}

SubscriptionFigures Subscription::figures() const {
  uint64_t oldest = 0;
  SubscriptionFigures figures;
  {
    const std::lock_guard lock(mutex_);
    figures = counts_;
    figures.outstanding = leased_;
    oldest = std::max(acked_.floor(), files_->begin());
    figures.unacked = acked_.CountMissing(oldest, files_->end());
  }
  if (figures.unacked == 0) return figures;
  if (const auto block = files_->Read(oldest, 1); block.ok()) {
    figures.oldest_unacked_micros = block.value()->at(oldest).publish_micros;
  }
  return figures;
}

}  // namespace joist::store
