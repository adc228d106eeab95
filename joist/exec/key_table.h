// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeyTable<K, Value>: a hash table from keys to values, worked by the batch: slots are prefetched
// some keys ahead of the one that is touched. Not thread-safe for writing; many threads may scan it
// at once.
//
// Invariants:
//  1. Open addressing, linear probing, no deletion. A key's home slot is given by the HIGH bits of
//     its hash, so the table is ordered by hash but for displacement, and the keys of a hash range
//     lie in a range of slots and the occupied run that follows it: workers can merge tables range
//     by range in parallel.
//  2. A slot of zero bytes is empty.
//  3. At most 3/4 of the home slots are occupied when an Upsert begins.
//  4. The address of a Value is good until the next Upsert.

#ifndef JOIST_EXEC_KEY_TABLE_H_
#define JOIST_EXEC_KEY_TABLE_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

#include "joist/base/arena.h"
#include "joist/base/hash.h"
#include "joist/base/pages.h"
#include "joist/base/status.h"
#include "joist/exec/element.h"
#include "joist/model/key_traits.h"

namespace joist {

namespace key_slot {

/// Up to 16 bytes at `data`, zero-padded; the same as LoadPrefix. Reads 16 bytes at once where that
/// can't touch another page, which spares a mispredicted branch on the size of every word.
inline KeyPrefix LoadPrefixFast(const char* data, size_t size) {
#if !defined(JOIST_ASAN) && !defined(__SANITIZE_THREAD__)
  // The -1 keeps the null pointer of an empty view out.
  if (((reinterpret_cast<uintptr_t>(data) - 1) & 4095) < 4096 - 16) [[likely]] {
    // Sixteen bytes of ones, then of zeros: 16 - size in, a mask of the first `size`.
    alignas(32) static constexpr uint64_t kMask[4] = {~uint64_t{0}, ~uint64_t{0}, 0, 0};
    KeyPrefix prefix, mask;
    asm("" : "+r"(data));  // Hides the literal that it may be, past whose end the compiler warns.
    std::memcpy(&prefix, data, 16);
    std::memcpy(&mask, reinterpret_cast<const char*>(kMask) + 16 - std::min<size_t>(size, 16), 16);
    prefix.low &= mask.low;
    prefix.high &= mask.high;
    return prefix;
  }
#endif
  return LoadPrefix(data, size);
}

/// A key of at most 64 bits. The word 0 would look like an empty slot; the table keeps it apart.
template <class K>
struct Word {
  struct Probe {
    uint64_t word;
    uint64_t hash;
  };
  uint64_t word;

  static Probe Make(View<K> key) {
    const uint64_t word = KeyTraits<K>::ToWord(key);
    return {word, HashWord(word)};
  }
  static constexpr bool kZeroIsApart = true;
  static constexpr bool kInBlocks = false;
  bool empty() const { return word == 0; }
  bool Matches(const Probe& probe) const { return word == probe.word; }
  void Write(const Probe& probe, View<K>, Arena&) { word = probe.word; }
  uint64_t hash() const { return HashWord(word); }
  View<K> key() const { return KeyTraits<K>::FromWord(word); }
};

/// A string: up to 16 bytes inside of the slot, longer ones in the table's arena.
struct Text {
  struct Probe {
    KeyPrefix prefix;
    uint64_t hash;
    uint32_t tag;
  };
  KeyPrefix prefix;   // Longer than 16 bytes: the first 8, and the address of all.
  uint32_t tag;       // Size + 1.
  uint32_t hash_top;  // The hash's 32 high bits; a table never needs more.

