// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FnServer: the runner's side of Beam's Fn API (beam_fn_api.proto, beam_provision_api.proto) for
// all SDK workers of this process: control, data, state, logging, provision, worker status, on one
// port. A worker is known by the id that its calls carry as gRPC metadata, "worker_id".
//
// SdkWorker: one such worker. WorkerBundle: a bundle that it is at work on.
//
//   auto worker = server->Expect(std::move(setup));   // Then start the SDK's harness with this id.
//   JOIST_RETURN_IF_ERROR(worker->WaitUntilConnected(timeout));
//   worker->AddDescriptor(descriptor);
//   auto bundle = worker->MakeBundle(descriptor.id(), &state);
//   bundle->Send(source_transform, bytes); …; bundle->EndInput();
//   while (true) { for (; bundle->TryTake(&chunk);) …; if (bundle->is_done()) break;
//   bundle->Wait(t); }

#ifndef JOIST_PORTABILITY_FN_SERVER_H_
#define JOIST_PORTABILITY_FN_SERVER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/portability/beam_names.h"

namespace joist::portability {

/// Answers the state requests of one bundle: side inputs and user state.
class StateHandler {
 public:
  virtual ~StateHandler() = default;
  /// Fills `response`'s get, append or clear; an error is told to the SDK, whose bundle then fails.
  /// Called by a thread of the server, one call at a time for a bundle, from MakeBundle until the
  /// bundle is done or destroyed; never afterwards.
  virtual Status Handle(const fn::StateRequest& request, fn::StateResponse* response) = 0;
};

/// What a bundle has output: whole elements, or timers, one after the other.
struct BundleOutput {
  std::string transform_id = {};
  std::string timer_family_id = {};  ///< Empty: `bytes` are elements.
  std::string bytes = {};
};

/// Belongs to one thread. To destroy one that is not done gives it up: what still comes of it is
/// dropped.
class WorkerBundle {
 public:
  virtual ~WorkerBundle() = default;
  virtual const std::string& instruction_id() const = 0;

  /// Queues whole encoded elements (windowed values) for a data source of the descriptor, or timers
  /// for a family of a transform. They are sent in large messages; who has more on its way than the
  /// worker takes waits here, while output that comes is kept for TryTake, beyond
  /// WorkerSetup::output_memory on disk. Returns the worker's
  /// error where the worker is gone or the bundle has failed.
  virtual Status Send(std::string_view transform_id, std::string_view bytes) = 0;
  virtual Status SendTimers(std::string_view transform_id, std::string_view timer_family_id,
                            std::string_view bytes) = 0;
  /// Sends what is queued now.
  virtual Status Flush() = 0;
  /// No more input comes, for any of the descriptor's sources and timer families. A bundle that is
  /// small until then travels inside its instruction, where the worker can do that.
  virtual Status EndInput() = 0;

  /// The next output that has come; false if there is none right now.
  virtual bool TryTake(BundleOutput* output) = 0;
  /// Returns when there is output, the bundle is done, or `timeout` has passed.
  virtual void Wait(std::chrono::milliseconds timeout) = 0;
  /// The worker has answered and all its output is there (TryTake may still have some), or it has
  /// failed.
  virtual bool is_done() const = 0;
  /// Once it is done: the worker's answer, without the elements that came in it, or why there is
  /// none: kInternal with the SDK's error text (64 KiB of it at most), or with what the worker did
  /// that it must not; kUnavailable where the worker is gone, which may be tried again with another
  /// one.
  virtual Result<const fn::ProcessBundleResponse*> response() const = 0;

