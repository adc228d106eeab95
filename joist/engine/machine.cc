// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/machine.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>

namespace joist {
namespace {

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = int64_t{64} << 20;

/// The number that a file of the system consists of; nothing where there is none ("max").
std::optional<int64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  int64_t number;
  if (!(file >> text)) return std::nullopt;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc()) {
    return std::nullopt;
  }
  return number;
}

int64_t MachineAvailable() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (int64_t kilobytes; file >> name >> kilobytes;) {
    if (name == "MemAvailable:") return kilobytes << 10;
    std::getline(file, unit);
  }
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE) / 2;
}

/// Of the control group that a container sees as its root, version 2 or 1.
int64_t GroupAvailable() {
  const std::string folder = "/sys/fs/cgroup/";
  std::optional<int64_t> limit = ReadNumber(folder + "memory.max");
  std::optional<int64_t> used = ReadNumber(folder + "memory.current");
  if (!limit.has_value()) {
    limit = ReadNumber(folder + "memory/memory.limit_in_bytes");
    used = ReadNumber(folder + "memory/memory.usage_in_bytes");
  }
  return limit.has_value() ? *limit - std::min(*limit, used.value_or(0)) : kUnknown;
}

}  // namespace

int64_t DefaultMemoryBytes() {
  return std::max(std::min(MachineAvailable(), GroupAvailable()) / 2, kLeast);
}

std::string DefaultSpillDirectory() {
  if (const char* folder = std::getenv("TMPDIR"); folder != nullptr && *folder != 0) return folder;
  return access("/var/tmp", W_OK | X_OK) == 0 ? "/var/tmp" : "/tmp";
}

}  // namespace joist
