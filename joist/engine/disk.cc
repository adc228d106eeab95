// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace joist {
namespace {

class SystemFile final : public Disk::File {
 public:
  explicit SystemFile(int descriptor) : descriptor_(descriptor) {}
  ~SystemFile() override { close(descriptor_); }
  SystemFile(const SystemFile&) = delete;
  SystemFile& operator=(const SystemFile&) = delete;

  bool Read(char* to, size_t size, size_t* count) override {
    ssize_t got;
    do {
      got = read(descriptor_, to, size);
    } while (got < 0 && errno == EINTR);
    *count = got < 0 ? 0 : static_cast<size_t>(got);
    return got >= 0;
  }
  bool Write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return true;
  }
  bool Sync() override { return fdatasync(descriptor_) == 0; }

 private:
  const int descriptor_;
};

class RealDisk final : public Disk {
 public:
  std::unique_ptr<File> Open(const std::string& path) override { return OpenWith(path, O_RDONLY); }
  std::unique_ptr<File> Create(const std::string& path) override {
    return OpenWith(path, O_WRONLY | O_CREAT | O_TRUNC);
  }
  bool Rename(const std::string& from, const std::string& to) override {
    return rename(from.c_str(), to.c_str()) == 0;
  }
  bool Remove(const std::string& path) override { return unlink(path.c_str()) == 0; }
  bool SyncNames(const std::string& directory) override {
    const int folder = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return false;
    const bool synced = fsync(folder) == 0;
    const int error = errno;
    close(folder);
    errno = error;
    return synced;
  }
  bool List(const std::string& directory, std::vector<std::string>* names) override {
    std::error_code error;
    names->clear();
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
      names->push_back(entry.path().filename().string());
    }
    errno = error.value();
    return !error;
  }
  bool MakeDirectories(const std::string& directory) override {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    errno = error.value();
    return !error;
  }

 private:
  static std::unique_ptr<File> OpenWith(const std::string& path, int flags) {
    const int descriptor = open(path.c_str(), flags | O_CLOEXEC, 0644);
    return descriptor < 0 ? nullptr : std::make_unique<SystemFile>(descriptor);
  }
};

}  // namespace

Disk* SystemDisk() {
  static RealDisk disk;
  return &disk;
}

}  // namespace joist
