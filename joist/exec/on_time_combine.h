// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OnTimeCombine: combining per key and window of a stream whose windows fire once, when the
// watermark has passed their ends, and take nothing afterwards. Nothing is to be known of a key
// before its window ends: so elements stay in their lane, which gathers them as a share of bounded
// input does, and the lanes' tables are merged when a window ends, a hash range a lane.
//
// A lane reads the tables of others in the phase of the operator only, when no lane adds to its
// own, and forgets what is over when the next bundle begins, when no lane reads.

#ifndef JOIST_EXEC_ON_TIME_COMBINE_H_
#define JOIST_EXEC_ON_TIME_COMBINE_H_

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/combine_tables.h"
#include "joist/exec/saved_element.h"
#include "joist/exec/step.h"
#include "joist/exec/window_shares.h"

namespace joist {

template <class K, class V, class F>
class OnTimeCombine final : public Operator, public BatchReceiver<KV<K, V>> {
  using Gathered = CombineGathered<K, F>;
  using Item = typename WindowShares<Gathered>::Item;
  using Reader = CombineReader<K, F>;
  using Key = GroupKey<K>;
  using Code = AccumulatorCode<AccumulatorOf<F>>;

 public:
  /// The lanes' operators, which know each other by it.
  struct Exchange {
    explicit Exchange(int lanes) : of_lanes(static_cast<size_t>(lanes)) {}
    std::vector<OnTimeCombine*> of_lanes;
  };
  OnTimeCombine(F fn, const OperatorContext& context, std::shared_ptr<Exchange> exchange)
      : fn_(std::move(fn)),
        context_(context),
        exchange_(std::move(exchange)),
        gatherer_(&fn_, context),
        reader_(&fn_, &no_windows_, context.memory, context) {
    exchange_->of_lanes[static_cast<size_t>(context.lane)] = this;
  }
  Receiver* input(int) override { return static_cast<BatchReceiver<KV<K, V>>*>(this); }
  void Connect(int, Receiver* consumer) override { reader_.Connect(consumer); }

  void Start() override {
    gatherer_.Forget([this](const GatheredWindow& of) { return IsOver(of); });
  }
  void Push(const Batch<KV<K, V>>& batch) override {
    const StepScope scope(context_.stats);
    context_.stats->elements_in += batch.count;
    ++context_.stats->batches_in;
    ForEachWindowRun(batch, [&](const Window& window, size_t first, size_t count) {
      const GatheredWindow of{window, batch.meta.slices_of};
      if (DropsLate(of, count)) return;
      gatherer_.Add(of, batch, first, count);
    });
  }
  void Finish() override {
    const StepScope scope(context_.stats);
    try {
      gatherer_.Finish();
    } catch (...) {
      RethrowAsStepFailure(context_.step, "");
    }
  }
  void AdvanceWatermark(Timestamp input) override {
    const Timestamp before = std::exchange(watermark_, input);
    if (input == before) return;
    struct Ended {
      std::vector<Gathered*> shares;
      bool has_slices = false;  ///< Which other windows want too.
    };
    std::map<Window, Ended> ended;
    for (const OnTimeCombine* lane : exchange_->of_lanes) {
      for (const auto& item : lane->gatherer_.windows()) {
        ForEachWindow(item.of, [&](const Window& window) {
          if (HasEnded(window) && window.max_timestamp() >= before) {
            ended[window].shares.push_back(item.gathered.get());
            ended[window].has_slices |= item.of.slices_of != nullptr;
          }
        });
      }
    }
    for (auto& [window, of_window] : ended) {
      Item merged;
      merged.window = window;
      merged.shares = std::move(of_window.shares);
      reader_.set_merges_in_place(!of_window.has_slices);
      const size_t parts = size_t{1} << Reader::PartitionBits(merged.shares);
      const auto lanes = static_cast<size_t>(context_.lanes);
      for (auto part = static_cast<size_t>(context_.lane); part < parts; part += lanes) {
        reader_.ReadOne(merged, part);
      }
    }
  }
  OperatorStatus status() const override {
    OperatorStatus status;
    for (const auto& item : gatherer_.windows()) {
      if (!IsOver(item.of)) status.cells += item->table.table().size();
      status.bytes += item->use.bytes();
    }
    return status;
  }

