// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// HashPages<K, V>: KVs on disk in the order of their keys' hashes, in small pages that can be
// looked up one by one: the first hash of each page is in memory. The values of a key that would
// fill a page by themselves lie in blocks of their own. Immutable once built; thread-safe.

#ifndef JOIST_EXEC_HASH_PAGES_H_
#define JOIST_EXEC_HASH_PAGES_H_

#include <algorithm>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "joist/base/function_ref.h"
#include "joist/exec/group_layout.h"
#include "joist/exec/page_cache.h"
#include "joist/exec/scattered.h"
#include "joist/exec/spool.h"

namespace joist {

template <class K, class V>
class HashPages {
 public:
  using Key = GroupKey<K>;
  using Record = GroupRecord<K, V>;

  /// A page as it is in memory.
  class Page {
   public:
    /// The values of a key.
    Iterable<V> Find(uint64_t hash, const typename Key::Kept& key) const {
      auto at = std::lower_bound(hashes_.begin(), hashes_.end(), hash) - hashes_.begin();
      for (; at < std::ssize(hashes_) && hashes_[at] == hash; ++at) {
        if (keys_[at] != key) continue;
        const uint32_t begin = at == 0 ? 0 : ends_[at - 1];
        return Iterable<V>(values_.get() + begin, ends_[at] - begin);
      }
      return {};
    }
    int64_t held_bytes() const {
      return static_cast<int64_t>(
          arena_.held_bytes() + sizeof(Page) +
          hashes_.size() * (sizeof(uint64_t) + sizeof(uint32_t) + sizeof(typename Key::Kept)) +
          (ends_.empty() ? 0 : ends_.back()) * sizeof(Stored<V>));
    }

   private:
    friend class HashPages;
    Arena arena_;
    std::vector<uint64_t> hashes_;
    std::vector<typename Key::Kept> keys_;
    std::vector<uint32_t> ends_;
    std::unique_ptr<Stored<V>[]> values_;
  };
  using Cache = PageCache<Page>;

  /// Builds it of what `spools` have. Throws StatusException.
  [[gnu::cold]] HashPages(const Spools<KV<K, V>>& spools, MemoryBudget* memory)
      : memory_(memory), file_(memory) {
    ScatteredRecords<K, V> records(memory->sealed_part() / 2);
    SharedSpillFile scattered_file(memory);
    Scatter(spools, scattered_file, &records);
    for (size_t partition = 0; partition < SpilledRun::kPartitions; ++partition) {
      BuildPartition(records, partition);
    }
    FlushPage();
    file_.Flush();
  }

  /// The values of `key`, which live as long as the page does in `cache`.
  Iterable<V> Get(const View<K>& key, Cache& cache) const {
    std::string scratch;
    const typename Key::Kept kept = Key::ToKept(key, &scratch);
    if (!large_.empty()) {
      if (const uint32_t* number = large_numbers_.Lookup(kept)) {
        return Iterable<V>(&large_[*number].pages, large_[*number].size);
      }
    }
    const uint64_t hash = Key::Hash(kept);
    const auto after = std::upper_bound(first_hashes_.begin(), first_hashes_.end(), hash);
    if (after == first_hashes_.begin()) return {};
    const auto number = static_cast<size_t>(after - first_hashes_.begin() - 1);
    return cache.Get(number, [this](size_t n) { return Load(n); }).Find(hash, kept);
  }
  /// Number of keys.
  size_t size() const { return keys_; }

 private:
  /// Plain bytes in a page: a lookup reads one, and most want one key of it.
  static constexpr size_t kPageBytes = 8 << 10;
  static constexpr int kPieceBits = 10;

  struct Large {
    Large(const SpillFile* file, size_t size) : pages(file, &blocks), size(size) {}
    std::vector<SpillFile::Block> blocks;
    ValuesOnDisk<V> pages;
    size_t size;
  };

