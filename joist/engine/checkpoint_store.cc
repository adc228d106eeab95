// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/checkpoint_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <set>
#include <utility>

#include "joist/exec/key_numbers.h"
#include "joist/exec/saved_state.h"
#include "joist/exec/wall_time.h"

namespace joist {
namespace {

constexpr std::string_view kPrefix = "checkpoint-";
/// Read at once, by the keys of a checkpoint.
constexpr size_t kKeysAtOnce = size_t{32} << 20;
/// What a chain of changes may be longer than the checkpoint that it begins with.
constexpr uint64_t kLeastChain = uint64_t{1} << 20;
constexpr size_t kLongestChain = 100;

/// 0 where the name is not one of a checkpoint.
uint64_t NumberOf(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  if (!name.starts_with(kPrefix)) return 0;
  uint64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + kPrefix.size(), end, number);
  return error == std::errc() && at == end ? number : 0;
}

/// Whether what cannot be read is lost for good. What comes from a disk that fails for a while, or
/// is of another version, is not to be passed over: the job would go back behind what it has done.
bool IsDamage(const Status& status) {
  return status.code() == StatusCode::kDataLoss || status.code() == StatusCode::kNotFound;
}

Status NotSavedKeys(const std::string& path) {
  return DataLoss("checkpoint " + path + " makes no sense: it has keys that are none");
}

/// Calls take(step, keys) for each block of keys.
Status ReadFile(CheckpointReader* reader, const std::string& path, std::string* run,
                FunctionRef<Status(uint32_t, std::string_view)> take) {
  while (true) {
    std::string_view content;
    JOIST_ASSIGN_OR_RETURN(const CheckpointBlock kind, reader->Next(&content));
    if (kind == CheckpointBlock::kEnd) return OkStatus();
    if (kind == CheckpointBlock::kRun && run != nullptr) *run += content;
    if (kind != CheckpointBlock::kKeys) continue;
    ByteReader in(content);
    uint64_t step;
    if (!in.TakeVarint(&step) || step > UINT32_MAX) return NotSavedKeys(path);
    JOIST_RETURN_IF_ERROR(take(static_cast<uint32_t>(step), in.rest()));
  }
}

}  // namespace

std::string CheckpointStore::NameOf(uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(kPrefix) + std::string(digits.size() < 10 ? 10 - digits.size() : 0, '0') +
         digits;
}

CheckpointStore::CheckpointStore(Disk* disk, std::string directory, int kept, int lock)
    : disk_(disk), directory_(std::move(directory)), kept_(kept), lock_(lock) {}
CheckpointStore::~CheckpointStore() {
  if (lock_ >= 0) close(lock_);
}

Result<std::unique_ptr<CheckpointStore>> CheckpointStore::Open(std::string directory, int kept,
                                                               Disk* disk) {
  if (!disk->MakeDirectories(directory)) {
    return FromErrno(errno, "cannot make the checkpoint directory " + directory);
  }
  int lock = -1;
  if (disk == SystemDisk()) {
    lock = open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock < 0) {
      return FromErrno(errno, "cannot write to the checkpoint directory " + directory);
    }
  }
  std::unique_ptr<CheckpointStore> store(
      new CheckpointStore(disk, std::move(directory), kept, lock));
  if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return Status(StatusCode::kFailedPrecondition,
                  "another process uses the checkpoint directory " + store->directory_ +
                      "; stop it, or give this job another --checkpoint_dir");
  }
  JOIST_RETURN_IF_ERROR(store->Find());
  return store;
}

Status CheckpointStore::Find() {
  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, List(disk_, directory_));
  for (const std::string& file : files) {
    last_ = NumberOf(file);
    const auto reader = CheckpointReader::Open(disk_, file);
    if (!reader.ok()) {
      if (IsDamage(reader.status())) continue;  // Latest says so.
      return reader.status();
    }
    const CheckpointHeader& header = (*reader)->header();
    written_[last_] = {header.base, header.cold, 0};
  }
  return OkStatus();
}