  static Probe Make(std::string_view key) {
    JOIST_CHECK(key.size() < UINT32_MAX);
    Probe probe;
    probe.tag = static_cast<uint32_t>(key.size() + 1);
    if (key.size() <= 16) [[likely]] {
      probe.prefix = LoadPrefixFast(key.data(), key.size());
      probe.hash = HashPrefix(probe.prefix, key.size());
    } else {
      std::memcpy(&probe.prefix.low, key.data(), 8);
      probe.prefix.high = reinterpret_cast<uintptr_t>(key.data());
      probe.hash = HashBytes(key);
    }
    return probe;
  }
  static constexpr bool kInBlocks = true;
  static constexpr bool kZeroIsApart = false;
  bool empty() const { return tag == 0; }
  bool Matches(const Probe& probe) const {
    if (tag != probe.tag || prefix.low != probe.prefix.low) return false;
    if (tag <= 17) [[likely]]
      return prefix.high == probe.prefix.high;
    return std::memcmp(reinterpret_cast<const char*>(prefix.high),
                       reinterpret_cast<const char*>(probe.prefix.high), tag - 1) == 0;
  }
  void Write(const Probe& probe, std::string_view key, Arena& arena) {
    prefix = probe.prefix;
    tag = probe.tag;
    hash_top = static_cast<uint32_t>(probe.hash >> 32);
    if (key.size() > 16) prefix.high = reinterpret_cast<uintptr_t>(arena.Copy(key).data());
  }
  uint64_t hash() const { return static_cast<uint64_t>(hash_top) << 32; }
  /// For short keys a view into the slot itself.
  std::string_view key() const {
    const size_t size = tag - 1;
    return {size <= 16 ? reinterpret_cast<const char*>(&prefix)
                       : reinterpret_cast<const char*>(prefix.high),
            size};
  }
};

/// Words and texts; other keys are texts by their encoding (joist/exec/group_key.h).
template <class K>
struct For {
  static_assert(KeyTraits<K>::kIsWord);
  using type = Word<K>;
};
template <>
struct For<std::string> {
  using type = Text;
};

}  // namespace key_slot

template <class K, class Value>
class KeyTable {
  static_assert(std::is_trivially_copyable_v<Value>, "slots are moved by their bytes");
  using KeySlot = typename key_slot::For<K>::type;
  using Probe = typename KeySlot::Probe;
  /// Keys between two looks at whether the table must grow.
  static constexpr size_t kChunk = kBatchSize;
  /// How many keys before it is touched a slot is prefetched: as many misses as the machine can
  /// bear are always under way. Measured against whole blocks of 256: 7.0 ns a key instead of 9.3
  /// in a table of 256 MB.
  static constexpr size_t kAhead = 64;
  static constexpr size_t kBlock = 256;
  /// At most so many slots behind the last home slot, for the displaced; what needs more makes the
  /// table grow.
  static constexpr size_t kMostBehind = 1024;

 public:
  struct Slot {
    KeySlot key_slot;
    Value value;

    View<K> key() const { return key_slot.key(); }
  };

  /// `skip_bits`: high bits that all hashes have in common, as in one partition.
  explicit KeyTable(size_t expected_keys = 0, int skip_bits = 0)
      : bits_(
            std::clamp(static_cast<int>(std::bit_width(expected_keys + expected_keys / 2)), 6, 31)),
        skip_bits_(skip_bits),
        pages_(SlotCount() * sizeof(Slot)) {}

  size_t size() const { return size_ + (has_zero_ ? 1 : 0); }
  int bits() const { return bits_; }
  size_t held_bytes() const { return pages_.size() + keeper_.held_bytes(); }
  /// Bytes that growing for `more` keys would take at the least; 0 if there is room for them.
  size_t bytes_to_grow(size_t more) const {
    return HasRoomFor(more) ? 0 : SlotCount(bits_ + 1) * sizeof(Slot);
  }
  /// Does not grow in leaps that would take more than this.
  void set_most_bytes(size_t bytes) { most_bytes_ = bytes; }

  /// Forgets all keys; the memory stays for the next ones.
  void Clear() {
    std::memset(pages_.data(), 0, SlotCount() * sizeof(Slot));
    size_ = 0;
    has_zero_ = false;
    keeper_.Reset();
  }

