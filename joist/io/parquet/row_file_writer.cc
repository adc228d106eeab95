// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/parquet/row_file_writer.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/io/memory.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/utf8.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include "joist/io/files/file_writer.h"
#include "joist/io/parquet/arrow_columns.h"

namespace joist::parquet {
namespace {

/// What Arrow writes goes into a FileWriter, whose error is the one to tell.
class Sink final : public ::arrow::io::OutputStream {
 public:
  explicit Sink(files::FileWriter file) : file_(std::move(file)) {}

  ::arrow::Status Write(const void* data, int64_t size) override {
    if (status_.ok()) {
      status_ = file_.Append({static_cast<const char*>(data), static_cast<size_t>(size)});
    }
    if (!status_.ok()) return ::arrow::Status::IOError("cannot write");
    written_ += size;
    return ::arrow::Status::OK();
  }
  ::arrow::Result<int64_t> Tell() const override { return written_; }
  // The file is closed when all of it is there, and otherwise removed.
  ::arrow::Status Close() override { return ::arrow::Status::OK(); }
  ::arrow::Status Abort() override { return ::arrow::Status::OK(); }
  bool closed() const override { return false; }

  files::FileWriter& file() { return file_; }
  const files::FileWriter& file() const { return file_; }
  const Status& status() const { return status_; }

 private:
  files::FileWriter file_;
  Status status_;
  int64_t written_ = 0;
};

using BufferPointer = std::shared_ptr<::arrow::Buffer>;

// A bit for each byte that is 0 or 1; kept in `bits`.
BufferPointer PackBits(const uint8_t* bytes, size_t size, std::vector<std::vector<uint8_t>>* kept) {
  std::vector<uint8_t>& bits = kept->emplace_back((size + 7) / 8);
  for (size_t i = 0; i < size; ++i) {
    bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | bytes[i] << (i % 8));
  }
  return ::arrow::Buffer::Wrap(bits.data(), bits.size());
}

Status CheckText(const ColumnBuilder& column) {
  // Before that, Arrow takes anything for UTF-8.
  [[maybe_unused]] static const bool kReady = (::arrow::util::InitializeUTF8(), true);
  const auto* bytes = reinterpret_cast<const uint8_t*>(column.values.data());
  bool valid = ::arrow::util::ValidateUTF8(bytes, static_cast<int64_t>(column.values.size()));
  // Characters that two texts share would be valid in the whole.
  for (const int32_t offset : column.offsets) {
    const auto at = static_cast<size_t>(offset);
    if (at < column.values.size() && (bytes[at] & 0xC0) == 0x80) valid = false;
  }
  if (valid) return OkStatus();
  return InvalidArgument("the field \"" + column.path +
                         "\" has a text that is not UTF-8; make the field a joist::Bytes");
}

// The column's values as an array that refers to them and to `kept`.
Result<std::shared_ptr<::arrow::ArrayData>> ArrayOf(const ColumnBuilder& column,
                                                    const std::shared_ptr<::arrow::DataType>& type,
                                                    std::vector<std::vector<uint8_t>>* kept) {
  constexpr size_t kMost = std::numeric_limits<int32_t>::max();
  const size_t elements = column.form == Form::kText ? column.values.size()
                          : column.offsets.empty()   ? 0
                                                     : column.parts[0].size;
  if (elements > kMost) {
    return InvalidArgument("the field \"" + column.path + "\" is too large for Parquet: " +
                           std::to_string(elements) + " bytes or elements in few rows");
  }
  std::vector<BufferPointer> buffers(1);
  if (column.nulls > 0) buffers[0] = PackBits(column.present.data(), column.size, kept);
  std::vector<std::shared_ptr<::arrow::ArrayData>> children;
  const BufferPointer values = ::arrow::Buffer::Wrap(column.values.data(), column.values.size());
  switch (column.form) {
    case Form::kBool:
      buffers.push_back(
          PackBits(reinterpret_cast<const uint8_t*>(column.values.data()), column.size, kept));
      break;
    case Form::kText:
      if (type->id() == ::arrow::Type::STRING) JOIST_RETURN_IF_ERROR(CheckText(column));
      buffers.push_back(::arrow::Buffer::Wrap(column.offsets));
      buffers.push_back(values);
      break;
    case Form::kList: {
      buffers.push_back(::arrow::Buffer::Wrap(column.offsets));
      JOIST_ASSIGN_OR_RETURN(auto part, ArrayOf(column.parts[0], type->field(0)->type(), kept));
      children.push_back(std::move(part));
      break;
    }
    case Form::kMap: {
      buffers.push_back(::arrow::Buffer::Wrap(column.offsets));
      const auto& entry = type->field(0)->type();
      auto entries = ::arrow::ArrayData::Make(entry, static_cast<int64_t>(column.parts[0].size),
                                              {nullptr}, /*null_count=*/0);
      for (int i = 0; i < 2; ++i) {
        JOIST_ASSIGN_OR_RETURN(auto part, ArrayOf(column.parts[static_cast<size_t>(i)],
                                                  entry->field(i)->type(), kept));
        entries->child_data.push_back(std::move(part));
      }
      children.push_back(std::move(entries));
      break;
    }
    case Form::kRow:
      for (size_t i = 0; i < column.parts.size(); ++i) {
        JOIST_ASSIGN_OR_RETURN(
            auto part, ArrayOf(column.parts[i], type->field(static_cast<int>(i))->type(), kept));
        children.push_back(std::move(part));
      }
      break;
    default: buffers.push_back(values);
  }
  return ::arrow::ArrayData::Make(type, static_cast<int64_t>(column.size), std::move(buffers),
                                  std::move(children), static_cast<int64_t>(column.nulls));
}

::parquet::Compression::type ArrowCodec(Codec codec) {
  switch (codec) {
    case Codec::kNone: return ::parquet::Compression::UNCOMPRESSED;
    case Codec::kSnappy: return ::parquet::Compression::SNAPPY;
    case Codec::kZstd: return ::parquet::Compression::ZSTD;
  }
  return ::parquet::Compression::UNCOMPRESSED;
}

::arrow::Result<std::unique_ptr<::parquet::arrow::FileWriter>> OpenWriter(
    const ::arrow::Schema& schema, Codec codec, int64_t group_rows,
    std::shared_ptr<::arrow::io::OutputStream> sink) {
  ::parquet::WriterProperties::Builder properties;
  properties.compression(ArrowCodec(codec))->max_row_group_length(group_rows);
  ::parquet::ArrowWriterProperties::Builder arrow_properties;
  arrow_properties.store_schema();  // Names durations and unsigned numbers to other readers.
  return ::parquet::arrow::FileWriter::Open(schema, ::arrow::default_memory_pool(), std::move(sink),
                                            properties.build(), arrow_properties.build());
}

}  // namespace

