// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Emit<T>: what a function is given to output elements; a handle to an OutputCursor, which fills a
// column and pushes it on when full. Belongs to the thread that runs the function.
//
// Invariants of the cursor:
//  1. Pushing a batch may happen inside of `emit`, in the middle of an element. The bytes that a
//     function may still hold views of (its element, its Arena) are therefore never released there;
//     only copies that the cursor made itself, which no function has seen, are.
//  2. A consumer that failed is never pushed to again, even where the function swallows its
//  exception.
//  3. An emitted string is referenced, not copied, if it lies in the current element.

#ifndef JOIST_EXEC_EMIT_H_
#define JOIST_EXEC_EMIT_H_

#include <concepts>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "joist/exec/batch.h"
#include "joist/exec/metrics.h"

namespace joist {

/// Tag of the output that has no other.
struct Main {};

/// Whether a U may be emitted where T is expected, without losing anything silently.
template <class U, class T>
concept EmittableAs = std::is_same_v<ElementOfT<std::decay_t<U>>, T> || requires(U&& u) {
  requires !std::is_same_v<T, std::string>;
  T{std::forward<U>(u)};
};

template <class T>
class OutputCursor {
 public:
  void Connect(Receiver* consumer) { output_.Connect(consumer); }
  void set_stats(StepStats* stats) { stats_ = stats; }

  /// Names the input batch whose elements come next.
  void BeginBatch(const Meta& meta) {
    in_meta_ = &meta;
    timestamps_ = nullptr;
    constant_ = meta.is_constant();
    if (!constant_) [[unlikely]]
      meta_.Begin(meta);
  }
  /// Names the element whose outputs come next.
  void BeginElement(size_t i, ByteSpan kept) {
    in_index_ = i;
    kept_ = kept;
  }
  /// Ends an element where the batch's times, windows or panes differ.
  void EndElement() {
    if (!constant_) FillMeta();
  }
  /// Pushes what is left, so that nothing refers to the batch any more.
  void EndBatch() {
    if (count_ > 0) Flush();
    RethrowFailure();
  }
  /// Throws again what a consumer has thrown, if the function caught it around its `emit`: the
  /// share is lost all the same.
  void RethrowFailure() const {
    if (failure_ != nullptr) [[unlikely]]
      std::rethrow_exception(failure_);
  }

  /// One output for each element of `batch`: `value(i)`, of which bytes inside span(i) are kept. On
  /// an exception `failed` is the element's index.
  template <class In, class Value, class Span>
  [[gnu::always_inline]] void Map(const Batch<In>& batch, size_t& failed, Value value, Span span) {
    const ColumnWriter<T> writer = writer_;
    const size_t count = batch.count;
    // A counter that is nobody's but the loop's, so that columns of numbers become vectors; for the
    // same reason the arena.
    Arena copies = std::move(copies_);
    size_t i = 0;
    try {
      for (; i < count; ++i) {
        auto&& result = value(i);
        writer.Set(i, std::forward<decltype(result)>(result), span(i), copies);
      }
    } catch (...) {
      failed = i;
      throw;
    }
    copies_ = std::move(copies);
    Push({column_.view(), count, batch.meta});
  }
  /// Those elements of `batch` for which `keep(i)`.
  template <class Keep>
  [[gnu::always_inline]] void Filter(const Batch<T>& batch, size_t& failed, Keep keep) {
    const ColumnWriter<T> writer = writer_;
    const ColumnView<T> values = batch.values;
    const size_t count = batch.count;
    const bool constant = batch.meta.is_constant();
    size_t kept = 0;
    size_t i = 0;
    try {
      if (!constant) {
        for (; i < count; ++i) {
          if (!keep(i)) continue;
          writer.CopyFrom(kept, values, i);
          meta_.CopyFrom(kept++, batch.meta, i);
        }
      } else if constexpr (kCheapItem<T>) {
        uint8_t wanted[kBatchSize];
        wanted[0] = 0;  // For GCC, which thinks of empty batches.
        for (; i < count; ++i) wanted[i] = keep(i) ? 1 : 0;
        kept = writer.CompressFrom(values, wanted, count);
      } else {
        for (; i < count; ++i) {
          if (keep(i)) writer.CopyFrom(kept++, values, i);
        }
      }
    } catch (...) {
      failed = i;
      throw;
    }
    if (kept > 0) Push({column_.view(), kept, constant ? batch.meta : meta_.view()});
  }

