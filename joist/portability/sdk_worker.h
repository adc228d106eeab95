// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ServedWorker: an SDK worker that FnServer expects or has: its streams, its descriptors, and the
// bundles that it is at work on. What comes on its streams is given to the bundle whose instruction
// id it carries; what belongs to none is dropped.

#ifndef JOIST_PORTABILITY_SDK_WORKER_H_
#define JOIST_PORTABILITY_SDK_WORKER_H_

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "joist/portability/bundle_inbox.h"
#include "joist/portability/bundle_ports.h"
#include "joist/portability/fn_server.h"
#include "joist/portability/worker_stream.h"

namespace joist::portability {

/// Thread-safe.
class ServedWorker final : public SdkWorker, public std::enable_shared_from_this<ServedWorker> {
 public:
  using ControlStream = WorkerStream<fn::InstructionResponse, fn::InstructionRequest>;
  using DataStream = WorkerStream<fn::Elements, fn::Elements>;
  using StatusStream = WorkerStream<fn::WorkerStatusResponse, fn::WorkerStatusRequest>;

  ServedWorker(WorkerSetup setup, std::string endpoint, int most_message_bytes);

  const std::string& id() const override { return setup_.id; }
  Status WaitUntilConnected(std::chrono::milliseconds timeout) override;
  bool is_alive() const override;
  void AddDescriptor(const fn::ProcessBundleDescriptor& descriptor) override;
  std::unique_ptr<WorkerBundle> MakeBundle(const std::string& descriptor_id, StateHandler* state,
                                           std::vector<std::string> cache_tokens) override;
  void Finalize(const std::string& instruction_id) override;
  Result<std::string> MonitoringInfo(const std::string& short_id) override;
  Result<std::string> WorkerStatus(std::chrono::milliseconds timeout) override;
  void Stop(const std::string& why) override;

  /// It will never come, for this reason.
  void Refuse(Status why) { End(std::move(why)); }

  // What the services call.

  /// Null where the worker has been there already, or is stopped.
  ControlStream::Reactor* OpenControl();
  /// Null while there is a stream of this id, and where there is to be none.
  DataStream::Reactor* OpenData(const std::string& stream_id);
  /// Null while there is one.
  StatusStream::Reactor* OpenStatus();
  const std::string& provision_info() const { return setup_.provision_info; }
  Result<fn::ProcessBundleDescriptor> Descriptor(const std::string& id) const;
  void HandleState(const fn::StateRequest& request, fn::StateResponse* response);
  void Log(fn::LogEntry* entry);
  /// WorkerSetup::log is not called from now on.
  void StopLogging();

  // What its bundles call.

  void SendInstruction(fn::InstructionRequest request);
  /// On a data stream, by its place.
  void SendElements(size_t stream, fn::Elements elements, std::shared_ptr<BundleInbox> inbox,
                    size_t bytes);
  void Forget(const std::string& instruction_id);

 private:
  struct KnownDescriptor {
    fn::ProcessBundleDescriptor message;
    std::shared_ptr<const BundlePorts> ports;
    Status status;
  };
  struct NamedStream {
    std::string id;
    std::shared_ptr<DataStream> stream;
    // Guarded by mutex_.
    size_t bundles = 0;  ///< At work on it.
    bool has_come = false;
  };
  struct KnownBundle {
    std::shared_ptr<BundleInbox> inbox;
    size_t stream = 0;
  };
  enum class Life : uint8_t { kExpected, kConnected, kOver };

  void ReceiveAnswer(fn::InstructionResponse* response);
  void ReceiveElements(fn::Elements* elements);
  void ReceiveStatus(fn::WorkerStatusResponse* response);
  void KeepMonitoringInfos(const fn::InstructionResponse& response);
  std::shared_ptr<BundleInbox> FindBundle(const std::string& instruction_id) const;
  /// A data stream has ended and not come again. With mutex_ held.
  bool HasLostData() const;
  Status DataEnded() const;
  void FailBundles(const Status& status);
  void FailBundlesOf(size_t stream, const Status& status);
  /// Over, with its bundles, for this reason.
  void End(Status status);

  const WorkerSetup setup_;
  const std::string endpoint_;
  const int most_message_bytes_;
  const std::shared_ptr<ControlStream> control_;
  const std::shared_ptr<StatusStream> status_;
  std::vector<NamedStream> data_;  ///< Not changed, but for what is guarded.

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Life life_ = Life::kExpected;
  Status end_;  ///< Why it is over.
  std::map<std::string, KnownDescriptor> descriptors_;
  std::unordered_map<std::string, KnownBundle> bundles_;
  std::unordered_map<std::string, std::string> monitoring_infos_;
  std::string status_id_;  ///< Of the latest question; its answer is status_answer_.
  std::optional<std::string> status_answer_;

  std::mutex status_mutex_;  ///< Held by who asks for the status.
  std::mutex log_mutex_;     ///< Held while setup_.log runs.
  bool is_logging_ = true;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_SDK_WORKER_H_
