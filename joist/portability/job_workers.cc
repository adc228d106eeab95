// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/job_workers.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>
#include <org/apache/beam/model/fn_execution/v1/beam_provision_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "joist/portability/sdk_error.h"

namespace joist::portability {
namespace {

/// A worker may have to install what its code needs before it calls.
constexpr std::chrono::seconds kLongestStart{120};
constexpr std::chrono::milliseconds kLookInterval{200};

constexpr std::string_view kEmbedsElements = "beam:protocol:control_request_elements_embedding:v1";

/// Whether it comes from what runs the users' code, of which they know nothing.
bool IsOfHarness(const fn::LogEntry& entry) {
  constexpr std::string_view kPlaces[] = {"apache_beam/runners/worker/",
                                          "/pkg/beam/core/runtime/harness/",
                                          "org.apache.beam.fn.harness."};
  return std::ranges::any_of(kPlaces, [&](std::string_view place) {
    return entry.log_location().find(place) != std::string::npos;
  });
}

/// Whether all of its trace is in its message, as Python's formatting of messages puts it there.
bool HasTrace(const fn::LogEntry& entry) {
  std::string_view trace = entry.trace();
  while (trace.ends_with('\n')) trace.remove_suffix(1);
  return entry.message().find(trace) != std::string::npos;
}

JobListener::Importance ImportanceOf(const fn::LogEntry& entry) {
  using Severity = fn::LogEntry::Severity;
  if (entry.severity() >= Severity::ERROR) return JobListener::Importance::kError;
  if (entry.severity() >= Severity::WARN) return JobListener::Importance::kWarning;
  return IsOfHarness(entry) ? JobListener::Importance::kDetail : JobListener::Importance::kBasic;
}

/// What a worker's code logs, behind the name of the user's step that it is of.
void PassOn(const fn::LogEntry& entry, const pipeline::Components& components,
            JobListener* listener) {
  using Severity = fn::LogEntry::Severity;
  // Some SDKs tell of each plan and each bundle, which takes longer to pass on than to run.
  if (entry.severity() != Severity::UNSPECIFIED && entry.severity() < Severity::INFO) return;
  if (IsEcho(entry.message())) {
    const std::string& echo = entry.message();  // "(time=…)(id=…)text"
    return listener->Unseen(ImportanceOf(entry),
                            echo.substr(echo.find(')', echo.find(")(") + 1) + 1));
  }
  if (entry.severity() >= Severity::ERROR && TellsOfFailedBundle(entry.message())) return;
  std::string text;
  const auto step = components.transforms().find(entry.transform_id());
  if (step != components.transforms().end()) text = "[" + step->second.unique_name() + "] ";
  text += entry.message();
  if (!HasTrace(entry)) text += "\n" + entry.trace();
  listener->Message(ImportanceOf(entry), text);
}

}  // namespace

JobWorkers::JobWorkers(FnServer* server, WorkerStarter* starter, JobListener* listener,
                       const pipeline::Components* components, Settings settings)
    : server_(server),
      starter_(starter),
      listener_(listener),
      components_(components),
      settings_(std::move(settings)) {}

JobWorkers::~JobWorkers() { Stop("the job has ended"); }

void JobWorkers::AddDescriptor(const std::string& environment,
                               const fn::ProcessBundleDescriptor& descriptor) {
  const std::lock_guard lock(mutex_);
  descriptors_[environment].push_back(
      std::make_shared<const fn::ProcessBundleDescriptor>(descriptor));
  for (const Place& place : places_[environment]) {
    if (place.started.worker != nullptr) place.started.worker->AddDescriptor(descriptor);
  }
}

JobWorkers::Place& JobWorkers::PlaceOf(const std::string& environment, int share) {
  std::vector<Place>& places = places_[environment];
  if (places.empty()) places.resize(static_cast<size_t>(std::max(settings_.workers, 1)));
  return places[static_cast<size_t>(share) % places.size()];
}

Result<std::shared_ptr<SdkWorker>> JobWorkers::Get(const std::string& environment, int share) {
  std::unique_lock lock(mutex_);
  Place& place = PlaceOf(environment, share);
  while (stopped_.ok() && place.attempt != nullptr) {
    const std::shared_ptr<const Attempt> attempt = place.attempt;
    changed_.wait(lock, [&] { return attempt->is_over || !stopped_.ok(); });
    if (attempt->is_over) JOIST_RETURN_IF_ERROR(attempt->status);
  }
  JOIST_RETURN_IF_ERROR(stopped_);
  if (place.started.worker != nullptr && place.started.worker->is_alive()) {
    return place.started.worker;
  }
  const auto attempt = std::make_shared<Attempt>();
  place.attempt = attempt;
  Started old = std::exchange(place.started, {});
  const Descriptors known = descriptors_[environment];
  const std::string id = settings_.job_id + "-worker-" + std::to_string(++started_);
  lock.unlock();
  old = {};  // It ends before the new one begins.
  Result<Started> started = Start(environment, id, known);
  lock.lock();
  place.attempt = nullptr;
  attempt->is_over = true;
  attempt->status = started.ok() ? stopped_ : started.status();
  changed_.notify_all();
  if (!attempt->status.ok()) {
    lock.unlock();  // What has started ends.
    return attempt->status;
  }
  const Descriptors& all = descriptors_[environment];
  for (size_t i = known.size(); i < all.size(); ++i) started->worker->AddDescriptor(*all[i]);
  place.started = *std::move(started);
  return place.started.worker;
}

Status JobWorkers::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

Result<JobWorkers::Started> JobWorkers::Start(const std::string& environment, const std::string& id,
                                              const Descriptors& descriptors) {
  const pipeline::Environment& of = components_->environments().at(environment);
  WorkerSetup setup;
  setup.id = id;
  fn::ProvisionInfo own;
  *own.mutable_dependencies() = of.dependencies();
  // What follows a serialized message is merged into it.
  setup.provision_info = settings_.provision_info + own.SerializeAsString();
  const auto& capabilities = of.capabilities();
  setup.embeds_elements =
      std::find(capabilities.begin(), capabilities.end(), kEmbedsElements) != capabilities.end();
  setup.output_memory = settings_.output_memory;
  setup.log = [components = components_, listener = listener_](const fn::LogEntry& entry) {
    PassOn(entry, *components, listener);
  };
  Started started;
  started.worker = server_->Expect(std::move(setup));
  for (const auto& descriptor : descriptors) started.worker->AddDescriptor(*descriptor);
  JOIST_ASSIGN_OR_RETURN(started.process, starter_->Start(of, id, server_->endpoint()));
  const auto until = std::chrono::steady_clock::now() + kLongestStart;
  while (true) {
    JOIST_RETURN_IF_ERROR(stopped());
    const Status connected = started.worker->WaitUntilConnected(kLookInterval);
    if (connected.ok()) return started;
    if (connected.code() != StatusCode::kDeadlineExceeded) return connected;
    if (const Status lives = started.process->status(); !lives.ok()) {
      return Status(StatusCode::kUnavailable,
                    "the SDK's worker has ended before it called: " + lives.message());
    }
    if (std::chrono::steady_clock::now() > until) {
      return Status(StatusCode::kDeadlineExceeded,
                    "the SDK's worker was started and has not called " + server_->endpoint() +
                        " within " + std::to_string(kLongestStart.count()) + " s");
    }
  }
}

void JobWorkers::Stop(const std::string& why) {
  std::vector<Started> workers;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_.ok()) stopped_ = Status(StatusCode::kCancelled, why);
    changed_.notify_all();
    for (auto& [environment, places] : places_) {
      for (Place& place : places) workers.push_back(std::exchange(place.started, {}));
    }
  }
  for (const Started& started : workers) {
    if (started.worker != nullptr) started.worker->Stop(why);
  }
}

}  // namespace joist::portability
