// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PublishBatch: messages that are published together, in the bytes in which they will be on disk;
// nothing is allocated for a message. Belongs to one thread.
//
//   PublishBatch batch;
//   JOIST_RETURN_IF_ERROR(batch.Add("hello", attributes, ""));
//   JOIST_RETURN_IF_ERROR(log.Publish(topic, std::move(batch), done));

#ifndef JOIST_STORE_LOG_PUBLISH_BATCH_H_
#define JOIST_STORE_LOG_PUBLISH_BATCH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "joist/base/status.h"
#include "joist/store/log/frame.h"

namespace joist::store {

class PublishBatch {
 public:
  static constexpr size_t kMostBytes = 64 << 20;
  static constexpr size_t kMostTextBytes = 65535;  ///< Of a key, a name and a value each.
  static constexpr size_t kMostAttributes = 65535;

  PublishBatch() { bytes_.resize(sizeof(FrameHeader)); }

  /// Appends a message. `attributes` are pairs of names and values that become string_views.
  /// INVALID_ARGUMENT where something is longer than above; the batch is as it was then.
  template <class Attributes>
  Status Add(std::string_view data, const Attributes& attributes, std::string_view ordering_key) {
    const size_t begin = bytes_.size();
    Begin(ordering_key);
    for (const auto& attribute : attributes) AddAttribute(attribute.first, attribute.second);
    return End(begin, data, ordering_key);
  }
  Status Add(std::string_view data) {
    return Add(data, std::array<std::pair<std::string_view, std::string_view>, 0>(), {});
  }
  /// Room for so many bytes of messages.
  void Reserve(size_t bytes) { bytes_.reserve(bytes + sizeof(FrameHeader)); }

  uint32_t count() const { return count_; }
  /// With the frame's header.
  size_t size() const { return bytes_.size(); }

  /// For the log: fills in the payload's checksum, then offset, time, and how many messages of the
  /// same write are before it.
  void Seal();
  void Stamp(uint64_t first_offset, int64_t publish_micros, uint32_t earlier);
  std::string_view bytes() const { return bytes_; }

 private:
  void Begin(std::string_view ordering_key);
  void AddAttribute(std::string_view name, std::string_view value);
  Status End(size_t begin, std::string_view data, std::string_view ordering_key);

  std::string bytes_;
  FrameHeader header_;
  uint32_t count_ = 0;
  size_t attributes_ = 0;  // Of the message that is being added.
  bool is_too_long_ = false;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_PUBLISH_BATCH_H_
