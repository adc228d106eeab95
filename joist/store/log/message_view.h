// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// MessageView: a message where it lies, in a block that was read or a batch that is to be
// published. A value; as long as the bytes live.
//
// A record in bytes, numbers little-endian: u32 size of all that follows, u32 size of the data,
// u16 size of the ordering key, u16 number of attributes; the key; each attribute as u16 and u16
// sizes, name, value; the data.

#ifndef JOIST_STORE_LOG_MESSAGE_VIEW_H_
#define JOIST_STORE_LOG_MESSAGE_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace joist::store {

/// The attributes of a message, in the order in which they were published.
class AttributesView {
 public:
  AttributesView() = default;
  AttributesView(std::string_view bytes, uint16_t count) : bytes_(bytes), count_(count) {}

  uint16_t count() const { return count_; }

  /// Calls `function(name, value)` for each.
  template <class F>
  void ForEach(F function) const {
    const char* at = bytes_.data();
    for (uint16_t i = 0; i < count_; ++i) {
      uint16_t name = 0;
      uint16_t value = 0;
      std::memcpy(&name, at, sizeof(name));
      std::memcpy(&value, at + 2, sizeof(value));
      function(std::string_view(at + 4, name), std::string_view(at + 4 + name, value));
      at += 4 + name + value;
    }
  }

  /// The value of the attribute; null without.
  std::optional<std::string_view> Find(std::string_view wanted) const {
    std::optional<std::string_view> found;
    ForEach([&](std::string_view name, std::string_view value) {
      if (name == wanted) found = value;
    });
    return found;
  }

 private:
  std::string_view bytes_;
  uint16_t count_ = 0;
};

struct MessageView {
  std::string_view data = {};
  std::string_view ordering_key = {};
  AttributesView attributes = {};

  static constexpr size_t kHeader = 12;

  /// Reads the record at the beginning of `bytes`; null unless it is there, whole and sound. `size`
  /// becomes the number of bytes that it takes.
  static std::optional<MessageView> Decode(std::string_view bytes, size_t* size) {
    if (bytes.size() < kHeader) return std::nullopt;
    uint32_t rest = 0;
    uint32_t data_size = 0;
    uint16_t key_size = 0;
    uint16_t count = 0;
    std::memcpy(&rest, bytes.data(), 4);
    std::memcpy(&data_size, bytes.data() + 4, 4);
    std::memcpy(&key_size, bytes.data() + 8, 2);
    std::memcpy(&count, bytes.data() + 10, 2);
    if (rest > bytes.size() - 4 || uint64_t{data_size} + key_size + 8 > rest) return std::nullopt;
    const size_t attributes_begin = kHeader + key_size;
    const size_t attributes_end = size_t{4} + rest - data_size;
    size_t at = attributes_begin;
    for (uint16_t i = 0; i < count; ++i) {
      if (attributes_end - at < 4) return std::nullopt;
      uint16_t name = 0;
      uint16_t value = 0;
      std::memcpy(&name, bytes.data() + at, 2);
      std::memcpy(&value, bytes.data() + at + 2, 2);
      if (attributes_end - at < size_t{4} + name + value) return std::nullopt;
      at += size_t{4} + name + value;
    }
    if (at != attributes_end) return std::nullopt;
    *size = size_t{4} + rest;
    return MessageView{
        bytes.substr(attributes_end, data_size), bytes.substr(kHeader, key_size),
        AttributesView(bytes.substr(attributes_begin, attributes_end - attributes_begin), count)};
  }
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_MESSAGE_VIEW_H_
