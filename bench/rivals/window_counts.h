// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Counts of each user's events in fixed and in sliding windows, by hand:
//  1. Each thread has a piece of the input, and a table for each minute of which more may come:
//     mostly one. Slots are prefetched as in sum_pairs.h. It knows how far events are out of order,
//     so that it can tell when a minute is complete, and the next one takes over its table, which
//     is in the cache by then.
//  2. Fixed windows: a minute that no other thread has events of goes straight to the consumer.
//     The few others are kept, and added up by hash range, a range a thread.
//  3. Sliding windows: a complete minute becomes a list of users with counts, in the order of their
//     hashes. Then threads take one range of hashes after the other, so small that its users lie in
//     the cache, and go through the minutes: counts of the one that comes in are added, those of
//     the one that leaves subtracted, and what is not zero given to the consumer.

#ifndef JOIST_BENCH_RIVALS_WINDOW_COUNTS_H_
#define JOIST_BENCH_RIVALS_WINDOW_COUNTS_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "bench/rivals/pages.h"
#include "bench/rivals/sum_pairs.h"
#include "bench/timed_events.h"

namespace joist::bench {

/// Counts by user, ordered by the high bits of the hash.
class CountTable {
 public:
  static constexpr size_t kMostUsers = 1024;

  CountTable() { Allocate(12); }

  /// Counts each of `count` users, at most kMostUsers.
  void Add(const int64_t* users, size_t count) {
    if (used_ + count > limit_) Grow();
    uint32_t home[kMostUsers];
    const size_t ahead = std::min(kAhead, count);
    for (size_t i = 0; i < ahead; ++i) home[i] = Prefetch(users[i]);
    for (size_t i = 0; i + ahead < count; ++i) {
      home[i + ahead] = Prefetch(users[i + ahead]);
      AddAt(home[i], users[i]);
    }
    for (size_t i = count - ahead; i < count; ++i) AddAt(home[i], users[i]);
  }

  size_t size() const { return used_ + (no_user_count_ > 0 ? 1 : 0); }

  /// Calls function(user, count) in the order of slots, and empties the table.
  template <typename Function>
  void Drain(Function function) {
    if (no_user_count_ > 0) function(kNoUser, std::exchange(no_user_count_, 0));
    for (size_t i = 0; used_ > 0; ++i) {
      Slot& slot = slots_[i];
      if (slot.used_user == 0) continue;
      function(slot.used_user ^ kNoUser, slot.count);
      slot = Slot();
      --used_;
    }
  }
  /// The same for users whose hash lies in `range`; they stay.
  template <typename Function>
  void ForEach(const HashRange& range, Function function) const {
    if (no_user_count_ > 0 && range.Contains(HashKey(kNoUser))) function(kNoUser, no_user_count_);
    const size_t begin = HashRange::FirstSlot(range.index, range.count, size_t{1} << bits_);
    const size_t end = HashRange::FirstSlot(range.index + 1, range.count, size_t{1} << bits_);
    for (size_t i = begin; i < slots_.size(); ++i) {
      const Slot& slot = slots_[i];
      if (slot.used_user == 0) {
        if (i >= end) break;
        continue;
      }
      const int64_t user = slot.used_user ^ kNoUser;
      if (range.count == 1 || range.Contains(HashKey(user))) function(user, slot.count);
    }
  }
  /// Adds to the count of `user` if it is there. May be called by several threads for different
  /// users.
  bool AddTo(int64_t user, int64_t count) {
    const int64_t used_user = user ^ kNoUser;
    if (used_user == 0) {
      if (no_user_count_ > 0) no_user_count_ += count;
      return no_user_count_ > 0;
    }
    for (Slot* slot = &slots_[Home(user)]; slot->used_user != 0; ++slot) {
      if (slot->used_user != used_user) continue;
      slot->count += count;
      return true;
    }
    return false;
  }

 private:
  // As in SumTable: the zeros of fresh memory are an empty slot.
  static constexpr int64_t kNoUser = std::numeric_limits<int64_t>::min();
  static constexpr size_t kOverflowSlots = 256;
  static constexpr size_t kAhead = 32;

  struct Slot {
    int64_t used_user = 0;
    int64_t count = 0;
  };

