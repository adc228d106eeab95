// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RunningBundle: the WorkerBundle of a ServedWorker: gathers input until it is worth a message.

#ifndef JOIST_PORTABILITY_RUNNING_BUNDLE_H_
#define JOIST_PORTABILITY_RUNNING_BUNDLE_H_

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/portability/bundle_inbox.h"
#include "joist/portability/fn_server.h"
#include "joist/portability/sdk_worker.h"

namespace joist::portability {

class RunningBundle final : public WorkerBundle {
 public:
  /// `request`: the ProcessBundle instruction. It is sent now, or with the first elements where
  /// they may travel in it; others on the worker's data stream at `stream`.
  RunningBundle(std::shared_ptr<ServedWorker> worker, size_t stream,
                std::shared_ptr<BundleInbox> inbox, fn::InstructionRequest request,
                bool embeds_elements);
  ~RunningBundle() override;

  const std::string& instruction_id() const override { return inbox_->instruction_id(); }
  Status Send(std::string_view transform_id, std::string_view bytes) override;
  Status SendTimers(std::string_view transform_id, std::string_view timer_family_id,
                    std::string_view bytes) override;
  Status Flush() override;
  Status EndInput() override;
  bool TryTake(BundleOutput* output) override { return inbox_->Take(output); }
  void Wait(std::chrono::milliseconds timeout) override;
  bool is_done() const override { return inbox_->is_over(); }
  Result<const fn::ProcessBundleResponse*> response() const override { return inbox_->response(); }
  Status Split(const fn::ProcessBundleSplitRequest& request,
               fn::ProcessBundleSplitResponse* response,
               std::chrono::milliseconds timeout) override;
  void AskForProgress() override;
  std::shared_ptr<const fn::ProcessBundleProgressResponse> progress() const override {
    return inbox_->progress();
  }

 private:
  Status Gather(std::string_view transform_id, std::string_view timer_family_id,
                std::string_view bytes);
  /// What is gathered, as a message.
  fn::Elements TakeGathered();
  void AddEnds(fn::Elements* elements) const;
  void SendRequest();
  Status WaitForRoom(size_t bytes);
  /// Whoever waits for the worker looks whether it lives.
  void LookAfterWorker();
  std::string NextId();

  const std::shared_ptr<ServedWorker> worker_;
  const size_t stream_;
  const std::shared_ptr<BundleInbox> inbox_;
  fn::InstructionRequest request_;
  std::chrono::steady_clock::time_point last_look_ = std::chrono::steady_clock::now();
  bool is_requested_ = false;
  bool has_ended_input_ = false;
  bool has_sent_ends_ = false;
  std::vector<std::string> gathered_;  ///< By ports().inputs.
  size_t gathered_bytes_ = 0;
  int64_t next_id_ = 0;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_RUNNING_BUNDLE_H_
