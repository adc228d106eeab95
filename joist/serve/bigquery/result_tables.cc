// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/bigquery/result_tables.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

namespace joist::serve {

namespace {

using tables::TableName;

constexpr size_t kMostTables = 1000;

}  // namespace

ResultTables::ResultTables(tables::TableStore* store, Clock now)
    : store_(store), now_(std::move(now)) {
  for (const tables::DatasetInfo& dataset : store_->ListDatasets()) {
    if (dataset.name.dataset != kDataset) continue;
    const auto found = store_->ListTables(dataset.name);
    if (!found.ok()) continue;
    for (const tables::TableInfo& table : *found) {
      const auto size = store_->SizeOf(table.name);
      kept_.push_back({table.name, size.ok() ? size->rows : 0, table.created});
      rows_ += kept_.back().rows;
    }
  }
  std::sort(kept_.begin(), kept_.end(),
            [](const Kept& a, const Kept& b) { return a.created < b.created; });
}

Result<TableName> ResultTables::NewName(const std::string& project) {
  Forget();
  if (!store_->GetDataset({project, kDataset}).ok()) {
    const Status made = store_->CreateDataset({project, kDataset}, "{}");
    if (!made.ok() && made.code() != StatusCode::kAlreadyExists) return made;
  }
  std::random_device random;
  TableName name{project, kDataset, "anon"};
  for (int i = 0; i < 4; ++i) name.table += "_" + std::to_string(random());
  return name;
}

void ResultTables::Add(const TableName& name, int64_t rows) {
  const std::scoped_lock lock(mutex_);
  kept_.push_back({name, rows, now_()});
  rows_ += rows;
}

void ResultTables::Forget() {
  std::vector<TableName> old;
  {
    const std::scoped_lock lock(mutex_);
    const int64_t oldest = now_() - kLongestMillis;
    while (kept_.size() >= kMostTables || (rows_ > kMostRows && kept_.size() > 1) ||
           (!kept_.empty() && kept_.front().created < oldest)) {
      rows_ -= kept_.front().rows;
      old.push_back(std::move(kept_.front().name));
      kept_.pop_front();
    }
  }
  // One that somebody has dropped already is gone as well.
  for (const TableName& name : old) (void)store_->DeleteTable(name);
}

}  // namespace joist::serve
