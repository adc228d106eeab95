// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/window_assigner.h"

#include "joist/model/custom_windows.h"

namespace joist {

WindowAssigner::WindowAssigner(const WindowFn* fn)
    : fn_(fn), by_element_(!fn->is_of_time()), assigns_one_(fn->assigns_one_window()) {
  if (fn->kind == WindowFn::Kind::kSliding && SlicingPays(*fn)) {
    slices_ = SlicesOf(*fn);
    assigns_one_ = true;
  }
}

const std::vector<Window>& WindowAssigner::Custom(const void* element, Timestamp t) {
  fn_->custom->Assign(element, WithinGlobal(t), &custom_);
  return custom_;
}

Window WindowAssigner::WindowOf(Timestamp t) {
  switch (fn_->kind) {
    case WindowFn::Kind::kFixed: return FixedWindow(t, fn_->size, fn_->offset);
    case WindowFn::Kind::kSliding: return FixedWindow(t, slices_.size, slices_.offset);
    case WindowFn::Kind::kSessions: return SessionWindow(t, fn_->size);
    case WindowFn::Kind::kCustom: return Custom(nullptr, t).front();
    case WindowFn::Kind::kGlobal: break;
  }
  return Window::Global();
}

Meta WindowAssigner::AssignOne(const Meta& meta, size_t count) {
  Meta out = meta;
  out.slices_of = fn_->kind == WindowFn::Kind::kSliding ? fn_ : nullptr;
  if (meta.timestamps.is_constant() || fn_->is_global()) {
    out.windows = SharedColumn<Window>(WindowOf(meta.timestamps[0]));
    return out;
  }
  if (fn_->kind == WindowFn::Kind::kSessions) {
    windows_.resize(count);
    for (size_t i = 0; i < count; ++i) windows_[i] = SessionWindow(meta.timestamps[i], fn_->size);
    out.windows = SharedColumn<Window>(windows_.data());
    return out;
  }
  if (fn_->kind == WindowFn::Kind::kCustom) {
    windows_.resize(count);
    // Its windows may overlap, so that a time may lie in the window of another.
    for (size_t i = 0; i < count; ++i) {
      const bool same = i > 0 && meta.timestamps[i] == meta.timestamps[i - 1];
      windows_[i] = same ? windows_[i - 1] : WindowOf(meta.timestamps[i]);
    }
    out.windows = SharedColumn<Window>(windows_.data());
    return out;
  }
  // Elements that come in the order of time mostly fall into one window.
  const Timestamp* const times = meta.timestamps.items();
  Window window = WindowOf(times[0]);
  // Plain numbers, which the compiler keeps in registers.
  int64_t least = times[0].millis;
  int64_t greatest = least;
  for (size_t i = 1; i < count; ++i) {
    const int64_t time = times[i].millis;
    least = time < least ? time : least;
    greatest = time > greatest ? time : greatest;
  }
  if (window.Contains(Timestamp::Millis(least)) && window.Contains(Timestamp::Millis(greatest))) {
    out.windows = SharedColumn<Window>(window);
    return out;
  }
  windows_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    if (!window.Contains(times[i])) [[unlikely]]
      window = WindowOf(times[i]);
    windows_[i] = window;
  }
  out.windows = SharedColumn<Window>(windows_.data());
  return out;
}

}  // namespace joist
