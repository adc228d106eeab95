// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TaskThreads: a few threads that run small tasks, at once or later. Thread-safe.

#ifndef JOIST_SERVE_PUBSUB_TASK_THREADS_H_
#define JOIST_SERVE_PUBSUB_TASK_THREADS_H_

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace joist::serve {

class TaskThreads {
 public:
  explicit TaskThreads(int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { context_.run(); });
    }
  }
  /// Tasks that have not begun are dropped.
  ~TaskThreads() { Stop(); }
  TaskThreads(const TaskThreads&) = delete;
  TaskThreads& operator=(const TaskThreads&) = delete;

  template <class F>
  void Post(F task) {
    boost::asio::post(context_, std::move(task));
  }
  /// Runs it once the time has passed, even if that is long after.
  template <class F>
  void After(std::chrono::milliseconds delay, F task) {
    auto timer = std::make_shared<boost::asio::steady_timer>(context_, delay);
    timer->async_wait([timer, task = std::move(task)](boost::system::error_code error) mutable {
      if (!error) task();
    });
  }
  void Stop() {
    context_.stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  boost::asio::io_context& context() { return context_; }

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      context_.get_executor()};
  std::vector<std::thread> threads_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_PUBSUB_TASK_THREADS_H_
