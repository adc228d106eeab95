// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeyedTimers: the timers that are set for the cells (a key and window) of one step, in the order
// in which they fire. TimerContext: what a function that sets some needs to know.

#ifndef JOIST_EXEC_KEYED_TIMERS_H_
#define JOIST_EXEC_KEYED_TIMERS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "joist/model/timestamp.h"
#include "joist/model/wire.h"

namespace joist {

enum class TimeDomain : uint8_t { kEvent, kProcessing };

/// Belongs to one thread.
class KeyedTimers {
 public:
  /// Stands for a cell's expiration, which is not among them.
  static constexpr uint32_t kExpiration = UINT32_MAX;

  struct Fired {
    uint32_t cell;
    uint32_t timer;
    std::string name;
    Timestamp time;
    Timestamp output;
    uint64_t order = 0;
  };

  /// Takes the place of what is set for the same cell, timer and name.
  void Set(TimeDomain domain, uint32_t cell, uint32_t timer, std::string_view name, Timestamp time,
           Timestamp output);
  void Clear(TimeDomain domain, uint32_t cell, uint32_t timer, std::string_view name);
  /// All of a cell.
  void ClearCell(uint32_t cell);
  bool Has(uint32_t cell) const;
  /// Takes out the first that fires before `now`.
  std::optional<Fired> Next(TimeDomain domain, Timestamp now);
  /// Undoes Next.
  void PutBack(TimeDomain domain, const Fired& fired);
  /// Those of a cell, as bytes, and into new timers.
  void SaveCell(uint32_t cell, std::string* out) const;
  bool RestoreCell(uint32_t cell, ByteReader* in);
  /// The earliest output timestamp of those that are set; Max() if none is.
  Timestamp hold() const { return holds_.empty() ? Timestamp::Max() : holds_.begin()->first; }

 private:
  /// Cell, domain, timer, name.
  using Id = std::tuple<uint32_t, TimeDomain, uint32_t, std::string>;
  struct Pending {
    Timestamp time;
    Timestamp output;
    uint64_t order;  ///< Those of one time fire in the order in which they were set.
  };
  using Pendings = std::map<Id, Pending>;

  void Add(Id id, const Pending& pending);
  void Remove(Pendings::iterator at);

  Pendings pending_;
  std::set<std::tuple<Timestamp, uint64_t, Id>> queues_[2];  ///< By domain.
  std::map<Timestamp, size_t> holds_;                        ///< With how many have it.
  uint64_t next_order_ = 0;
};

/// For one call of a function.
struct TimerContext {
  KeyedTimers* timers = nullptr;
  std::vector<TimeDomain> domains;  ///< By timer.
  uint32_t cell = 0;
  Timestamp element;     ///< The timestamp of the element, or the output timestamp of the timer.
  Timestamp expiration;  ///< Of the window.
  Timestamp watermark;
  Timestamp processing_time;

  /// Throws std::invalid_argument.
  void Set(uint32_t timer, std::string_view name, Timestamp at,
           std::optional<Timestamp> output) const;
  void SetRelative(uint32_t timer, std::string_view name, Duration after, Duration period,
                   std::optional<Timestamp> output) const;
  void Clear(uint32_t timer, std::string_view name) const {
    timers->Clear(domains[timer], cell, timer, name);
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_KEYED_TIMERS_H_
