// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// AnsweringWorker: an SDK worker of tests that is no process: all input of a bundle's one source is
// answered by a function, at once. One thread.

#ifndef JOIST_PORTABILITY_TESTING_ANSWERING_WORKER_H_
#define JOIST_PORTABILITY_TESTING_ANSWERING_WORKER_H_

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/portability/fn_server.h"

namespace joist::portability {

class AnsweringWorker : public SdkWorker {
 public:
  /// Bundles read from the transform "read" and write to "write".
  const std::string& id() const override { return id_; }
  Status WaitUntilConnected(std::chrono::milliseconds) override { return OkStatus(); }
  bool is_alive() const override { return true; }
  void AddDescriptor(const fn::ProcessBundleDescriptor& added) override { descriptor_ = added; }
  std::unique_ptr<WorkerBundle> MakeBundle(const std::string& descriptor_id, StateHandler*,
                                           std::vector<std::string>) override {
    const bool is_known = descriptor_id == descriptor_.id();
    return std::make_unique<Bundle>(this, is_known ? OkStatus() : NotFound(descriptor_id));
  }
  void Finalize(const std::string&) override {}
  Result<std::string> MonitoringInfo(const std::string&) override { return std::string(); }
  Result<std::string> WorkerStatus(std::chrono::milliseconds) override { return std::string(); }
  void Stop(const std::string&) override {}

  const fn::ProcessBundleDescriptor& descriptor() const { return descriptor_; }

 protected:
  /// The output of a bundle, or the error that it ends with.
  virtual Result<std::string> Answer(const std::string& input) = 0;

 private:
  class Bundle final : public WorkerBundle {
   public:
    Bundle(AnsweringWorker* worker, Status status) : worker_(worker), status_(std::move(status)) {}
    const std::string& instruction_id() const override { return worker_->id_; }
    Status Send(std::string_view transform_id, std::string_view bytes) override {
      input_ += bytes;
      return transform_id == "read" ? status_ : NotFound(std::string(transform_id));
    }
    Status SendTimers(std::string_view, std::string_view, std::string_view) override {
      return Internal("no timers");
    }
    Status Flush() override { return status_; }
    Status EndInput() override {
      is_done_ = true;
      Result<std::string> answer = worker_->Answer(input_);
      if (answer.ok()) {
        output_ = *std::move(answer);
      } else {
        status_ = answer.status();
      }
      return OkStatus();
    }
    bool TryTake(BundleOutput* output) override {
      if (output_.empty()) return false;
      // In two pieces or more.
      const size_t half = (output_.size() + 1) / 2;
      *output = {"write", "", output_.substr(0, half)};
      output_.erase(0, half);
      return true;
    }
    void Wait(std::chrono::milliseconds) override {}
    bool is_done() const override { return is_done_; }
    Result<const fn::ProcessBundleResponse*> response() const override {
      if (!status_.ok()) return status_;
      return &response_;
    }
    Status Split(const fn::ProcessBundleSplitRequest&, fn::ProcessBundleSplitResponse*,
                 std::chrono::milliseconds) override {
      return OkStatus();
    }
    void AskForProgress() override {}
    std::shared_ptr<const fn::ProcessBundleProgressResponse> progress() const override {
      return nullptr;
    }

   private:
    AnsweringWorker* const worker_;
    Status status_;
    std::string input_;
    std::string output_;
    bool is_done_ = false;
    fn::ProcessBundleResponse response_;
  };

  const std::string id_ = "worker";
  fn::ProcessBundleDescriptor descriptor_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_TESTING_ANSWERING_WORKER_H_
