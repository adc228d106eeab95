// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TopicFiles: the messages of one topic in a folder of segments, files that are only appended to
// and dropped whole, each named by its first offset. Offsets are dense, publish times never go
// back.
//
// One thread appends; any thread reads at the same time. What is seen is durable: Append returns
// after fdatasync, and what failed is cut off again. Opening cuts off what a crash left of the last
// write, and refuses a last segment that is damaged before it: nothing that was durable vanishes
// unnoticed, but for damage in the last write itself, which cannot be told from a crash. Memory: a
// position every 64 KiB of a segment, of old segments once they are read.

#ifndef JOIST_STORE_LOG_TOPIC_FILES_H_
#define JOIST_STORE_LOG_TOPIC_FILES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/log/frame.h"
#include "joist/store/log/message_view.h"
#include "joist/store/log/publish_batch.h"

namespace joist::store {

/// Consecutive messages that were read at once. Constant, so thread-safe.
class MessageBlock {
 public:
  struct Message {
    MessageView view = {};
    int64_t publish_micros = 0;
  };

  uint64_t begin() const { return begin_; }
  uint64_t end() const { return begin_ + messages_.size(); }
  bool Contains(uint64_t offset) const { return offset >= begin() && offset < end(); }
  const Message& at(uint64_t offset) const { return messages_[offset - begin_]; }

 private:
  friend class TopicFiles;
  std::string bytes_;
  uint64_t begin_ = 0;
  std::vector<Message> messages_;
};

class TopicFiles {
 public:
  static constexpr size_t kSegmentBytes = 64 << 20;

  /// Opens or makes the folder. DATA_LOSS where there is a file that is no segment, or where the
  /// last segment is damaged and messages that were durable follow; nothing is changed then.
  static Result<std::unique_ptr<TopicFiles>> Open(std::string folder,
                                                  size_t segment_bytes = kSegmentBytes);
  ~TopicFiles();
  TopicFiles(const TopicFiles&) = delete;
  TopicFiles& operator=(const TopicFiles&) = delete;

  /// Writes sealed batches, stamped with the next offsets and `now_micros`, and waits for the disk.
  /// Returns the offset of the first message. On an error none of them is in the log
  /// (RESOURCE_EXHAUSTED where the disk is full), and a later Append may succeed.
  Result<uint64_t> Append(std::span<PublishBatch* const> batches, int64_t now_micros);

  /// The first offset that is there, and the one that the next message will have.
  uint64_t begin() const;
  uint64_t end() const;
  /// Bytes on disk.
  uint64_t bytes() const;

  /// Messages from `offset`, which lies in [begin, end), on: whole frames within about `bytes`, one
  /// at least. OUT_OF_RANGE where it doesn't, DATA_LOSS where the file isn't what was written.
  Result<std::shared_ptr<const MessageBlock>> Read(uint64_t offset, size_t bytes) const;
  /// The first offset published at or after the time.
  Result<uint64_t> OffsetAt(int64_t micros) const;
  /// Removes the segments all of whose messages are before `offset`, except the last.
  Status DropBefore(uint64_t offset);
  /// Removes everything and the folder; nothing may be called after it.
  void Remove();

 private:
  struct File;
  struct Position {
    uint64_t offset = 0;
    uint64_t at = 0;
    int64_t micros = 0;
  };
  struct Segment {
    uint64_t begin = 0;
    uint64_t size = 0;
    std::shared_ptr<File> file;  // Null until it is read.
    std::vector<Position> positions;
    bool is_indexed = false;
  };

  TopicFiles(std::string folder, size_t segment_bytes)
      : folder_(std::move(folder)), segment_bytes_(segment_bytes) {}
  Status List();
  Status RecoverLast();
  /// OK where the bytes from `at` on may be left of a write that was not answered.
  Status CheckTail(const Segment& last, uint64_t at) const;
  static Result<bool> IsWhole(const Segment& segment, uint64_t at, const FrameHeader& header);
  Status AddSegment(uint64_t begin);
  Status Write(std::span<PublishBatch* const> batches);
  void Publish(std::span<PublishBatch* const> batches, uint64_t end);
  std::string PathOf(uint64_t begin) const;
  static void AddPosition(const FrameHeader& header, uint64_t at, Segment* segment);
  Segment& Last() const;
  Status OpenFile(Segment* segment) const;
  Status Index(size_t segment) const;
  Status Corrupt(const Segment& segment, uint64_t at) const;

  const std::string folder_;
  const size_t segment_bytes_;
  mutable std::mutex mutex_;
  mutable std::deque<Segment> segments_;  // Never empty once open; the writer keeps the last one.
  uint64_t end_ = 0;
  int64_t last_micros_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_TOPIC_FILES_H_