  size_t Home(int64_t user) const { return HashKey(user) >> (64 - bits_); }
  uint32_t Prefetch(int64_t user) {
    const size_t home = Home(user);
    __builtin_prefetch(&slots_[home], 1, 3);
    return static_cast<uint32_t>(home);
  }
  void AddAt(uint32_t home, int64_t user) {
    const int64_t used_user = user ^ kNoUser;
    if (used_user == 0) [[unlikely]] {
      ++no_user_count_;
      return;
    }
    Slot* slot = &slots_[home];
    while (slot->used_user != used_user) {
      if (slot->used_user == 0) {
        slot->used_user = used_user;
        ++used_;
        break;
      }
      ++slot;
    }
    ++slot->count;
  }
  void Allocate(int bits) {
    bits_ = bits;
    limit_ = (size_t{1} << bits) / 4 * 3;
    slots_ = Pages<Slot>((size_t{1} << bits) + kOverflowSlots);
  }
  void Grow() {
    const Pages<Slot> old = std::move(slots_);
    slots_ = Pages<Slot>();
    Allocate(bits_ + 1);
    for (size_t i = 0; i < old.size(); ++i) {
      if (old[i].used_user == 0) continue;
      Slot* slot = &slots_[Home(old[i].used_user ^ kNoUser)];
      while (slot->used_user != 0) ++slot;
      *slot = old[i];
    }
  }

  Pages<Slot> slots_;
  int bits_ = 0;
  size_t used_ = 0;
  size_t limit_ = 0;
  int64_t no_user_count_ = 0;
};

/// One thread's piece of the input: counts by minute, each minute given away when it is complete.
class MinuteCounter {
 public:
  MinuteCounter(const TimedEvents& input, uint64_t begin, uint64_t end)
      : input_(input), begin_(begin), end_(end) {}

  /// Calls take(minute, table) once for each minute, counted from kFirstMinute, in their order;
  /// take either empties the table or moves it away.
  template <typename Take>
  void Run(Take take) {
    std::array<int64_t, CountTable::kMostUsers> users, times;
    for (uint64_t i = begin_; i < end_; i += users.size()) {
      const size_t count = std::min<uint64_t>(users.size(), end_ - i);
      input_.Fill(i, count, users.data(), times.data());
      Add(users.data(), times.data(), count);
      const int64_t complete = input_.TimeInOrder(i + count) - TimedEvents::kDisorder;
      while (TimedEvents::kFirstMinute + static_cast<int64_t>(next_ + 1) * TimedEvents::kMinute <=
             complete) {
        Give(take);
      }
    }
    while (next_ < TimedEvents::kMinutes) Give(take);
  }

  /// Whether no other thread has events of this minute.
  bool IsOwn(size_t minute) const {
    const int64_t start =
        TimedEvents::kFirstMinute + static_cast<int64_t>(minute) * TimedEvents::kMinute;
    return (begin_ == 0 || start > input_.TimeInOrder(begin_)) &&
           (end_ == input_.event_count ||
            start + TimedEvents::kMinute <= input_.TimeInOrder(end_) - TimedEvents::kDisorder);
  }

 private:
  void Add(const int64_t* users, const int64_t* times, size_t count) {
    const auto [least, most] = Extremes(times, count);
    const auto first =
        static_cast<size_t>((least - TimedEvents::kFirstMinute) / TimedEvents::kMinute);
    const auto last =
        static_cast<size_t>((most - TimedEvents::kFirstMinute) / TimedEvents::kMinute);
    if (first == last) return Table(first).Add(users, count);
    // Some minutes: one after the other.
    std::array<int64_t, CountTable::kMostUsers> of_minute;
    for (size_t minute = first; minute <= last; ++minute) {
      const int64_t start =
          TimedEvents::kFirstMinute + static_cast<int64_t>(minute) * TimedEvents::kMinute;
      size_t kept = 0;
      for (size_t i = 0; i < count; ++i) {
        of_minute[kept] = users[i];
        kept += static_cast<uint64_t>(times[i] - start) < TimedEvents::kMinute ? 1 : 0;
      }
      Table(minute).Add(of_minute.data(), kept);
    }
  }
  static std::pair<int64_t, int64_t> Extremes(const int64_t* times, size_t count) {
    int64_t least = times[0], most = times[0];
    for (size_t i = 1; i < count; ++i) {
      least = std::min(least, times[i]);
      most = std::max(most, times[i]);
    }
    return {least, most};
  }
  CountTable& Table(size_t minute) {
    std::unique_ptr<CountTable>& table = tables_[minute];
    if (table == nullptr) {
      table = spare_ != nullptr ? std::move(spare_) : std::make_unique<CountTable>();
    }
    return *table;
  }
  template <typename Take>
  void Give(Take take) {
    std::unique_ptr<CountTable> table = std::move(tables_[next_]);
    if (table != nullptr) {
      take(next_, table);
      if (table != nullptr) spare_ = std::move(table);
    }
    ++next_;
  }