  [[gnu::cold]] void Scatter(const Spools<KV<K, V>>& spools, SharedSpillFile& file,
                             ScatteredRecords<K, V>* records) {
    joist::Page<KV<K, V>> page;
    ColumnBuffer<KV<K, V>> column;
    for (const auto& spool : spools) {
      for (const auto& block : spool->blocks()) {
        spool->Load(block, &page);
        for (size_t i = 0; i < page.size; ++i) {
          column.writer().SetView(i, ElementForm<KV<K, V>>::ViewOf(page.values[i]));
        }
        records->Append(column.view().keys(), column.view().values(), Meta(), page.size);
        if (records->used_bytes() > memory_->sealed_part() / 2) records->Spill(file);
      }
    }
    records->Spill(file);
    records->FreeUnused();
  }

  /// Gives take(records) a partition's records by the block; what they refer to is gone when it
  /// returns.
  [[gnu::cold]] static void ForEachBlock(const ScatteredRecords<K, V>& records, size_t partition,
                                         FunctionRef<void(std::span<const Record>)> take) {
    Arena arena;
    std::vector<Record> loaded;
    records.ForEachBlock(partition, [&](const SpillFile::Block& block) {
      arena.Reset();
      loaded.clear();
      records.Load(block, arena, &loaded, nullptr);
      take(loaded);
    });
  }
  /// A range of hashes.
  struct Pieces {
    size_t first;
    size_t end;
    bool Has(const Record& record) const {
      const size_t piece = PieceOf(record);
      return piece >= first && piece < end;
    }
  };
  static size_t PieceOf(const Record& record) {
    return record.hash() << SpilledRun::kBits >> (64 - kPieceBits);
  }
  static int64_t BytesOf(const Record& record) {
    return static_cast<int64_t>(sizeof(Record) + Key::HeldBytes(record.key) +
                                Record::Value::HeldBytes(record.value));
  }

  /// In as many ranges of hashes as memory makes necessary.
  [[gnu::cold]] void BuildPartition(const ScatteredRecords<K, V>& scattered, size_t partition) {
    std::vector<int64_t> piece_bytes(size_t{1} << kPieceBits);
    ForEachBlock(scattered, partition, [&](std::span<const Record> records) {
      for (const Record& record : records) piece_bytes[PieceOf(record)] += BytesOf(record);
    });
    for (size_t first = 0, next; first < piece_bytes.size(); first = next) {
      int64_t bytes = piece_bytes[first];
      for (next = first + 1;
           next < piece_bytes.size() && bytes + piece_bytes[next] <= memory_->reader_part();) {
        bytes += piece_bytes[next++];
      }
      if (bytes == 0) continue;
      const Pieces pieces{first, next};
      if (bytes > memory_->reader_part()) {
        BuildOnDisk(scattered, partition, pieces);
      } else {
        BuildRange(scattered, partition, pieces);
      }
    }
  }

