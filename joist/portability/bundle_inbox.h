// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BundleInbox: what has come from the worker for one bundle, and how much is still on its way
// there. The server's threads put in and wait for nothing but the disk, where output goes that
// exceeds its memory; the bundle's thread takes out, and waits here for all that it waits for.
//
// A bundle is over when it has failed, or when its response and the last output of every port have
// come; in either case no call of the StateHandler is under way then, and none follows.

#ifndef JOIST_PORTABILITY_BUNDLE_INBOX_H_
#define JOIST_PORTABILITY_BUNDLE_INBOX_H_

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/portability/bundle_ports.h"
#include "joist/portability/fn_server.h"
#include "joist/portability/output_queue.h"

namespace joist::portability {

/// Thread-safe.
class BundleInbox {
 public:
  BundleInbox(std::string instruction_id, std::shared_ptr<const BundlePorts> ports,
              StateHandler* state, std::shared_ptr<OutputMemory> output_memory);
  ~BundleInbox();

  // The server's side.

  /// Elements (timer_family_id empty) or timers that the worker has output.
  void Put(const std::string& transform_id, const std::string& timer_family_id, std::string* bytes,
           bool is_last);
  /// An answer to this instruction or to one that belongs to it ("<instruction id>-…").
  void Answer(fn::InstructionResponse* response);
  void Fail(Status status);
  void HandleState(const fn::StateRequest& request, fn::StateResponse* response);
  /// Bytes of input that have left.
  void Sent(size_t bytes);

  // The bundle's side.

  const std::string& instruction_id() const { return instruction_id_; }
  const BundlePorts& ports() const { return *ports_; }
  /// False if there is none; where it cannot be read from disk, the bundle has failed by that.
  bool Take(BundleOutput* output);
  void Wait(std::chrono::milliseconds timeout);
  bool is_over() const;
  Result<const fn::ProcessBundleResponse*> response() const;
  /// OK while the bundle may still have input.
  Status status() const;
  /// The worker has answered the bundle, so it waits for no input.
  bool is_answered() const;
  /// Since the worker has given the last sign of life for this bundle, and since it has answered it
  /// without ending its output; zero where it has not or has.
  std::chrono::steady_clock::duration silence() const;
  std::chrono::steady_clock::duration unended() const;
  /// Counts `bytes` of input as on their way when less than `limit` are, and waits until then;
  /// kDeadlineExceeded after `timeout`.
  Status WaitForRoom(size_t bytes, size_t limit, std::chrono::milliseconds timeout);
  /// Waits for the answer to the split that was opened last, `split_id` ("<instruction id>-…");
  /// empty where the bundle fails first.
  void OpenSplit(const std::string& split_id);
  Status WaitForSplit(fn::ProcessBundleSplitResponse* response, std::chrono::milliseconds timeout);
  /// True where no question for progress is open; then one is, `progress_id`.
  bool OpenProgress(const std::string& progress_id);
  std::shared_ptr<const fn::ProcessBundleProgressResponse> progress() const;
  /// Nothing is taken out any more: what comes is dropped.
  void Abandon();

 private:
  struct Split {
    std::string id;
    bool has_come = false;
    Status status;
    std::unique_ptr<fn::ProcessBundleSplitResponse> response;
  };

  void PutLocked(const std::string& transform_id, const std::string& timer_family_id,
                 std::string* bytes, bool is_last);
  void AnswerBundle(fn::InstructionResponse* response);
  void FailLocked(Status status);
  bool IsEnded() const;  ///< Over, but for the StateHandler.
  bool IsOver() const { return IsEnded() && !is_in_state_; }

  const std::string instruction_id_;
  const std::shared_ptr<const BundlePorts> ports_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  StateHandler* state_;       ///< Null when it must not be called any more.
  bool is_in_state_ = false;  ///< A call of it is under way.
  OutputQueue outputs_;
  std::vector<bool> is_port_ended_;  ///< By ports_->outputs.
  size_t open_ports_;
  std::unique_ptr<fn::ProcessBundleResponse> response_;
  Status failure_;
  std::chrono::steady_clock::time_point last_sign_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point answered_at_;
  bool is_abandoned_ = false;
  bool is_answered_ = false;
  size_t unsent_bytes_ = 0;
  Split split_;
  std::string progress_id_;  ///< The open question's; empty if there is none.
  std::shared_ptr<const fn::ProcessBundleProgressResponse> progress_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_BUNDLE_INBOX_H_
