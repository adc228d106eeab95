// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How the elements of a stream change lanes. A stream is worked on by several lanes, each a thread
// with operators of its own; the engine lets all of them come to the end of a phase before the next
// one begins. What an operator is pushed in one phase an Exchange keeps for the lanes that it is
// for, and they take it in the phase of that operator. So no queue is shared by threads at work,
// and what waits is at most the output of one bundle, which ends where that is much.
//
//   Exchange<T>    the elements on their way, shared by the lanes' operators of one step
//   DealtInput<T>  the input of such an operator
//   ByKey, ByTurns, ToFirst   which lane an element is for

#ifndef JOIST_EXEC_EXCHANGE_H_
#define JOIST_EXEC_EXCHANGE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "joist/base/arena.h"
#include "joist/exec/batch.h"
#include "joist/exec/bundle_limits.h"
#include "joist/exec/erased_grouping.h"
#include "joist/exec/key_numbers.h"
#include "joist/exec/spool.h"
#include "joist/exec/step.h"

namespace joist {

/// The part of all keys that those with this hash are in, which is kept together. Of the hash's low
/// bits: tables use the high ones. Checkpoints have it.
inline uint32_t PartitionOfHash(uint64_t hash) { return static_cast<uint32_t>(hash); }
/// The same of a key that is saved as a text; that of a word is its bytes.
uint32_t PartitionOfText(std::string_view text, bool is_word);
/// The lane of a partition.
inline int LaneOfPartition(uint32_t partition, int lanes) {
  return static_cast<int>(partition * static_cast<uint64_t>(lanes) >> 32);
}
inline int LaneOfHash(uint64_t hash, int lanes) {
  return LaneOfPartition(PartitionOfHash(hash), lanes);
}

/// Thread-safe as said: a lane's Put and Take are called by its thread, and between the phases in
/// which something is put and those in which it is taken all lanes meet.
template <class T>
class Exchange {
 public:
  explicit Exchange(int lanes)
      : lanes_(lanes), parts_(static_cast<size_t>(lanes) * static_cast<size_t>(lanes)) {
    for (auto& part : parts_) part = std::make_unique<Part>();
  }
  int lanes() const { return lanes_; }

  /// Element i of the batch, which isn't sliced, is for lane to[i]. Returns about how many more
  /// bytes are held.
  int64_t Put(int from, const Batch<T>& batch, const uint8_t* to) {
    const int64_t before = BytesOfTexts(from);
    for (size_t i = 0; i < batch.count; ++i) {
      Part& part = At(from, to[i]);
      part.values.push_back(ElementForm<T>::Store(batch[i], part.arena));
      part.meta.Append(batch.meta.From(i), 1);
    }
    return static_cast<int64_t>(batch.count * sizeof(Stored<T>)) + BytesOfTexts(from) - before;
  }
  /// What there is for lane `to`: of each lane in the order in which it was put.
  void Take(int to, BatchReceiver<T>* receiver) {
    for (int from = 0; from < lanes_; ++from) {
      Part& part = At(from, to);
      const Meta meta = part.meta.view();
      for (size_t first = 0; first < part.values.size(); first += kBatchSize) {
        const size_t count = std::min<size_t>(kBatchSize, part.values.size() - first);
        const ColumnWriter<T> writer = part.column.writer();
        for (size_t i = 0; i < count; ++i) {
          writer.SetView(i, ElementForm<T>::ViewOf(part.values[first + i]));
        }
        receiver->Push({part.column.view(), count, meta.From(first)});
      }
      part.values.clear();
      part.meta.Clear();
      if (!part.arena.empty()) part.arena.Reset();
    }
  }

 private:
  struct alignas(64) Part {
    std::vector<Stored<T>> values;
    MetaColumns meta;
    Arena arena;  ///< What the values refer to.
    ColumnBuffer<T> column;
  };
  Part& At(int from, int to) {
    return *parts_[static_cast<size_t>(from) * static_cast<size_t>(lanes_) +
                   static_cast<size_t>(to)];
  }

  int64_t BytesOfTexts(int from) {
    size_t bytes = 0;
    for (int to = 0; to < lanes_; ++to) bytes += At(from, to).arena.held_bytes();
    return static_cast<int64_t>(bytes);
  }

  const int lanes_;
  std::vector<std::unique_ptr<Part>> parts_;
};

/// By the hash of a KV's key.
struct ByKey {
  template <class T>
  void Deal(const Batch<T>& batch, int lanes, uint8_t* to) {
    for (size_t i = 0; i < batch.count; ++i) {
      to[i] = static_cast<uint8_t>(LaneOf<typename T::key_t>(batch.values.keys()[i], lanes));
    }
  }
  template <class K>
  int LaneOf(const View<K>& key, int lanes) {
    arena.Reset();
    return LaneOfHash(HashOfKey(ErasedKey<K>::Erase(key, &scratch, arena)), lanes);
  }
  std::string scratch;
  Arena arena;
};

/// Evenly.
struct ByTurns {
  template <class T>
  void Deal(const Batch<T>& batch, int lanes, uint8_t* to) {
    for (size_t i = 0; i < batch.count; ++i) {
      to[i] = static_cast<uint8_t>(turn);
      turn = turn + 1 == lanes ? 0 : turn + 1;
    }
  }
  int turn = 0;
};

struct ToFirst {
  template <class T>
  void Deal(const Batch<T>& batch, int, uint8_t* to) {
    std::fill_n(to, batch.count, uint8_t{0});
  }
};

/// Gives elements to `owner` in its lane. Where there is one lane they go straight through.
template <class T, class How>
class DealtInput final : public BatchReceiver<T> {
 public:
  DealtInput(const OperatorContext& context, std::shared_ptr<Exchange<T>> exchange,
             BatchReceiver<T>* owner)
      : lane_(context.lane),
        limits_(context.limits),
        exchange_(std::move(exchange)),
        owner_(owner) {}

  void Push(const Batch<T>& batch) override {
    if (exchange_->lanes() == 1) {
      owner_->Push(batch);
      return;
    }
    ForEachUnsliced(batch, [this](const Batch<T>& unsliced) {
      to_.resize(unsliced.count);
      how_.Deal(unsliced, exchange_->lanes(), to_.data());
      held_bytes_ += exchange_->Put(lane_, unsliced, to_.data());
    });
    if (limits_ != nullptr && held_bytes_ > limits_->most().bytes) limits_->Fill();
  }
  /// For the owner's Receive.
  void Receive() {
    held_bytes_ = 0;
    if (exchange_->lanes() > 1) exchange_->Take(lane_, owner_);
  }

 private:
  const int lane_;
  BundleLimits* const limits_;
  const std::shared_ptr<Exchange<T>> exchange_;
  BatchReceiver<T>* const owner_;
  How how_;
  std::vector<uint8_t> to_;
  int64_t held_bytes_ = 0;  ///< Of what this lane has put in the bundle.
};

/// One operator a lane, made with `Op(arguments..., context, exchange)`.
template <class Op, class... A>
std::vector<std::unique_ptr<Operator>> MakeLanes(std::span<const OperatorContext> lanes,
                                                 const A&... arguments) {
  const auto exchange = std::make_shared<typename Op::Exchange>(static_cast<int>(lanes.size()));
  std::vector<std::unique_ptr<Operator>> operators;
  for (const OperatorContext& context : lanes) {
    operators.push_back(std::unique_ptr<Operator>(new Op(arguments..., context, exchange)));
  }
  return operators;
}

}  // namespace joist

#endif  // JOIST_EXEC_EXCHANGE_H_