  [[gnu::cold]] void BuildRange(const ScatteredRecords<K, V>& scattered, size_t partition,
                                Pieces pieces) {
    Arena arena;
    std::vector<Record> records;
    ForEachBlock(scattered, partition, [&](std::span<const Record> block) {
      for (const Record& record : block) {
        if (!pieces.Has(record)) continue;
        Record copy = record;
        copy.key = Key::Copy(record.key, arena);
        copy.value = Record::Value::Copy(record.value, arena);
        records.push_back(copy);
      }
    });
    std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) {
      return a.hash() != b.hash() ? a.hash() < b.hash() : a.key < b.key;
    });
    std::string values;
    for (auto from = records.begin(), to = from; from < records.end(); from = to) {
      values.clear();
      for (; to < records.end() && to->hash() == from->hash() && to->key == from->key; ++to) {
        Record::Value::EncodeElement(to->value, &values);
      }
      ++keys_;
      if (values.size() > kPageBytes) {
        Large& large = AddLarge(from->key, static_cast<size_t>(to - from));
        AppendBlocks(from, to, &large);
      } else {
        AddToPage(from->hash(), from->key, static_cast<size_t>(to - from), values);
      }
    }
  }
  /// For keys of which one has more values than fit into memory.
  [[gnu::cold]] void BuildOnDisk(const ScatteredRecords<K, V>& scattered, size_t partition,
                                 Pieces pieces) {
    GroupsOnDisk<K, V> groups(&file_, memory_->reader_part());
    ForEachBlock(scattered, partition, [&](std::span<const Record> block) {
      for (const Record& record : block) {
        if (pieces.Has(record)) groups.template Add<0>(record);
      }
    });
    groups.ForEachKept(
        [&](const typename Key::Kept& key, size_t size, std::vector<SpillFile::Block> blocks) {
          ++keys_;
          AddLarge(key, size).blocks = std::move(blocks);
        });
  }

  Large& AddLarge(const typename Key::Kept& key, size_t size) {
    large_numbers_.FindOrAdd(key, static_cast<uint32_t>(large_.size()));
    return large_.emplace_back(&file_, size);
  }
  template <class At>
  void AppendBlocks(At from, At to, Large* large) {
    std::string plain;
    uint32_t count = 0;
    for (; from < to; ++from) {
      Record::Value::EncodeElement(from->value, &plain);
      ++count;
      if (plain.size() < SpillFile::kBlockBytes && from + 1 < to) continue;
      large->blocks.push_back(file_.Append(plain, std::exchange(count, 0)));
      plain.clear();
    }
  }

  void AddToPage(uint64_t hash, const typename Key::Kept& key, size_t count,
                 const std::string& values) {
    // Keys with one hash stay in one page, so that a lookup finds them by the first.
    if (page_keys_ > 0 && plain_.size() + values.size() > kPageBytes && hash != last_hash_) {
      FlushPage();
    }
    if (page_keys_ == 0) first_hashes_.push_back(hash);
    last_hash_ = hash;
    ++page_keys_;
    Key::Encode(key, &plain_);
    PutVarint(count, &plain_);
    plain_ += values;
  }
  void FlushPage() {
    if (page_keys_ == 0) return;
    pages_.push_back(file_.Append(plain_, std::exchange(page_keys_, 0)));
    plain_.clear();
  }

  [[gnu::noinline]] std::unique_ptr<const Page> Load(size_t number) const {
    auto page = std::make_unique<Page>();
    const SpillFile::Block& block = pages_[number];
    ByteReader reader(file_.Read(block, page->arena_));
    std::vector<Stored<V>> values;
    for (uint32_t i = 0; i < block.records; ++i) {
      typename Key::Kept key;
      uint64_t count;
      JOIST_CHECK(Key::Decode(&reader, &key) && reader.TakeVarint(&count));
      page->hashes_.push_back(Key::Hash(key));
      page->keys_.push_back(key);
      for (uint64_t j = 0; j < count; ++j) {
        Stored<V> value;
        JOIST_CHECK(ElementCode<V>::Decode(&reader, &value));
        values.push_back(std::move(value));
      }
      page->ends_.push_back(static_cast<uint32_t>(values.size()));
    }
    page->values_ = std::make_unique<Stored<V>[]>(values.size());
    std::copy(values.begin(), values.end(), page->values_.get());
    return page;
  }

  MemoryBudget* memory_;
  SpillFile file_;
  std::vector<uint64_t> first_hashes_;  ///< By page.
  std::vector<SpillFile::Block> pages_;
  KeyTable<typename Key::Table, uint32_t> large_numbers_;
  std::deque<Large> large_;  ///< They stay where they are.
  size_t keys_ = 0;
  // The page being built.
  std::string plain_;
  uint32_t page_keys_ = 0;
  uint64_t last_hash_ = 0;
};

}  // namespace joist

#endif  // JOIST_EXEC_HASH_PAGES_H_
