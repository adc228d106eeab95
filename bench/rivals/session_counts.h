// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Counts of each user's events in sessions, by hand:
//  1. Each thread has a piece of the input and a hash table with each user's open session. An event
//     either lies so near to it that it belongs to it, or opens another. Slots are prefetched as in
//     sum_pairs.h.
//  2. A session that is closed goes straight to the consumer where nothing can touch it any more:
//     how far events are out of order is known. The others are put aside: those around the
//     beginnings and ends of the threads' pieces, and those that an event yet to come might join
//     with the next.
//  3. What was put aside is sorted by user and time and merged, a range of hashes a thread.

#ifndef JOIST_BENCH_RIVALS_SESSION_COUNTS_H_
#define JOIST_BENCH_RIVALS_SESSION_COUNTS_H_

#include <algorithm>
#include <array>
#include <barrier>
#include <cstdint>
#include <span>
#include <vector>

#include "bench/rivals/window_counts.h"

namespace joist::bench {

/// From the first event to the last.
struct Session {
  int64_t user;
  int64_t first;
  int64_t last;
  int64_t count;
};

/// One thread's piece of the input: sessions as far as it can tell.
class SessionCounter {
 public:
  static constexpr size_t kMostEvents = 1024;

  /// Users whose sessions can have events before `begin` are touched by those of other threads, and
  /// so are those that may have some after `end`.
  SessionCounter(int64_t gap, int64_t begin, int64_t end) : gap_(gap), begin_(begin), end_(end) {
    Allocate(12);
  }

  /// Calls take(session) for those that are complete.
  template <typename Take>
  void Add(const int64_t* users, const int64_t* times, size_t count, Take take) {
    if (used_ + count > limit_) Grow();
    uint32_t home[kMostEvents];
    const size_t ahead = std::min(kAhead, count);
    for (size_t i = 0; i < ahead; ++i) home[i] = Prefetch(users[i]);
    for (size_t i = 0; i < count; ++i) {
      if (i + ahead < count) home[i + ahead] = Prefetch(users[i + ahead]);
      AddAt(home[i], users[i], times[i], take);
    }
  }
  template <typename Take>
  void Finish(Take take) {
    for (const Slot& slot : std::span(slots_.data(), slots_.size())) {
      if (slot.count != 0) Close(slot, slot.is_tangled || slot.last + gap_ > end_, take);
    }
    slots_ = Pages<Slot>();
  }
  /// Sessions that may have to be merged with others.
  const std::vector<Session>& aside() const { return aside_; }

 private:
  static constexpr size_t kOverflowSlots = 256;
  static constexpr size_t kAhead = 32;

  /// The open session of a user; without a count it is empty.
  struct Slot {
    int64_t user;
    int64_t first;
    int64_t last;
    uint32_t count;
    bool is_tangled;  ///< What came before it, and was put aside, may touch it.
  };

  size_t Home(int64_t user) const { return HashKey(user) >> (64 - bits_); }
  uint32_t Prefetch(int64_t user) {
    const size_t home = Home(user);
    __builtin_prefetch(&slots_[home], 1, 3);
    return static_cast<uint32_t>(home);
  }
  template <typename Take>
  void AddAt(uint32_t home, int64_t user, int64_t time, Take take) {
    Slot* slot = &slots_[home];
    while (slot->user != user || slot->count == 0) {
      if (slot->count == 0) {
        *slot = {user, time, time, 1, false};
        ++used_;
        return;
      }
      ++slot;
    }
    if (time >= slot->last + gap_ || time <= slot->first - gap_) {
      // All that is yet to come is later than `time` less kDisorder.
      const bool may_join = time - TimedEvents::kDisorder < slot->last + gap_;
      Close(*slot, slot->is_tangled || may_join, take);
      *slot = {user, time, time, 1, may_join};
      return;
    }
    slot->first = std::min(slot->first, time);
    slot->last = std::max(slot->last, time);
    ++slot->count;
  }
  template <typename Take>
  void Close(const Slot& slot, bool aside, Take take) {
    const Session session{slot.user, slot.first, slot.last, slot.count};
    if (aside || slot.first < begin_ + gap_) {
      aside_.push_back(session);
    } else {
      take(session);
    }
  }
  void Allocate(int bits) {
    bits_ = bits;
    limit_ = (size_t{1} << bits) / 4 * 3;
    slots_ = Pages<Slot>((size_t{1} << bits) + kOverflowSlots);
  }
  void Grow() {
    const Pages<Slot> old = std::move(slots_);
    slots_ = Pages<Slot>();
    Allocate(bits_ + 2);
    for (size_t i = 0; i < old.size(); ++i) {
      if (old[i].count == 0) continue;
      Slot* slot = &slots_[Home(old[i].user)];
      while (slot->count != 0) ++slot;
      *slot = old[i];
    }
  }

  const int64_t gap_, begin_, end_;
  Pages<Slot> slots_;
  int bits_ = 0;
  size_t used_ = 0;
  size_t limit_ = 0;
  std::vector<Session> aside_;
};

/// Counts by user and session: a consumer is given them by Add(start, end, user, count).
template <typename Consumer>
void CountInSessions(const TimedEvents& input, int64_t gap, std::vector<Consumer>& consumers) {
  const size_t threads = consumers.size();
  std::vector<std::vector<Session>> aside(threads);
  std::barrier complete(static_cast<ptrdiff_t>(threads));
  OnThreads(threads, [&](size_t thread) {
    Consumer consumer = consumers[thread];
    const auto take = [&](const Session& session) {
      consumer.Add(session.first, session.last + gap, session.user, session.count);
    };
    const uint64_t begin = input.event_count * thread / threads;
    const uint64_t end = input.event_count * (thread + 1) / threads;
    constexpr int64_t kFar = int64_t{1} << 60;
    SessionCounter counter(
        gap, thread == 0 ? -kFar : input.TimeInOrder(begin),
        thread + 1 == threads ? kFar : input.TimeInOrder(end) - TimedEvents::kDisorder);
    std::array<int64_t, SessionCounter::kMostEvents> users, times;
    for (uint64_t i = begin; i < end; i += users.size()) {
      const size_t count = std::min<uint64_t>(users.size(), end - i);
      input.Fill(i, count, users.data(), times.data());
      counter.Add(users.data(), times.data(), count, take);
    }
    counter.Finish(take);
    aside[thread] = counter.aside();
    complete.arrive_and_wait();

    std::vector<Session> sessions;
    const HashRange range{thread, threads};
    for (const std::vector<Session>& of_thread : aside) {
      for (const Session& session : of_thread) {
        if (range.Contains(HashKey(session.user))) sessions.push_back(session);
      }
    }
    std::sort(sessions.begin(), sessions.end(), [](const Session& a, const Session& b) {
      return a.user != b.user ? a.user < b.user : a.first < b.first;
    });
    for (size_t i = 0, next; i < sessions.size(); i = next) {
      Session merged = sessions[i];
      for (next = i + 1; next < sessions.size() && sessions[next].user == merged.user &&
                         sessions[next].first < merged.last + gap;
           ++next) {
        merged.last = std::max(merged.last, sessions[next].last);
        merged.count += sessions[next].count;
      }
      take(merged);
    }
    consumers[thread] = consumer;
  });
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_SESSION_COUNTS_H_
