// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/row_blocks.h"

#include <random>
#include <utility>

#include "joist/base/status.h"
#include "joist/io/bigquery/columns.h"
#include "joist/io/bigquery/encode_row.h"

namespace joist::bigquery {
namespace {

constexpr unsigned kShards = 2;

}  // namespace

RowBlocks::RowBlocks() : shard_(static_cast<int64_t>(std::random_device()() % kShards)) {}

bool RowBlocks::Add(std::string_view table, std::string_view row) {
  auto open = open_.find(table);
  if (open == open_.end()) {
    Result<std::string> path = TablePath(table);
    ThrowIfError(path.status());
    open = open_.emplace(std::string(table), Open{*std::move(path), {}}).first;
  }
  RowBlock& block = open->second.block;
  const size_t before = block.bytes.size();
  encode_internal::PutText(1, row, &block.bytes.data);
  ++block.rows;
  bytes_ += block.bytes.size() - before;
  if (block.bytes.size() >= kBlockBytes) Close(&open->second);
  if (bytes_ >= kMostBytes || open_.size() > kMostTables) Close();
  return !full_.empty();
}

void RowBlocks::Close() {
  for (auto& [table, open] : open_) Close(&open);
  open_.clear();
}

void RowBlocks::Close(Open* open) {
  if (open->block.rows == 0) return;
  bytes_ -= open->block.bytes.size();
  full_.push_back({Lane{open->path, shard_}, std::exchange(open->block, {})});
}

std::vector<KV<Lane, RowBlock>> RowBlocks::Take() { return std::exchange(full_, {}); }

void RowBlocks::Clear() {
  open_.clear();
  full_.clear();
  bytes_ = 0;
}

std::vector<std::string_view> RowsOf(const RowBlock& block) {
  std::vector<std::string_view> rows;
  rows.reserve(static_cast<size_t>(block.rows));
  ByteReader in(block.bytes.view());
  uint64_t tag = 0, size = 0;
  std::string_view row;
  while (in.TakeVarint(&tag) && in.TakeVarint(&size) && in.Take(size, &row)) rows.push_back(row);
  return rows;
}

}  // namespace joist::bigquery
