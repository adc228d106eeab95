// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/acknowledgement_writer.h"

#include <string>
#include <utility>

namespace joist::store {
namespace {

constexpr int64_t kWriteEveryMicros = 100'000;
// So many bytes are written every kWriteEveryMicros, more less often.
constexpr size_t kWriteBytes = 256 << 10;

}  // namespace

void AcknowledgementWriter::AnswerWhenWritten(MessageLog::Acknowledged done,
                                              std::vector<AckId> refused) {
  const std::lock_guard lock(mutex_);
  answers_.push_back({std::move(done), std::move(refused)});
}

bool AcknowledgementWriter::IsAsked() const {
  const std::lock_guard lock(mutex_);
  return !answers_.empty();
}

void AcknowledgementWriter::Write(std::span<const std::shared_ptr<Subscription>> subscriptions,
                                  int64_t now, bool is_synchronous) {
  std::vector<Answer> answers;
  Status status;
  {
    const std::lock_guard writing(writing_);
    {
      const std::lock_guard lock(mutex_);
      answers.swap(answers_);
    }
    status = WriteChanged(subscriptions, now, is_synchronous);
  }
  for (Answer& answer : answers) answer.done(status, std::move(answer.refused));
}

Status AcknowledgementWriter::WriteChanged(
    std::span<const std::shared_ptr<Subscription>> subscriptions, int64_t now,
    bool is_synchronous) {
  std::vector<Catalog::Acked> changed;
  std::vector<std::shared_ptr<Subscription>> taken;
  size_t bytes = 0;
  for (const auto& subscription : subscriptions) {
    auto acked = subscription->TakeChanged();
    if (!acked) continue;
    is_synchronous |= subscription->settings().is_exactly_once;
    bytes += acked->ranges.size() + acked->attempts.value_or("").size();
    changed.push_back(std::move(*acked));
    taken.push_back(subscription);
  }
  next_ = now + kWriteEveryMicros * static_cast<int64_t>(1 + bytes / kWriteBytes);
  if (changed.empty()) return OkStatus();
  Status written = catalog_->SetAcked(changed, is_synchronous);
  if (written.ok()) return written;
  for (const auto& subscription : taken) subscription->MarkChanged();
  return {StatusCode::kUnavailable, written.message()};
}

}  // namespace joist::store
