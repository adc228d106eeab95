// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/remote_stage.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include "joist/exec/bundle_finalizer.h"
#include "joist/exec/failure.h"
#include "joist/exec/reshuffle.h"
#include "joist/exec/waiting_elements.h"
#include "joist/exec/wall_time.h"
#include "joist/model/coder.h"
#include "joist/portability/bundle_progress.h"
#include "joist/portability/bundle_split.h"
#include "joist/portability/quoted.h"
#include "joist/portability/restrictions.h"
#include "joist/portability/shared_bundle.h"
#include "joist/portability/stage_output.h"
#include "joist/portability/stage_shares.h"

namespace joist::portability {
namespace {

/// A bundle of bounded input ends when it has so many bytes of it.
constexpr size_t kMostBundleBytes = size_t{32} << 20;
/// Of a bundle that is there from the beginning.
constexpr size_t kSentAtOnce = size_t{1} << 20;
/// Keys with state are worked on together until they have so many elements.
constexpr size_t kElementsOfKeys = 1000;
constexpr std::chrono::milliseconds kWait{50};
/// A splittable function works on its own for so long; then it is asked for the rest, if it is of a
/// stream, or for a part of it, if somebody has nothing to do.
constexpr std::chrono::milliseconds kMostWork{200};
/// When a worker gives a part away, so much of what it has left to do stays with it.
constexpr double kKept = 0.5;
/// Who could give no part is asked again when as much time has passed as it had then, but for this.
constexpr std::chrono::milliseconds kLongestRefusal{2'000};
/// How often a worker that is waited for is asked how far it is.
constexpr std::chrono::milliseconds kBetweenQuestions{1000};
constexpr std::chrono::milliseconds kSplitTimeout{10'000};
/// When a worker knows a bundle no more, its end has come here after so long.
constexpr std::chrono::milliseconds kLongestEnd{2'000};
/// Between looks whether the time has come for what a function has left for later.
constexpr std::chrono::milliseconds kLongestSleep{50};
/// Where a script's clock has come to its end there is work all the same.
constexpr Timestamp kLatestDue = Timestamp::Max() - Duration::Millis(1);
/// What a bundle's finalization may take until nobody needs it any more.
constexpr Duration kFinalizationExpires = Duration::Millis(600'000);

Timestamp TimestampOf(const ::google::protobuf::Timestamp& time) {
  return Timestamp::Millis(time.seconds() * 1000 + time.nanos() / 1'000'000);
}

template <class In>
class RemoteOperator final : public Operator, public BatchReceiver<In>, private StateHandler {
  static constexpr bool kIsKeyed = std::is_same_v<In, EncodedKv>;
  static constexpr bool kIsShared = std::is_same_v<In, SharedBundleRef>;

 public:
  RemoteOperator(const RemoteStage* stage, std::shared_ptr<StageShares> shares,
                 const OperatorContext& context)
      : stage_(stage),
        shares_(std::move(shares)),
        share_(context.is_stream ? context.lane : shares_->TakeNumber()),
        context_(context),
        figures_(stage->figures.get()) {
    for (const RemoteOutput& output : stage->outputs) {
      outputs_.push_back(std::make_unique<StageOutput>(&output.coder, &output.windows));
    }
    if (!stage->side_inputs.empty()) {
      sides_.emplace(context.side_inputs, stage->side_inputs,
                     context.is_stream ? std::string() : stage->run_id);
    }
    if constexpr (kIsKeyed) state_.emplace(context, *stage->state);
    if (has_opaque_windows()) stage->opaque_windows->Hold(this, Timestamp::Min());
  }
  ~RemoteOperator() override {
    if (has_opaque_windows()) stage_->opaque_windows->Release(this);
    if (!context_.is_stream) shares_->ReturnNumber(share_);
  }

  Receiver* input(int) override { return static_cast<BatchReceiver<In>*>(this); }
  void Connect(int output, Receiver* consumer) override {
    outputs_[static_cast<size_t>(output)]->Connect(consumer);
  }

  void Push(const Batch<In>& batch) override {
    const StepScope scope(context_.stats);
    ++context_.stats->batches_in;
    if constexpr (kIsShared) {
      for (size_t i = 0; i < batch.count; ++i) WorkOnShared(batch.values[i].bundle);
      return;
    }
    context_.stats->elements_in += batch.count;
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
  }
  void Committed() override {
    if (!context_.has_checkpoints) callbacks_.Saved();
    callbacks_.Run();
    if (saves_windows()) stage_->opaque_windows->Forget();
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
    if (has_opaque_windows()) {
      const Duration lateness =
          context_.windowing == nullptr ? Duration::Zero() : context_.windowing->allowed_lateness;
      stage_->opaque_windows->Hold(this, std::min(input, hold()) - lateness);
    }
  }
  Timestamp hold() const override {
    Timestamp hold = waiting_.earliest();
    hold = std::min(hold, work_.hold());
    if constexpr (kIsKeyed) hold = std::min(hold, state_->hold());
    return hold;
  }
  Timestamp next_work() const override {
    Timestamp next = work_.next_due();
    if constexpr (kIsKeyed) next = std::min(next, state_->next_due());
    return next;
  }

  void SaveWhole(std::string* out) override {
    waiting_.Save(out);
    work_.Save(out);
    PutByte(is_draining_ ? 1 : 0, out);
    if (saves_windows()) {
      stage_->opaque_windows->Save(out);
    } else if (stage_->saves_windows) {
      OpaqueWindows().Save(out);  // The first lane has them.
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
    if (!waiting_.Restore(in, takes) || !work_.Restore(in, /*adds=*/is_own)) return false;
    uint8_t is_draining;
    if (!in->TakeByte(&is_draining)) return false;
    if (is_draining != 0) Drain();
    if (stage_->saves_windows && is_own && !stage_->opaque_windows->Restore(in)) return false;
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
  void Drain() override {
    is_draining_ = true;
    if constexpr (kIsKeyed) state_->Drain();
    if (truncates()) work_.Hasten();
  }
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

  bool has_opaque_windows() const {
    return context_.is_stream && stage_->opaque_windows != nullptr;
  }
  bool saves_windows() const {
    return has_opaque_windows() && stage_->saves_windows && context_.lane == 0;
  }

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
    if (!truncates()) EnsureBundle();
    bytes_.clear();
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
      } else if constexpr (!kIsShared) {
        bytes_ += batch.values[i];
      }
      if (stage_->splittable.empty()) continue;
      Restriction work = {bytes_.substr(begin), now(), header_timestamp_};
      if (truncates()) {
        work_.Add(std::move(work));
        bytes_.clear();
        --unsent_;
      } else {
        sent_.push_back(std::move(work));
      }
    }
    SendBytes();
    if (!context_.is_stream && bundle_bytes_ >= kMostBundleBytes) {
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
    bundle_bytes_ = 0;
    sent_.clear();
    next_look_ = SteadyClock::now() + kBetweenQuestions;
    bundle_ = MakeBundle(stage_->descriptor_id);
  }
  std::unique_ptr<WorkerBundle> MakeBundle(const std::string& descriptor_id) {
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
    const bool has_state = kIsKeyed || sides_.has_value();
    return worker_->MakeBundle(descriptor_id, has_state ? this : nullptr, std::move(tokens));
  }

  /// Waits for the worker's answer, and pushes what it still outputs.
  void EndBundle() {
    if (bundle_ == nullptr) return;
    Check(bundle_->EndInput(), /*retryable=*/true);
    const SteadyClock::time_point begin = SteadyClock::now();
    SteadyClock::time_point next_split = begin + kMostWork;
    bool is_cut = false;
    while (!bundle_->is_done()) {
      bundle_->Wait(kWait);
      TakeOutput();
      AskHowFar();
      if (shared_ != nullptr && shared_->is_cancelled()) {
        Fail(Status(StatusCode::kCancelled, "the job ends"), /*retryable=*/false);
      }
      const SteadyClock::time_point now = SteadyClock::now();
      if (now < next_split || !IsSplitWanted(is_cut)) continue;
      if (bundle_->progress() == nullptr) {
        // It may not have begun: some SDKs then know of no bundle that could be split.
        bundle_->AskForProgress();
      } else if (shared_ == nullptr) {
        is_cut = CutOff();
      } else if (!ShareOut()) {
        next_split = now + std::min<SteadyClock::duration>(now - begin, kLongestRefusal);
      }
    }
    TakeOutput();
    TakeResponse(*bundle_);
    figures_.End();
    if constexpr (kIsKeyed) state_->EndRequests();
    bundle_.reset();
    sent_.clear();
  }
  /// Of a bundle that is done.
  void TakeResponse(const WorkerBundle& bundle) {
    const Result<const fn::ProcessBundleResponse*> response = bundle.response();
    if (response.status().code() == StatusCode::kInternal) {  // What the users' code did.
      FailIn(FailedStep(response.status().message(), stage_->transforms), response.status(),
             /*retryable=*/true);
    }
    if (!response.ok()) Fail(response.status(), /*retryable=*/true);
    for (const fn::DelayedBundleApplication& root : (*response)->residual_roots()) KeepRest(root);
    if ((*response)->requires_finalization()) {
      callbacks_.Add(kFinalizationExpires,
                     [worker = worker_, id = bundle.instruction_id()] { worker->Finalize(id); });
    }
    Counts counts = stage_->counters->Attempted(*worker_, **response);
    callbacks_.Add(
        Duration::Millis(std::numeric_limits<int32_t>::max()),
        [counters = stage_->counters, counts = std::move(counts)] { counters->Committed(counts); });
  }

  /// For those who watch.
  void AskHowFar() {
    const SteadyClock::time_point now = SteadyClock::now();
    if (now < next_look_) return;
    next_look_ = now + kBetweenQuestions;
    bundle_->AskForProgress();
    const auto response = bundle_->progress();
    if (response == nullptr) return;
    const BundleProgress progress =
        ReadBundleProgress(*response, *worker_, [this](const std::string& collection) {
          return std::any_of(
              stage_->outputs.begin(), stage_->outputs.end(),
              [&](const RemoteOutput& output) { return output.collection == collection; });
        });
    figures_.Begun(progress.begun);
    figures_.Made(progress.made);
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
        Fail(Internal("the SDK has output elements of " + Quoted(output.transform_id) +
                      ", which is no output of the stage"),
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

  void CheckRest(const fn::DelayedBundleApplication& root) {
    if (stage_->splittable.empty() || root.application().transform_id() != stage_->splittable) {
      Fail(Internal("the SDK has left something to do for transform " +
                    Quoted(root.application().transform_id()) + ", which cannot be split"),
           /*retryable=*/false);
    }
  }
  void KeepRest(const fn::DelayedBundleApplication& root) {
    CheckRest(root);
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
    work.is_truncated = truncates();  // What it is the rest of is.
    work_.Add(std::move(work));
  }

  /// Whether restrictions are cut before they are worked on.
  bool truncates() const { return is_draining_ && stage_->truncation.has_value(); }

  /// Has the SDK cut what it has not cut yet. What it leaves of several is not told apart: it holds
  /// back what the first of them does.
  void Truncate() {
    const std::vector<Restriction> whole = work_.TakeWhole();
    if (whole.empty()) return;
    const std::unique_ptr<WorkerBundle> bundle = MakeBundle(stage_->truncation->descriptor_id);
    Timestamp hold = Timestamp::Max();
    for (const Restriction& work : whole) {
      hold = std::min(hold, work.hold);
      Check(bundle->Send(stage_->source, work.element), /*retryable=*/true);
    }
    Check(bundle->EndInput(), /*retryable=*/true);
    std::string left;
    const auto take = [&] {
      for (BundleOutput output; bundle->TryTake(&output);) left += output.bytes;
    };
    for (; !bundle->is_done(); bundle->Wait(kWait)) take();
    take();
    TakeResponse(*bundle);
    ByteReader in(left);
    WindowedHeader header;
    while (in.remaining() > 0) {
      const size_t begin = in.position();
      if (!stage_->windows.TakeHeader(&in, &header) || !stage_->truncation->coder.Skip(&in)) {
        Fail(Internal(std::string("the SDK has cut a restriction to what is none: ") + in.error()),
             /*retryable=*/true);
      }
      work_.Add({left.substr(begin, in.position() - begin), now(), hold, true});
    }
  }

  /// Works on what is in `shared`, but for what is offered to others.
  void WorkOnShared(SharedBundle* shared) {
    EnsureBundle();
    const EncodedElements& elements = shared->elements();
    own_ = elements.size();
    shared_ = shared;
    figures_.Sent(own_);
    for (size_t i = 0, first = 0; i < own_; ++i) {
      const std::string_view bytes = elements.Bytes(first, i + 1);
      if (bytes.size() < kSentAtOnce && i + 1 < own_) continue;
      Check(bundle_->Send(stage_->source, bytes), /*retryable=*/true);
      TakeOutput();
      first = i + 1;
    }
    EndBundle();
    context_.stats->elements_in += own_;
    // Of what the function itself has left for later nothing is given away: nobody knows what an
    // element is without it, which another attempt would have to begin with.
    shared_ = nullptr;
    while (!work_.empty() && !shared->is_cancelled()) {
      if (const Duration wait = next_work() - now(); wait > Duration::Zero()) {
        std::this_thread::sleep_for(
            std::min(std::chrono::milliseconds(wait.millis), kLongestSleep));
        continue;
      }
      WorkOn(now());
    }
  }

  bool IsSplitWanted(bool is_cut) const {
    if (shared_ != nullptr) return shares_->splits() && shared_->is_asked_for();
    return context_.is_stream && !stage_->splittable.empty() && !is_cut;
  }
  /// Empty where there was nothing to split.
  fn::ProcessBundleSplitResponse Split(double kept) {
    fn::ProcessBundleSplitRequest request;
    auto& desired = (*request.mutable_desired_splits())[stage_->source];
    desired.set_fraction_of_remainder(kept);
    desired.set_estimated_input_elements(
        static_cast<int64_t>(shared_ == nullptr ? sent_.size() : own_));
    fn::ProcessBundleSplitResponse response;
    const Status split = bundle_->Split(request, &response, kSplitTimeout);
    if (split.ok()) return response;
    // An SDK also calls it an error where the bundle has just come to its end. Else it may have
    // split it, and told nobody of the rest.
    const SteadyClock::time_point until = SteadyClock::now() + kLongestEnd;
    while (split.code() != StatusCode::kDeadlineExceeded && SteadyClock::now() < until) {
      bundle_->Wait(kWait);
      TakeOutput();
      if (bundle_->is_done()) return {};
    }
    shares_->EndSplits();
    Fail(split, /*retryable=*/true);
  }

  /// Asks for what the worker has not begun, and for the rest of what it is at work on. False if
  /// there was nothing.
  bool CutOff() {
    const fn::ProcessBundleSplitResponse response = Split(0);
    for (const fn::DelayedBundleApplication& root : response.residual_roots()) KeepRest(root);
    for (const auto& channel : response.channel_splits()) {
      for (auto i = static_cast<size_t>(std::max<int64_t>(channel.first_residual_element(), 0));
           i < sent_.size(); ++i) {
        work_.Add(std::move(sent_[i]));
      }
      sent_.resize(std::min(sent_.size(), static_cast<size_t>(std::max<int64_t>(
                                              channel.first_residual_element(), 0))));
    }
    return response.residual_roots_size() > 0 || response.channel_splits_size() > 0;
  }

  /// Offers a part of the bundle to who has asked for it. False if the worker gives none.
  bool ShareOut() {
    const fn::ProcessBundleSplitResponse response = Split(kKept);
    for (const fn::DelayedBundleApplication& root : response.residual_roots()) CheckRest(root);
    Result<std::optional<BundleSplit>> split = ReadBundleSplit(response, shared_->elements(), own_);
    if (!split.ok()) {
      shares_->EndSplits();
      Fail(split.status(), /*retryable=*/true);
    }
    if (!split->has_value()) return false;
    figures_.GivenAway(own_ - (*split)->own);
    own_ = (*split)->own;
    shared_->Offer(*std::move(*split));
    return true;
  }

  /// What is due.
  void WorkOn(Timestamp now) {
    if (truncates()) Truncate();
    std::vector<Restriction> due = work_.TakeDue(now);
    if (due.empty()) return;
    EnsureBundle();
    for (Restriction& work : due) {
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
      do {
        FireTimers(TimeDomain::kProcessing);
        FireTimers(TimeDomain::kEvent);
      } while (state_->next_due() < Timestamp::Max());
      state_->BeginNextKeys();
    }
  }

  void Check(const Status& status, bool retryable) {
    if (!status.ok()) Fail(status, retryable);
  }
  [[noreturn]] void Fail(const Status& status, bool retryable) {
    FailIn("step " + Quoted(context_.step), status, retryable);
  }
  [[noreturn]] void FailIn(const std::string& where, const Status& status, bool retryable) {
    throw StepFailure{Status(status.code(), where + ": " + status.message()), retryable,
                      std::string(context_.step)};
  }

  const RemoteStage* const stage_;
  const std::shared_ptr<StageShares> shares_;
  const int share_;
  OperatorContext context_;
  std::vector<std::unique_ptr<StageOutput>> outputs_;
  std::optional<SideInputState> sides_;
  struct Nothing {};
  std::optional<std::conditional_t<kIsKeyed, KeyedState, Nothing>> state_;
  WaitingElements<In> waiting_;  ///< For side inputs.
  Restrictions work_;
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
  SharedBundle* shared_ = nullptr;  ///< If it is one.
  size_t own_ = 0;                  ///< So many of its elements were not given away.
};

class RemoteStageStep final : public StepOf<RemoteStageStep, RemoteStage> {
 public:
  using StepOf::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override {
    return std::vector<const ElementType*>(definition().outputs.size(), &element_type<std::string>);
  }
  std::vector<StateCell> state_cells() const override {
    return definition().state.has_value() ? StateCellsOf(*definition().state)
                                          : std::vector<StateCell>();
  }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    if (definition().state.has_value()) return Make<EncodedKv>(context);
    if (definition().shares_bundles) return Make<SharedBundleRef>(context);
    return Make<std::string>(context);
  }
  std::unique_ptr<Breaker> MakeInputBreaker(const BreakerContext& context) const override {
    // Nothing lies between bundles and who works on them that could make a side input.
    JOIST_CHECK(!definition().shares_bundles);
    if (definition().state.has_value()) {
      return std::unique_ptr<Breaker>(new ReshuffleBreaker<EncodedKv>(context));
    }
    return std::unique_ptr<Breaker>(new ReshuffleBreaker<std::string>(context));
  }

 private:
  template <class In>
  std::unique_ptr<Operator> Make(const OperatorContext& context) const {
    return std::unique_ptr<Operator>(new RemoteOperator<In>(&definition(), shares_, context));
  }

  const std::shared_ptr<StageShares> shares_ = std::make_shared<StageShares>();
};

}  // namespace

std::shared_ptr<Step> MakeRemoteStage(RemoteStage stage) {
  return MakeStep<RemoteStageStep>(std::move(stage));
}

}  // namespace joist::portability
