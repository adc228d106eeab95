// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BundleRecord: what an operator is given in the bundle at work, and what it knew before, so that
// both can be given to another (KeptBundle). Only an operator whose step has failed before has one:
// recording costs time, and not recording costs none.
//
// Bounded: of input that is too much the beginning is forgotten, of state what comes last; how much
// that was is known.

#ifndef JOIST_EXEC_BUNDLE_RECORD_H_
#define JOIST_EXEC_BUNDLE_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "joist/exec/batch.h"
#include "joist/exec/saved_state.h"

namespace joist {

/// A bundle, or as much of it as was given to an operator before it failed.
struct KeptBundle {
  /// The operator's state at the beginning: Operator::SaveWhole, and SavedKeys of those that the
  /// bundle used and that there were.
  std::string whole;
  std::string keys;
  uint64_t key_count = 0;
  bool lacks_keys = false;  ///< There were more.
  /// Batches (BatchCode and values), one after the other.
  std::deque<std::string> batches;
  uint64_t elements = 0;
  uint64_t lost_elements = 0;  ///< Before them.
  /// The clocks at its end, if the operator has been told.
  bool has_clocks = false;
  Timestamp processing_time;
  Timestamp watermark;
  std::vector<std::string> side_inputs;  ///< StreamView::SaveShown, in the order of declaration.
};

/// Belongs to the operator's thread.
class BundleRecord {
 public:
  /// What all records of a job may have of input, and as much of state.
  static constexpr size_t kMostBytes = size_t{64} << 20;

  explicit BundleRecord(size_t most_bytes) : most_bytes_(most_bytes) {}

  /// Another bundle begins, with an operator of which Operator::SaveWhole says `whole`.
  void Begin(std::string whole);
  /// `batch` (BatchCode and values) of so many elements has come.
  void AddBatch(std::string batch, uint64_t elements);
  /// One has come that cannot be kept.
  void LoseBatch(uint64_t elements);
  /// Whether the bundle has not asked for this key before, and there is room for it.
  bool IsNewKey(std::string_view key);
  void AddKey(uint32_t partition, std::string_view key, std::string_view state);
  void SetClocks(Timestamp processing_time, Timestamp watermark);
  /// What there is; to be called once, at the end.
  KeptBundle Take();

 private:
  const size_t most_bytes_;
  KeptBundle bundle_;
  std::vector<uint64_t> of_batch_;  ///< Elements, of all batches since the beginning.
  size_t input_bytes_ = 0;
  SavedState state_;
  size_t known_bytes_ = 0;
  std::unordered_set<std::string> known_;
};

/// What a batch has beside its values.
struct BatchCode {
  static void Encode(const Meta& meta, size_t count, std::string* out);
  /// `sliding`: what slices are of, where there are some. False where the bytes are none.
  bool Decode(ByteReader* in, const WindowFn* sliding);

  size_t count = 0;  ///< At most kBatchSize.
  Meta meta;         ///< Refers to what follows.
  std::vector<Timestamp> timestamps;
  std::vector<Window> windows;
  std::vector<PaneInfo> panes;
};

}  // namespace joist

#endif  // JOIST_EXEC_BUNDLE_RECORD_H_
