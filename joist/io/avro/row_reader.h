// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RowReader: the records of an Avro file, or of a range of it, as rows of a type that it knows by
// its shape alone. Belongs to one thread at a time. The range: as in container_reader.h.
//
// What is wrong is an error of Next, or a BadRecord where somebody collects those. Its offset is
// that of the record's block, since a record of a compressed block has none of its own; its reason
// begins with the record's number in the block, from 1.

#ifndef JOIST_IO_AVRO_ROW_READER_H_
#define JOIST_IO_AVRO_ROW_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/avro/container_reader.h"
#include "joist/io/avro/decoder.h"
#include "joist/io/avro/field_shape.h"
#include "joist/io/avro/plan.h"
#include "joist/io/files/bad_record.h"

namespace joist::avro {

class RowReader {
 public:
  /// Rows that Next gives at most.
  static constexpr size_t kBatch = 1024;

  /// A file whose schema the row cannot take is an error. `row` and `bad` outlive the reader.
  static Result<RowReader> Open(const std::string& path, const ContainerOptions& options,
                                const FieldShape& row, std::vector<files::BadRecord>* bad);

  /// Sets the first `*count` of kBatch rows at `rows`, whose other values mean nothing afterwards.
  /// False after the last; `*count` may be 0 where all were bad.
  Result<bool> Next(void* rows, size_t* count);

  void Extend(uint64_t end) { file_.Extend(end); }
  uint64_t raw_position() const { return file_.raw_position(); }

 private:
  RowReader(ContainerReader file, Plan plan, size_t row_bytes, std::vector<files::BadRecord>* bad)
      : file_(std::move(file)), plan_(std::move(plan)), row_bytes_(row_bytes), bad_(bad) {}

  /// Takes up the next block that isn't damaged; false if there is none.
  Result<bool> NextBlock();
  /// What is wrong with the block as a whole, or with the record that began at `record`.
  Status RefuseBlock(const std::string& what);
  Status RefuseRecord(const std::string& what, const char* record);

  ContainerReader file_;
  Plan plan_;
  Decoder decoder_;
  size_t row_bytes_;
  std::vector<files::BadRecord>* bad_;
  ContainerReader::Block block_;
  uint64_t taken_ = 0;  ///< Records of the block.
};

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_ROW_READER_H_
