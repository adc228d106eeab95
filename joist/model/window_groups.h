// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WindowGroups: GroupByKey in event time for an engine that keeps keys and values itself: which
// group an element belongs to, when a window of a key gives a pane, and what that pane is called.
// It gives the panes of NaiveGrouping, fast. Not thread-safe: one thread, or one at a time.
//
// A key is a number, as the engine's table of keys gives them, small and dense. What a window of a
// key has gathered is a group, also such a number, under which the engine keeps the values. Both
// are used again after KeyIsGone and Free.
//
// What came together (a bundle) is some calls of Place and then Settle, in which windows fire.
// Clocks move between bundles. Neither the watermark nor processing time goes back.
//
// Invariants:
//  1. An open group has its timer (the window's end, then its expiry), its hold of the output
//     watermark and its next delay in a TimeQueue at that time or before. What is found in a queue
//     and is not what the group expects there any more is passed over, or queued again.
//  2. The open windows of a key do not intersect where windows merge that overlap.
//  3. A window that its trigger has closed is known until it expires, as a group without contents.

#ifndef JOIST_MODEL_WINDOW_GROUPS_H_
#define JOIST_MODEL_WINDOW_GROUPS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "joist/base/function_ref.h"
#include "joist/base/paged_array.h"
#include "joist/model/key_windows.h"
#include "joist/model/pane.h"
#include "joist/model/time_queue.h"
#include "joist/model/timestamp.h"
#include "joist/model/trigger_machine.h"
#include "joist/model/window.h"
#include "joist/model/windowing.h"
#include "joist/model/wire.h"

namespace joist {

class WindowGroups {
 public:
  using KeyNumber = uint32_t;
  using GroupNumber = uint32_t;
  static constexpr GroupNumber kDropped = UINT32_MAX;

  struct Firing {
    KeyNumber key;
    GroupNumber group;
    Window window;
    Timestamp timestamp;
    PaneInfo pane;
  };

  /// What the engine does. Called a few times for each pane, never for each element; must not throw
  /// nor call back.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// `to`, one of `from`, is to hold the contents of all of `from`, in this order; the others are
    /// free afterwards.
    virtual void Merge(GroupNumber to, std::span<const GroupNumber> from) = 0;
    /// The group's contents, which may be empty, are to be output as a pane.
    virtual void Fire(const Firing& firing) = 0;
    /// Forget the contents, the group stays: after Fire, when discarding.
    virtual void Clear(GroupNumber group) = 0;
    /// Forget the contents; the number may be given to another group.
    virtual void Free(GroupNumber group) = 0;
    /// No window of the key is known any more.
    virtual void KeyIsGone(KeyNumber key) = 0;
    /// What SaveKey says of the key changes, other than by Place.
    virtual void Changes(KeyNumber /*key*/) {}
  };

  /// `strategy` is valid.
  WindowGroups(const WindowingStrategy& strategy, Owner* owner);

  /// Elements of a bundle: keys[i] has one with timestamps[i] that was assigned to windows[i]; one
  /// that falls into several windows comes several times. A single timestamp or window is that of
  /// all. Writes to groups[i] where value i is to be put, or kDropped. Windows of a key that merge,
  /// merge before Place returns, so that the values can be put in then.
  void Place(std::span<const KeyNumber> keys, std::span<const Timestamp> timestamps,
             std::span<const Window> windows, GroupNumber* groups);
  /// The bundle is in: windows fire whose triggers waited for it. Keys of which all was dropped and
  /// that have no window are gone.
  void Settle();
  /// The input watermark: windows fire at their ends and go when they expire.
  void AdvanceWatermark(Timestamp to);
  /// Processing time, here and upstream.
  void AdvanceProcessingTime(Timestamp to);

  // What is known, as bytes, between bundles; of each key by itself, so that an engine can keep
  // what has changed and deal keys out anew. Who restores begins with the clocks, then restores
  // keys, in any order, and calls Settle.

  /// To be called a while before SaveKey.
  void PrefetchKey(KeyNumber key) const { keys_.Prefetch(key); }
  void SaveClocks(std::string* out) const;
  bool RestoreClocks(ByteReader* in);
  /// Calls save(group) behind what is said of each group, to append its contents to `out`.
  void SaveKey(KeyNumber key, std::string* out, FunctionRef<void(GroupNumber)> save);
  /// Of a key of which nothing is known. restore(group) takes the contents; false where it cannot.
  bool RestoreKey(KeyNumber key, ByteReader* in, FunctionRef<bool(GroupNumber)> restore);

  /// The input watermark, or the earliest time that a group not yet fired holds it at.
  Timestamp output_watermark() const { return output_watermark_; }
  /// To which time after the last one AdvanceProcessingTime may do something, at the earliest;
  /// Max() if none.
  Timestamp next_processing_time() const;

  /// Elements, once a window, that came after their window's allowed lateness.
  int64_t dropped_late() const { return dropped_late_; }
  /// And that came to a window whose trigger had finished.
  int64_t dropped_closed() const { return dropped_closed_; }
  /// Groups that are not free: open windows, and closed ones until they expire.
  size_t known_groups() const { return groups_made_ - free_.size(); }

 private:
  static constexpr Timestamp kNever = Timestamp::Max();

