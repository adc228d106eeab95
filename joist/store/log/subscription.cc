// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/subscription.h"

#include <algorithm>

namespace joist::store {
namespace {

constexpr int64_t kForwardAgainMicros = kMicrosPerSecond;

void Call(const std::vector<Waiter>& waiters) {
  for (const Waiter& waiter : waiters) (*waiter)();
}

}  // namespace

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
    if (settings_.is_detached) waiters = waiters_.Take();
  }
  Call(waiters);
}

void Subscription::Wait(const Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  waiters_.Add(waiter);
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
    if (IsDeliverable()) waiters = waiters_.Take();
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
    if (!extended.empty()) deadlines_.Add(now + micros, std::move(extended), leases_);
    UpdateDue();
    if (IsDeliverable()) waiters = waiters_.Take();
  }
  Call(waiters);
  return refused;
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
    if (IsDeliverable()) waiters = waiters_.Take();
  }
  Call(waiters);
}

void Subscription::ExpireLocked(int64_t now) {
  while (deadlines_.earliest() <= now) {
    for (const uint64_t offset : deadlines_.TakeEarliest()) {
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
  int64_t due = deadlines_.earliest();
  if (!retries_.empty()) due = std::min(due, retries_.top().first);
  due_.store(due, std::memory_order_relaxed);
}

void Subscription::Published() {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    if (waiters_.empty()) return;
    waiters = waiters_.Take();
  }
  Call(waiters);
}

bool Subscription::IsDeliverable() const {
  return !ready_.empty() || !ready_keys_.empty() ||
         ((next_ < files_->end() || !left_keys_.empty()) && leases_.size() < most_leases_);
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
    if (IsDeliverable()) waiters = waiters_.Take();
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
    if (IsDeliverable()) waiters = waiters_.Take();
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
    deadlines_.Clear();
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
    if (IsDeliverable()) waiters = waiters_.Take();
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
