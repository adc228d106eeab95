// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What groupings have in common: each share gathers window by window; what was committed is then
// read window by window and part by part.
//
//   WindowList     one share's windows
//   WindowShares   the committed shares by window; slices with each window that has them, or all
//                  slices together
//   WindowSource   ranges of parts
//   PartReader     a reader of parts

#ifndef JOIST_EXEC_WINDOW_SHARES_H_
#define JOIST_EXEC_WINDOW_SHARES_H_

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "joist/exec/failure.h"
#include "joist/exec/slice_runs.h"
#include "joist/exec/step.h"

namespace joist {

/// What is gathered together: the elements of a window, or of a slice that windows of `slices_of`
/// share (Meta::slices_of).
struct GatheredWindow {
  Window window;
  const WindowFn* slices_of = nullptr;
  friend bool operator==(const GatheredWindow&, const GatheredWindow&) = default;
};

/// Numbers for windows, in the order in which they are first asked for.
class WindowNumbers {
 public:
  WindowNumbers();
  ~WindowNumbers();
  WindowNumbers& operator=(WindowNumbers&&) noexcept;
  size_t Of(const GatheredWindow& window);
  /// Null if it has none.
  const size_t* Find(const GatheredWindow& window) const;

 private:
  struct Map;
  std::unique_ptr<Map> map_;
};

template <class Gathered>
class WindowList {
 public:
  struct Item {
    GatheredWindow of;
    std::unique_ptr<Gathered> gathered;
    Gathered* operator->() const { return gathered.get(); }
  };

  /// What is there of a window; make() if it is new.
  template <class Make>
  Gathered& Of(const GatheredWindow& window, Make make) {
    if (last_ < items_.size() && items_[last_].of == window) [[likely]]
      return *items_[last_].gathered;
    last_ = numbers_.Of(window);
    if (last_ == items_.size()) items_.push_back({window, make()});
    return *items_[last_].gathered;
  }
  /// Null if nothing is there.
  const Gathered* Find(const GatheredWindow& window) const {
    const size_t* const number = numbers_.Find(window);
    return number == nullptr ? nullptr : items_[*number].gathered.get();
  }
  /// Forgets those for which is_over(item).
  template <class IsOver>
  void RemoveIf(IsOver is_over) {
    const auto over = std::stable_partition(items_.begin(), items_.end(),
                                            [&](Item& item) { return !is_over(item); });
    if (over == items_.end()) return;
    items_.erase(over, items_.end());
    numbers_ = WindowNumbers();
    for (const Item& item : items_) numbers_.Of(item.of);
    last_ = 0;
  }
  size_t size() const { return items_.size(); }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  std::vector<Item> items_;
  WindowNumbers numbers_;
  size_t last_ = 0;
};

/// `Gathered` has a `MemoryUse use`.
template <class Gathered>
class WindowShares {
 public:
  /// A window, or (`splits`) all of them: then readers tell the windows apart by each element's
  /// time, or for a share that has no times by its entry of `windows`.
  struct Item {
    Window window;
    std::vector<Gathered*> shares;
    bool splits = false;
    std::vector<Window> windows = {};
    /// If set, the item is of all these, and `shares` are the parts of their slices.
    std::shared_ptr<const SlicedWindows> sliced = nullptr;
  };

  /// Takes over what a share has.
  void Commit(WindowList<Gathered>& from) {
    for (auto& [of, gathered] : from) {
      if (of.slices_of == nullptr) {
        ItemOf(of.window).shares.push_back(gathered.get());
      } else {
        for (const Window& window : WindowsOfSlice(*of.slices_of, of.window)) {
          ItemOf(window).shares.push_back(gathered.get());
        }
        slices_.push_back({of, gathered.get()});
      }
      gathered_.push_back(std::move(gathered));
    }
  }
  /// The same of what keeps its elements' times.
  void CommitTimed(std::unique_ptr<Gathered> timed) {
    timed_.push_back(timed.get());
    gathered_.push_back(std::move(timed));
  }
  /// All is there. If some of it isn't by window, nothing is any more.
  void Seal() {
    if (timed_.empty()) return;
    Item all;
    all.splits = true;
    for (const Item& item : items_) {
      all.shares.insert(all.shares.end(), item.shares.begin(), item.shares.end());
      all.windows.insert(all.windows.end(), item.shares.size(), item.window);
    }
    all.shares.insert(all.shares.end(), timed_.begin(), timed_.end());
    items_.assign(1, std::move(all));
  }
  /// Where all that is there are slices of one function and can_join(gathered), makes one item of
  /// them.
  template <class CanJoin>
  void JoinSlices(CanJoin can_join) {
    if (slices_.empty() || slices_.size() < gathered_.size()) return;
    std::sort(slices_.begin(), slices_.end(),
              [](const Slice& a, const Slice& b) { return a.of.window.start < b.of.window.start; });
    std::vector<Window> windows;
    Item all;
    for (const Slice& slice : slices_) {
      if (slice.of.slices_of != slices_[0].of.slices_of || !can_join(*slice.gathered)) return;
      windows.push_back(slice.of.window);
      all.shares.push_back(slice.gathered);
    }
    all.sliced = SlicedWindows::Of(*slices_[0].of.slices_of, windows);
    if (all.sliced != nullptr) items_.assign(1, std::move(all));
  }
  /// Lets to_disk(gathered) one after the other until no more than `most_bytes` are held.
  template <class ToDisk>
  void Shrink(int64_t most_bytes, ToDisk to_disk) {
    int64_t held = 0;
    for (const auto& gathered : gathered_) held += gathered->use.bytes();
    for (auto& gathered : gathered_) {
      if (held <= most_bytes) return;
      held -= gathered->use.bytes();
      to_disk(*gathered);
      held += gathered->use.bytes();
    }
  }
  const std::vector<Item>& items() const { return items_; }

