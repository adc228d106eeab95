// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/publish_batch.h"

#include <cstring>

#include "joist/store/log/message_view.h"

namespace joist::store {
namespace {

template <class T>
void PutNumber(T number, std::string* out) {
  out->append(reinterpret_cast<const char*>(&number), sizeof(number));
}

}  // namespace

void PublishBatch::Begin(std::string_view ordering_key) {
  attributes_ = 0;
  is_too_long_ = ordering_key.size() > kMostTextBytes;
  bytes_.append(MessageView::kHeader, '\0');
  if (!is_too_long_) bytes_.append(ordering_key);
}

void PublishBatch::AddAttribute(std::string_view name, std::string_view value) {
  is_too_long_ |= name.size() > kMostTextBytes || value.size() > kMostTextBytes ||
                  ++attributes_ > kMostAttributes;
  if (is_too_long_) return;
  PutNumber(static_cast<uint16_t>(name.size()), &bytes_);
  PutNumber(static_cast<uint16_t>(value.size()), &bytes_);
  bytes_.append(name);
  bytes_.append(value);
}

Status PublishBatch::End(size_t begin, std::string_view data, std::string_view ordering_key) {
  if (is_too_long_) {
    bytes_.resize(begin);
    return InvalidArgument("a message has an ordering key, or an attribute's name or value, of " +
                           std::to_string(kMostTextBytes) +
                           " bytes or more, or as many attributes");
  }
  if (bytes_.size() + data.size() > kMostBytes) {
    bytes_.resize(begin);
    return InvalidArgument("a batch has more than " + std::to_string(kMostBytes) +
                           " bytes; publish fewer messages at once");
  }
  bytes_.append(data);
  const auto rest = static_cast<uint32_t>(bytes_.size() - begin - 4);
  const auto data_size = static_cast<uint32_t>(data.size());
  const auto key_size = static_cast<uint16_t>(ordering_key.size());
  const auto count = static_cast<uint16_t>(attributes_);
  char* const at = bytes_.data() + begin;
  std::memcpy(at, &rest, 4);
  std::memcpy(at + 4, &data_size, 4);
  std::memcpy(at + 8, &key_size, 2);
  std::memcpy(at + 10, &count, 2);
  ++count_;
  return OkStatus();
}

void PublishBatch::Seal() {
  const std::string_view payload = bytes().substr(sizeof(FrameHeader));
  header_.payload_size = static_cast<uint32_t>(payload.size());
  header_.count = count_;
  header_.payload_checksum = Crc32c(payload);
}

void PublishBatch::Stamp(uint64_t first_offset, int64_t publish_micros, uint32_t earlier) {
  header_.first_offset = first_offset;
  header_.earlier = earlier;
  header_.publish_micros = publish_micros;
  header_.header_checksum = header_.Checksum();
  std::memcpy(bytes_.data(), &header_, sizeof(header_));
}

}  // namespace joist::store
