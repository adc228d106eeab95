// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Batch<T>: what moves between two steps, some thousand elements by one virtual call. The values
// are a column; so are timestamps, windows and panes, each of which is usually one value for the
// whole batch and then costs nothing. A batch owns nothing and is valid until Push returns.

#ifndef JOIST_EXEC_BATCH_H_
#define JOIST_EXEC_BATCH_H_

#include <cstddef>
#include <vector>

#include "joist/exec/element.h"
#include "joist/model/pane.h"
#include "joist/model/timestamp.h"
#include "joist/model/window.h"
#include "joist/model/windowing.h"

namespace joist {

/// One value for each element, or one for all of them.
template <class T>
class SharedColumn {
 public:
  SharedColumn() = default;
  explicit SharedColumn(T constant) : constant_(constant) {}
  explicit SharedColumn(const T* items) : items_(items) {}

  bool is_constant() const { return items_ == nullptr; }
  const T& constant() const { return constant_; }
  const T* items() const { return items_; }
  T operator[](size_t i) const { return items_ == nullptr ? constant_ : items_[i]; }
  SharedColumn From(size_t first) const {
    return is_constant() ? *this : SharedColumn(items_ + first);
  }

 private:
  const T* items_ = nullptr;
  T constant_{};
};

/// What Beam knows of an element beside its value.
struct Meta {
  SharedColumn<Timestamp> timestamps{Timestamp::Min()};
  SharedColumn<Window> windows{Window::Global()};
  SharedColumn<PaneInfo> panes;
  /// If set, each of `windows` is a slice of this sliding function and stands for all windows that
  /// hold it: an element in ten windows is carried, and gathered, once. Outlives the batch.
  const WindowFn* slices_of = nullptr;

  bool is_constant() const {
    return timestamps.is_constant() && windows.is_constant() && panes.is_constant();
  }
  Meta From(size_t first) const {
    return {timestamps.From(first), windows.From(first), panes.From(first), slices_of};
  }
};

/// Elements of a PCollection<T>, for reading.
template <class T>
struct Batch {
  using value_type = T;

  ColumnView<T> values;
  size_t count = 0;
  Meta meta;

  size_t size() const { return count; }
  View<T> operator[](size_t i) const { return values[i]; }
  Timestamp timestamp(size_t i) const { return meta.timestamps[i]; }
  Window window(size_t i) const { return meta.windows[i]; }
  PaneInfo pane(size_t i) const { return meta.panes[i]; }
};

/// Calls take(batch) for each longest run of elements with the same time, window and pane.
template <class T, class Take>
void ForEachRun(const Batch<T>& batch, Take take) {
  if (batch.meta.is_constant()) return take(batch);
  for (size_t first = 0, next; first < batch.count; first = next) {
    const Meta one{SharedColumn<Timestamp>(batch.timestamp(first)),
                   SharedColumn<Window>(batch.window(first)),
                   SharedColumn<PaneInfo>(batch.pane(first)), batch.meta.slices_of};
    for (next = first + 1; next < batch.count && batch.timestamp(next) == batch.timestamp(first) &&
                           batch.window(next) == batch.window(first) &&
                           batch.pane(next) == batch.pane(first);) {
      ++next;
    }
    take(Batch<T>{batch.values.From(first), next - first, one});
  }
}

/// The end of the longest run of elements in the same window that begins at `first`, of `count`.
size_t EndOfWindowRun(const SharedColumn<Window>& windows, size_t first, size_t count);

/// Calls take(window, first, count) for each longest run of elements in the same window.
template <class T, class Take>
void ForEachWindowRun(const Batch<T>& batch, Take take) {
  for (size_t first = 0, next; first < batch.count; first = next) {
    next = EndOfWindowRun(batch.meta.windows, first, batch.count);
    take(batch.window(first), first, next - first);
  }
}

/// The windows of `sliding` that share `slice`.
std::vector<Window> WindowsOfSlice(const WindowFn& sliding, const Window& slice);

/// The parts of a batch that are not sliced: all of it, or each run of elements of one slice once
/// for each of its windows.
class UnslicedParts {
 public:
  struct Part {
    size_t first;
    size_t count;
    Meta meta;
  };
  /// `meta` outlives this.
  UnslicedParts(const Meta& meta, size_t count) : meta_(meta), count_(count) {}
  /// False at the end.
  bool Next(Part* part);

 private:
  const Meta& meta_;
  size_t count_;
  size_t first_ = 0;
  size_t end_ = 0;               ///< Of the run.
  std::vector<Window> windows_;  ///< Of the run.
  size_t next_window_ = 0;
};

/// Calls take(batch) with batches that are not sliced.
template <class T, class Take>
void ForEachUnsliced(const Batch<T>& batch, Take take) {
  UnslicedParts parts(batch.meta, batch.count);
  for (UnslicedParts::Part part; parts.Next(&part);) {
    take(Batch<T>{batch.values.From(part.first), part.count, part.meta});
  }
}

/// Room for the Meta of kBatchSize elements, of which it copies what is not the same for all.
class MetaBuffer {
 public:
  /// Names the Meta that CopyFrom copies from.
  void Begin(const Meta& from);
  /// From here on each element has a timestamp of its own; the first `count` have that of before.
  void VaryTimestamps(size_t count) {
    if (meta_.timestamps.is_constant()) VaryConstantTimestamps(count);
  }
  /// Element `i` gets what element `j` of `from` has.
  void CopyFrom(size_t i, const Meta& from, size_t j) {
    if (!meta_.timestamps.is_constant()) timestamps_[i] = from.timestamps[j];
    if (!meta_.windows.is_constant()) windows_[i] = from.windows[j];
    if (!meta_.panes.is_constant()) panes_[i] = from.panes[j];
  }
  void SetTimestamp(size_t i, Timestamp t) { timestamps_[i] = t; }
  /// The timestamps, where each element has its own and the rest is one for all; else null. Until
  /// the next Begin.
  Timestamp* only_timestamps() {
    return !meta_.timestamps.is_constant() && meta_.windows.is_constant() &&
                   meta_.panes.is_constant()
               ? timestamps_.data()
               : nullptr;
  }
  const Meta& view() const { return meta_; }

 private:
  void VaryConstantTimestamps(size_t count);

  std::vector<Timestamp> timestamps_;
  std::vector<Window> windows_;
  std::vector<PaneInfo> panes_;
  Meta meta_;
};

/// Something that takes batches; the element type is known to whoever made it, and checked by the
/// graph before anything is connected.
class Receiver {
 public:
  virtual ~Receiver() = default;
};

template <class T>
class BatchReceiver : public Receiver {
 public:
  virtual void Push(const Batch<T>& batch) = 0;
};

/// Where a step's batches go: to each of its consumers in turn.
template <class T>
class Output {
 public:
  void Connect(Receiver* consumer) {
    consumers_.push_back(static_cast<BatchReceiver<T>*>(consumer));
  }
  void Push(const Batch<T>& batch) const {
    for (BatchReceiver<T>* consumer : consumers_) consumer->Push(batch);
  }
  bool empty() const { return consumers_.empty(); }

 private:
  std::vector<BatchReceiver<T>*> consumers_;
};

}  // namespace joist

#endif  // JOIST_EXEC_BATCH_H_