Result<std::vector<std::string>> CheckpointStore::List(Disk* disk, const std::string& directory) {
  std::vector<std::string> names;
  if (!disk->List(directory, &names)) {
    return FromErrno(errno, "cannot read the checkpoint directory " + directory);
  }
  std::erase_if(names, [](const std::string& name) { return NumberOf(name) == 0; });
  std::sort(names.begin(), names.end(),
            [](const std::string& a, const std::string& b) { return NumberOf(a) < NumberOf(b); });
  for (std::string& name : names) name = directory + "/" + name;
  return names;
}

Result<CheckpointStore::Checkpoint> CheckpointStore::Read(Disk* disk, const std::string& path) {
  Checkpoint checkpoint;
  std::string file = path;
  uint64_t number = 0;
  while (true) {
    JOIST_ASSIGN_OR_RETURN(const auto reader, CheckpointReader::Open(disk, file));
    const CheckpointHeader& header = reader->header();
    if (checkpoint.files.empty()) {
      checkpoint.header = header;
    } else if (header.number != number) {
      return DataLoss("checkpoint " + file + " is another one, number " +
                      std::to_string(header.number));
    }
    JOIST_RETURN_IF_ERROR(ReadFile(reader.get(), file,
                                   checkpoint.files.empty() ? &checkpoint.run : nullptr,
                                   [](uint32_t, std::string_view) { return OkStatus(); }));
    checkpoint.files.push_back(file);
    if (header.base == 0) return checkpoint;
    if (header.base >= header.number) {
      return DataLoss("checkpoint " + file + " builds on a later one");
    }
    number = header.base;
    file = (std::filesystem::path(path).parent_path() / NameOf(number)).string();
  }
}

Result<std::optional<CheckpointStore::Checkpoint>> CheckpointStore::Latest(
    std::vector<std::string>* warnings) const {
  // What a process that could not sync has left under its name is to be there after a crash, too,
  // before anything is done that relies on it.
  if (!disk_->SyncNames(directory_)) {
    return FromErrno(errno, "cannot sync the checkpoint directory " + directory_);
  }
  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, List(disk_, directory_));
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    Result<Checkpoint> checkpoint = Read(disk_, *file);
    if (checkpoint.ok()) return std::optional<Checkpoint>(std::move(*checkpoint));
    if (!IsDamage(checkpoint.status())) return checkpoint.status();
    warnings->push_back(checkpoint.status().message());
  }
  if (files.empty()) return std::optional<Checkpoint>();
  return DataLoss("none of the " + std::to_string(files.size()) + " checkpoints in " + directory_ +
                  " can be read; " + warnings->front() +
                  ". Remove them to begin anew, which loses what they held");
}

Status CheckpointStore::ReadKeys(const Checkpoint& checkpoint,
                                 FunctionRef<Status(const std::vector<StepKeys>&)> take) const {
  for (const std::string& file : checkpoint.files) {
    JOIST_ASSIGN_OR_RETURN(const auto reader, CheckpointReader::Open(disk_, file));
    std::vector<StepKeys> some;
    size_t bytes = 0;
    const auto give = [&]() -> Status {
      if (!some.empty()) JOIST_RETURN_IF_ERROR(take(some));
      some.clear();
      bytes = 0;
      return OkStatus();
    };
    JOIST_RETURN_IF_ERROR(
        ReadFile(reader.get(), file, nullptr, [&](uint32_t step, std::string_view keys) {
          some.push_back({step, std::string(keys)});
          bytes += keys.size();
          return bytes < kKeysAtOnce ? OkStatus() : give();
        }));
    JOIST_RETURN_IF_ERROR(give());
  }
  return OkStatus();
}

Status CheckpointStore::Write(uint64_t base, uint64_t fingerprint, uint64_t cold,
                              std::string_view run, const std::vector<StepKeys>& keys) {
  const uint64_t number = next();
  CheckpointWriter writer(disk_, PathOf(number), {number, base, fingerprint, WallTime(), cold});
  writer.AddRun(run);
  for (const StepKeys& of : keys) {
    // Whole SavedKeys to a block.
    ByteReader in(of.keys);
    SavedKey key;
    for (std::string_view left = of.keys; !left.empty();) {
      const size_t before = in.remaining();
      while (in.remaining() > 0 && before - in.remaining() < CheckpointWriter::kBlockBytes) {
        JOIST_CHECK(key.Take(&in));
      }
      writer.AddKeys(of.step, left.substr(0, before - in.remaining()));
      left = in.rest();
    }
  }
  JOIST_RETURN_IF_ERROR(writer.Finish());
  last_ = number;
  written_[number] = {base, cold, writer.bytes()};
  return OkStatus();
}

