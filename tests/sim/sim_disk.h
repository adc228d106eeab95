// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SimDisk: a disk in memory that forgets in a crash what was not synced, or some of it; that fills,
// fails, and may lie: say that it has synced when it has not. All by chance, from a seed.

#ifndef JOIST_TESTS_SIM_SIM_DISK_H_
#define JOIST_TESTS_SIM_SIM_DISK_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "joist/engine/disk.h"

namespace joist {

struct SimDiskFaults {
  double fails = 0;  ///< How likely a call fails: no space to write, an error to read.
  double lies = 0;   ///< How likely a sync does nothing.
};

/// Belongs to one thread.
class SimDisk final : public Disk {
 public:
  /// `step` is called before each call, and may throw: the process dies there.
  SimDisk(uint64_t seed, SimDiskFaults faults, std::function<void()> step);

  /// What was not synced is lost, or is there, whole or in part.
  void Crash();
  /// From here on nothing fails.
  void Heal() { faults_ = {}; }

  std::unique_ptr<File> Open(const std::string& path) override;
  std::unique_ptr<File> Create(const std::string& path) override;
  bool Rename(const std::string& from, const std::string& to) override;
  bool Remove(const std::string& path) override;
  bool SyncNames(const std::string& directory) override;
  bool List(const std::string& directory, std::vector<std::string>* names) override;
  bool MakeDirectories(const std::string&) override { return true; }

 private:
  struct Content {
    std::string bytes;
    size_t synced = 0;
  };
  using Names = std::map<std::string, std::shared_ptr<Content>>;
  class OpenFile;

  bool Chance(double probability);
  /// False, with errno, where the call is to fail.
  bool Begin(int error);

  std::mt19937_64 random_;
  SimDiskFaults faults_;
  std::function<void()> step_;
  Names names_;
  Names synced_;  ///< What names there are after a crash, at least.
};

}  // namespace joist

#endif  // JOIST_TESTS_SIM_SIM_DISK_H_
