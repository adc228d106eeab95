// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What a Subscription hands out, and in which order: what comes again, keys that can go on, what
// was left of them in the log, then what the cursor has not read yet.

#include <algorithm>
#include <utility>

#include "joist/store/log/subscription.h"

namespace joist::store {
namespace {

constexpr size_t kBlockBytes = 256 << 10;
// A pull looks at so many messages that the filter refuses or that wait, then lets others in.
constexpr size_t kMostPassedOver = 100'000;

size_t BytesOf(const MessageView& message) {
  size_t bytes = message.data.size() + message.ordering_key.size();
  message.attributes.ForEach(
      [&](std::string_view name, std::string_view value) { bytes += name.size() + value.size(); });
  return bytes;
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
      deadlines_.Add(pulling.due, std::move(pulling.offsets), leases_);
    } else if (!status.ok()) {
      return status;
    }
    is_more = IsDeliverable();
    if (pulling.deliveries.messages.empty() && waiter != nullptr && !is_more) {
      waiters_.Add(waiter);
    }
    UpdateDue();
  }
  if (pulling.deliveries.messages.empty() && waiter != nullptr && is_more) (*waiter)();
  return std::move(pulling.deliveries);
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

void Subscription::SkipDropped() {
  const uint64_t begin = files_->begin();
  if (acked_.floor() >= begin) return;
  acked_.Add(acked_.floor(), begin);
  attempts_.RemoveBefore(begin);
  next_ = std::max(next_, acked_.floor());
  is_changed_ = true;
}

}  // namespace joist::store
