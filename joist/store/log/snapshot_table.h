// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SnapshotTable: what subscriptions had acknowledged when somebody asked to remember it.
// Thread-safe. Changes are durable when the calls return.

#ifndef JOIST_STORE_LOG_SNAPSHOT_TABLE_H_
#define JOIST_STORE_LOG_SNAPSHOT_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/log/catalog.h"

namespace joist::store {

class SnapshotTable {
 public:
  static constexpr size_t kMost = 5000;

  /// `catalog` must outlive it.
  explicit SnapshotTable(Catalog* catalog) : catalog_(catalog) {}

  /// Once, before anything else.
  Status Load();

  Status Create(Catalog::Snapshot snapshot);
  Status Update(const std::string& name, int64_t expires_micros, std::string front);
  Status Delete(const std::string& name);
  Result<Catalog::Snapshot> Get(const std::string& name) const;
  /// By name: at most `limit` whose names begin with `prefix` and come after `after`.
  std::vector<Catalog::Snapshot> List(std::string_view prefix, std::string_view after,
                                      size_t limit) const;
  std::vector<Catalog::Snapshot> OfTopic(uint64_t topic) const;
  /// Deletes those whose time is over.
  Status Expire(int64_t now);

 private:
  Catalog* const catalog_;
  mutable std::mutex mutex_;
  std::map<std::string, Catalog::Snapshot, std::less<>> snapshots_;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_SNAPSHOT_TABLE_H_
