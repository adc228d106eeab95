// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/snapshot_table.h"

#include <utility>

#include "joist/store/log/registry.h"

namespace joist::store {

Status SnapshotTable::Load() {
  JOIST_ASSIGN_OR_RETURN(auto stored, catalog_->Snapshots());
  const std::lock_guard lock(mutex_);
  for (Catalog::Snapshot& snapshot : stored) {
    std::string name = snapshot.name;
    snapshots_.emplace(std::move(name), std::move(snapshot));
  }
  return OkStatus();
}

Status SnapshotTable::Create(Catalog::Snapshot snapshot) {
  JOIST_RETURN_IF_ERROR(CheckName(snapshot.name));
  const std::lock_guard lock(mutex_);
  if (snapshots_.contains(snapshot.name)) return NameIsTaken(snapshot.name);
  if (snapshots_.size() >= kMost) {
    return {StatusCode::kResourceExhausted,
            "there are " + std::to_string(kMost) + " snapshots already; delete some"};
  }
  JOIST_RETURN_IF_ERROR(catalog_->PutSnapshot(snapshot));
  std::string name = snapshot.name;
  snapshots_.emplace(std::move(name), std::move(snapshot));
  return OkStatus();
}

Status SnapshotTable::Update(const std::string& name, int64_t expires_micros, std::string front) {
  const std::lock_guard lock(mutex_);
  const auto found = snapshots_.find(name);
  if (found == snapshots_.end()) return NoSuchName(name);
  Catalog::Snapshot changed = found->second;
  changed.expires_micros = expires_micros;
  changed.front = std::move(front);
  JOIST_RETURN_IF_ERROR(catalog_->PutSnapshot(changed));
  found->second = std::move(changed);
  return OkStatus();
}

Status SnapshotTable::Delete(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!snapshots_.contains(name)) return NoSuchName(name);
  JOIST_RETURN_IF_ERROR(catalog_->RemoveSnapshot(name));
  snapshots_.erase(name);
  return OkStatus();
}

Result<Catalog::Snapshot> SnapshotTable::Get(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = snapshots_.find(name);
  if (found == snapshots_.end()) return NoSuchName(name);
  return found->second;
}

std::vector<Catalog::Snapshot> SnapshotTable::List(std::string_view prefix, std::string_view after,
                                                   size_t limit) const {
  std::vector<Catalog::Snapshot> listed;
  const std::lock_guard lock(mutex_);
  auto at = after < prefix ? snapshots_.lower_bound(prefix) : snapshots_.upper_bound(after);
  for (; at != snapshots_.end() && at->first.starts_with(prefix) && listed.size() < limit; ++at) {
    listed.push_back(at->second);
  }
  return listed;
}

std::vector<Catalog::Snapshot> SnapshotTable::OfTopic(uint64_t topic) const {
  std::vector<Catalog::Snapshot> found;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, snapshot] : snapshots_) {
    if (snapshot.topic == topic) found.push_back(snapshot);
  }
  return found;
}

Status SnapshotTable::Expire(int64_t now) {
  std::vector<std::string> expired;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, snapshot] : snapshots_) {
      if (snapshot.expires_micros <= now) expired.push_back(name);
    }
  }
  for (const std::string& name : expired) JOIST_RETURN_IF_ERROR(Delete(name));
  return OkStatus();
}

}  // namespace joist::store
