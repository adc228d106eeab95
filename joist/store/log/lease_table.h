// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// LeaseTable: what a subscription knows of messages that were handed out and are not acknowledged;
// open addressing with linear probing, nothing is allocated for a message. Belongs to one thread at
// a time. Pointers into it end with the next Insert or Erase.

#ifndef JOIST_STORE_LOG_LEASE_TABLE_H_
#define JOIST_STORE_LOG_LEASE_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace joist::store {

struct OrderedKey;

/// What one consumer has been handed and is not done with. Thread-safe.
struct Outstanding {
  std::atomic<int64_t> messages = 0;
  std::atomic<int64_t> bytes = 0;
};

/// A message that was handed out at least once, or waits behind one of its ordering key.
struct Lease {
  enum class State : uint8_t {
    kNone,
    kLeased,      ///< Handed out until `due_micros`.
    kWaiting,     ///< To be handed out (again), from `due_micros` on.
    kForwarding,  ///< On its way to the dead-letter topic.
    kDone,        ///< Acknowledged, while one before it of its ordering key is leased.
  };

  uint64_t offset = 0;
  uint64_t lease_id = 0;  ///< Of the last time that it was handed out.
  int64_t due_micros = 0;
  OrderedKey* key = nullptr;
  std::shared_ptr<Outstanding> holder = {};  ///< Who has the lease; may be null.
  uint32_t bytes = 0;                        ///< As counted there.
  uint32_t attempts = 0;
  State state = State::kNone;
};

class LeaseTable {
 public:
  LeaseTable() : slots_(kLeastSlots) {}

  size_t size() const { return size_; }

  Lease* Find(uint64_t offset) {
    for (size_t slot = SlotOf(offset); slots_[slot].state != Lease::State::kNone;
         slot = (slot + 1) & Mask()) {
      if (slots_[slot].offset == offset) return &slots_[slot];
    }
    return nullptr;
  }

  /// A lease that is not there yet; its state must be set to something else than kNone at once.
  Lease* Insert(uint64_t offset) {
    if ((size_ + 1) * 4 > slots_.size() * 3) Resize(slots_.size() * 2);
    size_t slot = SlotOf(offset);
    while (slots_[slot].state != Lease::State::kNone) slot = (slot + 1) & Mask();
    ++size_;
    slots_[slot] = Lease{.offset = offset};
    return &slots_[slot];
  }

  void Erase(Lease* lease) {
    auto hole = static_cast<size_t>(lease - slots_.data());
    for (size_t slot = (hole + 1) & Mask(); slots_[slot].state != Lease::State::kNone;
         slot = (slot + 1) & Mask()) {
      const size_t wanted = SlotOf(slots_[slot].offset);
      if (((slot - wanted) & Mask()) < ((slot - hole) & Mask())) continue;
      slots_[hole] = std::move(slots_[slot]);
      hole = slot;
    }
    slots_[hole] = Lease();
    --size_;
    if (slots_.size() > kLeastSlots && size_ * 16 < slots_.size()) Resize(slots_.size() / 4);
  }

  template <class F>
  void ForEach(F function) const {
    for (const Lease& lease : slots_) {
      if (lease.state != Lease::State::kNone) function(lease);
    }
  }

  template <class F>
  void ForEach(F function) {
    for (Lease& lease : slots_) {
      if (lease.state != Lease::State::kNone) function(lease);
    }
  }

  void Clear() {
    slots_.assign(kLeastSlots, Lease());
    size_ = 0;
  }

 private:
  static constexpr size_t kLeastSlots = 64;

  size_t Mask() const { return slots_.size() - 1; }
  size_t SlotOf(uint64_t offset) const {
    return static_cast<size_t>((offset * 0x9E3779B97F4A7C15) >> 20) & Mask();
  }
  void Resize(size_t slots) {
    std::vector<Lease> old = std::exchange(slots_, std::vector<Lease>(slots));
    for (Lease& lease : old) {
      if (lease.state == Lease::State::kNone) continue;
      size_t slot = SlotOf(lease.offset);
      while (slots_[slot].state != Lease::State::kNone) slot = (slot + 1) & Mask();
      slots_[slot] = std::move(lease);
    }
  }

  std::vector<Lease> slots_;
  size_t size_ = 0;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_LEASE_TABLE_H_
