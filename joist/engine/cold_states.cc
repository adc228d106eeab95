// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/cold_states.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string_view>
#include <system_error>
#include <utility>

#include "joist/model/wire.h"

namespace joist {
namespace {

constexpr int64_t kLeastBuffer = 1 << 20;
constexpr int64_t kMostBuffer = 64 << 20;
constexpr int kBuffers = 3;
constexpr double kFilterBitsPerKey = 10;
constexpr int64_t kBytesOfWaiting = 128;  // Beside its texts.
// More runs than this and writers are slowed down, and stopped in the end. RocksDB's own figures
// (20 and 36) are for reads that go through all runs.
constexpr int kRunsThatSlow = 100;
constexpr int kMostRuns = 200;

rocksdb::Options OptionsFor(int64_t memory_bytes) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size =
      static_cast<size_t>(std::clamp(memory_bytes / 2 / kBuffers, kLeastBuffer, kMostBuffer));
  options.max_write_buffer_number = kBuffers;
  options.max_background_jobs = 2;
  // Keys are asked for one by one, and filters say where not to look; so many runs cost little, and
  // merging them less often saves most of the writing.
  options.compaction_style = rocksdb::kCompactionStyleUniversal;
  options.level0_slowdown_writes_trigger = kRunsThatSlow;
  options.level0_stop_writes_trigger = kMostRuns;
  const auto supported = rocksdb::GetSupportedCompressions();
  for (const auto kind : {rocksdb::kLZ4Compression, rocksdb::kSnappyCompression}) {
    if (std::find(supported.begin(), supported.end(), kind) == supported.end()) continue;
    options.compression = kind;
    break;
  }
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.keep_log_file_num = 1;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache =
      rocksdb::NewLRUCache(static_cast<size_t>(std::max(memory_bytes / 2, kLeastBuffer)));
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBitsPerKey));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::Slice SliceOf(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

class ColdStates::Database {
 public:
  Database(std::string directory, int64_t memory_bytes)
      : directory_(std::move(directory)), memory_bytes_(memory_bytes) {
    RemoveDirectory();
  }
  ~Database() {
    database_.reset();
    RemoveDirectory();
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Status Restore(const std::string& snapshot) {
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    for (const auto& entry : std::filesystem::directory_iterator(snapshot, error)) {
      const std::filesystem::path to = directory_ / entry.path().filename();
      if (entry.path().extension() == ".sst") {
        std::filesystem::create_hard_link(entry.path(), to, error);
      } else {
        std::filesystem::copy_file(entry.path(), to, error);
      }
      if (error) break;
    }
    if (error) return FromErrno(error.value(), "cannot take up the state in " + snapshot);
    const std::lock_guard lock(mutex_);
    // Until a snapshot has been taken a kill would undo all merging, again and again; and it would
    // have kept the disk from the checkpoint that ends that.
    is_merging_ = false;
    try {
      Open();
    } catch (const StatusException& failure) {
      return failure.status();
    }
    return OkStatus();
  }

  bool Get(const std::string& key, std::string* state) {
    const std::shared_lock lock(mutex_);
    if (is_suspended_) {
      const std::lock_guard waiting(waiting_mutex_);
      if (const auto found = waiting_.find(key); found != waiting_.end()) {
        if (found->second.has_value()) *state = *found->second;
        return found->second.has_value();
      }
    }
    if (database_ == nullptr) return false;
    const rocksdb::Status status = database_->Get({}, SliceOf(key), state);
    if (!status.ok() && !status.IsNotFound()) Throw("read", status);
    return status.ok();
  }
  void Put(std::string key, std::string_view state) { Change(std::move(key), std::string(state)); }
  void Erase(std::string key) { Change(std::move(key), std::nullopt); }

  bool BeginSnapshot() {
    const std::lock_guard lock(mutex_);
    if (!has_changed_.exchange(false)) return false;
    is_suspended_ = true;
    return true;
  }
  Status TakeSnapshot(const std::string& directory) {
    Status result = OkStatus();
    {
      std::error_code error;
      std::filesystem::remove_all(directory, error);
      rocksdb::Checkpoint* made = nullptr;
      rocksdb::Status status = rocksdb::Checkpoint::Create(database_.get(), &made);
      const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
      // Nothing is in a log: what is in memory is written first.
      if (status.ok()) status = checkpoint->CreateCheckpoint(directory, /*log_size_for_flush=*/0);
      if (!status.ok()) result = StatusOf("save", status);
    }
    const std::lock_guard lock(mutex_);
    is_suspended_ = false;
    rocksdb::Status written;
    if (result.ok() && !is_merging_) {
      written = database_->EnableAutoCompaction({database_->DefaultColumnFamily()});
      is_merging_ = written.ok();
    }
    for (auto next = waiting_.begin(); next != waiting_.end() && written.ok();) {
      const auto& [key, state] = *next;
      written = WriteNow(key, state);
      next = waiting_.erase(next);
    }
    waiting_.clear();
    waiting_bytes_ = 0;
    is_taken_.notify_all();
    if (result.ok() && !written.ok()) result = StatusOf("write", written);
    return result;
  }
  bool is_empty() const {
    const std::shared_lock lock(mutex_);
    return database_ == nullptr;
  }

 private:
  static rocksdb::WriteOptions WithoutLog() {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    return options;
  }

  void Change(std::string key, std::optional<std::string> state) {
    std::shared_lock lock(mutex_);
    if (database_ == nullptr) {
      lock.unlock();
      {
        const std::lock_guard alone(mutex_);
        if (database_ == nullptr) Open();
      }
      lock.lock();
    }
    has_changed_ = true;
    is_taken_.wait(lock, [this] { return !is_suspended_ || waiting_bytes_ < memory_bytes_; });
    if (is_suspended_) {
      const std::lock_guard waiting(waiting_mutex_);
      waiting_bytes_ += static_cast<int64_t>(key.size() + (state.has_value() ? state->size() : 0)) +
                        kBytesOfWaiting;
      waiting_.insert_or_assign(std::move(key), std::move(state));
      return;
    }
    const rocksdb::Status status = WriteNow(key, state);
    if (!status.ok()) Throw("write", status);
  }
  rocksdb::Status WriteNow(const std::string& key, const std::optional<std::string>& state) {
    return state.has_value() ? database_->Put(WithoutLog(), SliceOf(key), SliceOf(*state))
                             : database_->Delete(WithoutLog(), SliceOf(key));
  }

  void Open() {
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    if (error) {
      ThrowIfError(FromErrno(error.value(), "cannot make the folder " + directory_.string()));
    }
    rocksdb::DB* opened = nullptr;
    rocksdb::Options options = OptionsFor(memory_bytes_);
    options.disable_auto_compactions = !is_merging_;
    const rocksdb::Status status = rocksdb::DB::Open(options, directory_.string(), &opened);
    if (!status.ok()) Throw("open", status);
    database_.reset(opened);
  }

  Status StatusOf(const char* what, const rocksdb::Status& status) const {
    return Status(status.IsNoSpace() ? StatusCode::kResourceExhausted : StatusCode::kUnavailable,
                  std::string("cannot ") + what + " state in " + directory_.string() + ": " +
                      status.ToString());
  }
  [[noreturn]] void Throw(const char* what, const rocksdb::Status& status) const {
    throw StatusException(StatusOf(what, status));
  }
  void RemoveDirectory() const {
    std::error_code error;
    std::filesystem::remove_all(directory_, error);
  }

  const std::filesystem::path directory_;
  const int64_t memory_bytes_;
  mutable std::shared_mutex mutex_;
  std::unique_ptr<rocksdb::DB> database_;  ///< Null as long as nothing was written.
  std::atomic<bool> has_changed_ = false;  ///< Since the last snapshot.
  bool is_suspended_ = false;              ///< A snapshot is to be taken.
  bool is_merging_ = true;                 ///< Runs, in the background.
  std::mutex waiting_mutex_;
  std::map<std::string, std::optional<std::string>> waiting_;  ///< Until it is; null: to be erased.
  std::atomic<int64_t> waiting_bytes_ = 0;
  std::condition_variable_any is_taken_;
};

class ColdStates::OfOneStep final : public ColdState {
 public:
  OfOneStep(std::shared_ptr<Database> database, uint32_t id) : database_(std::move(database)) {
    PutBigEndian32(id, &prefix_);
  }
  bool Get(std::string_view key, std::string* state) override {
    return database_->Get(prefix_ + std::string(key), state);
  }
  void Put(std::string_view key, std::string_view state) override {
    database_->Put(prefix_ + std::string(key), state);
  }
  void Erase(std::string_view key) override { database_->Erase(prefix_ + std::string(key)); }

 private:
  const std::shared_ptr<Database> database_;
  std::string prefix_;
};

ColdStates::ColdStates(std::string directory, int64_t memory_bytes)
    : database_(std::make_shared<Database>(std::move(directory), memory_bytes)) {}
ColdStates::~ColdStates() = default;

Status ColdStates::Restore(const std::string& snapshot) { return database_->Restore(snapshot); }
std::shared_ptr<ColdState> ColdStates::OfStep(uint32_t id) {
  return std::make_shared<OfOneStep>(database_, id);
}
bool ColdStates::BeginSnapshot() { return database_->BeginSnapshot(); }
Status ColdStates::TakeSnapshot(const std::string& directory) {
  return database_->TakeSnapshot(directory);
}
bool ColdStates::is_empty() const { return database_->is_empty(); }

}  // namespace joist
