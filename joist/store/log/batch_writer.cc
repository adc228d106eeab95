// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/batch_writer.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace joist::store {

BatchWriter::BatchWriter(size_t most_bytes) : most_bytes_(most_bytes), thread_([this] { Run(); }) {}

BatchWriter::~BatchWriter() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Status BatchWriter::Write(std::shared_ptr<BatchTarget> target, PublishBatch batch, Done done) {
  batch.Seal();
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (bytes_ + batch.size() > most_bytes_) {
      return {StatusCode::kResourceExhausted,
              "more than " + std::to_string(most_bytes_) +
                  " bytes of published messages wait for the disk; try again later"};
    }
    bytes_ += batch.size();
    was_empty = waiting_.empty();
    waiting_.push_back({std::move(target), std::move(batch), std::move(done)});
  }
  if (was_empty) wake_.notify_one();
  return OkStatus();
}

void BatchWriter::Run() {
  std::vector<Waiting> round;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      round.swap(waiting_);
    }
    size_t bytes = 0;
    for (const Waiting& waiting : round) bytes += waiting.batch.size();
    WriteRound(&round);
    round.clear();
    const std::lock_guard lock(mutex_);
    bytes_ -= bytes;
  }
}

void BatchWriter::WriteRound(std::vector<Waiting>* round) {
  std::stable_sort(round->begin(), round->end(), [](const Waiting& a, const Waiting& b) {
    return std::less<>()(a.target.get(), b.target.get());
  });
  std::vector<PublishBatch*> batches;
  for (size_t begin = 0; begin < round->size();) {
    BatchTarget& target = *(*round)[begin].target;
    batches.clear();
    size_t end = begin;
    for (; end < round->size() && (*round)[end].target.get() == &target; ++end) {
      batches.push_back(&(*round)[end].batch);
    }
    const Result<uint64_t> first = target.Append(batches);
    if (first.ok()) target.Appended();
    uint64_t offset = first.ok() ? *first : 0;
    for (; begin < end; ++begin) {
      const Waiting& waiting = (*round)[begin];
      if (waiting.done && first.ok()) waiting.done(offset);
      if (waiting.done && !first.ok()) waiting.done(first.status());
      offset += waiting.batch.count();
    }
  }
}

}  // namespace joist::store
