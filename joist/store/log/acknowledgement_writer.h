// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// AcknowledgementWriter: writes to the catalog what subscriptions have acknowledged, and answers
// who waits for that. Thread-safe.

#ifndef JOIST_STORE_LOG_ACKNOWLEDGEMENT_WRITER_H_
#define JOIST_STORE_LOG_ACKNOWLEDGEMENT_WRITER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/log/catalog.h"
#include "joist/store/log/message_log.h"

namespace joist::store {

class AcknowledgementWriter {
 public:
  /// `catalog` must outlive it.
  explicit AcknowledgementWriter(Catalog* catalog) : catalog_(catalog) {}

  /// `done` is called when all that was acknowledged until now is on disk, or could not be written.
  void AnswerWhenWritten(MessageLog::Acknowledged done, std::vector<AckId> refused);
  bool IsAsked() const;
  /// Whether somebody waits, or it is time to write again.
  bool IsDue(int64_t now) const { return now >= next_ || IsAsked(); }

  /// Writes what has changed. Durable when it returns if somebody waits for it or if
  /// `is_synchronous`, else soon.
  void Write(std::span<const std::shared_ptr<Subscription>> subscriptions, int64_t now,
             bool is_synchronous);

 private:
  struct Answer {
    MessageLog::Acknowledged done;
    std::vector<AckId> refused;
  };

  Status WriteChanged(std::span<const std::shared_ptr<Subscription>> subscriptions, int64_t now,
                      bool is_synchronous);

  Catalog* const catalog_;
  std::atomic<int64_t> next_ = 0;
  std::mutex writing_;  // Later ranges are written later.
  mutable std::mutex mutex_;
  std::vector<Answer> answers_;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_ACKNOWLEDGEMENT_WRITER_H_
