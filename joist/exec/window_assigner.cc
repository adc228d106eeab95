// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/window_assigner.h"

#include <algorithm>

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
  windows_.resize(count);
  if (fn_->kind == WindowFn::Kind::kSessions) {
    for (size_t i = 0; i < count; ++i) windows_[i] = SessionWindow(meta.timestamps[i], fn_->size);
    out.windows = SharedColumn<Window>(windows_.data());
    return out;
  }
  if (fn_->kind == WindowFn::Kind::kCustom) {
    // Its windows may overlap, so that a time may lie in the window of another.
    for (size_t i = 0; i < count; ++i) {
      const bool same = i > 0 && meta.timestamps[i] == meta.timestamps[i - 1];
      windows_[i] = same ? windows_[i - 1] : WindowOf(meta.timestamps[i]);
    }
    out.windows = SharedColumn<Window>(windows_.data());
    return out;
  }
  // Elements that come in the order of time fall into the window of the one before, and mostly all
  // of them into one.
  Window window = WindowOf(meta.timestamps[0]);
  bool same = true;
  for (size_t i = 0; i < count; ++i) {
    const Timestamp t = meta.timestamps[i];
    if (!window.Contains(t)) [[unlikely]] {
      window = WindowOf(t);
      same = false;
    }
    windows_[i] = window;
  }
  out.windows = same ? SharedColumn<Window>(window) : SharedColumn<Window>(windows_.data());
  return out;
}

}  // namespace joist
