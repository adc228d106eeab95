// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// LeaseDeadlines: when leases end, in groups that were handed out together. Deadlines that are
// moved leave old entries behind, which the lease table tells from current ones; there are not more
// of them than leases. Belongs to one thread at a time.

#ifndef JOIST_STORE_LOG_LEASE_DEADLINES_H_
#define JOIST_STORE_LOG_LEASE_DEADLINES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "joist/store/log/lease_table.h"

namespace joist::store {

class LeaseDeadlines {
 public:
  /// INT64_MAX where there is none.
  int64_t earliest() const { return groups_.empty() ? INT64_MAX : groups_.begin()->first; }

  /// Leases of the table, whose `due_micros` is set already.
  void Add(int64_t due, std::vector<uint64_t> offsets, const LeaseTable& leases) {
    count_ += offsets.size();
    groups_.emplace(due, std::move(offsets));
    if (count_ >= 4 * leases.size() + 1024) Rebuild(leases);
  }

  /// Takes the group with the earliest deadline, which must be there.
  std::vector<uint64_t> TakeEarliest() {
    auto group = groups_.extract(groups_.begin());
    count_ -= group.mapped().size();
    return std::move(group.mapped());
  }

  void Clear() {
    groups_.clear();
    count_ = 0;
  }

 private:
  void Rebuild(const LeaseTable& leases) {
    std::map<int64_t, std::vector<uint64_t>> current;
    leases.ForEach([&](const Lease& lease) {
      if (lease.state == Lease::State::kLeased) current[lease.due_micros].push_back(lease.offset);
    });
    Clear();
    for (auto& [due, offsets] : current) {
      count_ += offsets.size();
      groups_.emplace_hint(groups_.end(), due, std::move(offsets));
    }
  }

  std::multimap<int64_t, std::vector<uint64_t>> groups_;
  size_t count_ = 0;  // Offsets in them.
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_LEASE_DEADLINES_H_