  template <class U>
  void Put(U&& value) {
    writer_.Set(count_, std::forward<U>(value), kept_, copies_);
    if (++count_ == kBatchSize) [[unlikely]]
      Flush();
  }
  template <class U>
  void PutAt(U&& value, Timestamp timestamp) {
    if (timestamps_ == nullptr || filled_ < count_) [[unlikely]]
      VaryTimestamps();
    writer_.Set(count_, std::forward<U>(value), kept_, copies_);
    if (timestamps_ != nullptr) [[likely]] {
      timestamps_[count_] = timestamp;
    } else {
      meta_.CopyFrom(count_, *in_meta_, in_index_);
      meta_.SetTimestamp(count_, timestamp);
    }
    if (latest_ != nullptr && timestamp > *latest_) *latest_ = timestamp;
    filled_ = ++count_;
    if (count_ == kBatchSize) [[unlikely]]
      Flush();
  }

  /// From now on the latest timestamp given is kept in `latest`, unless that is null.
  void Observe(Timestamp* latest) { latest_ = latest; }

  /// Room for at least `least` items, to be written in place.
  auto* Room(size_t least) {
    if (kBatchSize - count_ < least) Flush();
    return column_.data() + count_;
  }
  size_t room() const { return kBatchSize - count_; }
  void Advance(size_t written) {
    count_ += written;
    if (count_ == kBatchSize) [[unlikely]]
      Flush();
  }

  /// Gives `batch` to the consumers. Whoever has put elements before flushes first.
  void Push(const Batch<T>& batch) {
    RethrowFailure();
    stats_->elements_out += batch.count;
    try {
      output_.Push(batch);
    } catch (...) {
      failure_ = std::current_exception();
      throw;
    }
    if (!copies_.empty()) copies_.Reset();
  }

 private:
  [[gnu::noinline]] void Flush() {
    Batch<T> batch{column_.view(), count_, {}};
    if (constant_) {
      batch.meta = *in_meta_;
    } else {
      FillMeta();
      batch.meta = meta_.view();
    }
    count_ = 0;
    filled_ = 0;
    Push(batch);
  }
  void FillMeta() {
    for (; filled_ < count_; ++filled_) meta_.CopyFrom(filled_, *in_meta_, in_index_);
  }
  /// From here on.
  [[gnu::noinline]] void VaryTimestamps() {
    if (constant_) SpreadMeta();
    meta_.VaryTimestamps(count_);
    FillMeta();
    timestamps_ = meta_.only_timestamps();
  }
  /// From a Meta that is one for all to one for each, in the middle of a batch.
  [[gnu::noinline]] void SpreadMeta() {
    constant_ = false;
    filled_ = 0;
    meta_.Begin(*in_meta_);
  }

  ColumnBuffer<T> column_;
  ColumnWriter<T> writer_ = column_.writer();
  size_t count_ = 0;
  size_t filled_ = 0;  ///< Elements of the column whose meta_ is written.
  size_t in_index_ = 0;
  ByteSpan kept_;
  Timestamp* latest_ = nullptr;
  Timestamp* timestamps_ = nullptr;  ///< Of meta_, where nothing else differs.
  bool constant_ = true;
  const Meta* in_meta_ = nullptr;
  StepStats* stats_ = nullptr;
  Arena copies_;
  MetaBuffer meta_;
  Output<T> output_;
  std::exception_ptr failure_;
};

/// Outputs elements of type T to the output named by Tag. Copy it freely, but not out of the call.
///
///   joist::FlatMap([](std::string_view line, joist::Emit<std::string> emit) {
///     emit(line.substr(0, 3));
///   });
template <class T, class Tag = Main>
class Emit {
 public:
  using value_type = T;
  using tag_type = Tag;

  explicit Emit(OutputCursor<T>* cursor) : cursor_(cursor) {}

  /// Outputs `value` with the time and window of the element being processed. Text is copied,
  /// unless it is a piece of that element.
  template <class U>
    requires EmittableAs<U, T>
  void operator()(U&& value) const {
    cursor_->Put(std::forward<U>(value));
  }
  /// The same with another timestamp.
  template <class U>
    requires EmittableAs<U, T>
  void operator()(U&& value, Timestamp timestamp) const {
    cursor_->PutAt(std::forward<U>(value), timestamp);
  }

  /// Bulk output for code that finds many pieces of its element at once: write up to room() items
  /// (at least `least`, at most 1024) at the address returned, then Advance by their number.
  auto* Room(size_t least) const { return cursor_->Room(least); }
  size_t room() const { return cursor_->room(); }
  void Advance(size_t written) const { cursor_->Advance(written); }

  /// For watermark estimators: the latest timestamp emitted is kept in `latest`, until it is null.
  void Observe(Timestamp* latest) const { cursor_->Observe(latest); }

 private:
  OutputCursor<T>* cursor_;
};

}  // namespace joist

#endif  // JOIST_EXEC_EMIT_H_
