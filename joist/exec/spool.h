// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Spool<T>: elements kept for later, in order, with their times and windows; in memory and, beyond
// what it may hold, on disk. A share fills its own; committed spools are read by many threads at
// once.

#ifndef JOIST_EXEC_SPOOL_H_
#define JOIST_EXEC_SPOOL_H_

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/base/arena.h"
#include "joist/exec/batch.h"
#include "joist/exec/element_code.h"
#include "joist/exec/spill_file.h"

namespace joist {

/// Each element's time, window and pane, where they differ.
class MetaColumns {
 public:
  bool empty() const { return timestamps_.empty(); }
  void Clear() {
    timestamps_.clear();
    windows_.clear();
    panes_.clear();
  }
  size_t held_bytes() const {
    return timestamps_.capacity() * (sizeof(Timestamp) + sizeof(Window) + sizeof(PaneInfo));
  }
  void Append(const Meta& meta, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      timestamps_.push_back(meta.timestamps[i]);
      windows_.push_back(meta.windows[i]);
      panes_.push_back(meta.panes[i]);
    }
  }
  Meta view() const {
    return {SharedColumn<Timestamp>(timestamps_.data()), SharedColumn<Window>(windows_.data()),
            SharedColumn<PaneInfo>(panes_.data())};
  }
  /// As bytes for this process.
  void Encode(std::string* out) const {
    EncodeColumn(timestamps_, out);
    EncodeColumn(windows_, out);
    EncodeColumn(panes_, out);
  }
  void Decode(ByteReader* in, size_t count) {
    DecodeColumn(in, count, &timestamps_);
    DecodeColumn(in, count, &windows_);
    DecodeColumn(in, count, &panes_);
  }

 private:
  template <class C>
  static void EncodeColumn(const std::vector<C>& column, std::string* out) {
    static_assert(std::is_trivially_copyable_v<C>);
    out->append(reinterpret_cast<const char*>(column.data()), column.size() * sizeof(C));
  }
  template <class C>
  static void DecodeColumn(ByteReader* in, size_t count, std::vector<C>* column) {
    std::string_view bytes;
    JOIST_CHECK(in->Take(count * sizeof(C), &bytes));
    column->resize(count);
    std::memcpy(column->data(), bytes.data(), bytes.size());
  }

  std::vector<Timestamp> timestamps_;
  std::vector<Window> windows_;
  std::vector<PaneInfo> panes_;
};

template <class T>
class Spool {
 public:
  /// What has no coder stays in memory.
  static constexpr bool kSpills = ElementCode<T>::kExists;

  /// At most kBatchSize elements.
  struct Block {
    size_t size = 0;
    std::vector<Stored<T>> values;  ///< None if they are on disk.
    Meta constant;                  ///< Of all elements, unless they have columns.
    bool has_columns = false;
    MetaColumns columns;  ///< None if they are on disk.
    SpillFile::Block on_disk;

    bool is_on_disk() const { return on_disk.stored_bytes > 0; }
  };

  void Append(const Batch<T>& batch) {
    if (batch.count == 0) return;
    Block& block = BlockFor(batch);
    for (size_t i = 0; i < batch.count; ++i) {
      block.values.push_back(ElementForm<T>::Store(batch[i], arena_));
    }
    block.size += batch.count;
    if (block.has_columns) block.columns.Append(batch.meta, batch.count);
    size_ += batch.count;
    CountBytes(batch);
  }

  /// Writes what is in memory to disk and gives its memory back. Throws StatusException.
  [[gnu::cold]] void Spill([[maybe_unused]] MemoryBudget* budget) {
    if constexpr (kSpills) {
      if (first_in_memory_ == blocks_.size()) return;
      if (file_ == nullptr) file_ = std::make_unique<SpillFile>(budget);
      std::string plain;
      for (; first_in_memory_ < blocks_.size(); ++first_in_memory_) {
        Block& block = blocks_[first_in_memory_];
        plain.clear();
        for (const auto& value : block.values) {
          ElementCode<T>::Encode(ElementForm<T>::ViewOf(value), &plain);
        }
        block.columns.Encode(&plain);
        block.on_disk = file_->Append(plain, static_cast<uint32_t>(block.size));
        block.values = {};
        block.columns = {};
      }
      file_->Flush();
      arena_ = Arena();
      value_bytes_ = 0;
    }
  }

  /// Forgets the values in memory, of which somebody has made copies; what those refer to stays.
  void ReleaseValues() {
    for (Block& block : blocks_) {
      block.values = {};
      block.columns = {};
    }
  }