  void Save([[maybe_unused]] SavedState* state) override {
    if constexpr (Gathered::kSpills) {
      std::string* const out = state->whole();
      SaveValue(watermark_, out);
      std::vector<const typename WindowList<Gathered>::Item*> open;
      for (const auto& item : gatherer_.windows()) {
        if (!IsOver(item.of)) open.push_back(&item);
      }
      PutVarint(open.size(), out);
      for (const auto* item : open) {
        SaveValue(item->of.window, out);
        PutByte(item->of.slices_of == nullptr ? 0 : 1, out);
        SaveGathered(*item->gathered, out);
      }
    } else {
      RefuseToSave(TypeName<AccumulatorOf<F>>());
    }
  }
  /// Any lane may have any of what is gathered.
  bool Restore([[maybe_unused]] ByteReader* in, [[maybe_unused]] bool is_own) override {
    if constexpr (Gathered::kSpills) {
      uint64_t windows;
      if (!RestoreValue(in, &watermark_) || !in->TakeVarint(&windows)) return false;
      if (!is_own) return true;
      for (; windows > 0; --windows) {
        GatheredWindow of;
        uint8_t is_slice;
        if (!RestoreValue(in, &of.window) || !in->TakeByte(&is_slice)) return false;
        if (is_slice != 0) {
          if (context_.windowing == nullptr) return false;
          of.slices_of = &context_.windowing->window_fn;
        }
        if (!RestoreGathered(of, in)) return false;
      }
      return true;
    } else {
      return false;
    }
  }

 private:
  bool HasEnded(const Window& window) const { return window.max_timestamp() < watermark_; }
  template <class Take>
  static void ForEachWindow(const GatheredWindow& of, Take take) {
    if (of.slices_of == nullptr) {
      take(of.window);
    } else {
      for (const Window& window : WindowsOfSlice(*of.slices_of, of.window)) take(window);
    }
  }
  bool IsOver(const GatheredWindow& of) const {
    bool is_over = true;
    ForEachWindow(of, [&](const Window& window) { is_over = is_over && HasEnded(window); });
    return is_over;
  }
  /// Counts what is late for windows of `of`; true if it is for all.
  bool DropsLate(const GatheredWindow& of, size_t count) {
    if (watermark_ <= of.window.max_timestamp()) return false;  // That ends last what ends first.
    bool is_over = true;
    ForEachWindow(of, [&](const Window& window) {
      if (HasEnded(window)) {
        CountDroppedLate(context_.stats, count);
      } else {
        is_over = false;
      }
    });
    return is_over;
  }

  /// Records by the block, then a zero.
  void SaveGathered(const Gathered& gathered, std::string* out) const {
    std::string records;
    uint64_t count = 0;
    gathered.table.table().ForEach([&](const typename Gathered::Slot& slot) {
      Key::Encode(slot.key(), &records);
      Code::Encode(Gathered::Table::Of(slot.value), &records);
      ++count;
    });
    const auto put = [out](uint64_t number, std::string_view bytes) {
      if (number == 0) return;
      PutVarint(number, out);
      PutBytes(bytes, out, /*nested=*/true);
    };
    put(count, records);
    Arena arena;
    for (const auto& run : gathered.runs) {
      for (const SpillFile::Block& block : run->blocks) {
        put(block.records, gathered.file->Read(block, arena));
        arena.Reset();
      }
    }
    PutVarint(0, out);
  }
  bool RestoreGathered(const GatheredWindow& of, ByteReader* in) {
    std::vector<typename CombineGatherer<K, V, F>::Record> some;
    for (uint64_t left;;) {
      std::string_view bytes;
      if (!in->TakeVarint(&left)) return false;
      if (left == 0) return true;
      if (!in->TakeBytes(&bytes, /*nested=*/true)) return false;
      ByteReader records(bytes);
      while (left > 0) {
        some.clear();
        for (; left > 0 && some.size() < kBatchSize; --left) {
          some.push_back({{}, fn_.CreateAccumulator()});
          if (!Key::Decode(&records, &some.back().key) ||
              !Code::Decode(&records, &some.back().accumulator)) {
            return false;
          }
        }
        gatherer_.Merge(of, some);
      }
      if (records.remaining() > 0) return false;
    }
  }

  F fn_;
  OperatorContext context_;
  std::shared_ptr<Exchange> exchange_;
  CombineGatherer<K, V, F> gatherer_;
  WindowShares<Gathered> no_windows_;
  Reader reader_;
  Timestamp watermark_ = Timestamp::Min();
};

}  // namespace joist

#endif  // JOIST_EXEC_ON_TIME_COMBINE_H_
