// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TFRecord files: Read, ReadAll, Write of records of bytes.
//
//   p | "Read"  >> joist::tfrecord::Read("examples-*.tfrecord")     // PCollection<Bytes>
//     | …
//     | "Write" >> joist::tfrecord::Write("out/examples").WithSuffix(".tfrecord");
//
// The format (tensorflow.org/tutorials/load_data/tfrecord), integers little-endian, a file being
// nothing but such records:
//
//   uint64 length; uint32 MaskedCrc32c(length); byte data[length]; uint32 MaskedCrc32c(data)
//
// Both checksums are checked; a record that is damaged ends the job, since nothing tells where the
// next one begins. For the same reason a file is read by one thread; several files are read by
// many. Files otherwise: as joist/io/text/text.h. Transforms are values; a With… function returns a
// changed copy.

#ifndef JOIST_IO_TFRECORD_TFRECORD_H_
#define JOIST_IO_TFRECORD_TFRECORD_H_

#include <cstdint>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/io/files/block_reader.h"
#include "joist/io/files/read_files.h"
#include "joist/io/files/sharded_write.h"
#include "joist/model/fields.h"
#include "joist/sdk/par_do.h"

namespace joist::tfrecord {

using files::Compression;
using files::EmptyMatch;

/// How TFRecord files are read.
struct ReadSettings {
  Compression compression = Compression::kAuto;
  EmptyMatch empty_match = EmptyMatch::kRefuse;
  uint64_t longest_record = 256 << 20;
};
JOIST_ROW(ReadSettings, compression, empty_match, longest_record)

/// Appends `data` as a record.
void AppendRecord(std::string_view data, std::string* out);

namespace tfrecord_internal {

/// Records as files::FileSource reads them.
struct RecordFormat {
  using Element = Bytes;
  using Settings = ReadSettings;
  static constexpr std::string_view kRead = "tfrecord::Read";
  static constexpr std::string_view kReadAll = "tfrecord::ReadAll";
  static constexpr bool kFindsBadRecords = false;
  static consteval bool Check() { return true; }
  static bool IsSplittable(const ReadSettings&) { return false; }

  class Reader {
   public:
    using Item = Bytes;
    static Result<Reader> Open(const std::string& path, const ReadSettings& settings,
                               uint64_t begin, uint64_t end, std::vector<files::BadRecord>*);
    Result<bool> Next(std::span<Bytes>* items);
    void Extend(uint64_t) {}
    uint64_t raw_position() const { return block_.raw_position(); }

   private:
    Reader(files::BlockReader block, uint64_t longest_record)
        : block_(std::move(block)), longest_record_(longest_record) {}
    /// Reads on until the window holds `bytes`; whether the file does.
    Result<bool> Need(uint64_t bytes);
    /// The next record's data, to be consumed with its frame; false at the end of the file.
    Result<bool> Record(std::string_view* data);
    Status Damaged(std::string_view how) const;

    files::BlockReader block_;
    uint64_t longest_record_;
    std::vector<Bytes> records_;
  };

  template <class Self>
  class Options : public files::ReadOptions<Self, RecordFormat> {
   public:
    /// A longer record is an error; 256 MB by default.
    Self WithLongestRecord(uint64_t bytes) const {
      return this->Changed([&](ReadSettings& settings) { settings.longest_record = bytes; });
    }

   protected:
    using files::ReadOptions<Self, RecordFormat>::ReadOptions;
  };
};

template <class T>
struct FrameFn {
  std::string record;

  static void Append(const View<T>& data, std::string* out) {
    if constexpr (std::is_same_v<T, Bytes>) {
      AppendRecord(data.view(), out);
    } else {
      AppendRecord(data, out);
    }
  }
  void Process(const View<T>& data, Emit<std::string> emit) {
    record.clear();
    Append(data, &record);
    emit(std::string_view(record));
  }
};
template <class T>
constexpr FieldList<FrameFn<T>> JoistFields(const FrameFn<T>*) {
  return {"FrameFn", {}};
}

}  // namespace tfrecord_internal

/// The records of the files that match a pattern.
using Read = files::ReadFiles<tfrecord_internal::RecordFormat>;

/// The records of the files that match the patterns of a collection. Files are spread over the
/// threads.
using ReadAll = files::ReadAllFiles<tfrecord_internal::RecordFormat>;

/// Writes each element, Bytes or a std::string, as a record into files prefix-SSSSS-of-NNNNN; see
/// text::Write. Keys of KVs are destinations. The result holds the files' names.
class Write : public files::WriteTransform<Write> {
 public:
  explicit Write(std::string prefix, std::source_location where = std::source_location::current())
      : WriteTransform(std::move(prefix), where) {
    settings_.as_lines = false;
  }

  static constexpr std::string_view kKind = "tfrecord::Write";
  template <class T>
  auto Expand(const PCollection<T>& records) const {
    constexpr bool kIsBytes = std::is_same_v<T, Bytes> || std::is_same_v<T, std::string>;
    if constexpr (kIsBytes) {
      return WriteRecords(records | "Frame" >> ParDo(tfrecord_internal::FrameFn<T>()));
    } else {
      static_assert(kIsBytes || std::is_same_v<T, Invalid>,
                    "Joist: tfrecord::Write takes Bytes or strings.");
      return PCollection<Invalid>(&records.builder());
    }
  }
  template <class T>
    requires(std::is_same_v<T, Bytes> || std::is_same_v<T, std::string>)
  PCollection<std::string> Expand(const PCollection<KV<std::string, T>>& records) const {
    return WriteRecords(records |
                        "Frame" >> ParDo(files::FormatValues<T, tfrecord_internal::FrameFn<T>>()));
  }
};

}  // namespace joist::tfrecord

#endif  // JOIST_IO_TFRECORD_TFRECORD_H_
