// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamViewOf: a side input of a stream. What a window shows is its latest pane; a window without
// one has nothing for as long as an element may still come, and is empty afterwards.

#ifndef JOIST_EXEC_STREAM_VIEW_H_
#define JOIST_EXEC_STREAM_VIEW_H_

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/exchange.h"
#include "joist/exec/reshuffle.h"
#include "joist/exec/saved_element.h"
#include "joist/exec/stream_group_by_key.h"
#include "joist/exec/stream_operator.h"

namespace joist {

/// What a function is handed of what is shared; null of null. `Kind` as in exec/view.h.
template <class Kind>
std::shared_ptr<const void> MakeView(std::shared_ptr<const typename Kind::Shared> shared,
                                     MemoryBudget* memory) {
  if constexpr (std::is_same_v<typename Kind::View, typename Kind::Shared>) {
    return shared;
  } else {
    if (shared == nullptr) return nullptr;
    return std::make_shared<const typename Kind::View>(std::move(shared), memory);
  }
}

template <class Kind>
class StreamViewOf final : public StreamGrouping,
                           public StreamView,
                           public BatchReceiver<typename Kind::Element> {
  using T = typename Kind::Element;
  using Shared = typename Kind::Shared;

  /// The latest pane of a window; made into what functions share when one first asks, so that a
  /// pane which is no singleton, say, is nobody's fault unless somebody looks at it.
  struct Shown {
    EncodedValues pane;
    std::shared_ptr<const Shared> shared;
  };
  /// What the view's functions and the view itself share.
  struct Windows {
    Kind kind;
    std::string step;
    WindowFn window_fn;
    Timestamp watermark = Timestamp::Min();
    std::map<Window, Shown> shown;
    uint64_t version = 0;  ///< Of `shown`.
    std::mutex mutex;      ///< Of what is made when it is asked for.

    /// Null if there is nothing yet. Any lane.
    std::shared_ptr<const Shared> Of(const Window& window) {
      const std::lock_guard lock(mutex);
      const auto found = shown.find(window);
      if (found == shown.end()) {
        if (watermark <= window.max_timestamp()) return nullptr;
        return kind.Share(CommittedSpools<T>(nullptr), step);
      }
      Shown& pane = found->second;
      if (pane.shared == nullptr) pane.shared = kind.Share(Decode(pane.pane), step);
      return pane.shared;
    }

   private:
    static CommittedSpools<T> Decode(const EncodedValues& pane) {
      auto spool = std::make_shared<Spool<T>>();
      Arena arena;
      DecodedValues<T> decoded;
      ColumnBuffer<T> column;
      size_t row = 0;
      const auto append = [&] {
        if (row > 0) spool->Append({column.view(), row, Meta()});
        row = 0;
      };
      for (const auto& value : decoded.Decode(pane, arena)) {
        column.writer().SetView(row, value);
        if (++row == kBatchSize) append();
      }
      append();
      CommittedSpools<T> committed(nullptr);
      committed.Commit(std::move(spool));
      return committed;
    }
  };

 public:
  using Exchange = joist::Exchange<T>;
  StreamViewOf(Kind kind, const OperatorContext& context, std::shared_ptr<Exchange> exchange)
      : StreamGrouping(OneLane(context), /*has_words=*/false),
        input_(context, std::move(exchange), this) {
    windows_->kind = std::move(kind);
    windows_->step = context.step;
    if (context.windowing != nullptr) windows_->window_fn = context.windowing->window_fn;
  }
  Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(&input_); }
  void Receive() override { input_.Receive(); }
  void Connect(int, Receiver*) override {}
  void Push(const Batch<T>& batch) override {
    this->CountIn(batch.count);
    ForEachUnsliced(batch, [this](const Batch<T>& unsliced) {
      no_keys_.resize(unsliced.count);
      const GroupNumber* const groups = this->Place(no_keys_.data(), unsliced.meta, unsliced.count);
      for (size_t i = 0; i < unsliced.count; ++i) {
        if (groups[i] == WindowGroups::kDropped) continue;
        EncodedValues& to = Of(groups[i]);
        ElementCode<T>::Encode(unsliced[i], &to.bytes);
        ++to.count;
      }
    });
  }
  void AdvanceWatermark(Timestamp input) override {
    StreamGrouping::AdvanceWatermark(input);
    watermark_ = input;
  }
  void Publish() override {
    windows_->watermark = watermark_;
    if (fired_.empty()) return;
    for (auto& [window, pane] : fired_) {
      windows_->shown.insert_or_assign(window, Shown{std::move(pane), nullptr});
    }
    fired_.clear();
    ++windows_->version;
  }
  void Save(SavedState* out) override {
    StreamGrouping::Save(out);
    SaveShown(out->whole());
  }
  bool Restore(ByteReader* in, bool is_own) override {
    return StreamGrouping::Restore(in, is_own) && RestoreShown(in);
  }
  void SaveShown(std::string* out) const override {
    SaveValue(windows_->watermark, out);
    PutVarint(windows_->shown.size(), out);
    for (const auto& [window, shown] : windows_->shown) {
      SaveValue(window, out);
      shown.pane.Save(out);
    }
  }
  bool RestoreShown(ByteReader* in) override {
    uint64_t panes;
    if (!RestoreValue(in, &watermark_) || !in->TakeVarint(&panes)) return false;
    windows_->watermark = watermark_;
    for (; panes > 0; --panes) {
      Window window;
      if (!RestoreValue(in, &window) || !windows_->shown[window].pane.Restore(in)) return false;
    }
    return true;
  }
  std::shared_ptr<SideViews> MakeSideViews() override {
    return std::unique_ptr<SideViews>(new Views(windows_));
  }