 private:
  Item& ItemOf(const Window& window) {
    const size_t number = numbers_.Of({window});
    if (number == items_.size()) items_.push_back({window, {}, false, {}});
    return items_[number];
  }

  struct Slice {
    GatheredWindow of;
    Gathered* gathered;
  };
  std::vector<std::unique_ptr<Gathered>> gathered_;
  std::vector<Slice> slices_;
  std::vector<Gathered*> timed_;
  std::vector<Item> items_;
  WindowNumbers numbers_;
};

/// A source of the parts of each window: `Breaker` has windows(), PartsOf(item) and MakePartReader.
template <class Breaker>
class WindowSource final : public Source {
 public:
  explicit WindowSource(const Breaker* breaker) : breaker_(breaker) {}
  Result<std::vector<SourceRange>> Split(int) override {
    std::vector<SourceRange> ranges;
    const auto& items = breaker_->windows().items();
    for (uint32_t i = 0; i < items.size(); ++i) {
      ranges.push_back({i, 0, breaker_->PartsOf(items[i]), true});
    }
    return ranges;
  }
  std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override {
    return breaker_->MakePartReader(context);
  }

 private:
  const Breaker* breaker_;
};

/// Reads parts of windows into batches of Out, on time and at the end of their window unless told
/// otherwise.
template <class Gathered, class Out>
class PartReader : public Reader {
 public:
  using Item = typename WindowShares<Gathered>::Item;

  PartReader(const WindowShares<Gathered>* windows, MemoryBudget* memory,
             const OperatorContext& context)
      : windows_(windows), context_(context), use_(memory) {
    if (memory != nullptr) most_bytes_ = memory->reader_part();
  }
  void Connect(Receiver* consumer) override { output_.Connect(consumer); }

  void Read(RangeTracker& tracker) override {
    const StepScope scope(context_.stats);
    const Item& item = windows_->items()[tracker.item()];
    int64_t begin, end;
    while (tracker.Claim(1, &begin, &end)) ReadOne(item, static_cast<size_t>(begin));
  }
  /// One part of a window. Throws StepFailure.
  void ReadOne(const Item& item, size_t part) {
    SetWindow(item.window);
    try {
      ReadPart(item, part);
    } catch (...) {
      RethrowAsStepFailure(context_.step, "");
    }
  }

 protected:
  /// Pushes what is in a part.
  virtual void ReadPart(const Item& item, size_t part) = 0;

  /// That of what is pushed from now on.
  void SetWindow(const Window& window) {
    meta_ = {SharedColumn<Timestamp>(window.max_timestamp()), SharedColumn<Window>(window),
             SharedColumn<PaneInfo>(PaneInfo::OnTimeAndOnly())};
  }
  ColumnBuffer<Out>& column() { return column_; }
  /// Pushes the first `count` elements of column().
  void Push(size_t count) {
    context_.stats->elements_out += count;
    output_.Push({column_.view(), count, meta_});
  }
  /// The same, each element in a window and at a time of its own.
  void Push(size_t count, const Window* windows, const Timestamp* timestamps) {
    meta_.windows = SharedColumn<Window>(windows);
    meta_.timestamps = SharedColumn<Timestamp>(timestamps);
    Push(count);
  }
  /// What this reader may lay out, and what it has.
  int64_t most_bytes() const { return most_bytes_; }
  void set_held_bytes(int64_t bytes) { use_.Set(bytes); }

 private:
  const WindowShares<Gathered>* windows_;
  OperatorContext context_;
  Output<Out> output_;
  ColumnBuffer<Out> column_;
  Meta meta_;
  int64_t most_bytes_ = std::numeric_limits<int64_t>::max();
  MemoryUse use_;
};

}  // namespace joist

#endif  // JOIST_EXEC_WINDOW_SHARES_H_
