// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the connections of one HttpServer share; part of http_server.cc. An HttpCore lives as long
// as a connection or an answer that is awaited, so that answers may come after the server's end.

#ifndef JOIST_SERVE_HTTP_CORE_H_
#define JOIST_SERVE_HTTP_CORE_H_

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "joist/serve/http_server.h"

namespace joist::serve {

class HttpConnection;

/// One thread's connections. All but Post is for its thread alone.
class HttpLoop {
 public:
  /// Runs `work` in the loop's thread, or drops it where the loop has ended. For any thread.
  template <class Work>
  void Post(Work work) {
    const std::lock_guard lock(mutex_);
    if (!is_closed_) boost::asio::post(context_, std::move(work));
  }
  /// From now on nothing is posted, and the loop ends when nothing is left to do.
  void Close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    guard_.reset();
  }

  boost::asio::io_context& context() { return context_; }
  /// Those that are open; a connection without owners may still be named.
  std::map<HttpConnection*, std::weak_ptr<HttpConnection>>& connections() { return connections_; }
  /// Calls `sweep` again and again, until EndSweeps.
  void SweepEvery(std::chrono::milliseconds pause, std::function<void()> sweep) {
    if (sweeps_have_ended_) return;
    sweep_.expires_after(pause);
    sweep_.async_wait([this, pause, sweep = std::move(sweep)](boost::system::error_code error) {
      if (error) return;
      sweep();
      SweepEvery(pause, sweep);
    });
  }
  void EndSweeps() {
    sweeps_have_ended_ = true;
    sweep_.cancel();
  }

 private:
  std::mutex mutex_;
  bool is_closed_ = false;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      context_.get_executor()};
  boost::asio::steady_timer sweep_{context_};
  bool sweeps_have_ended_ = false;
  std::map<HttpConnection*, std::weak_ptr<HttpConnection>> connections_;
};

class HttpCore {
 public:
  HttpCore(const HttpServerSettings& settings, HttpHandler handler)
      : settings_(settings), handler_(std::move(handler)) {
    for (int i = 0; i < settings.threads; ++i) loops_.push_back(std::make_unique<HttpLoop>());
  }

  const HttpServerSettings& settings() const { return settings_; }
  const HttpHandler& handler() const { return handler_; }
  const std::vector<std::unique_ptr<HttpLoop>>& loops() const { return loops_; }

  bool is_stopping() const { return is_stopping_.load(std::memory_order_acquire); }
  void SetStopping() { is_stopping_.store(true, std::memory_order_release); }

  /// Counts a connection; how many there are with it.
  int Open() {
    connections_.fetch_add(1, std::memory_order_relaxed);
    return open_.fetch_add(1) + 1;
  }
  void Closed() {
    const std::lock_guard lock(mutex_);
    if (open_.fetch_sub(1) == 1) none_open_.notify_all();
  }
  /// Whether all connections have closed in time.
  bool WaitUntilClosed(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return none_open_.wait_for(lock, time, [this] { return open_ == 0; });
  }

  /// Whether there may be one more request.
  bool BeginRequest() { return Take(&requests_, 1, settings_.most_requests_in_flight); }
  void EndRequest() { requests_.fetch_sub(1, std::memory_order_relaxed); }
  /// Whether there may be so many more bytes of bodies.
  bool TakeBytes(size_t bytes) { return Take(&bytes_, bytes, settings_.most_bytes_in_flight); }
  void GiveBytes(size_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

  void CountBody(size_t bytes) { body_bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  void CountAnswer(int status) {
    if (status < 0 || status >= static_cast<int>(answers_.size())) return;
    answers_[static_cast<size_t>(status)].fetch_add(1, std::memory_order_relaxed);
  }

  HttpFigures figures() const {
    HttpFigures figures;
    for (size_t status = 0; status < answers_.size(); ++status) {
      const uint64_t count = answers_[status].load(std::memory_order_relaxed);
      if (count > 0) figures.answers[static_cast<int>(status)] = count;
    }
    figures.body_bytes = body_bytes_.load(std::memory_order_relaxed);
    figures.connections = connections_.load(std::memory_order_relaxed);
    figures.open_connections = open_.load(std::memory_order_relaxed);
    figures.requests_in_flight = requests_.load(std::memory_order_relaxed);
    return figures;
  }

 private:
  template <class T>
  static bool Take(std::atomic<T>* taken, T wanted, T most) {
    const T before = taken->fetch_add(wanted, std::memory_order_relaxed);
    if (before <= most && wanted <= most - before) return true;
    taken->fetch_sub(wanted, std::memory_order_relaxed);
    return false;
  }

  const HttpServerSettings settings_;
  const HttpHandler handler_;
  std::atomic<bool> is_stopping_ = false;
  std::atomic<int> open_ = 0;
  std::atomic<int> requests_ = 0;
  std::atomic<size_t> bytes_ = 0;
  std::atomic<uint64_t> connections_ = 0;
  std::atomic<uint64_t> body_bytes_ = 0;
  std::array<std::atomic<uint64_t>, 600> answers_ = {};
  std::mutex mutex_;
  std::condition_variable none_open_;
  std::vector<std::unique_ptr<HttpLoop>> loops_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_HTTP_CORE_H_
