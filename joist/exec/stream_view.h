// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamViewOf: a side input of a stream. What a window shows is its latest pane; a window without
// one has nothing for as long as an element may still come, and is empty afterwards.

#ifndef JOIST_EXEC_STREAM_VIEW_H_
#define JOIST_EXEC_STREAM_VIEW_H_

#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/reshuffle.h"
#include "joist/exec/stream_group_by_key.h"

namespace joist {

/// `Kind` as in exec/view.h.
template <class Kind>
class StreamViewOf final : public StreamGrouping, public BatchReceiver<typename Kind::Element> {
  using T = typename Kind::Element;
  using Shared = typename Kind::Shared;

  /// What the view's functions and the view itself share.
  struct Windows {
    Kind kind;
    std::string step;
    WindowFn window_fn;
    Timestamp watermark = Timestamp::Min();
    std::map<Window, std::shared_ptr<const Shared>> shown;
    uint64_t version = 0;  ///< Of `shown`.

    /// Null if there is nothing yet.
    std::shared_ptr<const Shared> Of(const Window& window) const {
      const auto found = shown.find(window);
      if (found != shown.end()) return found->second;
      if (watermark <= window.max_timestamp()) return nullptr;
      return kind.Share(CommittedSpools<T>(nullptr), step);
    }
  };

 public:
  StreamViewOf(Kind kind, const OperatorContext& context) : StreamGrouping(context) {
    windows_->kind = std::move(kind);
    windows_->step = context.step;
    if (context.windowing != nullptr) windows_->window_fn = context.windowing->window_fn;
  }
  Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(this); }
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
    windows_->watermark = input;
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
    const EncodedValues& contents = Of(firing.group);
    auto spool = std::make_shared<Spool<T>>();
    Arena arena;
    DecodedValues<T> decoded;
    ColumnBuffer<T> column;
    size_t row = 0;
    const auto append = [&] {
      if (row > 0) spool->Append({column.view(), row, Meta()});
      row = 0;
    };
    for (const auto& value : decoded.Decode(contents, arena)) {
      column.writer().SetView(row, value);
      if (++row == kBatchSize) append();
    }
    append();
    CommittedSpools<T> committed(nullptr);
    committed.Commit(std::move(spool));
    windows_->shown[firing.window] = windows_->kind.Share(committed, windows_->step);
    ++windows_->version;
    return false;
  }
  void PushPanes(size_t, const Meta&) override {}
  void Merge(GroupNumber, std::span<const GroupNumber>) override {
    JOIST_CHECK(!"a view of windows that merge is refused before anything runs");
  }
  void Clear(GroupNumber group) override { Of(group) = {}; }
  void Free(GroupNumber group) override { Of(group) = {}; }

  class Views final : public SideViews {
   public:
    explicit Views(std::shared_ptr<const Windows> windows) : windows_(std::move(windows)) {}
    const void* At(const Window& main) override {
      const Window window = SideInputWindow(windows_->window_fn, main);
      if (view_ == nullptr || window != window_ || version_ != windows_->version) {
        window_ = window;
        version_ = windows_->version;
        view_ = Make(windows_->Of(window));
      }
      return view_.get();
    }

   private:
    std::shared_ptr<const void> Make(std::shared_ptr<const Shared> shared) const {
      if constexpr (std::is_same_v<typename Kind::View, Shared>) {
        return shared;
      } else {
        if (shared == nullptr) return nullptr;
        return std::make_shared<const typename Kind::View>(std::move(shared), nullptr);
      }
    }
    std::shared_ptr<const Windows> windows_;
    Window window_;
    uint64_t version_ = 0;
    std::shared_ptr<const void> view_;
  };

  std::shared_ptr<Windows> windows_ = std::make_shared<Windows>();
  std::vector<std::string_view> no_keys_;
  std::vector<EncodedValues> contents_;  ///< By group.
};

}  // namespace joist

#endif  // JOIST_EXEC_STREAM_VIEW_H_
