// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/file_checkpoints.h"

#include <algorithm>
#include <filesystem>
#include <set>

namespace joist {
namespace {

constexpr std::string_view kColdPrefix = "cold-";

}  // namespace

FileCheckpoints::FileCheckpoints(CheckpointStore* store, ColdStates* cold, uint64_t fingerprint,
                                 std::chrono::milliseconds interval, const CheckpointHeader& base)
    : store_(store),
      cold_(cold),
      fingerprint_(fingerprint),
      interval_(interval),
      base_(base.number),
      cold_number_(base.cold),
      due_(Clock::now() + interval) {}

std::string FileCheckpoints::ColdPathOf(const std::string& directory, uint64_t number) {
  return directory + "/" + std::string(kColdPrefix) + std::to_string(number);
}

bool FileCheckpoints::IsDue() {
  if (Clock::now() < due_ && !ends_with_next_) return false;
  if (!tidied_.valid()) return true;
  if (tidied_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
  ThrowIfError(tidied_.get());
  return true;
}

bool FileCheckpoints::Keep(std::string run, std::vector<StepKeys> keys) {
  if (tidied_.valid()) ThrowIfError(tidied_.get());
  due_ = Clock::now() + interval_;
  writes_ = std::promise<Status>();
  written_ = writes_.get_future();
  const bool has_cold = cold_->BeginSnapshot();
  tidied_ = std::async(std::launch::async,
                       [this, has_cold, run = std::move(run), keys = std::move(keys)]() mutable {
                         Status status = Write(store_->next(), has_cold, run, keys);
                         run = {};
                         keys = {};
                         const bool ok = status.ok();
                         writes_.set_value(std::move(status));
                         return ok ? Tidy() : OkStatus();
                       });
  return !ends_with_next_;
}

Status FileCheckpoints::Write(uint64_t number, bool has_cold, const std::string& run,
                              const std::vector<StepKeys>& keys) {
  if (has_cold) {
    JOIST_RETURN_IF_ERROR(cold_->TakeSnapshot(ColdPathOf(store_->directory(), number)));
    cold_number_ = number;
  }
  JOIST_RETURN_IF_ERROR(store_->Write(base_, fingerprint_, cold_number_, run, keys));
  base_ = number;
  return OkStatus();
}

Status FileCheckpoints::Tidy() {
  JOIST_RETURN_IF_ERROR(store_->Tidy());
  const std::vector<uint64_t> in_use = store_->cold_in_use();
  std::set<std::string> needed;
  for (const uint64_t number : in_use) {
    needed.insert(std::filesystem::path(ColdPathOf("", number)).filename().string());
  }
  std::error_code error;
  std::vector<std::filesystem::path> old;
  for (const auto& entry : std::filesystem::directory_iterator(store_->directory(), error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kColdPrefix) && !needed.contains(name)) old.push_back(entry.path());
  }
  for (const std::filesystem::path& path : old) std::filesystem::remove_all(path, error);
  return OkStatus();
}

bool FileCheckpoints::IsSafe(bool waits) {
  if (!waits && written_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    return false;
  }
  ThrowIfError(written_.get());
  return true;
}

}  // namespace joist
