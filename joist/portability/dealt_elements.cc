// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/dealt_elements.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/reshuffle.h"
#include "joist/portability/shared_bundle.h"

namespace joist::portability {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// A bundle that takes less is followed by one of twice as many elements; one that takes more than
/// the other, by one of half as many.
constexpr std::chrono::milliseconds kShortBundle{100};
constexpr std::chrono::milliseconds kLongBundle{500};
/// Of what there is, the first bundle has one part in so many.
constexpr int64_t kFirstPart = 1000;
constexpr int64_t kMostElements = 1 << 16;
/// Of a bundle; it has one element at least.
constexpr size_t kMostBytes = size_t{32} << 20;

/// Elements in the order of a spool, one after the other.
class SpoolCursor {
 public:
  explicit SpoolCursor(const Spool<std::string>* spool) : spool_(spool) {}

  /// Appends element `i`, which is none before the last one, with its header.
  void Append(size_t i, const WindowCodec& windows, EncodedElements* elements) {
    const auto* block = &spool_->blocks()[block_];
    while (i >= first_ + block->size) {
      first_ += block->size;
      block = &spool_->blocks()[++block_];
      is_loaded_ = false;
    }
    if (!is_loaded_) spool_->Load(*block, &page_, &columns_);
    is_loaded_ = true;
    const size_t at = i - first_;
    if (!block->has_columns) {
      SetHeader(block->constant, 0, windows);
    } else {
      SetHeader(block->is_on_disk() ? columns_.view() : block->columns.view(), at, windows);
    }
    elements->Append(header_, page_.values[at]);
  }

 private:
  void SetHeader(const Meta& meta, size_t row, const WindowCodec& windows) {
    const Timestamp timestamp = meta.timestamps[row];
    const Window window = meta.windows[row];
    const PaneInfo pane = meta.panes[row];
    if (!header_.empty() && timestamp == timestamp_ && window == window_ && pane == pane_) return;
    timestamp_ = timestamp;
    window_ = window;
    pane_ = pane;
    header_.clear();
    ThrowIfError(windows.EncodeHeader(timestamp, {&window, 1}, pane, &header_));
  }

  const Spool<std::string>* spool_;
  size_t block_ = 0;
  size_t first_ = 0;  ///< Of the block.
  bool is_loaded_ = false;
  Page<std::string> page_;
  MetaColumns columns_;
  std::string header_;  ///< Of the last element.
  Timestamp timestamp_;
  Window window_;
  PaneInfo pane_;
};

/// Items are the spools, and after them what bundles have given away. Positions are elements.
class DealtSource final : public Source {
 public:
  DealtSource(const Spools<std::string>* spools, const WindowCodec* windows)
      : spools_(*spools), windows_(*windows) {}
  Result<std::vector<SourceRange>> Split(int) override {
    std::vector<SourceRange> ranges;
    for (uint32_t i = 0; i < spools_.size(); ++i) {
      ranges.push_back({i, 0, static_cast<int64_t>(spools_[i]->size())});
    }
    return ranges;
  }
  std::unique_ptr<Reader> MakeReader(const OperatorContext& context) override;

  /// What an attempt at some positions is at, and what it has done of them.
  struct Bundle {
    uint32_t item = 0;
    int64_t begin = 0;
    int64_t end = 0;
    EncodedElements done = {};
    EncodedElements elements = {};
  };

  /// What is at the positions from `begin` to `end`, or, if that is much, to an earlier one.
  /// `cursor`: of the spool, if the item is one.
  Bundle Gather(uint32_t item, int64_t begin, int64_t end, std::optional<SpoolCursor>* cursor) {
    Bundle bundle{.item = item, .begin = begin};
    std::vector<Kept> kept;
    const EncodedElements* given = nullptr;
    {
      const std::lock_guard lock(mutex_);
      auto at = kept_.upper_bound({item, begin});
      if (at != kept_.begin() && std::prev(at)->first.first == item) --at;
      for (; at != kept_.end() && at->first < std::pair(item, end); ++at) {
        kept.push_back(at->second);
      }
      if (item >= spools_.size()) given = &given_[item - spools_.size()];
    }
    if (given == nullptr && !cursor->has_value()) cursor->emplace(spools_[item].get());
    size_t k = 0;
    int64_t at = begin;
    for (; at < end && bundle.elements.bytes() < kMostBytes; ++at) {
      while (k + 1 < kept.size() && kept[k + 1].begin <= at) ++k;
      if (k < kept.size() && kept[k].begin <= at && at < kept[k].end) {
        if (kept[k].begin == at) bundle.elements.Append(kept[k].elements);
      } else if (given != nullptr) {
        bundle.elements.Append((*given)[static_cast<size_t>(at)], {});
      } else {
        (*cursor)->Append(static_cast<size_t>(at), windows_, &bundle.elements);
      }
    }
    bundle.end = at;
    return bundle;
  }
  /// The rest is given away: another attempt at the same positions begins with what `bundle` keeps.
  SourceRange Give(const Bundle& bundle, BundleSplit split) {
    Kept kept{.begin = bundle.begin, .end = bundle.end, .elements = bundle.done};
    kept.elements.Append(bundle.elements, 0, split.whole);
    kept.elements.Append(split.kept);
    const std::lock_guard lock(mutex_);
    // Of earlier attempts, whose bundles had other bounds.
    auto at = kept_.lower_bound({bundle.item, bundle.begin});
    if (at != kept_.begin() && std::prev(at)->first.first == bundle.item) {
      kept.end = std::max(kept.end, std::prev(at)->second.end);
    }
    while (at != kept_.end() && at->first < std::pair(bundle.item, bundle.end)) {
      kept.end = std::max(kept.end, at->second.end);
      at = kept_.erase(at);
    }
    kept_.emplace(std::pair(bundle.item, bundle.begin), std::move(kept));
    given_.push_back(std::move(split.rest));
    return {static_cast<uint32_t>(spools_.size() + given_.size() - 1), 0,
            static_cast<int64_t>(given_.back().size())};
  }

