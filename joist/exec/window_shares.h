// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What groupings have in common: each share gathers window by window; what was committed is then
// read window by window and part by part.
//
//   WindowList     one share's windows
//   WindowShares   the committed shares by window; as a Source, ranges of parts
//   PartReader     a reader of parts

#ifndef JOIST_EXEC_WINDOW_SHARES_H_
#define JOIST_EXEC_WINDOW_SHARES_H_

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "joist/exec/failure.h"
#include "joist/exec/step.h"

namespace joist {

/// `Gathered` has a `Window window` and a `MemoryUse use`.
template <class Gathered>
class WindowList {
 public:
  /// What is there of `window`; made(window) if it is new.
  template <class Make>
  Gathered& Of(Window window, Make make) {
    for (size_t i = items_.size(); i-- > 0;) {
      if (items_[i]->window == window) return *items_[i];
    }
    items_.push_back(make(window));
    return *items_.back();
  }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }

 private:
  std::vector<std::unique_ptr<Gathered>> items_;
};

template <class Gathered>
class WindowShares {
 public:
  struct Item {
    Window window;
    std::vector<std::unique_ptr<Gathered>> shares;
  };

  /// Takes over what a share has.
  void Commit(WindowList<Gathered>& from) {
    for (std::unique_ptr<Gathered>& gathered : from) {
      auto to = std::find_if(items_.begin(), items_.end(),
                             [&](const Item& item) { return item.window == gathered->window; });
      if (to == items_.end()) to = items_.insert(to, Item{gathered->window, {}});
      to->shares.push_back(std::move(gathered));
    }
  }
  /// Lets to_disk(gathered) one after the other until no more than `most_bytes` are held.
  template <class ToDisk>
  void Shrink(int64_t most_bytes, ToDisk to_disk) {
    int64_t held = 0;
    for (const Item& item : items_) {
      for (const auto& gathered : item.shares) held += gathered->use.bytes();
    }
    for (Item& item : items_) {
      for (auto& gathered : item.shares) {
        if (held <= most_bytes) return;
        held -= gathered->use.bytes();
        to_disk(*gathered);
        held += gathered->use.bytes();
      }
    }
  }
  const std::vector<Item>& items() const { return items_; }

 private:
  std::vector<Item> items_;
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

/// Reads parts of windows into batches of Out, at the end of their window and on time.
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
    const Item& item = windows_->items()[tracker.range().item];
    meta_ = {SharedColumn<Timestamp>(item.window.max_timestamp()),
             SharedColumn<Window>(item.window), SharedColumn<PaneInfo>(PaneInfo::OnTimeAndOnly())};
    int64_t begin, end;
    try {
      while (tracker.Claim(1, &begin, &end)) ReadPart(item, static_cast<size_t>(begin));
    } catch (...) {
      RethrowAsStepFailure(context_.step, "");
    }
  }

 protected:
  /// Pushes what is in a part.
  virtual void ReadPart(const Item& item, size_t part) = 0;

  ColumnBuffer<Out>& column() { return column_; }
  /// Pushes the first `count` elements of column().
  void Push(size_t count) {
    context_.stats->elements_out += count;
    output_.Push({column_.view(), count, meta_});
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