  /// Asks for a split (ProcessBundleSplitRequest without the instruction id, which is filled in)
  /// and waits for the answer; where the bundle fails first, the answer is empty. kInternal with
  /// the worker's error; kDeadlineExceeded, when nobody knows whether the bundle is split.
  virtual Status Split(const fn::ProcessBundleSplitRequest& request,
                       fn::ProcessBundleSplitResponse* response,
                       std::chrono::milliseconds timeout) = 0;
  /// Asks how far the worker is; answers come by themselves later and are read with progress().
  virtual void AskForProgress() = 0;
  /// The latest answer; null if there is none.
  virtual std::shared_ptr<const fn::ProcessBundleProgressResponse> progress() const = 0;
};

/// Thread-safe.
class SdkWorker {
 public:
  virtual ~SdkWorker() = default;
  virtual const std::string& id() const = 0;
  /// Until its control stream is there. kDeadlineExceeded, or why it will never come.
  virtual Status WaitUntilConnected(std::chrono::milliseconds timeout) = 0;
  /// False from when its control stream has ended, and while a data stream is lost that it had: who
  /// tries again does so with another worker, and does not meet the end of this one.
  virtual bool is_alive() const = 0;
  /// What the worker may ask for by its id (GetProcessBundleDescriptor). The addresses of services
  /// that it leaves open are filled in: in the payloads of sources and sinks, for state, for
  /// timers.
  virtual void AddDescriptor(const fn::ProcessBundleDescriptor& descriptor) = 0;
  /// `state` outlives the bundle; may be null where the descriptor has neither side inputs nor
  /// state. `cache_tokens`: serialized ProcessBundleRequest.CacheToken messages.
  virtual std::unique_ptr<WorkerBundle> MakeBundle(const std::string& descriptor_id,
                                                   StateHandler* state,
                                                   std::vector<std::string> cache_tokens = {}) = 0;
  /// Tells the SDK that what a bundle did is safe (FinalizeBundle), and waits for nothing.
  virtual void Finalize(const std::string& instruction_id) = 0;
  /// What counters stand for (MonitoringInfosMetadata): DeterministicBytes of MonitoringInfo by
  /// short id, fetched from the worker where they are not known yet.
  virtual Result<std::string> MonitoringInfo(const std::string& short_id) = 0;
  /// What the worker tells of itself for people to read (BeamFnWorkerStatus): threads, caches.
  /// kUnavailable where it has no stream for that, kDeadlineExceeded.
  virtual Result<std::string> WorkerStatus(std::chrono::milliseconds timeout) = 0;
  /// Ends its streams; bundles that are not done fail.
  virtual void Stop(const std::string& why) = 0;
};

class OutputMemory;  // output_queue.h

struct WorkerSetup {
  std::string id = {};
  std::string provision_info = {};  ///< A serialized ProvisionInfo; endpoints in it are filled in.
  /// The environment's capabilities have "beam:protocol:control_request_elements_embedding:v1" (and
  /// so on).
  bool embeds_elements = false;
  /// Data streams that bundles are spread over, kMostDataStreams at most, where its capabilities
  /// have "beam:protocol:named_data_streams:v1"; else 0: one without a name.
  int named_data_streams = 0;
  static constexpr int kMostDataStreams = 16;
  /// For what bundles have output until it is taken; shared by the workers of a job. Null: there is
  /// no limit.
  std::shared_ptr<OutputMemory> output_memory = {};
  /// Takes what the worker's code logs, until the SdkWorker is destroyed: that waits for a call
  /// that is under way, and is not done by it. Any thread. Messages and traces are cut at 64 KiB.
  std::function<void(const fn::LogEntry&)> log = {};
};

/// Thread-safe.
class FnServer {
 public:
  virtual ~FnServer() = default;
  static constexpr int kMostMessageBytes = 1 << 30;
  /// Listens on `host` ("localhost") at `port`, 0 for any that is free. A worker's message, which
  /// may be one element, has `most_message_bytes` at most; a larger one ends its stream.
  static Result<std::unique_ptr<FnServer>> Start(const std::string& host, int port,
                                                 int most_message_bytes = kMostMessageBytes);
  /// "localhost:41234".
  virtual const std::string& endpoint() const = 0;
  /// A worker of this id may connect from now on; until the SdkWorker is destroyed. Calls with any
  /// other id are refused, and so is a second worker with the same one. Of a worker that cannot be
  /// taken (its id is in use, or there are too many) WaitUntilConnected says why.
  virtual std::shared_ptr<SdkWorker> Expect(WorkerSetup setup) = 0;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_FN_SERVER_H_
