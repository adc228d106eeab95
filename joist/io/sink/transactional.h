// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WriteTransactional: elements to a service that takes a batch in two steps: it keeps the batch
// unseen, and shows it when it is told to. A sink for it:
//
//   struct Orders {
//     using Element = Order;
//     using Handle = std::string;                        // Anything with a coder.
//     Handle Prepare(const std::vector<Order>& batch);   // Keeps the batch, unseen.
//     void Commit(const Handle& handle);                 // Shows it; twice does no harm.
//   };
//
//   orders | joist::sink::WriteTransactional(Orders{…})  // To the handles that are committed.
//
// Guarantees: each element is in exactly one batch that is committed, if Commit keeps its promise.
// Commit is called when a checkpoint (of bounded input: the end of the stage) has the handle, and
// again with the same handle if the job dies before the next checkpoint. What Prepare has kept and
// a failed attempt has left is never committed: the service has to drop it by itself after a time,
// which must be longer than the job may stand still.

#ifndef JOIST_IO_SINK_TRANSACTIONAL_H_
#define JOIST_IO_SINK_TRANSACTIONAL_H_

#include <algorithm>
#include <cstdint>
#include <source_location>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/io/sink/sink_step.h"
#include "joist/sdk/par_do.h"

namespace joist::sink {

template <class S>
concept TransactionalSink =
    requires(S sink, const std::vector<typename S::Element>& batch, const S::Handle& handle) {
      { sink.Prepare(batch) } -> std::convertible_to<typename S::Handle>;
      sink.Commit(handle);
    };

namespace transactional_internal {

/// A batch is full, or ends with its bundle.
template <class Sink>
struct PrepareBatches : SinkStep<Sink> {
  using T = typename Sink::Element;
  using Handle = typename Sink::Handle;
  int64_t batch_size = 1;
  std::vector<T> batch;
  Timestamp earliest;  ///< Of the batch.

  void StartBundle() { batch.clear(); }
  void Process(const View<T>& element, Timestamp time, Emit<Handle> emit) {
    earliest = batch.empty() ? time : std::min(earliest, time);
    batch.push_back(Own<T>(element));
    if (static_cast<int64_t>(batch.size()) == batch_size) Prepare(emit);
  }
  void FinishBundle(Emit<Handle> emit) {
    if (!batch.empty()) Prepare(emit);
  }

 private:
  void Prepare(const Emit<Handle>& emit) {
    const Handle handle = this->sink.Prepare(batch);
    batch.clear();
    emit(handle, earliest);
  }
};
template <class Sink>
constexpr FieldList<PrepareBatches<Sink>, &PrepareBatches<Sink>::sink,
                    &PrepareBatches<Sink>::batch_size>
JoistFields(const PrepareBatches<Sink>*) {
  return {"PrepareBatches", {"sink", "batch_size"}};
}

template <class Sink>
struct CommitBatches : SinkStep<Sink> {
  static constexpr bool kRequiresStableInput = true;
  using Handle = typename Sink::Handle;

  void Process(const Handle& handle, Emit<Handle> emit) {
    this->sink.Commit(handle);
    emit(handle);
  }
};
template <class Sink>
constexpr FieldList<CommitBatches<Sink>, &CommitBatches<Sink>::sink> JoistFields(
    const CommitBatches<Sink>*) {
  return {"CommitBatches", {"sink"}};
}

}  // namespace transactional_internal

template <TransactionalSink Sink>
class WriteTransactional : public Transform {
 public:
  static constexpr std::string_view kKind = "sink::WriteTransactional";
  explicit WriteTransactional(Sink sink,
                              std::source_location where = std::source_location::current())
      : Transform(where), sink_(std::move(sink)) {}
  /// The most elements of a batch, 1 or more. A bundle's last batch has what is left, so a stream
  /// makes a batch of each bundle at the least.
  WriteTransactional WithBatchSize(int64_t elements) && {
    batch_size_ = elements;
    return std::move(*this);
  }

  /// The handles, each when it is committed, with the earliest time of its batch.
  PCollection<typename Sink::Handle> Expand(const PCollection<typename Sink::Element>& in) const {
    using transactional_internal::CommitBatches;
    using transactional_internal::PrepareBatches;
    if (batch_size_ < 1) {
      in.builder().AddFault("has a batch size of " + std::to_string(batch_size_) +
                            "; it takes 1 or more");
    }
    PrepareBatches<Sink> prepare;
    prepare.sink = sink_;
    prepare.batch_size = batch_size_;
    CommitBatches<Sink> commit;
    commit.sink = sink_;
    return InAllWindows(in) | "Prepare" >> ParDo(std::move(prepare)) |
           "Commit" >> ParDo(std::move(commit));
  }

 private:
  Sink sink_;
  int64_t batch_size_ = 1000;
};

}  // namespace joist::sink

#endif  // JOIST_IO_SINK_TRANSACTIONAL_H_
