// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: batches made by hand, and what a step makes of them, without an engine. The bytes of a
// batch are gone when its Push returns, so that views kept too long are found out.

#ifndef JOIST_EXEC_HAND_BATCHES_H_
#define JOIST_EXEC_HAND_BATCHES_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/exec/par_do.h"

namespace joist {

template <class T>
struct HandElement {
  T value{};
  Timestamp timestamp = Timestamp::Min();
  Window window = Window::Global();
  PaneInfo pane = {};

  friend bool operator==(const HandElement&, const HandElement&) = default;
};

/// Pushes `elements` as one batch; their times, windows and panes as columns, unless `constant` is
/// given and stands for all.
template <class T>
void PushByHand(const std::vector<HandElement<T>>& elements, BatchReceiver<T>* to,
                const Meta* constant = nullptr) {
  const auto own = std::make_unique<std::vector<HandElement<T>>>(elements);
  ColumnBuffer<T> column;
  std::vector<Timestamp> timestamps;
  std::vector<Window> windows;
  std::vector<PaneInfo> panes;
  for (size_t i = 0; i < own->size(); ++i) {
    const HandElement<T>& element = (*own)[i];
    column.writer().SetView(i, ViewOfOwn<T>(element.value));
    timestamps.push_back(element.timestamp);
    windows.push_back(element.window);
    panes.push_back(element.pane);
  }
  Meta meta;
  if (constant != nullptr) {
    meta = *constant;
  } else {
    meta.timestamps = SharedColumn<Timestamp>(timestamps.data());
    meta.windows = SharedColumn<Window>(windows.data());
    meta.panes = SharedColumn<PaneInfo>(panes.data());
  }
  to->Push({column.view(), own->size(), meta});
}

/// A consumer that keeps everything.
template <class T>
struct Collector : BatchReceiver<T> {
  std::vector<HandElement<T>> elements;
  size_t batches = 0;
  void Push(const Batch<T>& batch) override {
    ++batches;
    for (size_t i = 0; i < batch.count; ++i) {
      elements.push_back({Own<T>(batch[i]), batch.timestamp(i), batch.window(i), batch.pane(i)});
    }
  }
};

/// A ParDo's operator on its own.
template <ParDoForm kForm, class In, class F>
struct HandStep {
  StepStats stats;
  std::unique_ptr<Operator> op;

  explicit HandStep(F fn) {
    OperatorContext context;
    context.step = "Step";
    context.stats = &stats;
    op.reset(new ParDoOperator<F, In, kForm>(std::move(fn), context));
  }
  BatchReceiver<In>* input() { return static_cast<BatchReceiver<In>*>(op->input(0)); }
};

}  // namespace joist

#endif  // JOIST_EXEC_HAND_BATCHES_H_
