// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/avro/container_reader.h"

#include <algorithm>
#include <cstring>

#include "joist/io/avro/encode.h"

namespace joist::avro {
namespace {

constexpr std::string_view kMagic("Obj\x01", 4);
constexpr size_t kMarker = ContainerHeader::kMarker;
constexpr size_t kLongestNumber = 10;
static_assert(files::BlockReader::kSlack >= BlockDecompressor::kSlack);

// Reads on until the window has `bytes`; whether the file does.
Result<bool> Need(files::BlockReader& file, uint64_t bytes) {
  while (file.size() < bytes && !file.at_end()) JOIST_RETURN_IF_ERROR(file.More());
  return file.size() >= bytes;
}

// A zigzag varint at the front of `text`; false if there is none.
bool TakeLong(std::string_view* text, int64_t* value) {
  uint64_t word = 0;
  for (size_t i = 0; i < std::min(kLongestNumber, text->size()); ++i) {
    const auto byte = static_cast<uint8_t>((*text)[i]);
    word |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if (byte >= 0x80) continue;
    if (i == kLongestNumber - 1 && byte > 1) return false;
    text->remove_prefix(i + 1);
    *value = static_cast<int64_t>(word >> 1 ^ (0 - (word & 1)));
    return true;
  }
  return false;
}

bool TakeBytes(std::string_view* text, std::string_view* bytes) {
  int64_t size;
  if (!TakeLong(text, &size) || size < 0 || static_cast<uint64_t>(size) > text->size()) {
    return false;
  }
  *bytes = text->substr(0, static_cast<size_t>(size));
  text->remove_prefix(static_cast<size_t>(size));
  return true;
}

// The header at the front of `text`. False if it isn't there as a whole.
bool TakeHeader(std::string_view* text, std::string* codec, ContainerHeader* header) {
  text->remove_prefix(kMagic.size());
  for (;;) {
    int64_t count;
    if (!TakeLong(text, &count)) return false;
    if (count == 0) break;
    int64_t size;
    if (count < 0 && !TakeLong(text, &size)) return false;
    for (auto left = count < 0 ? 0 - static_cast<uint64_t>(count) : static_cast<uint64_t>(count);
         left > 0; --left) {
      std::string_view key;
      std::string_view value;
      if (!TakeBytes(text, &key) || !TakeBytes(text, &value)) return false;
      if (key == "avro.schema") header->schema = value;
      if (key == "avro.codec") *codec = value;
    }
  }
  if (text->size() < kMarker) return false;
  header->marker = text->substr(0, kMarker);
  text->remove_prefix(kMarker);
  return true;
}

// Consumes the header.
Result<ContainerHeader> ReadHeader(files::BlockReader& file) {
  JOIST_ASSIGN_OR_RETURN(const bool has_magic, Need(file, kMagic.size()));
  if (!has_magic || std::string_view(file.data(), kMagic.size()) != kMagic) {
    return InvalidArgument(file.path() + " is no Avro file: it does not begin with \"Obj\" and 1");
  }
  for (;;) {
    std::string_view text(file.data(), file.size());
    ContainerHeader header;
    std::string codec = "null";
    if (TakeHeader(&text, &codec, &header)) {
      file.Consume(file.size() - text.size());
      const Result<Codec> known = CodecFromName(codec.empty() ? "null" : codec);
      if (!known.ok()) return InvalidArgument(file.path() + ": " + known.status().message());
      header.codec = *known;
      return header;
    }
    if (file.at_end() || file.size() >= ContainerReader::kLongestHeader) {
      return DataLoss(
          file.path() + " is damaged: its header " +
          (file.at_end()
               ? "ends too early"
               : "is longer than " + std::to_string(ContainerReader::kLongestHeader) + " bytes"));
    }
    JOIST_RETURN_IF_ERROR(file.More());
  }
}

}  // namespace

std::string HeaderText(const ContainerHeader& header) {
  std::string text(kMagic);
  PutLong(2, &text);
  PutText("avro.schema", &text);
  PutText(header.schema, &text);
  PutText("avro.codec", &text);
  PutText(CodecName(header.codec), &text);
  PutLong(0, &text);
  return text + header.marker;
}

Result<ContainerReader> ContainerReader::Open(const std::string& path,
                                              const ContainerOptions& options) {
  JOIST_ASSIGN_OR_RETURN(
      files::BlockReader file,
      files::BlockReader::Open(path, options.compression, 0, options.read_bytes));
  JOIST_ASSIGN_OR_RETURN(ContainerHeader header, ReadHeader(file));
  const uint64_t marker_offset = file.offset() - kMarker;
  const bool from_header = options.begin <= marker_offset;
  if (!from_header) {
    JOIST_ASSIGN_OR_RETURN(file, files::BlockReader::Open(path, options.compression, options.begin,
                                                          options.read_bytes));
  }
  ContainerReader reader(std::move(file), std::move(header), marker_offset, options);
  reader.at_marker_ = from_header;
  return reader;
}

ContainerReader::ContainerReader(files::BlockReader file, ContainerHeader header,
                                 uint64_t marker_offset, const ContainerOptions& options)
    : file_(std::move(file)),
      header_(std::move(header)),
      decompressor_(header_.codec, options.longest_block),
      end_(options.end),
      longest_block_(options.longest_block),
      marker_offset_(marker_offset) {}

Result<bool> ContainerReader::FindMarker() {
  while (file_.offset() < end_) {
    const auto* found = static_cast<const char*>(
        memmem(file_.data(), file_.size(), header_.marker.data(), kMarker));
    if (found != nullptr) {
      const auto before = static_cast<size_t>(found - file_.data());
      if (file_.offset() + before >= end_) return false;
      marker_offset_ = file_.offset() + before;
      file_.Consume(before + kMarker);
      at_marker_ = true;
      return true;
    }
    if (file_.at_end()) return false;
    // The window may end with a part of it.
    file_.Consume(file_.size() - std::min(file_.size(), kMarker - 1));
    JOIST_RETURN_IF_ERROR(file_.More());
  }
  return false;
}

ContainerReader::Found ContainerReader::Damaged(std::string what) {
  damage_ = std::move(what);
  return Found::kDamaged;
}

Result<ContainerReader::Found> ContainerReader::Next(Block* block) {
  file_.Consume(block_bytes_);
  block_bytes_ = 0;
  if (!at_marker_) {
    JOIST_ASSIGN_OR_RETURN(const bool found, FindMarker());
    if (!found) return Found::kEnd;
  }
  if (marker_offset_ >= end_) return Found::kEnd;
  JOIST_ASSIGN_OR_RETURN(const bool any, Need(file_, 1));
  if (!any) return Found::kEnd;

  *block = Block();
  block->offset = file_.offset();
  at_marker_ = false;  // Unless the block ends with one.
  JOIST_ASSIGN_OR_RETURN(const bool has_numbers, Need(file_, 2 * kLongestNumber));
  std::string_view text(file_.data(), file_.size());
  int64_t records;
  int64_t size;
  if (!TakeLong(&text, &records) || !TakeLong(&text, &size)) {
    return Damaged(has_numbers ? "its size is no number" : "it ends too early");
  }
  if (records < 0 || size < 0) return Damaged("it has a negative size");
  const auto stored = static_cast<uint64_t>(size);
  if (stored > longest_block_) {
    return Damaged("it has " + std::to_string(stored) + " bytes, more than the " +
                   std::to_string(longest_block_) + " allowed; see WithLongestBlock");
  }
  const size_t numbers = file_.size() - text.size();
  JOIST_ASSIGN_OR_RETURN(const bool whole, Need(file_, numbers + stored + kMarker));
  if (!whole) return Damaged("it ends too early");
  if (std::memcmp(file_.data() + numbers + stored, header_.marker.data(), kMarker) != 0) {
    return Damaged("the file's marker does not follow it");
  }
  // What is wrong from here on is wrong in this block alone.
  at_marker_ = true;
  block_bytes_ = numbers + stored + kMarker;
  marker_offset_ = block->offset + numbers + stored;
  Result<std::string_view> data = decompressor_.Run({file_.data() + numbers, stored});
  if (!data.ok()) {
    return Damaged("its " + std::string(CodecName(header_.codec)) +
                   " data is wrong: " + data.status().message());
  }
  block->records = static_cast<uint64_t>(records);
  block->data = *data;
  return Found::kBlock;
}

}  // namespace joist::avro
