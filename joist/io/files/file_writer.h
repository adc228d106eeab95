// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Writing files so that they appear whole or not at all: a FileWriter fills a file in a hidden
// folder beside the result, Publish gives it its name. What a failed or killed run leaves behind is
// that hidden folder at the most, and never a part of a result under its name.
//
// A FileWriter belongs to one thread at a time. The functions have no state.

#ifndef JOIST_IO_FILES_FILE_WRITER_H_
#define JOIST_IO_FILES_FILE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/io/files/compression.h"

namespace joist::files {

/// How the names of hidden folders begin.
inline constexpr std::string_view kTemporaryPrefix = ".joist-";

class FileWriter {
 public:
  static constexpr size_t kBufferBytes = 256 << 10;

  /// Makes the file `path`, which must not exist. Errors speak of `result`, the file or prefix that
  /// the user knows.
  static Result<FileWriter> Create(std::string path, std::string result,
                                   Compression compression = Compression::kNone,
                                   size_t buffer_bytes = kBufferBytes);

  FileWriter(FileWriter&& other) noexcept;
  FileWriter& operator=(FileWriter&& other) noexcept;
  /// Removes the file unless it was closed.
  ~FileWriter();

  Status Append(std::string_view bytes) {
    if (bytes.size() > capacity_ - size_) return AppendSlow(bytes);
    std::memcpy(buffer_.get() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
    return OkStatus();
  }
  Status AppendLine(std::string_view line) {
    if (line.size() + 1 > capacity_ - size_) {
      JOIST_RETURN_IF_ERROR(AppendSlow(line));
      return Append("\n");
    }
    char* at = buffer_.get() + size_;
    std::memcpy(at, line.data(), line.size());
    at[line.size()] = '\n';
    size_ += line.size() + 1;
    return OkStatus();
  }

  /// Appends the bytes of another file as they are. The compression must be the same: compressed
  /// pieces behind each other are one compressed file.
  Status AppendFile(const std::string& path);

  /// Writes what is left, asks the disk to keep it, and closes. The file stays.
  Status Close();

  const std::string& path() const { return path_; }

 private:
  FileWriter() = default;

  Status AppendSlow(std::string_view bytes);
  Status Flush(bool at_end);
  Status Write(std::string_view bytes);

  std::string path_;
  std::string result_;
  int descriptor_ = -1;
  std::unique_ptr<char[]> buffer_;
  size_t size_ = 0;
  size_t capacity_ = 0;
  std::unique_ptr<Compressor> compressor_;
};

/// "counts-00002-of-00010.txt"; with one shard and `without_sharding`: "counts.txt".
std::string ShardName(std::string_view prefix, std::string_view suffix, size_t shard, size_t shards,
                      bool without_sharding = false);

/// The folder that `path` lies in; "." if it names none.
std::string FolderOf(std::string_view path);

/// Makes the hidden folder for the run `id` beside the files that will begin with `prefix`, and
/// returns its path. It may exist. A missing or read-only folder is an error that names it.
Result<std::string> MakeTemporaryFolder(std::string_view prefix, std::string_view id);

/// OK if a file can get the name `to`: no folder has it.
Status CheckName(const std::string& to);

/// Makes the folders that `path` lies in.
Status MakeFolders(const std::string& path);

/// Gives `from` the name `to`, replacing a file of that name. Done before, it does nothing.
Status Publish(const std::string& from, const std::string& to);

/// Asks the disk to keep the names in `folder`.
Status SyncFolder(const std::string& folder);

/// Removes a file or a folder with its files, as far as there is something.
void Remove(const std::string& path);

/// A name that is different for every run, thread and attempt. Thread-safe.
std::string UniqueName();

/// Whether files whose names begin with `prefix` can be written: it ends with the beginning of a
/// name, and its folder is there and may be written to.
Status CheckPrefix(const std::string& prefix);

}  // namespace joist::files

#endif  // JOIST_IO_FILES_FILE_WRITER_H_