  const TimedEvents input_;
  const uint64_t begin_, end_;
  std::array<std::unique_ptr<CountTable>, TimedEvents::kMinutes> tables_;
  std::unique_ptr<CountTable> spare_;
  size_t next_ = 0;
};

/// Calls work(thread) on so many threads.
template <typename Work>
void OnThreads(size_t threads, Work work) {
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(size_t{0});
  for (std::thread& thread : others) thread.join();
}

/// Counts by user and minute: a consumer is given them by Add(start, end, user, count).
template <typename Consumer>
void CountInMinutes(const TimedEvents& input, std::vector<Consumer>& consumers) {
  const size_t threads = consumers.size();
  using Tables = std::array<std::unique_ptr<CountTable>, TimedEvents::kMinutes>;
  std::vector<Tables> shared(threads);
  std::barrier complete(static_cast<ptrdiff_t>(threads));
  OnThreads(threads, [&](size_t thread) {
    Consumer consumer = consumers[thread];
    MinuteCounter counter(input, input.event_count * thread / threads,
                          input.event_count * (thread + 1) / threads);
    const auto consume = [&consumer](size_t minute) {
      const int64_t start =
          TimedEvents::kFirstMinute + static_cast<int64_t>(minute) * TimedEvents::kMinute;
      return [&consumer, start](int64_t user, int64_t count) {
        consumer.Add(start, start + TimedEvents::kMinute, user, count);
      };
    };
    counter.Run([&](size_t minute, std::unique_ptr<CountTable>& table) {
      if (counter.IsOwn(minute)) {
        table->Drain(consume(minute));
      } else {
        shared[thread][minute] = std::move(table);
      }
    });
    complete.arrive_and_wait();
    const HashRange range{thread, threads};
    for (size_t minute = 0; minute < TimedEvents::kMinutes; ++minute) {
      const auto take = consume(minute);
      for (size_t from = threads; from-- > 0;) {
        if (shared[from][minute] == nullptr) continue;
        shared[from][minute]->ForEach(range, [&](int64_t user, int64_t count) {
          for (size_t to = from; to-- > 0;) {
            if (shared[to][minute] != nullptr && shared[to][minute]->AddTo(user, count)) return;
          }
          take(user, count);
        });
      }
    }
    consumers[thread] = consumer;
  });
}

/// The counts of one minute that one thread has, by ranges of hashes.
class MinuteList {
 public:
  static constexpr int kRangeBits = 6;
  static constexpr size_t kRanges = size_t{1} << kRangeBits;
  struct Entry {
    int64_t user;
    int64_t count;
  };

  /// Empties the table.
  explicit MinuteList(CountTable& table) {
    // Slots are in the order of hashes but for displacement: sorted by range as they come.
    std::array<uint32_t, kRanges + 1> next{};
    std::vector<Entry> in_order(table.size());
    size_t size = 0;
    table.Drain([&](int64_t user, int64_t count) {
      in_order[size++] = {user, count};
      ++next[RangeOf(user) + 1];
    });
    for (size_t i = 1; i <= kRanges; ++i) next[i] += next[i - 1];
    begins_ = next;
    entries_ = std::make_unique_for_overwrite<Entry[]>(size);
    for (const Entry& entry : in_order) entries_[next[RangeOf(entry.user)]++] = entry;
  }
  Entry* begin(size_t range) { return entries_.get() + begins_[range]; }
  Entry* end(size_t range) { return entries_.get() + begins_[range + 1]; }

 private:
  static size_t RangeOf(int64_t user) { return HashKey(user) >> (64 - kRangeBits); }