  size_t size() const { return size_; }
  const std::vector<Block>& blocks() const { return blocks_; }
  bool is_on_disk() const { return file_ != nullptr; }
  /// Bytes in memory; what the elements hold themselves is estimated from one of each batch.
  int64_t held_bytes() const { return static_cast<int64_t>(value_bytes_ + arena_.held_bytes()); }

  /// A block's values; of one in memory they refer to the spool's. Throws StatusException.
  /// `columns` get what the block has on disk.
  void Load(const Block& block, Page<T>* page, MetaColumns* columns = nullptr) const {
    page->arena.Reset();
    if (page->values == nullptr) page->values = std::make_unique<Stored<T>[]>(kBatchSize);
    page->size = block.size;
    if (!block.is_on_disk()) {
      std::copy(block.values.begin(), block.values.end(), page->values.get());
      return;
    }
    if constexpr (kSpills) {
      ByteReader reader(file_->Read(block.on_disk, page->arena));
      for (size_t i = 0; i < block.size; ++i) {
        JOIST_CHECK(ElementCode<T>::Decode(&reader, &page->values[i]));
      }
      if (block.has_columns && columns != nullptr) columns->Decode(&reader, block.size);
    }
  }

 private:
  /// The last block, if the batch fits into it, or a new one.
  Block& BlockFor(const Batch<T>& batch) {
    const bool constant = batch.meta.is_constant();
    if (first_in_memory_ < blocks_.size() && blocks_.back().size + batch.count <= kBatchSize) {
      Block& last = blocks_.back();
      if (last.has_columns) return last;
      if (constant && IsSame(last.constant, batch.meta)) return last;
      last.has_columns = true;
      last.columns.Append(last.constant, last.size);
      return last;
    }
    Block& block = blocks_.emplace_back();
    block.values.reserve(batch.count);
    block.has_columns = !constant;
    if (constant) block.constant = batch.meta;
    return block;
  }
  static bool IsSame(const Meta& a, const Meta& b) {
    return a.timestamps[0] == b.timestamps[0] && a.windows[0] == b.windows[0] &&
           a.panes[0] == b.panes[0];
  }
  void CountBytes(const Batch<T>& batch) {
    size_t each = sizeof(Stored<T>);
    if (blocks_.back().has_columns) each += sizeof(Timestamp) + sizeof(Window) + sizeof(PaneInfo);
    if constexpr (kSpills && !std::is_trivially_copyable_v<Stored<T>>) {
      sample_.clear();
      ElementCode<T>::Encode(batch[0], &sample_);
      each += 2 * sample_.size();  // In memory, containers take about twice their encoding.
    }
    value_bytes_ += each * batch.count;
  }

  std::vector<Block> blocks_;
  size_t first_in_memory_ = 0;  ///< Block.
  Arena arena_;
  size_t size_ = 0;
  size_t value_bytes_ = 0;
  std::string sample_;
  std::unique_ptr<SpillFile> file_;
};

template <class T>
using Spools = std::vector<std::shared_ptr<Spool<T>>>;

/// What all of them hold in memory is to be `most_bytes` at the most.
template <class T>
void ShrinkSpools(const Spools<T>& spools, int64_t most_bytes, MemoryBudget* budget) {
  int64_t held = 0;
  for (const auto& spool : spools) held += spool->held_bytes();
  for (const auto& spool : spools) {
    if (held <= most_bytes) return;
    held -= spool->held_bytes();
    spool->Spill(budget);
    held += spool->held_bytes();
  }
}

/// Makes batches again of what a spool keeps.
template <class T>
class SpoolPlayer {
 public:
  void Play(const Spool<T>& spool, const typename Spool<T>::Block& block, const Output<T>& output) {
    const ColumnWriter<T> writer = column_.writer();
    if (block.is_on_disk()) {
      spool.Load(block, &page_, &columns_);
      for (size_t i = 0; i < block.size; ++i) {
        writer.SetView(i, ElementForm<T>::ViewOf(page_.values[i]));
      }
      output.Push(
          {column_.view(), block.size, block.has_columns ? columns_.view() : block.constant});
      return;
    }
    for (size_t i = 0; i < block.size; ++i) {
      writer.SetView(i, ElementForm<T>::ViewOf(block.values[i]));
    }
    output.Push(
        {column_.view(), block.size, block.has_columns ? block.columns.view() : block.constant});
  }

 private:
  ColumnBuffer<T> column_;
  Page<T> page_;
  MetaColumns columns_;
};

}  // namespace joist

#endif  // JOIST_EXEC_SPOOL_H_