  /// A window of a key, in a cache line. What it is when made, a free one is too.
  struct alignas(64) Group {
    Window window;
    KeyNumber key = 0;
    bool is_closed : 1 = false;
    bool is_empty : 1 = true;         ///< No element since the last pane.
    bool is_touched : 1 = false;      ///< In `touched_`.
    bool has_pane : 1 = false;        ///< There was a pane, which is in `last_panes_`.
    bool holds_end : 1 = false;       ///< Holds the output watermark at its end for a pane to come.
    Timestamp hold = kNever;          ///< Of the elements since the last pane.
    Timestamp timer = kNever;         ///< When it is looked at next in event time.
    Timestamp timer_queued = kNever;  ///< Where the queues have it.
    Timestamp hold_queued = kNever;
    Timestamp delay_queued = kNever;
  };
  static_assert(sizeof(Group) == 64);
  struct Fresh {
    Window window;
    size_t element;
  };

  void PlaceApart(std::span<const KeyNumber> keys, std::span<const Timestamp> timestamps,
                  std::span<const Window> windows, GroupNumber* groups);
  void PlaceMerging(std::span<const KeyNumber> keys, std::span<const Timestamp> timestamps,
                    std::span<const Window> windows, GroupNumber* groups);
  /// Places `fresh_`, where windows merge that overlap, and where a function says which.
  void PlaceFresh(KeyNumber key, std::span<const Timestamp> timestamps, GroupNumber* groups);
  void PlaceByFunction(KeyNumber key, std::span<const Timestamp> timestamps, GroupNumber* groups);
  /// `group` is that of the window, kDropped if there is none yet.
  void PutInto(KeyNumber key, GroupNumber group, const Window& window, std::span<const Fresh> fresh,
               std::span<const Timestamp> timestamps, GroupNumber* groups);
  bool IsLate(const Window& window) const {
    return window.max_timestamp() + strategy_.allowed_lateness < watermark_;
  }
  bool HasEnded(const Window& window) const { return window.max_timestamp() < watermark_; }
  Timestamp Expiry(const Window& window) const;
  TriggerClock ClockOf(const Window& window) const;
  TriggerMachine::Part* TriggerOf(GroupNumber group) {
    return triggers_.data() + group * trigger_.parts();
  }

  void PrefetchGroup(GroupNumber number) const {
    if (number == kDropped) return;
    __builtin_prefetch(groups_.data() + number);
    __builtin_prefetch(triggers_.data() + number * trigger_.parts());
  }

  GroupNumber Open(KeyNumber key, const Window& window);
  /// A free one, which is in use from now on.
  GroupNumber Make(KeyNumber key, const Window& window);
  /// Makes the key's open windows [begin, end) into one.
  GroupNumber MergeRange(KeyNumber key, size_t begin, size_t end, const Window& to);
  /// Makes those of `windows` that are open into one; kDropped if none is.
  GroupNumber MergeSome(KeyNumber key, std::span<const Window> windows, const Window& to);
  /// Makes the groups `from_` into one. They leave `keys_` by themselves.
  GroupNumber Merge(const Window& to);
  void AddTo(GroupNumber number, Timestamp timestamp);
  /// Fires if the trigger says so.
  void Look(GroupNumber number);
  void Emit(GroupNumber number, bool finished);
  PaneInfo NextPane(GroupNumber number, bool finished) const;
  void Close(GroupNumber number);
  void Expire(GroupNumber number);
  void Forget(GroupNumber number);
  void Drop(KeyNumber key);

  /// When a window is looked at next in event time: at its end, then when it expires.
  Timestamp TimerOf(const Window& window) const;
  static Timestamp HoldOf(const Group& group);
  void SetTimer(GroupNumber number, Timestamp time);
  void QueueHold(GroupNumber number);
  void QueueDelay(GroupNumber number);
  void FindOutputWatermark();

  const WindowingStrategy strategy_;
  const TriggerMachine trigger_;
  Owner* const owner_;
  /// An element is of no concern to an open window that it isn't the first of, and that goes on.
  const bool only_first_counts_;

  KeyWindows keys_;
  PagedArray<Group> groups_;
  PagedArray<PaneInfo> last_panes_;            ///< Of each group.
  PagedArray<TriggerMachine::Part> triggers_;  ///< trigger_.parts() of each group.
  GroupNumber groups_made_ = 0;
  std::vector<GroupNumber> free_;  ///< Of those that were made.
  TimeQueue timers_;
  TimeQueue holds_;
  TimeQueue delays_;

  std::vector<GroupNumber> touched_;     ///< Since Settle.
  std::vector<KeyNumber> dropped_keys_;  ///< Since Settle: keys that may not have a window.
  Timestamp watermark_ = Timestamp::Min();
  Timestamp output_watermark_ = Timestamp::Min();  ///< As the current call found it.
  Timestamp processing_time_ = Timestamp::Min();
  int64_t dropped_late_ = 0;
  int64_t dropped_closed_ = 0;

  // What calls use and leave empty, kept for its room.
  std::vector<uint32_t> next_of_key_;
  std::vector<KeyNumber> batch_keys_;
  std::vector<Fresh> fresh_;
  std::vector<GroupNumber> from_;
  std::vector<const TriggerMachine::Part*> from_triggers_;
  std::vector<TriggerMachine::Part> merged_trigger_;
  std::vector<GroupNumber> due_;
};

}  // namespace joist

#endif  // JOIST_MODEL_WINDOW_GROUPS_H_
