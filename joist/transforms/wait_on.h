// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Wait::On: holds a collection until others, the signals, are complete.
//
//   auto written = rows | "Write" >> WriteToTable();
//   ids | joist::Wait::On(written) | "Read back" >> …
//
// What the signals hold does not matter; they may be of any types, and empty. The elements pass
// unchanged, with their times and windows; they are kept meanwhile, and no step behind sees one
// before every element of every signal was processed. In Beam each window waits for its own; as
// the input is bounded, here all wait for all, which includes that.

#ifndef JOIST_TRANSFORMS_WAIT_ON_H_
#define JOIST_TRANSFORMS_WAIT_ON_H_

#include <tuple>
#include <utility>
#include <vector>

#include "joist/sdk/flatten.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/side_input.h"

namespace joist {

namespace wait_on_internal {
/// The end of a signal is what counts: nothing of it is kept.
template <class T>
struct Drop {
  void operator()(const Batch<T>&, Emit<bool>) const {}
};
template <class T>
struct PassOn {
  bool operator()(const View<T>&, SideInput<IterableView<bool>>) const { return true; }
};

template <class... S>
struct WaitOn : Transform {
  WaitOn(std::tuple<PCollection<S>...> signals, std::source_location where)
      : Transform(where), signals(std::move(signals)) {}
  static constexpr std::string_view kKind = "Wait.On";
  template <class T>
  PCollection<T> Expand(const PCollection<T>& in) const {
    const std::vector<PCollection<bool>> ends = std::apply(
        [](const auto&... signal) {
          return std::vector<PCollection<bool>>{signal | MapBatches(Drop<S>())...};
        },
        signals);
    return in | "Hold" >> Filter(PassOn<T>(), AsIterable(Flatten(ends)));
  }
  std::tuple<PCollection<S>...> signals;
};
}  // namespace wait_on_internal

namespace Wait {  // NOLINT: Beam's name.
/// Holds its input until `signals` are complete.
template <class... S>
  requires(sizeof...(S) > 0)
auto On(const PCollection<S>&... signals) {
  return wait_on_internal::WaitOn<S...>({signals...}, std::source_location());
}
}  // namespace Wait

}  // namespace joist

#endif  // JOIST_TRANSFORMS_WAIT_ON_H_
