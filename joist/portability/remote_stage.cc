// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/remote_stage.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/metrics.pb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <thread>
#include <type_traits>
#include <utility>

#include "joist/exec/bundle_finalizer.h"
#include "joist/exec/failure.h"
#include "joist/exec/reshuffle.h"
#include "joist/exec/waiting_elements.h"
#include "joist/exec/wall_time.h"
#include "joist/model/coder.h"
#include "joist/portability/stage_output.h"

namespace joist::portability {
namespace {

/// A bundle of bounded input ends when it has so many bytes of it.
constexpr size_t kMostBundleBytes = size_t{32} << 20;
/// Keys with state are worked on together until they have so many elements.
constexpr size_t kElementsOfKeys = 1000;
constexpr std::chrono::milliseconds kWait{50};
/// A splittable function of a stream works on its own for so long, then is asked for the rest.
constexpr std::chrono::milliseconds kMostWork{200};
/// How often a worker that is waited for is asked how far it is.
constexpr std::chrono::milliseconds kBetweenLooks{1000};
constexpr std::string_view kReadIndex = "beam:metric:data_channel:read_index:v1";
constexpr std::string_view kElementCount = "beam:metric:element_count:v1";
constexpr std::chrono::milliseconds kSplitTimeout{10'000};
/// Where a script's clock has come to its end there is work all the same.
constexpr Timestamp kLatestDue = Timestamp::Max() - Duration::Millis(1);
/// What a bundle's finalization may take until nobody needs it any more.
constexpr Duration kFinalizationExpires = Duration::Millis(600'000);

/// An element and restriction that are to be worked on (again).
struct Restriction {
  std::string element;  ///< A windowed value of the stage's input.
  Timestamp due;        ///< In processing time.
  Timestamp hold;       ///< No output will be before.
};

Timestamp TimestampOf(const ::google::protobuf::Timestamp& time) {
  return Timestamp::Millis(time.seconds() * 1000 + time.nanos() / 1'000'000);
}

template <class In>
class RemoteOperator final : public Operator, public BatchReceiver<In>, private StateHandler {
  static constexpr bool kIsKeyed = !std::is_same_v<In, std::string>;

 public:
  RemoteOperator(const RemoteStage* stage, int share, const OperatorContext& context)
      : stage_(stage), share_(share), context_(context), figures_(stage->figures.get()) {
    for (const RemoteOutput& output : stage->outputs) {
      outputs_.push_back(std::make_unique<StageOutput>(&output.coder, &output.windows));
    }
    if (!stage->side_inputs.empty()) {
      sides_.emplace(context.side_inputs, stage->side_inputs,
                     context.is_stream ? std::string() : stage->run_id);
    }
    if constexpr (kIsKeyed) state_.emplace(context, *stage->state);
  }

  Receiver* input(int) override { return static_cast<BatchReceiver<In>*>(this); }
  void Connect(int output, Receiver* consumer) override {
    outputs_[static_cast<size_t>(output)]->Connect(consumer);
  }

  void Push(const Batch<In>& batch) override {
    const StepScope scope(context_.stats);
    context_.stats->elements_in += batch.count;
    ++context_.stats->batches_in;
    ForEachUnsliced(batch, [this](const Batch<In>& unsliced) {
      if (!sides_.has_value() || !context_.is_stream) return Send(unsliced);
      ForEachWindowRun(unsliced, [&](const Window& window, size_t first, size_t count) {
        const Batch<In> run{unsliced.values.From(first), count, unsliced.meta.From(first)};
        if (sides_->IsReady(window)) {
          Send(run);
        } else {
          waiting_.Add(run);
        }
      });
    });
  }

  void Finish() override {
    const StepScope scope(context_.stats);
    EndBundle();
    if (context_.is_stream) {
      if constexpr (kIsKeyed) state_->EndBundle();
      return;
    }
    if constexpr (kIsKeyed) EndKeys();
    while (!work_.empty()) {
      const Timestamp next = next_work();
      if (const Duration wait = next - WallTime(); wait > Duration::Zero()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(std::min<int64_t>(wait.millis, 50)));
        continue;
      }
      WorkOn(WallTime());
    }
  }
  void Committed() override {
    if (!context_.has_checkpoints) callbacks_.Saved();
    callbacks_.Run();
  }

  void Resume() override {
    if (!sides_.has_value() || waiting_.empty()) return;
    const StepScope scope(context_.stats);
    waiting_.Release([this](const Window& window) { return sides_->IsReady(window); },
                     static_cast<BatchReceiver<In>*>(this));
  }
  void AdvanceProcessingTime(Timestamp now) override {
    const StepScope scope(context_.stats);
    now_ = now;
    if constexpr (kIsKeyed) {
      state_->set_processing_time(now);
      FireTimers(TimeDomain::kProcessing);
    }
    if (!work_.empty() && next_work() <= now) WorkOn(now);
  }
  void AdvanceWatermark(Timestamp input) override {
    if constexpr (kIsKeyed) {
      const StepScope scope(context_.stats);
      // Elements that wait for a side input have not been seen yet.
      state_->set_watermark(std::min(input, waiting_.earliest()));
      FireTimers(TimeDomain::kEvent);
    }
  }
  Timestamp hold() const override {
    Timestamp hold = waiting_.earliest();
    for (const Restriction& work : work_) hold = std::min(hold, work.hold);
    if constexpr (kIsKeyed) hold = std::min(hold, state_->hold());
    return hold;
  }
  Timestamp next_work() const override {
    Timestamp next = Timestamp::Max();
    for (const Restriction& work : work_) next = std::min(next, work.due);
    return next;
  }

  void SaveWhole(std::string* out) override {
    waiting_.Save(out);
    PutVarint(work_.size(), out);
    for (const Restriction& work : work_) {
      PutBytes(work.element, out, /*nested=*/true);
      SaveValue(work.due, out);
      SaveValue(work.hold, out);
    }
    if constexpr (kIsKeyed) state_->SaveClocks(out);
  }
  void Save(SavedState* out) override {
    SaveWhole(out->whole());
    if constexpr (kIsKeyed) state_->SaveCells(out);
    callbacks_.Saved();
  }
  bool Restore(ByteReader* in, bool is_own) override {
    const auto takes = [&]([[maybe_unused]] const View<In>& element) {
      if constexpr (kIsKeyed) {
        return state_->IsOfThisLane(element.key);
      } else {
        return is_own;
      }
    };
    uint64_t count;
    if (!waiting_.Restore(in, takes) || !in->TakeVarint(&count)) return false;
    for (; count > 0; --count) {
      Restriction work;
      std::string_view element;
      if (!in->TakeBytes(&element, /*nested=*/true) || !RestoreValue(in, &work.due) ||
          !RestoreValue(in, &work.hold)) {
        return false;
      }
      work.element = element;
      if (is_own) work_.push_back(std::move(work));
    }
    if constexpr (kIsKeyed) return state_->RestoreClocks(in);
    return true;
  }
  bool RestoreKey([[maybe_unused]] const SavedKey& key) override {
    if constexpr (kIsKeyed) {
      return state_->RestoreCell(key);
    } else {
      return false;
    }
  }
  void Drain() override { is_draining_ = true; }
  OperatorStatus status() const override {
    OperatorStatus status;
    status.waiting = waiting_.size() + work_.size();
    if constexpr (kIsKeyed) {
      status.cells = state_->cells();
      status.bytes = state_->bytes();
      status.holds = OperatorStatus::Holds::kTimers;
    }
    if (!work_.empty()) status.holds = OperatorStatus::Holds::kWork;
    if (!waiting_.empty() && waiting_.earliest() <= hold()) {
      status.holds = OperatorStatus::Holds::kSideInput;
    }
    return status;
  }

 private:
  using SteadyClock = std::chrono::steady_clock;

  Status Handle(const fn::StateRequest& request, fn::StateResponse* response) override {
    switch (request.state_key().type_case()) {
      case fn::StateKey::kIterableSideInput:
      case fn::StateKey::kMultimapSideInput:
      case fn::StateKey::kMultimapKeysSideInput:
      case fn::StateKey::kMultimapKeysValuesSideInput:
        if (sides_.has_value()) return sides_->Handle(request, response);
        return InvalidArgument("the stage has no side inputs");
      default:
        if constexpr (kIsKeyed) {
          return state_->Handle(request, response);
        } else {
          return InvalidArgument("the stage has no state");
        }
    }
  }

  /// Elements whose side inputs are there.
  void Send(const Batch<In>& batch) {
    EnsureBundle();
    bytes_.clear();
    std::string_view header;
    for (size_t i = 0; i < batch.count; ++i) {
      if constexpr (kIsKeyed) {
        const std::string_view key = batch.values.keys()[i];
        if (!context_.is_stream && key != key_ && elements_of_keys_ >= kElementsOfKeys) {
          SendBytes();
          EndBundle();
          EndKeys();
          EnsureBundle();
        }
        if (!context_.is_stream) {
          ++elements_of_keys_;
          key_ = key;
        }
        if (!state_->Enter(key, batch.window(i), batch.timestamp(i))) {
          CountDroppedLate(context_.stats);
          continue;
        }
      }
      if (header_.empty() || batch.timestamp(i) != header_timestamp_ ||
          batch.window(i) != header_window_ || batch.pane(i) != header_pane_) {
        header_timestamp_ = batch.timestamp(i);
        header_window_ = batch.window(i);
        header_pane_ = batch.pane(i);
        header_.clear();
        Check(stage_->windows.EncodeHeader(header_timestamp_, {&header_window_, 1}, header_pane_,
                                           &header_),
              /*retryable=*/false);
      }
      ++unsent_;
      const size_t begin = bytes_.size();
      bytes_ += header_;
      if constexpr (kIsKeyed) {
        bytes_ += batch.values.keys()[i];
        bytes_ += batch.values.values()[i];
      } else {
        bytes_ += batch.values[i];
      }
      if (!stage_->splittable.empty())
        sent_.push_back({bytes_.substr(begin), now(), header_timestamp_});
    }
    SendBytes();
    if (!context_.is_stream && bundle_bytes_ >= kMostBundleBytes && stage_->splittable.empty()) {
      if constexpr (!kIsKeyed) EndBundle();
    }
  }
  void SendBytes() {
    if (bytes_.empty()) return;
    figures_.Sent(std::exchange(unsent_, 0));
    bundle_bytes_ += bytes_.size();
    Check(bundle_->Send(stage_->source, bytes_), /*retryable=*/true);
    bytes_.clear();
    TakeOutput();
  }

  Timestamp now() const { return context_.is_stream ? now_ : WallTime(); }

  void EnsureBundle() {
    if (bundle_ != nullptr) return;
    if (worker_ == nullptr || !worker_->is_alive()) {
      Result<std::shared_ptr<SdkWorker>> worker = stage_->workers->Get(stage_->environment, share_);
      if (!worker.ok()) {
        Fail(worker.status(), worker.status().code() == StatusCode::kUnavailable);
      }
      worker_ = std::move(*worker);
    }
    std::vector<std::string> tokens;
    if (sides_.has_value()) tokens = sides_->cache_tokens();
    if constexpr (kIsKeyed) tokens.push_back(state_->cache_token());
    bundle_bytes_ = 0;
    next_look_ = SteadyClock::now() + kBetweenLooks;
    sent_.clear();
    const bool has_state = kIsKeyed || sides_.has_value();
    bundle_ =
        worker_->MakeBundle(stage_->descriptor_id, has_state ? this : nullptr, std::move(tokens));
  }

  /// Waits for the worker's answer, and pushes what it still outputs.
  void EndBundle() {
    if (bundle_ == nullptr) return;
    Check(bundle_->EndInput(), /*retryable=*/true);
    const SteadyClock::time_point begin = SteadyClock::now();
    bool is_split = stage_->splittable.empty() || !context_.is_stream;
    while (!bundle_->is_done()) {
      bundle_->Wait(kWait);
      TakeOutput();
      AskHowFar();
      if (!is_split && SteadyClock::now() - begin >= kMostWork) is_split = SplitOff();
    }
    TakeOutput();
    const Result<const fn::ProcessBundleResponse*> response = bundle_->response();
    if (response.status().code() == StatusCode::kInternal) {  // What the users' code did.
      FailIn(FailedStep(response.status().message(), stage_->transforms), response.status(),
             /*retryable=*/true);
    }
    if (!response.ok()) Fail(response.status(), /*retryable=*/true);
    figures_.End();
    for (const fn::DelayedBundleApplication& root : (*response)->residual_roots()) KeepRest(root);
    if ((*response)->requires_finalization()) {
      callbacks_.Add(kFinalizationExpires,
                     [worker = worker_, id = bundle_->instruction_id()] { worker->Finalize(id); });
    }
    Counts counts = stage_->counters->Attempted(*worker_, **response);
    callbacks_.Add(
        Duration::Millis(std::numeric_limits<int32_t>::max()),
        [counters = stage_->counters, counts = std::move(counts)] { counters->Committed(counts); });
    bundle_.reset();
    sent_.clear();
  }

  /// For those who watch.
  void AskHowFar() {
    const SteadyClock::time_point now = SteadyClock::now();
    if (now < next_look_) return;
    next_look_ = now + kBetweenLooks;
    bundle_->AskForProgress();
    const auto progress = bundle_->progress();
    if (progress == nullptr) return;
    uint64_t made = 0;
    for (const auto& [short_id, payload] : progress->monitoring_data()) {
      const Result<std::string> bytes = worker_->MonitoringInfo(short_id);
      pipeline::MonitoringInfo info;
      int64_t number;
      ByteReader in(payload);
      if (!bytes.ok() || !info.ParseFromString(*bytes)) continue;
      if (info.urn() == kReadIndex && Coder<int64_t>::Decode(&in, &number, /*nested=*/true)) {
        figures_.Begun(static_cast<uint64_t>(std::max<int64_t>(number + 1, 0)));
      }
      if (info.urn() == kElementCount && IsOutput(info) &&
          Coder<int64_t>::Decode(&in, &number, /*nested=*/true)) {
        made += static_cast<uint64_t>(std::max<int64_t>(number, 0));
      }
    }
    figures_.Made(made);
  }
  bool IsOutput(const pipeline::MonitoringInfo& info) const {
    const auto of = info.labels().find("PCOLLECTION");
    return of != info.labels().end() &&
           std::any_of(stage_->outputs.begin(), stage_->outputs.end(),
                       [&](const RemoteOutput& output) { return output.collection == of->second; });
  }

  void TakeOutput() {
    BundleOutput output;
    while (bundle_->TryTake(&output)) {
      if (!output.timer_family_id.empty()) {
        if constexpr (kIsKeyed) {
          Check(state_->TakeTimers(output.transform_id, output.timer_family_id, output.bytes),
                /*retryable=*/true);
        }
        continue;
      }
      const auto to =
          std::find_if(stage_->outputs.begin(), stage_->outputs.end(),
                       [&](const RemoteOutput& of) { return of.sink == output.transform_id; });
      if (to == stage_->outputs.end()) {
        Fail(Internal("the SDK has output elements of \"" + output.transform_id +
                      "\", which is no output of the stage"),
             /*retryable=*/true);
      }
      const Result<size_t> pushed =
          outputs_[static_cast<size_t>(to - stage_->outputs.begin())]->Push(output.bytes);
      if (!pushed.ok()) Fail(pushed.status(), /*retryable=*/true);
      context_.stats->elements_out += *pushed;
      figures_.Came(*pushed);
    }
  }

  // --- Restrictions ---

  void KeepRest(const fn::DelayedBundleApplication& root) {
    if (stage_->splittable.empty() || root.application().transform_id() != stage_->splittable) {
      Fail(Internal("the SDK has left something to do for transform \"" +
                    root.application().transform_id() + "\", which cannot be split"),
           /*retryable=*/false);
    }
    Restriction work;
    work.element = root.application().element();
    const auto& delay = root.requested_time_delay();
    work.due = std::min(
        now() + Duration::Millis(delay.seconds() * 1000 + delay.nanos() / 1'000'000), kLatestDue);
    work.hold = Timestamp::Max();
    for (const auto& [output, watermark] : root.application().output_watermarks()) {
      work.hold = std::min(work.hold, TimestampOf(watermark));
    }
    if (root.application().output_watermarks().empty()) work.hold = Timestamp::Min();
    work_.push_back(std::move(work));
  }

  /// Asks for what the worker has not begun, and for the rest of what it is at work on.
  bool SplitOff() {
    fn::ProcessBundleSplitRequest request;
    auto& desired = (*request.mutable_desired_splits())[stage_->source];
    desired.set_fraction_of_remainder(0);
    desired.set_estimated_input_elements(static_cast<int64_t>(sent_.size()));
    fn::ProcessBundleSplitResponse response;
    Check(bundle_->Split(request, &response, kSplitTimeout), /*retryable=*/true);
    for (const fn::DelayedBundleApplication& root : response.residual_roots()) KeepRest(root);
    for (const auto& channel : response.channel_splits()) {
      for (auto i = static_cast<size_t>(std::max<int64_t>(channel.first_residual_element(), 0));
           i < sent_.size(); ++i) {
        work_.push_back(std::move(sent_[i]));
      }
      sent_.resize(std::min(sent_.size(), static_cast<size_t>(std::max<int64_t>(
                                              channel.first_residual_element(), 0))));
    }
    return response.residual_roots_size() > 0 || response.channel_splits_size() > 0;
  }

  /// What is due.
  void WorkOn(Timestamp now) {
    std::vector<Restriction> all = std::exchange(work_, {});
    EnsureBundle();
    for (Restriction& work : all) {
      if (work.due > now) {
        work_.push_back(std::move(work));
        continue;
      }
      bytes_ += work.element;
      ++unsent_;
      sent_.push_back(std::move(work));
    }
    SendBytes();
    EndBundle();
  }

  // --- State and timers ---

  void FireTimers(TimeDomain domain) {
    if constexpr (kIsKeyed) {
      std::vector<FiredTimer> fired;
      while (true) {
        bool any = false;
        while (state_->NextTimers(domain, &fired)) {
          EnsureBundle();
          any = true;
          for (const FiredTimer& timer : fired) {
            Check(bundle_->SendTimers(timer.family->transform_id, timer.family->timer_family_id,
                                      timer.bytes),
                  /*retryable=*/true);
          }
          fired.clear();
          TakeOutput();
        }
        if (!any) return;
        EndBundle();
        state_->EndTimers();
      }
    }
  }
  /// Lets the time of bounded keys run to its end.
  void EndKeys() {
    if constexpr (kIsKeyed) {
      if (elements_of_keys_ == 0) return;
      elements_of_keys_ = 0;
      key_.clear();
      state_->EndTime();
      FireTimers(TimeDomain::kProcessing);
      FireTimers(TimeDomain::kEvent);
      state_->BeginNextKeys();
    }
  }

  void Check(const Status& status, bool retryable) {
    if (!status.ok()) Fail(status, retryable);
  }
  [[noreturn]] void Fail(const Status& status, bool retryable) {
    FailIn("step \"" + std::string(context_.step) + "\"", status, retryable);
  }
  [[noreturn]] void FailIn(const std::string& where, const Status& status, bool retryable) {
    throw StepFailure{Status(status.code(), where + ": " + status.message()), retryable,
                      std::string(context_.step)};
  }

  const RemoteStage* const stage_;
  const int share_;
  OperatorContext context_;
  std::vector<std::unique_ptr<StageOutput>> outputs_;
  std::optional<SideInputState> sides_;
  struct Nothing {};
  std::optional<std::conditional_t<kIsKeyed, KeyedState, Nothing>> state_;
  WaitingElements<In> waiting_;  ///< For side inputs.
  std::vector<Restriction> work_;
  BundleCallbacks callbacks_;
  Timestamp now_ = Timestamp::Min();  ///< In a stream.
  bool is_draining_ = false;

  // Bounded keys.
  std::string key_;
  size_t elements_of_keys_ = 0;

  // The bundle at work; state and side inputs outlive it.
  std::string bytes_;  ///< To be sent.
  std::string header_;
  Timestamp header_timestamp_;
  Window header_window_;
  PaneInfo header_pane_;
  size_t bundle_bytes_ = 0;
  uint64_t unsent_ = 0;  ///< Elements in bytes_.
  BundleFigures figures_;
  SteadyClock::time_point next_look_;
  std::vector<Restriction> sent_;  ///< Where elements can be split off.
  std::shared_ptr<SdkWorker> worker_;
  std::unique_ptr<WorkerBundle> bundle_;
};

class RemoteStageStep final : public StepOf<RemoteStageStep, RemoteStage> {
 public:
  using StepOf::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override {
    return std::vector<const ElementType*>(definition().outputs.size(), &element_type<std::string>);
  }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    const int share = context.is_stream ? context.lane : shares_.fetch_add(1);
    if (definition().state.has_value()) {
      return std::unique_ptr<Operator>(
          new RemoteOperator<EncodedKv>(&definition(), share, context));
    }
    return std::unique_ptr<Operator>(
        new RemoteOperator<std::string>(&definition(), share, context));
  }
  std::unique_ptr<Breaker> MakeInputBreaker(const BreakerContext& context) const override {
    if (definition().state.has_value()) {
      return std::unique_ptr<Breaker>(new ReshuffleBreaker<EncodedKv>(context));
    }
    return std::unique_ptr<Breaker>(new ReshuffleBreaker<std::string>(context));
  }

 private:
  mutable std::atomic<int> shares_{0};
};

}  // namespace

std::shared_ptr<Step> MakeRemoteStage(RemoteStage stage) {
  return MakeStep<RemoteStageStep>(std::move(stage));
}

}  // namespace joist::portability