  /// For i in [0, count): finds the value of key(i), starting as make() if the key is new,
  /// and calls update(i, Value&).
  template <class Key, class Make, class Update>
  void Upsert(size_t count, Key key, Make make, Update update) {
    for (size_t first = 0; first < count; first += kChunk) {
      const size_t n = std::min(kChunk, count - first);
      while (!HasRoomFor(n)) Grow();
      if constexpr (KeySlot::kInBlocks) {
        // Hashing runs without a mispredicted branch; kept apart, it isn't flushed by those of
        // finding.
        Probe probes[kBlock];
        for (size_t begin = 0; begin < n; begin += kBlock) {
          const size_t end = std::min(begin + kBlock, n);
          for (size_t i = begin; i < end; ++i) {
            probes[i - begin] = KeySlot::Make(key(first + i));
            __builtin_prefetch(Home(probes[i - begin].hash), 1);
          }
          for (size_t i = begin; i < end; ++i) {
            update(first + i, Find(probes[i - begin], [&] { return key(first + i); }, make));
          }
        }
      } else {
        Probe ring[kAhead];
        const size_t ahead = std::min(kAhead, n);
        for (size_t i = 0; i < ahead; ++i) ring[i] = ProbeAndPrefetch(key(first + i));
        for (size_t i = 0; i < n; ++i) {
          Probe& probe = ring[i % kAhead];
          update(first + i, Find(probe, [&] { return key(first + i); }, make));
          if (i + kAhead < n) probe = ProbeAndPrefetch(key(first + i + kAhead));
        }
      }
    }
  }

  /// The value of one key, `fresh` if it is new: for where few are looked up.
  [[gnu::noinline]] Value& FindOrAdd(View<K> key, const Value& fresh) {
    while (!HasRoomFor(1)) Grow();
    return Find(KeySlot::Make(key), [&] { return key; }, [&] { return fresh; });
  }

  /// The value of `key`, or null.
  const Value* Lookup(View<K> key) const {
    const Probe probe = KeySlot::Make(key);
    if constexpr (KeySlot::kZeroIsApart) {
      if (probe.word == 0) return has_zero_ ? &zero_.value : nullptr;
    }
    for (const Slot* slot = Home(probe.hash);; ++slot) {
      if (slot->key_slot.empty()) return nullptr;
      if (slot->key_slot.Matches(probe)) return &slot->value;
    }
  }

  /// Calls take(const Slot&) for the keys whose hash (after skip_bits) has `partition` as its
  /// `partition_bits` high bits (at most bits()).
  template <class Take>
  void ForEach(uint64_t partition, int partition_bits, Take take) const {
    const int shift = bits_ - partition_bits;
    if (has_zero_ && HomeIndex(zero_.key_slot.hash()) >> shift == partition) take(zero_);
    const Slot* const slots = Slots();
    const size_t begin = static_cast<size_t>(partition << shift);
    const size_t end = static_cast<size_t>((partition + 1) << shift);
    // Up to the first empty slot there may be keys displaced from before `begin`; behind it and up
    // to `end` every key is of this range; behind `end` those that were displaced from it.
    size_t i = begin;
    for (; i < end && !slots[i].key_slot.empty(); ++i) {
      if (HomeIndex(slots[i].key_slot.hash()) >= begin) take(slots[i]);
    }
    for (; i < end; ++i) {
      if (!slots[i].key_slot.empty()) take(slots[i]);
    }
    for (; i < SlotCount() && !slots[i].key_slot.empty(); ++i) {
      if (const size_t home = HomeIndex(slots[i].key_slot.hash()); home >= begin && home < end) {
        take(slots[i]);
      }
    }
  }
  template <class Take>
  void ForEach(Take take) const {
    ForEach(0, 0, take);
  }
  /// Lets each value be changed in place.
  template <class Take>
  void ForEachMutable(Take take) {
    ForEach(0, 0, [&](const Slot& slot) { take(const_cast<Slot&>(slot)); });
  }