std::vector<uint64_t> CheckpointStore::ChainOf(uint64_t number) const {
  std::vector<uint64_t> chain;
  for (auto at = written_.find(number); at != written_.end(); at = written_.find(at->second.base)) {
    chain.push_back(at->first);
    if (at->second.base >= at->first) break;
  }
  return chain;
}

Status CheckpointStore::Tidy() {
  const std::vector<uint64_t> chain = ChainOf(last_);
  uint64_t changes = 0;
  for (size_t i = 0; i + 1 < chain.size(); ++i) changes += written_[chain[i]].bytes;
  if (chain.size() > 1 && (changes > std::max(written_[chain.back()].bytes, kLeastChain) ||
                           chain.size() > kLongestChain)) {
    JOIST_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Read(disk_, PathOf(last_)));
    JOIST_ASSIGN_OR_RETURN(const uint64_t bytes, WriteWhole(disk_, checkpoint, PathOf(last_)));
    written_[last_] = {0, checkpoint.header.cold, bytes};
  }
  std::set<uint64_t> needed;
  int kept = 0;
  for (auto at = written_.rbegin(); at != written_.rend() && kept < kept_; ++at, ++kept) {
    for (const uint64_t number : ChainOf(at->first)) needed.insert(number);
  }
  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, List(disk_, directory_));
  for (const std::string& file : files) {
    const uint64_t number = NumberOf(file);
    if (needed.contains(number)) continue;
    disk_->Remove(file);
    written_.erase(number);
  }
  return OkStatus();
}

std::vector<uint64_t> CheckpointStore::cold_in_use() const {
  std::set<uint64_t> used;
  for (const auto& [number, written] : written_) {
    if (written.cold != 0) used.insert(written.cold);
  }
  return {used.begin(), used.end()};
}

Status CheckpointStore::ForEachKey(Disk* disk, const Checkpoint& checkpoint,
                                   FunctionRef<void(uint32_t, const SavedKey&)> take) {
  KeyNumbers<std::string> seen;
  std::string id;
  for (const std::string& file : checkpoint.files) {
    const bool is_last = &file == &checkpoint.files.back();
    JOIST_ASSIGN_OR_RETURN(const auto reader, CheckpointReader::Open(disk, file));
    JOIST_RETURN_IF_ERROR(
        ReadFile(reader.get(), file, nullptr, [&](uint32_t step, std::string_view keys) -> Status {
          ByteReader in(keys);
          for (SavedKey key; in.remaining() > 0;) {
            if (!key.Take(&in)) return NotSavedKeys(file);
            id.clear();
            PutVarint(step, &id);
            id += key.key;
            if (seen.Contains(id)) continue;
            const std::string_view text = id;
            uint32_t number;
            if (!is_last) seen.Find(&text, 1, &number);
            if (!key.is_removed) take(step, key);
          }
          return OkStatus();
        }));
  }
  return OkStatus();
}

Result<uint64_t> CheckpointStore::WriteWhole(Disk* disk, const Checkpoint& checkpoint,
                                             const std::string& path) {
  CheckpointHeader header = checkpoint.header;
  header.base = 0;
  CheckpointWriter writer(disk, path, header);
  writer.AddRun(checkpoint.run);
  SavedState some;
  uint32_t step_of_some = 0;
  const auto flush = [&] {
    if (!some.keys().empty()) writer.AddKeys(step_of_some, some.TakeKeys());
  };
  JOIST_RETURN_IF_ERROR(ForEachKey(disk, checkpoint, [&](uint32_t step, const SavedKey& key) {
    if (step != step_of_some || some.keys().size() >= CheckpointWriter::kBlockBytes) flush();
    step_of_some = step;
    some.Put(key.partition, key.key, key.state);
  }));
  flush();
  JOIST_RETURN_IF_ERROR(writer.Finish());
  return writer.bytes();
}

}  // namespace joist