Result<std::string> EmptyFile(const Schema& schema) {
  JOIST_ASSIGN_OR_RETURN(const auto arrow_schema, ArrowSchemaOf(schema));
  std::string bytes;
  const auto write = [&]() -> ::arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto sink, ::arrow::io::BufferOutputStream::Create());
    ARROW_ASSIGN_OR_RAISE(const auto writer, OpenWriter(*arrow_schema, Codec::kNone, 1, sink));
    ARROW_RETURN_NOT_OK(writer->Close());
    ARROW_ASSIGN_OR_RAISE(const auto buffer, sink->Finish());
    bytes = buffer->ToString();
    return ::arrow::Status::OK();
  };
  JOIST_RETURN_IF_ERROR(FromArrow(write(), "cannot make a file"));
  return bytes;
}

struct RowFileWriter::File {
  std::string result;
  std::shared_ptr<Sink> sink;
  std::shared_ptr<::arrow::Schema> schema;
  std::unique_ptr<::parquet::arrow::FileWriter> writer;
  size_t group_bytes = 0;  ///< Of values that went into the row group.

  // The sink's own error says more than Arrow's.
  template <class F>
  Status Run(F f) {
    Status status;
    try {
      status = FromArrow(f(), "cannot write " + result);
    } catch (const std::exception& error) {
      status = Internal("cannot write " + result + ": " + error.what());
    }
    return !sink->status().ok() ? sink->status() : status;
  }
};

RowFileWriter::RowFileWriter(std::unique_ptr<File> file) : file_(std::move(file)) {}
RowFileWriter::RowFileWriter(RowFileWriter&&) noexcept = default;
RowFileWriter& RowFileWriter::operator=(RowFileWriter&&) noexcept = default;
RowFileWriter::~RowFileWriter() = default;

Result<RowFileWriter> RowFileWriter::Create(std::string path, std::string result,
                                            const Schema& schema, Codec codec, int64_t group_rows) {
  auto file = std::make_unique<File>();
  JOIST_ASSIGN_OR_RETURN(file->schema, ArrowSchemaOf(schema));
  JOIST_ASSIGN_OR_RETURN(files::FileWriter made,
                         files::FileWriter::Create(std::move(path), result));
  file->sink = std::make_shared<Sink>(std::move(made));
  file->result = std::move(result);
  JOIST_RETURN_IF_ERROR(file->Run([&]() -> ::arrow::Status {
    return OpenWriter(*file->schema, codec, group_rows, file->sink).Value(&file->writer);
  }));
  RowFileWriter writer(std::move(file));
  for (const Field& field : schema.fields) {
    writer.columns_.push_back(ColumnBuilder::Of(field.type, field.name));
  }
  return writer;
}

size_t RowFileWriter::bytes() const {
  size_t sum = 0;
  for (const ColumnBuilder& column : columns_) sum += column.bytes();
  return sum;
}

Status RowFileWriter::Flush() {
  if (rows_ == 0) return OkStatus();
  std::vector<std::vector<uint8_t>> kept;
  std::vector<std::shared_ptr<::arrow::ArrayData>> arrays;
  for (size_t i = 0; i < columns_.size(); ++i) {
    Result<std::shared_ptr<::arrow::ArrayData>> array =
        ArrayOf(columns_[i], file_->schema->field(static_cast<int>(i))->type(), &kept);
    if (!array.ok()) {
      return Status(array.status().code(),
                    "cannot write " + file_->result + ": " + array.status().message());
    }
    arrays.push_back(std::move(*array));
  }
  JOIST_RETURN_IF_ERROR(file_->Run([&]() -> ::arrow::Status {
    if (file_->group_bytes > kGroupBytes) {
      file_->group_bytes = 0;
      ARROW_RETURN_NOT_OK(file_->writer->NewBufferedRowGroup());
    }
    file_->group_bytes += bytes();
    return file_->writer->WriteRecordBatch(
        *::arrow::RecordBatch::Make(file_->schema, static_cast<int64_t>(rows_), std::move(arrays)));
  }));
  for (ColumnBuilder& column : columns_) column.Clear();
  rows_ = 0;
  return OkStatus();
}

Status RowFileWriter::Close() {
  JOIST_RETURN_IF_ERROR(Flush());
  JOIST_RETURN_IF_ERROR(file_->Run([&] { return file_->writer->Close(); }));
  return file_->sink->file().Close();
}

const std::string& RowFileWriter::path() const { return file_->sink->file().path(); }

}  // namespace joist::parquet
