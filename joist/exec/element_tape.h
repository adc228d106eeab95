// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ElementTape: what flows into a step as bytes, there and back, and what flows out of it as text,
// for an engine that does not know the type: how a bundle that failed is recorded and given to its
// step again (exec/bundle_record.h).

#ifndef JOIST_EXEC_ELEMENT_TAPE_H_
#define JOIST_EXEC_ELEMENT_TAPE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/batch.h"
#include "joist/exec/bundle_record.h"
#include "joist/exec/element_code.h"
#include "joist/exec/metrics.h"
#include "joist/model/describe.h"

namespace joist {

/// How many elements have come, and the first of them.
struct ShownElements {
  static constexpr size_t kMost = 5;
  uint64_t count = 0;
  std::vector<std::string> first;
};

/// Of one type of elements.
struct ElementTape {
  /// Something that records what it is given and passes it on. Null where the type has no coder.
  std::unique_ptr<Receiver> (*make_tap)(BundleRecord* record, Receiver* to);
  /// Gives `to` a batch again, of which `values` are what was recorded behind its BatchCode. False
  /// where they are none; what `to` throws is passed on.
  bool (*play)(ByteReader* values, const BatchCode& code, Receiver* to);
  std::unique_ptr<Receiver> (*make_show)(ShownElements* shown);
  /// Something that passes on what it is given and encodes a few elements now and then, to know how
  /// large they are: StepStats::sampled_bytes. Null where the type has no coder, and for groups,
  /// whose values may be on disk.
  std::unique_ptr<Receiver> (*make_scale)(StepStats* stats, Receiver* to);
};

template <class T>
class ElementTap final : public BatchReceiver<T> {
 public:
  ElementTap(BundleRecord* record, Receiver* to)
      : record_(record), to_(static_cast<BatchReceiver<T>*>(to)) {}
  void Push(const Batch<T>& batch) override {
    std::string bytes;
    try {
      BatchCode::Encode(batch.meta, batch.count, &bytes);
      for (size_t i = 0; i < batch.count; ++i) ElementCode<T>::Encode(batch[i], &bytes);
      record_->AddBatch(std::move(bytes), batch.count);
    } catch (...) {  // A coder's fault is no fault of the step.
      record_->LoseBatch(batch.count);
    }
    to_->Push(batch);
  }

 private:
  BundleRecord* record_;
  BatchReceiver<T>* to_;
};

template <class T>
class ElementScale final : public BatchReceiver<T> {
 public:
  ElementScale(StepStats* stats, Receiver* to)
      : stats_(stats), to_(static_cast<BatchReceiver<T>*>(to)) {}
  void Push(const Batch<T>& batch) override {
    if (until_next_-- == 0) [[unlikely]]
      Sample(batch);
    to_->Push(batch);
  }

 private:
  static constexpr uint32_t kBetweenSamples = 255;  ///< Batches.
  static constexpr size_t kElements = 8;
  static constexpr size_t kEnoughBytes = size_t{1} << 16;

  [[gnu::cold]] void Sample(const Batch<T>& batch) {
    until_next_ = kBetweenSamples;
    std::string bytes;
    const size_t step = std::max<size_t>(batch.count / kElements, 1);
    try {
      for (size_t i = 0; i < batch.count && bytes.size() < kEnoughBytes; i += step) {
        ElementCode<T>::Encode(batch[i], &bytes);
        ++stats_->sampled_elements;
      }
    } catch (...) {  // A coder's fault is no fault of the step.
    }
    stats_->sampled_bytes += bytes.size();
  }

  StepStats* stats_;
  BatchReceiver<T>* to_;
  uint32_t until_next_ = 0;
};

template <class T>
class ElementShow final : public BatchReceiver<T> {
 public:
  explicit ElementShow(ShownElements* shown) : shown_(shown) {}
  void Push(const Batch<T>& batch) override {
    shown_->count += batch.count;
    for (size_t i = 0; i < batch.count && shown_->first.size() < ShownElements::kMost; ++i) {
      Describe(batch[i], &shown_->first.emplace_back());
    }
  }

 private:
  ShownElements* shown_;
};

template <class T>
bool PlayElements(ByteReader* values, const BatchCode& code, Receiver* to) {
  ColumnBuffer<T> column;
  const std::unique_ptr<Stored<T>[]> stored(new Stored<T>[code.count]());
  for (size_t i = 0; i < code.count; ++i) {
    if (!ElementCode<T>::Decode(values, &stored[i])) return false;
    column.writer().SetView(i, ElementForm<T>::ViewOf(stored[i]));
  }
  static_cast<BatchReceiver<T>*>(to)->Push({column.view(), code.count, code.meta});
  return true;
}

template <class T>
constexpr ElementTape MakeElementTape() {
  ElementTape tape = {};
  tape.make_show = [](ShownElements* shown) -> std::unique_ptr<Receiver> {
    return std::unique_ptr<Receiver>(new ElementShow<T>(shown));
  };
  if constexpr (kHasCoder<T>) {
    tape.make_scale = [](StepStats* stats, Receiver* to) -> std::unique_ptr<Receiver> {
      return std::unique_ptr<Receiver>(new ElementScale<T>(stats, to));
    };
  }
  if constexpr (ElementCode<T>::kExists && std::is_default_constructible_v<Stored<T>> &&
                std::is_copy_assignable_v<Stored<T>>) {
    tape.make_tap = [](BundleRecord* record, Receiver* to) -> std::unique_ptr<Receiver> {
      return std::unique_ptr<Receiver>(new ElementTap<T>(record, to));
    };
    tape.play = &PlayElements<T>;
  }
  return tape;
}

template <class T>
inline constexpr ElementTape element_tape = MakeElementTape<T>();

}  // namespace joist

#endif  // JOIST_EXEC_ELEMENT_TAPE_H_
