// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "tests/sim/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

namespace joist {

class SimDisk::OpenFile final : public Disk::File {
 public:
  OpenFile(SimDisk* disk, std::shared_ptr<Content> content)
      : disk_(disk), content_(std::move(content)) {}

  bool Read(char* to, size_t size, size_t* read) override {
    *read = 0;
    if (!disk_->Begin(EIO)) return false;
    *read = std::min(size, content_->bytes.size() - at_);
    content_->bytes.copy(to, *read, at_);
    at_ += *read;
    return true;
  }
  bool Write(std::string_view bytes) override {
    if (!disk_->Begin(ENOSPC)) {
      content_->bytes += bytes.substr(0, bytes.size() / 2);
      return false;
    }
    content_->bytes += bytes;
    return true;
  }
  bool Sync() override {
    if (!disk_->Begin(EIO)) return false;
    if (!disk_->Chance(disk_->faults_.lies)) content_->synced = content_->bytes.size();
    return true;
  }

 private:
  SimDisk* const disk_;
  const std::shared_ptr<Content> content_;
  size_t at_ = 0;
};

SimDisk::SimDisk(uint64_t seed, SimDiskFaults faults, std::function<void()> step)
    : random_(seed), faults_(faults), step_(std::move(step)) {}

bool SimDisk::Chance(double probability) {
  return probability > 0 && std::uniform_real_distribution<double>()(random_) < probability;
}

bool SimDisk::Begin(int error) {
  step_();
  if (!Chance(faults_.fails)) return true;
  errno = error;
  return false;
}

void SimDisk::Crash() {
  std::set<std::string> all;
  for (const auto& [name, content] : names_) all.insert(name);
  for (const auto& [name, content] : synced_) all.insert(name);
  Names after;
  for (const std::string& name : all) {
    const auto now = names_.find(name);
    const auto then = synced_.find(name);
    // What was done to a name since the last sync is on disk, or is not.
    const bool is_now =
        now != names_.end() && (then == synced_.end() || then->second != now->second)
            ? Chance(0.5)
            : now != names_.end() || Chance(0.5);
    if (is_now && now != names_.end()) {
      after[name] = now->second;
    } else if (then != synced_.end()) {
      after[name] = then->second;
    }
  }
  for (const auto& [name, content] : after) {
    const size_t lost = content->bytes.size() - content->synced;
    if (lost > 0) content->bytes.resize(content->synced + random_() % (lost + 1));
    content->synced = content->bytes.size();
  }
  names_ = synced_ = std::move(after);
}

std::unique_ptr<Disk::File> SimDisk::Open(const std::string& path) {
  if (!Begin(EIO)) return nullptr;
  const auto found = names_.find(path);
  if (found == names_.end()) {
    errno = ENOENT;
    return nullptr;
  }
  return std::make_unique<OpenFile>(this, found->second);
}

std::unique_ptr<Disk::File> SimDisk::Create(const std::string& path) {
  if (!Begin(ENOSPC)) return nullptr;
  auto& content = names_[path];
  content = std::make_shared<Content>();
  return std::make_unique<OpenFile>(this, content);
}

bool SimDisk::Rename(const std::string& from, const std::string& to) {
  if (!Begin(EIO)) return false;
  const auto found = names_.find(from);
  if (found == names_.end()) {
    errno = ENOENT;
    return false;
  }
  names_[to] = found->second;
  names_.erase(from);
  return true;
}

bool SimDisk::Remove(const std::string& path) {
  errno =
      ENOENT;  // Destructors call this: no place to die, and a crash loses it or not in any case.
  return names_.erase(path) > 0;
}

bool SimDisk::SyncNames(const std::string&) {
  if (!Begin(EIO)) return false;
  if (!Chance(faults_.lies)) synced_ = names_;
  return true;
}

bool SimDisk::List(const std::string& directory, std::vector<std::string>* names) {
  names->clear();
  if (!Begin(EIO)) return false;
  for (const auto& [path, content] : names_) {
    if (path.starts_with(directory + "/")) names->push_back(path.substr(directory.size() + 1));
  }
  return true;
}

}  // namespace joist
