// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/kept_restrictions.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <span>
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
constexpr std::chrono::milliseconds kShortBundle{50};
constexpr std::chrono::milliseconds kLongBundle{200};

/// Elements in the order of a spool, one after the other.
class SpoolCursor {
 public:
  explicit SpoolCursor(const Spool<std::string>* spool) : spool_(spool) {}

  /// Appends element `i`, which is none before the last one, with its header.
  void Append(size_t i, const WindowCodec& windows, std::string* bytes) {
    const auto* block = &spool_->blocks()[block_];
    while (i >= first_ + block->size) {
      first_ += block->size;
      block = &spool_->blocks()[++block_];
      is_loaded_ = false;
    }
    if (!is_loaded_) spool_->Load(*block, &page_, &columns_);
    is_loaded_ = true;
    const size_t at = i - first_;
    const Meta meta = !block->has_columns   ? block->constant
                      : block->is_on_disk() ? columns_.view()
                                            : block->columns.view();
    const size_t row = block->has_columns ? at : 0;
    const Window window = meta.windows[row];
    ThrowIfError(windows.EncodeHeader(meta.timestamps[row], {&window, 1}, meta.panes[row], bytes));
    bytes->append(page_.values[at]);
  }

 private:
  const Spool<std::string>* spool_;
  size_t block_ = 0;
  size_t first_ = 0;  ///< Of the block.
  bool is_loaded_ = false;
  Page<std::string> page_;
  MetaColumns columns_;
};

/// Items are the spools, and after them what bundles have given away. Positions are elements.
class RestrictionSource final : public Source {
 public:
  RestrictionSource(const Spools<std::string>* spools, const WindowCodec* windows)
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
    std::vector<std::string> elements = {};
    size_t done = 0;  ///< Elements that come before those of the bundle.

    /// Gives up what `split` calls the rest.
    void Keep(BundleSplit* split) {
      elements.resize(done + split->whole);
      std::move(split->kept.begin(), split->kept.end(), std::back_inserter(elements));
    }
  };

  /// All of the positions from `begin` to `end`. `cursor`: of the spool, if the item is one.
  Bundle Gather(uint32_t item, int64_t begin, int64_t end, std::optional<SpoolCursor>* cursor) {
    Bundle bundle{.item = item, .begin = begin, .end = end};
    std::map<int64_t, std::vector<std::string>> kept;
    const std::vector<std::string>* given = nullptr;
    {
      const std::lock_guard lock(mutex_);
      const auto last = kept_.lower_bound({item, end});
      for (auto at = kept_.lower_bound({item, begin}); at != last; ++at) {
        kept.emplace(at->first.second, at->second);
      }
      if (item >= spools_.size()) given = &given_[item - spools_.size()];
    }
    if (given == nullptr && !cursor->has_value()) cursor->emplace(spools_[item].get());
    for (int64_t at = begin; at < end; ++at) {
      if (const auto left = kept.find(at); left != kept.end()) {
        std::move(left->second.begin(), left->second.end(), std::back_inserter(bundle.elements));
      } else if (given != nullptr) {
        bundle.elements.push_back((*given)[static_cast<size_t>(at)]);
      } else {
        (*cursor)->Append(static_cast<size_t>(at), windows_, &bundle.elements.emplace_back());
      }
    }
    return bundle;
  }
  /// The rest is given away: another attempt at the same positions begins with what `bundle` keeps.
  SourceRange Give(Bundle* bundle, BundleSplit split) {
    bundle->Keep(&split);
    const std::lock_guard lock(mutex_);
    for (int64_t at = bundle->begin; at < bundle->end; ++at) kept_[{bundle->item, at}].clear();
    kept_[{bundle->item, bundle->begin}] = bundle->elements;
    given_.push_back(std::move(split.rest));
    return {static_cast<uint32_t>(spools_.size() + given_.size() - 1), 0,
            static_cast<int64_t>(given_.back().size())};
  }

 private:
  const Spools<std::string>& spools_;
  const WindowCodec& windows_;
  std::mutex mutex_;
  std::deque<std::vector<std::string>> given_;  ///< They stay where they are.
  /// What is left of positions of which something was given away: by item and position.
  std::map<std::pair<uint32_t, int64_t>, std::vector<std::string>> kept_;
};

