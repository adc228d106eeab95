// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeyedCells: what a function with state or timers knows of each key and window, without the types
// of its states: which cells there are, their timers and expirations, which have changed since the
// last checkpoint, and which are in memory.
//
// Where memory has no room for all, those that have not been used for long go to disk. What must
// happen at some time stays: a cell with timers, or whose window expires, keeps its place and gives
// away its states alone.
//
// Invariants:
//  1. A cell's states are in memory (`is_here`), or on disk. Where they are in memory, what is on
//     disk of the cell (`is_there`) is old, and is removed with it.
//  2. `expirations_` has one entry for each cell that Expires, and, at the end of time, for all.

#ifndef JOIST_EXEC_KEYED_CELLS_H_
#define JOIST_EXEC_KEYED_CELLS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "joist/exec/cell_table.h"
#include "joist/exec/changed_keys.h"
#include "joist/exec/cold_state.h"
#include "joist/exec/keyed_timers.h"
#include "joist/exec/saved_state.h"
#include "joist/exec/step.h"
#include "joist/model/time_queue.h"

namespace joist {

/// Belongs to one thread.
class KeyedCells {
 public:
  /// `has_words`: keys are words, as bytes. `holds_end`: something happens when a window expires,
  /// so that its end holds the watermark back.
  KeyedCells(const OperatorContext& context, bool has_words, bool holds_end);
  virtual ~KeyedCells();
  KeyedCells(const KeyedCells&) = delete;
  KeyedCells& operator=(const KeyedCells&) = delete;

  /// The next calls are for a timer that has fired.
  void Enter(const KeyedTimers::Fired& fired);
  Timestamp timestamp() const { return timers_context_.element; }
  const Window& window() const { return table_.window(timers_context_.cell); }
  std::string_view fired_name() const { return fired_name_; }
  void Expire(uint32_t cell);

  // In a stream, between bundles.

  /// Brings what is in memory within the budget.
  void EndBundle();
  void SaveClocks(std::string* out) const;
  /// What has changed.
  void SaveCells(SavedState* out);
  bool RestoreClocks(ByteReader* in);
  bool RestoreCell(const SavedKey& saved);

  // Clocks.
  void set_watermark(Timestamp watermark) { watermark_ = watermark; }
  void set_processing_time(Timestamp now) { processing_time_ = now; }
  /// The next that fires. Those of an event time come before what expires at that time.
  std::optional<KeyedTimers::Fired> NextTimer(TimeDomain domain);
  Timestamp hold() const;
  size_t cells() const { return table_.size(); }
  /// Of those in memory, about, at the end of the last bundle.
  int64_t bytes() const { return bytes_; }

 protected:
  /// False if the window has expired.
  bool EnterCell(std::string_view key, const Window& window, Timestamp element);
  /// Event time begins anew, for another key. All cells have expired.
  void RestartClocks();

  // The states of a cell in memory.
  virtual void MakeStates(uint32_t cell) = 0;
  virtual void DropStates(uint32_t cell) = 0;
  virtual void SaveStates(uint32_t cell, std::string* out) const = 0;
  virtual bool RestoreStates(uint32_t cell, ByteReader* in) = 0;
  /// They are wanted soon.
  virtual void PrefetchStates(uint32_t cell) const = 0;
  /// What they take, about.
  virtual size_t BytesOfStates(uint32_t cell) const = 0;

  CellTable table_;
  TimerContext timers_context_;
  const bool is_stream_;
  const int lane_;
  const int lanes_;

 private:
  struct OfCell {
    uint32_t bytes = 0;
    bool is_here : 1 = false;
    bool is_there : 1 = false;
    bool is_recent : 1 = false;  ///< Used since the hand was here last.
  };

  Timestamp ExpirationOf(const Window& window) const;
  uint32_t PartitionOf(std::string_view text) const;
  /// Whether something happens when the window does, before the end of all time.
  bool Expires(const Window& window) const {
    return holds_end_ || !is_stream_ || !window.is_global();
  }
  /// A cell that the table has just made.
  void Add(uint32_t cell);
  void Remove(uint32_t cell);
  /// Brings a cell's states back from disk.
  void Fetch(uint32_t cell);
  void Evict(uint32_t cell);
  void SaveCell(uint32_t cell, std::string* out) const;
  void SetContext(uint32_t cell, Timestamp element);
  /// What a cell is before it is first used in a bundle, to the record.
  void Note(uint32_t cell);

  const bool has_words_;
  const bool holds_end_;
  const bool has_checkpoints_;
  const int64_t most_bytes_;
  Duration lateness_;
  std::shared_ptr<ColdState> cold_;  ///< Null: all is in memory.
  BundleRecord* const record_;       ///< Null: nothing is recorded.
  std::vector<OfCell> cells_;        ///< By number.
  KeyedTimers timers_;
  TimeQueue expirations_;
  std::map<Timestamp, size_t> held_ends_;  ///< With how many cells have it.
  ChangedKeys changed_;                    ///< Since the last checkpoint.
  ChangedKeys used_;                       ///< Since the last bundle.
  int64_t bytes_ = 0;                      ///< Of cells in memory, as of the last bundle.
  uint32_t hand_ = 0;                      ///< The cell that may go to disk next.
  bool may_be_cold_ = false;               ///< A cell that the table does not have may be on disk.
  bool has_ended_ = false;                 ///< Time has come to its end.
  MemoryUse memory_;
  std::string state_;
  std::string fired_name_;
  Timestamp watermark_ = Timestamp::Min();
  Timestamp processing_time_ = Timestamp::Min();
};

}  // namespace joist

#endif  // JOIST_EXEC_KEYED_CELLS_H_
