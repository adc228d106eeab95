// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/tfrecord/tfrecord.h"

#include "joist/base/crc32c.h"

namespace joist::tfrecord {
namespace {

constexpr size_t kHeader = 12;
constexpr size_t kFooter = 4;
// Of one Next: so many records or so many bytes.
constexpr size_t kMostRecords = 1024;
constexpr size_t kMostBytes = 1 << 20;

uint64_t TakeLittleEndian(const char* at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value |= uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
  }
  return value;
}

/// As TFRecord files hold it: rotated right by 15 bits, plus a constant, so that the checksum of
/// data that holds checksums is none of theirs.
uint32_t MaskedCrc32c(std::string_view bytes) {
  const uint32_t crc = Crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xA282EAD8;
}

void PutLittleEndian(uint64_t value, size_t size, std::string* out) {
  for (size_t i = 0; i < size; ++i) *out += static_cast<char>(value >> (8 * i));
}

}  // namespace

void AppendRecord(std::string_view data, std::string* out) {
  std::string length;
  PutLittleEndian(data.size(), 8, &length);
  out->append(length);
  PutLittleEndian(MaskedCrc32c(length), 4, out);
  out->append(data);
  PutLittleEndian(MaskedCrc32c(data), 4, out);
}

namespace tfrecord_internal {

Result<RecordFormat::Reader> RecordFormat::Reader::Open(const std::string& path,
                                                        const ReadSettings& settings,
                                                        uint64_t begin, uint64_t,
                                                        std::vector<files::BadRecord>*) {
  JOIST_CHECK(begin == 0);
  JOIST_ASSIGN_OR_RETURN(files::BlockReader block,
                         files::BlockReader::Open(path, settings.compression));
  return Reader(std::move(block), settings.longest_record);
}

Result<bool> RecordFormat::Reader::Need(uint64_t bytes) {
  while (block_.size() < bytes && !block_.at_end()) JOIST_RETURN_IF_ERROR(block_.More());
  return block_.size() >= bytes;
}

Status RecordFormat::Reader::Damaged(std::string_view how) const {
  return DataLoss(block_.path() + " is damaged, or no TFRecord file: the record at byte " +
                  std::to_string(block_.offset()) + " " + std::string(how));
}

Result<bool> RecordFormat::Reader::Record(std::string_view* data) {
  JOIST_ASSIGN_OR_RETURN(const bool has_header, Need(kHeader));
  if (!has_header) {
    if (block_.size() == 0) return false;
    return Damaged("ends too early");
  }
  const std::string_view length(block_.data(), 8);
  if (TakeLittleEndian(block_.data() + 8, 4) != MaskedCrc32c(length)) {
    return Damaged("has a length whose checksum is wrong");
  }
  const uint64_t size = TakeLittleEndian(block_.data(), 8);
  if (size > longest_record_) {
    return InvalidArgument(block_.path() + ": the record at byte " +
                           std::to_string(block_.offset()) + " has " + std::to_string(size) +
                           " bytes, more than the " + std::to_string(longest_record_) +
                           " allowed; see WithLongestRecord");
  }
  JOIST_ASSIGN_OR_RETURN(const bool is_whole, Need(kHeader + size + kFooter));
  if (!is_whole) return Damaged("ends too early");
  *data = {block_.data() + kHeader, static_cast<size_t>(size)};
  if (TakeLittleEndian(data->data() + size, 4) != MaskedCrc32c(*data)) {
    return Damaged("has data whose checksum is wrong");
  }
  return true;
}

Result<bool> RecordFormat::Reader::Next(std::span<Bytes>* items) {
  size_t count = 0;
  size_t bytes = 0;
  while (count < kMostRecords && bytes < kMostBytes) {
    std::string_view data;
    JOIST_ASSIGN_OR_RETURN(const bool more, Record(&data));
    if (!more) break;
    if (count == records_.size()) records_.emplace_back();
    records_[count++].data.assign(data);
    bytes += data.size();
    block_.Consume(kHeader + data.size() + kFooter);
  }
  *items = {records_.data(), count};
  return count > 0;
}

}  // namespace tfrecord_internal

}  // namespace joist::tfrecord
