// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BatchWriter: the thread that writes published batches. What comes while it waits for the disk is
// written in the next round, with one fdatasync for each topic. Thread-safe.

#ifndef JOIST_STORE_LOG_BATCH_WRITER_H_
#define JOIST_STORE_LOG_BATCH_WRITER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/log/publish_batch.h"

namespace joist::store {

/// Where batches go.
class BatchTarget {
 public:
  virtual ~BatchTarget() = default;
  /// Called by the writer's thread.
  virtual Result<uint64_t> Append(std::span<PublishBatch* const> batches) = 0;
  /// After a successful Append, before it is answered.
  virtual void Appended() = 0;
};

class BatchWriter {
 public:
  using Done = std::function<void(Result<uint64_t> first)>;

  explicit BatchWriter(size_t most_bytes);
  /// Writes and answers what is left.
  ~BatchWriter();
  BatchWriter(const BatchWriter&) = delete;
  BatchWriter& operator=(const BatchWriter&) = delete;

  /// RESOURCE_EXHAUSTED, at once, where more than `most_bytes` would wait.
  Status Write(std::shared_ptr<BatchTarget> target, PublishBatch batch, Done done);

 private:
  struct Waiting {
    std::shared_ptr<BatchTarget> target;
    PublishBatch batch;
    Done done;
  };

  void Run();
  void WriteRound(std::vector<Waiting>* round);

  const size_t most_bytes_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Waiting> waiting_;
  size_t bytes_ = 0;  // Waiting and being written.
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_BATCH_WRITER_H_
