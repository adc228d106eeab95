// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/sharded_write.h"

#include <memory>
#include <utility>

#include "joist/io/files/file_sink.h"
#include "joist/io/files/file_writer.h"

namespace joist::files {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace sharded_write_internal {

/// Records between header and footer.
struct RecordSink {
  using Element = std::string;
  static constexpr bool kJoinable = true;
  WriteSettings settings;

  class File {
   public:
    File(FileWriter writer, const WriteSettings& settings, bool headless)
        : writer_(std::move(writer)), settings_(settings), headless_(headless) {
      if (!headless_ && !settings_.header.empty()) Append(settings_.header);
    }
    void Append(std::string_view record) {
      ThrowIfError(settings_.as_lines ? writer_.AppendLine(record) : writer_.Append(record));
    }
    void Close() {
      if (!headless_ && !settings_.footer.empty()) Append(settings_.footer);
      ThrowIfError(writer_.Close());
    }
    const std::string& path() const { return writer_.path(); }

   private:
    FileWriter writer_;
    const WriteSettings& settings_;
    bool headless_;
  };

  std::unique_ptr<File> Open(const NewFile& file) const {
    Result<FileWriter> writer =
        FileWriter::Create(file.path, file.result, CompressionOf(settings), file.buffer_bytes);
    ThrowIfError(writer.status());
    return std::make_unique<File>(std::move(*writer), settings, file.headless);
  }
};
JOIST_ROW(RecordSink, settings)

}  // namespace sharded_write_internal

PCollection<std::string> WriteSharded(const PCollection<std::string>& records,
                                      WriteSettings settings, bool validate,
                                      const std::source_location& where) {
  settings = PrepareShards(records.builder(), std::move(settings), validate, where);
  return WriteFiles(records, sharded_write_internal::RecordSink{settings}, settings);
}

PCollection<std::string> WriteByKey(const PCollection<KV<std::string, std::string>>& records,
                                    WriteSettings settings, bool validate,
                                    const std::source_location& where) {
  settings.by_key = true;
  settings = PrepareShards(records.builder(), std::move(settings), validate, where);
  return WriteFilesByKey(records, sharded_write_internal::RecordSink{settings}, settings);
}

}  // namespace joist::files
