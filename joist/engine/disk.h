// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Disk: what checkpoints need of a file system, so that a simulator can be one. Calls set errno and
// return false where they fail. Thread-safe, of different files.

#ifndef JOIST_ENGINE_DISK_H_
#define JOIST_ENGINE_DISK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace joist {

class Disk {
 public:
  /// Belongs to one thread; closed when destroyed.
  class File {
   public:
    virtual ~File() = default;
    /// Of what is read: up to `size` bytes, none at the end.
    virtual bool Read(char* to, size_t size, size_t* read) = 0;
    virtual bool Write(std::string_view bytes) = 0;
    /// What was written is there after a crash, if the name is.
    virtual bool Sync() = 0;
  };

  virtual ~Disk() = default;
  /// Null where it cannot be opened.
  virtual std::unique_ptr<File> Open(const std::string& path) = 0;
  /// An empty file, in place of what may be there.
  virtual std::unique_ptr<File> Create(const std::string& path) = 0;
  virtual bool Rename(const std::string& from, const std::string& to) = 0;
  virtual bool Remove(const std::string& path) = 0;
  /// The names in a folder are there after a crash.
  virtual bool SyncNames(const std::string& directory) = 0;
  /// The names in a folder, in no order.
  virtual bool List(const std::string& directory, std::vector<std::string>* names) = 0;
  virtual bool MakeDirectories(const std::string& directory) = 0;
};

/// That of the system; lives as long as the process.
Disk* SystemDisk();

}  // namespace joist

#endif  // JOIST_ENGINE_DISK_H_