 private:
  size_t HomeSlots() const { return size_t{1} << bits_; }
  bool HasRoomFor(size_t more) const { return size_ + more <= HomeSlots() / 4 * 3; }
  size_t SlotCount() const { return SlotCount(bits_); }
  static size_t SlotCount(int bits) {
    const size_t home = size_t{1} << bits;
    return home + std::min(home, kMostBehind);
  }
  Slot* Slots() { return static_cast<Slot*>(pages_.data()); }
  const Slot* Slots() const { return static_cast<const Slot*>(pages_.data()); }
  size_t HomeIndex(uint64_t hash) const { return HomeIndex(hash, bits_); }
  size_t HomeIndex(uint64_t hash, int bits) const {
    return static_cast<size_t>(hash << skip_bits_ >> (64 - bits));
  }
  Slot* Home(uint64_t hash) { return Slots() + HomeIndex(hash); }
  const Slot* Home(uint64_t hash) const { return Slots() + HomeIndex(hash); }

  template <class Key>
  [[gnu::always_inline]] Probe ProbeAndPrefetch(const Key& key) {
    const Probe probe = KeySlot::Make(key);
    __builtin_prefetch(Home(probe.hash), 0, 2);
    return probe;
  }

  template <class Key, class Make>
  [[gnu::always_inline]] Value& Find(const Probe& probe, Key key, Make make) {
    if constexpr (KeySlot::kZeroIsApart) {
      if (probe.word == 0) [[unlikely]] {
        if (!has_zero_) {
          zero_.key_slot.word = 0;
          zero_.value = make();
          has_zero_ = true;
        }
        return zero_.value;
      }
    }
    Slot* slot = Home(probe.hash);
    while (true) {
      if (slot->key_slot.Matches(probe)) [[likely]]
        return slot->value;
      if (slot->key_slot.empty()) {
        if (slot != Slots() + SlotCount() - 1) [[likely]]
          break;
        Grow();  // The last one stays empty for scans.
        slot = Home(probe.hash);
        continue;
      }
      ++slot;
    }
    slot->value = make();
    slot->key_slot.Write(probe, key(), keeper_);
    ++size_;
    return slot->value;
  }

  [[gnu::noinline]] void Grow() {
    // Growing is what costs, memory permitting.
    constexpr int kFourfoldBits = std::bit_width((size_t{256} << 20) / sizeof(Slot)) - 1;
    const bool leap = bits_ + 2 <= kFourfoldBits && (sizeof(Slot) << (bits_ + 2)) <= most_bytes_;
    for (int bits = bits_ + (leap ? 2 : 1);; ++bits) {
      if (TryGrow(bits)) return;
    }
  }

  bool TryGrow(int bits) {
    JOIST_CHECK(bits <= 31);
    const size_t slot_count = SlotCount(bits);
    Pages pages(slot_count * sizeof(Slot));
    Slot* const slots = static_cast<Slot*>(pages.data());
    // In the order of slots, and so nearly in the order of hashes: the new table is filled from its
    // beginning to its end.
    for (Slot *from = Slots(), *end = from + SlotCount(); from < end; ++from) {
      if (from->key_slot.empty()) continue;
      Slot* to = slots + HomeIndex(from->key_slot.hash(), bits);
      while (!to->key_slot.empty()) ++to;
      if (to == slots + slot_count - 1) return false;
      std::memcpy(static_cast<void*>(to), from, sizeof(Slot));
    }
    pages_ = std::move(pages);
    bits_ = bits;
    return true;
  }

  int bits_;
  int skip_bits_;
  size_t most_bytes_ = SIZE_MAX;
  size_t size_ = 0;
  bool has_zero_ = false;
  Pages pages_;
  Arena keeper_;  // Where keys lie that don't fit into a slot.
  Slot zero_{};
};

}  // namespace joist

#endif  // JOIST_EXEC_KEY_TABLE_H_