class RestrictionReader final : public Reader {
 public:
  RestrictionReader(RestrictionSource* source, const OperatorContext& context)
      : source_(source), context_(context) {}
  void Connect(Receiver* consumer) override { output_.Connect(consumer); }
  void Read(RangeTracker& tracker) override {
    const StepScope scope(context_.stats);
    std::optional<SpoolCursor> cursor;
    int64_t most = 1;
    int64_t begin, end;
    try {
      while (tracker.Claim(most, &begin, &end)) {
        const SteadyClock::time_point start = SteadyClock::now();
        Run(source_->Gather(tracker.item(), begin, end, &cursor), tracker);
        const auto took = SteadyClock::now() - start;
        if (took < kShortBundle) most = std::min<int64_t>(most * 2, kBatchSize / 2);
        if (took > kLongBundle) most = std::max<int64_t>(most / 2, 1);
      }
    } catch (...) {
      RethrowAsStepFailure(context_.step, "");
    }
  }

 private:
  struct Sharer final : RangeTracker::Sharer {
    RestrictionSource* source;
    RestrictionSource::Bundle* bundle;
    SharedBundle shared;
    Sharer(RestrictionSource* source, RestrictionSource::Bundle* bundle,
           const std::atomic<bool>* cancelled)
        : source(source),
          bundle(bundle),
          shared(std::span(bundle->elements).subspan(bundle->done), cancelled) {}
    std::optional<SourceRange> Share() override {
      std::optional<BundleSplit> split = shared.TakeSplit();
      if (split.has_value()) return source->Give(bundle, *std::move(split));
      shared.Ask();
      return std::nullopt;
    }
  };

  void Run(RestrictionSource::Bundle bundle, RangeTracker& tracker) {
    while (bundle.done < bundle.elements.size()) {
      context_.stats->elements_out += bundle.elements.size() - bundle.done;
      Sharer sharer(source_, &bundle, tracker.cancelled_flag());
      {
        const RangeTracker::SharedBy shared_by(&tracker, &sharer);
        column_.writer().SetView(0, {&sharer.shared});
        output_.Push({column_.view(), 1, {}});
      }
      std::optional<BundleSplit> split = sharer.shared.TakeSplit();
      if (!split.has_value()) return;
      // It was for somebody who has found something else to do.
      bundle.Keep(&*split);
      bundle.done = bundle.elements.size();
      std::move(split->rest.begin(), split->rest.end(), std::back_inserter(bundle.elements));
    }
  }

  RestrictionSource* source_;
  OperatorContext context_;
  ColumnBuffer<SharedBundleRef> column_;
  Output<SharedBundleRef> output_;
};

std::unique_ptr<Reader> RestrictionSource::MakeReader(const OperatorContext& context) {
  return std::unique_ptr<Reader>(new RestrictionReader(this, context));
}

class RestrictionBreaker final : public Breaker {
 public:
  RestrictionBreaker(const BreakerContext& context, const WindowCodec* windows)
      : committed_(context.memory), windows_(windows) {}
  std::unique_ptr<Operator> MakeSink(const OperatorContext& context) override {
    return std::unique_ptr<Operator>(new SpoolSink<std::string>(context));
  }
  void Commit(Operator& sink) override {
    committed_.Commit(static_cast<SpoolSink<std::string>&>(sink).Take());
  }
  void Seal(int) override { committed_.Seal(); }
  std::shared_ptr<Source> MakeOutput() override {
    return std::make_shared<RestrictionSource>(&committed_.spools(), windows_);
  }

 private:
  CommittedSpools<std::string> committed_;
  const WindowCodec* const windows_;
};

class KeptRestrictionsStep final : public StepOf<KeptRestrictionsStep, WindowCodec> {
 public:
  using StepOf::StepOf;
  StepKind kind() const override { return StepKind::kGroup; }
  std::vector<const ElementType*> outputs() const override {
    return {&element_type<SharedBundleRef>};
  }
  std::unique_ptr<Breaker> MakeBreaker(const BreakerContext& context) const override {
    return std::unique_ptr<Breaker>(new RestrictionBreaker(context, &definition()));
  }
};

}  // namespace

std::shared_ptr<Step> MakeKeptRestrictions(const WindowCodec& windows) {
  return MakeStep<KeptRestrictionsStep>(windows);
}

}  // namespace joist::portability
