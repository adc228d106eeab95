// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WorkerStream: one of the streams that an SDK worker opens to its server, and what the server has
// to send on it, which may be there before the stream is. It has no thread: gRPC's own read and
// write; a message is written when the one before it has gone.

#ifndef JOIST_PORTABILITY_WORKER_STREAM_H_
#define JOIST_PORTABILITY_WORKER_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace joist::portability {

/// Thread-safe; held by a shared_ptr. `In` comes from the worker, `Out` goes to it.
template <class In, class Out>
class WorkerStream : public std::enable_shared_from_this<WorkerStream<In, Out>> {
 public:
  using Reactor = ::grpc::ServerBidiReactor<In, Out>;
  /// Takes a message; one call at a time, by a thread that must not be kept waiting.
  using Receive = std::function<void(In*)>;

  /// The call that is this stream from now on, or as soon as gRPC is done with one that has broken;
  /// null while there is one already, or after Close. `ended` is called once, when nothing comes
  /// any more.
  Reactor* Open(Receive receive, std::function<void()> ended) {
    std::unique_lock lock(mutex_);
    const bool is_free = call_ == nullptr || (call_->is_broken && next_call_ == nullptr);
    if (!is_free || is_closed_) return nullptr;
    Call* const call = new Call(this->shared_from_this(), std::move(receive), std::move(ended));
    (call_ == nullptr ? call_ : next_call_) = call;
    GoOn(std::move(lock));
    return call;
  }

  /// Queues a message; it is dropped after Close, and when the worker ends the stream. `written` is
  /// called when it has left the queue, which is not bounded here.
  void Send(Out message, std::function<void()> written = {}) {
    std::unique_lock lock(mutex_);
    if (is_closed_) return;
    queue_.push_back({std::move(message), std::move(written)});
    GoOn(std::move(lock));
  }

  bool is_open() const {
    const std::lock_guard lock(mutex_);
    return (call_ != nullptr && !call_->is_broken) || next_call_ != nullptr;
  }

  /// Ends the stream in good order, for ever: behind what is queued, or without it.
  void Close() {
    std::unique_lock lock(mutex_);
    is_closed_ = true;
    GoOn(std::move(lock));
  }
  void Abort() {
    std::deque<Item> dropped;
    std::unique_lock lock(mutex_);
    is_closed_ = true;
    dropped.swap(queue_);
    GoOn(std::move(lock));
  }

 private:
  struct Item {
    Out message = {};
    std::function<void()> written = {};
  };

  // Deletes itself when gRPC is done with it.
  class Call final : public Reactor {
   public:
    Call(std::shared_ptr<WorkerStream> stream, Receive receive, std::function<void()> ended)
        : stream_(std::move(stream)), receive_(std::move(receive)), ended_(std::move(ended)) {
      this->StartRead(&message_);
    }

    void OnReadDone(bool ok) override {
      if (ok) {
        receive_(&message_);
        this->StartRead(&message_);
        return;
      }
      stream_->Break(this);
      ended_();
    }
    void OnWriteDone(bool ok) override { stream_->Written(ok); }
    void OnDone() override {
      stream_->Detach();
      delete this;
    }

    bool is_broken = false;  ///< Nothing more is written to it. Guarded by the stream's mutex.

   private:
    const std::shared_ptr<WorkerStream> stream_;
    const Receive receive_;
    const std::function<void()> ended_;
    In message_;
  };

  // The next write, or the call's end. Whoever sets is_writing_ or is_finishing_ may use the call
  // without the lock: gRPC is not done with it before the write or the end that then follows.
  void GoOn(std::unique_lock<std::mutex> lock) {
    if (call_ == nullptr || is_writing_ || is_finishing_) return;
    Call* const call = call_;
    if (!call->is_broken && !queue_.empty()) {
      is_writing_ = true;
      current_ = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      call->StartWrite(&current_.message);
    } else if (call->is_broken || is_closed_) {
      is_finishing_ = true;
      lock.unlock();
      call->Finish(::grpc::Status::OK);
    }
  }

  void Written(bool ok) {
    std::unique_lock lock(mutex_);
    const Item item = std::move(current_);
    current_ = {};
    is_writing_ = false;
    if (!ok) call_->is_broken = true;
    GoOn(std::move(lock));
    if (item.written) item.written();
  }

  void Break(Call* call) {
    std::deque<Item> dropped;
    std::unique_lock lock(mutex_);
    call->is_broken = true;
    if (call == call_) dropped.swap(queue_);
    GoOn(std::move(lock));
  }

  void Detach() {
    std::unique_lock lock(mutex_);
    call_ = std::exchange(next_call_, nullptr);
    is_finishing_ = false;
    GoOn(std::move(lock));
  }

  mutable std::mutex mutex_;
  std::deque<Item> queue_;
  Item current_;  ///< While is_writing_.
  Call* call_ = nullptr;
  Call* next_call_ = nullptr;  ///< What has come while call_ was broken.
  bool is_writing_ = false;
  bool is_finishing_ = false;  ///< Finish has been called.
  bool is_closed_ = false;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_WORKER_STREAM_H_