 private:
  EncodedValues& Of(GroupNumber group) {
    if (group >= contents_.size()) contents_.resize(group + 1);
    return contents_[group];
  }
  bool WritePane(size_t, std::string_view, const WindowGroups::Firing& firing) override {
    fired_.insert_or_assign(firing.window, Of(firing.group));
    return false;
  }
  void PushPanes(size_t, const Meta&) override {}
  void Merge(GroupNumber, std::span<const GroupNumber>) override {
    JOIST_CHECK(!"a view of windows that merge is refused before anything runs");
  }
  void SaveGroup(GroupNumber group, std::string* out) override { Of(group).Save(out); }
  bool RestoreGroup(GroupNumber group, ByteReader* in) override { return Of(group).Restore(in); }
  uint32_t PartitionOf(std::string_view) const override { return 0; }  // The first lane's.
  void Clear(GroupNumber group) override { Of(group) = {}; }
  void Free(GroupNumber group) override { Of(group) = {}; }

  class Views final : public SideViews {
   public:
    explicit Views(std::shared_ptr<Windows> windows) : windows_(std::move(windows)) {}
    const void* At(const Window& main) override {
      const Window window = SideInputWindow(windows_->window_fn, main);
      if (view_ == nullptr || window != window_ || version_ != windows_->version) {
        window_ = window;
        version_ = windows_->version;
        view_ = MakeView<Kind>(windows_->Of(window), nullptr);
      }
      return view_.get();
    }

   private:
    std::shared_ptr<Windows> windows_;
    Window window_;
    uint64_t version_ = 0;
    std::shared_ptr<const void> view_;
  };

  /// Nothing else gives the view's elements a lane.
  static OperatorContext OneLane(OperatorContext context) {
    context.lane = 0;
    context.lanes = 1;
    return context;
  }

  DealtInput<T, ToFirst> input_;
  std::shared_ptr<Windows> windows_ = std::make_shared<Windows>();
  std::map<Window, EncodedValues> fired_;  ///< Since Publish.
  Timestamp watermark_ = Timestamp::Min();
  std::vector<std::string_view> no_keys_;
  std::vector<EncodedValues> contents_;  ///< By group.
};

/// What the other lanes have in its place.
template <class T>
class ToStreamView final : public Operator {
 public:
  ToStreamView(const OperatorContext& context, std::shared_ptr<Exchange<T>> exchange)
      : input_(context, std::move(exchange), nullptr) {}
  Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(&input_); }
  void Connect(int, Receiver*) override {}

 private:
  DealtInput<T, ToFirst> input_;
};

template <class Kind>
std::vector<std::unique_ptr<Operator>> MakeStreamViewLanes(const Kind& kind,
                                                           std::span<const OperatorContext> lanes) {
  using T = typename Kind::Element;
  const auto exchange = std::make_shared<Exchange<T>>(static_cast<int>(lanes.size()));
  std::vector<std::unique_ptr<Operator>> operators;
  operators.push_back(
      std::unique_ptr<Operator>(new StreamViewOf<Kind>(kind, lanes.front(), exchange)));
  for (const OperatorContext& context : lanes.subspan(1)) {
    operators.push_back(std::unique_ptr<Operator>(new ToStreamView<T>(context, exchange)));
  }
  return operators;
}

}  // namespace joist

#endif  // JOIST_EXEC_STREAM_VIEW_H_