  std::unique_ptr<Entry[]> entries_;
  std::array<uint32_t, kRanges + 1> begins_;
};

/// The numbers of users of one range of hashes, in the order in which they come.
class UserNumbers {
 public:
  void Clear() {
    std::fill(slots_.begin(), slots_.end(), 0);
    users_.clear();
  }
  uint32_t Of(int64_t user) {
    if (users_.size() * 4 >= slots_.size() * 3) Grow();
    for (size_t i = Home(user);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i] == 0) {
        users_.push_back(user);
        slots_[i] = static_cast<uint32_t>(users_.size());
      }
      if (users_[slots_[i] - 1] == user) return slots_[i] - 1;
    }
  }
  const std::vector<int64_t>& users() const { return users_; }

 private:
  size_t Home(int64_t user) const {
    return HashKey(user) << MinuteList::kRangeBits >> (64 - bits_);
  }
  void Grow() {
    ++bits_;
    slots_.assign(slots_.size() * 2, 0);
    for (uint32_t number = 0; number < users_.size(); ++number) {
      size_t i = Home(users_[number]);
      while (slots_[i] != 0) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = number + 1;
    }
  }

  int bits_ = 14;
  std::vector<uint32_t> slots_ = std::vector<uint32_t>(size_t{1} << 14);  // Number + 1.
  std::vector<int64_t> users_;
};

/// Counts by user in windows of so many minutes, one beginning each minute.
template <typename Consumer>
void CountInSlidingWindows(const TimedEvents& input, size_t minutes,
                           std::vector<Consumer>& consumers) {
  const size_t threads = consumers.size();
  std::vector<std::vector<std::unique_ptr<MinuteList>>> lists(threads);
  for (auto& list : lists) list.resize(TimedEvents::kMinutes);
  std::barrier complete(static_cast<ptrdiff_t>(threads));
  std::atomic<size_t> next_range{0};
  OnThreads(threads, [&](size_t thread) {
    MinuteCounter counter(input, input.event_count * thread / threads,
                          input.event_count * (thread + 1) / threads);
    counter.Run([&](size_t minute, std::unique_ptr<CountTable>& table) {
      lists[thread][minute] = std::make_unique<MinuteList>(*table);
    });
    complete.arrive_and_wait();

    Consumer consumer = consumers[thread];
    UserNumbers numbers;
    std::vector<int64_t> counts;  // By user's number.
    std::vector<uint32_t> present;
    const auto for_each_list = [&](size_t minute, size_t range, auto function) {
      for (auto& of_thread : lists) {
        if (of_thread[minute] == nullptr) continue;
        const auto* const end = of_thread[minute]->end(range);
        for (auto* entry = of_thread[minute]->begin(range); entry < end; ++entry) function(*entry);
      }
    };
    for (size_t range; (range = next_range.fetch_add(1)) < MinuteList::kRanges;) {
      numbers.Clear();
      counts.clear();
      // The window that ends with minute `last`; it has those that are there.
      for (size_t last = 0; last < TimedEvents::kMinutes + minutes - 1; ++last) {
        if (last < TimedEvents::kMinutes) {
          for_each_list(last, range, [&](MinuteList::Entry& entry) {
            const uint32_t number = numbers.Of(entry.user);
            if (number == counts.size()) counts.push_back(0);
            counts[number] += entry.count;
            entry.user = number;  // For when it leaves.
          });
        }
        if (last >= minutes) {
          for_each_list(last - minutes, range, [&](const MinuteList::Entry& entry) {
            counts[static_cast<size_t>(entry.user)] -= entry.count;
          });
        }
        present.resize(counts.size());
        size_t size = 0;
        for (uint32_t i = 0; i < counts.size(); ++i) {
          present[size] = i;
          size += counts[i] != 0 ? 1 : 0;
        }
        const int64_t end =
            TimedEvents::kFirstMinute + static_cast<int64_t>(last + 1) * TimedEvents::kMinute;
        const int64_t start = end - static_cast<int64_t>(minutes) * TimedEvents::kMinute;
        for (size_t i = 0; i < size; ++i) {
          consumer.Add(start, end, numbers.users()[present[i]], counts[present[i]]);
        }
      }
    }
    consumers[thread] = consumer;
  });
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_WINDOW_COUNTS_H_