 private:
  /// What is left of the positions from `begin` to `end`, of which something was given away: it is
  /// as if all of it were at `begin`.
  struct Kept {
    int64_t begin;
    int64_t end;
    EncodedElements elements;
  };

  const Spools<std::string>& spools_;
  const WindowCodec& windows_;
  std::mutex mutex_;
  std::deque<EncodedElements> given_;  ///< They stay where they are.
  /// By item and first position; of two that overlap the later one has what is in both.
  std::map<std::pair<uint32_t, int64_t>, Kept> kept_;
};

class DealtReader final : public Reader {
 public:
  DealtReader(DealtSource* source, const OperatorContext& context)
      : source_(source), context_(context) {}
  void Connect(Receiver* consumer) override { output_.Connect(consumer); }
  void Read(RangeTracker& tracker) override {
    const StepScope scope(context_.stats);
    std::optional<SpoolCursor> cursor;
    const SourceRange range = tracker.Remaining();
    int64_t most = std::clamp<int64_t>((range.end - range.begin) / kFirstPart, 1, kMostElements);
    int64_t begin, end;
    try {
      while (tracker.Claim(most, &begin, &end)) {
        const SteadyClock::time_point start = SteadyClock::now();
        while (begin < end) {
          DealtSource::Bundle bundle = source_->Gather(tracker.item(), begin, end, &cursor);
          begin = bundle.end;
          Run(std::move(bundle), tracker);
        }
        const auto took = SteadyClock::now() - start;
        if (took < kShortBundle) most = std::min(most * 2, kMostElements);
        if (took > kLongBundle) most = std::max<int64_t>(most / 2, 1);
      }
    } catch (...) {
      RethrowAsStepFailure(context_.step, "");
    }
  }

 private:
  struct Sharer final : RangeTracker::Sharer {
    DealtSource* source;
    const DealtSource::Bundle* bundle;
    SharedBundle shared;
    Sharer(DealtSource* source, const DealtSource::Bundle* bundle,
           const std::atomic<bool>* cancelled)
        : source(source), bundle(bundle), shared(&bundle->elements, cancelled) {}
    std::optional<SourceRange> Share() override {
      std::optional<BundleSplit> split = shared.TakeSplit();
      if (split.has_value()) return source->Give(*bundle, *std::move(split));
      shared.Ask();
      return std::nullopt;
    }
  };

  void Run(DealtSource::Bundle bundle, RangeTracker& tracker) {
    while (bundle.elements.size() > 0) {
      context_.stats->elements_out += bundle.elements.size();
      Sharer sharer(source_, &bundle, tracker.cancelled_flag());
      {
        const RangeTracker::SharedBy shared_by(&tracker, &sharer);
        column_.writer().SetView(0, {&sharer.shared});
        output_.Push({column_.view(), 1, {}});
      }
      std::optional<BundleSplit> split = sharer.shared.TakeSplit();
      if (!split.has_value()) return;
      // It was for somebody who has found something else to do.
      bundle.done.Append(bundle.elements, 0, split->whole);
      bundle.done.Append(split->kept);
      bundle.elements = std::move(split->rest);
    }
  }

  DealtSource* source_;
  OperatorContext context_;
  ColumnBuffer<SharedBundleRef> column_;
  Output<SharedBundleRef> output_;
};

std::unique_ptr<Reader> DealtSource::MakeReader(const OperatorContext& context) {
  return std::unique_ptr<Reader>(new DealtReader(this, context));
}

class DealtBreaker final : public Breaker {
 public:
  DealtBreaker(const BreakerContext& context, const WindowCodec* windows)
      : committed_(context.memory), windows_(windows) {}
  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new SpoolSink<std::string>(context));
  }
  void Commit(Operator& sink) override {
    committed_.Commit(static_cast<SpoolSink<std::string>&>(sink).Take());
  }
  void Seal(int) override { committed_.Seal(); }
  std::shared_ptr<Source> MakeOutput() override {
    return std::make_shared<DealtSource>(&committed_.spools(), windows_);
  }

 private:
  CommittedSpools<std::string> committed_;
  const WindowCodec* const windows_;
};

class DealtElementsStep final : public StepOf<DealtElementsStep, WindowCodec> {
 public:
  using StepOf::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  std::vector<const ElementType*> outputs() const override {
    return {&element_type<SharedBundleRef>};
  }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::unique_ptr<Breaker>(new DealtBreaker(context, &definition()));
  }
};

}  // namespace

std::shared_ptr<Step> MakeDealtElements(const WindowCodec& windows) {
  return MakeStep<DealtElementsStep>(windows);
}

}  // namespace joist::portability
