// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the steps around a user's sink have in common: the sink, and what of a function's lifecycle
// it has. A sink is a struct that travels (JOIST_ROW); each worker has a copy, which no other
// thread calls. It may have
//
//   void Setup();      // Before its first call: connects, say.
//   void Teardown();   // After the last one; not where the process dies.
//
// An exception of any of its functions is one of the step: the work is tried again (from the last
// checkpoint in a stream), or ends the job where it is a StatusException of another code than
// kUnavailable (docs/guide/errors.md).

#ifndef JOIST_IO_SINK_SINK_STEP_H_
#define JOIST_IO_SINK_SINK_STEP_H_

#include "joist/model/fields.h"
#include "joist/sdk/pcollection.h"
#include "joist/sdk/window_into.h"

namespace joist::sink {

/// Base of a function that works with a sink.
template <class Sink>
struct SinkStep {
  Sink sink;

  void Setup()
    requires requires(Sink& of) { of.Setup(); }
  {
    sink.Setup();
  }
  void Teardown()
    requires requires(Sink& of) { of.Teardown(); }
  {
    sink.Teardown();
  }
};

/// All windows together: what a sink is handed belongs to a stream or a batch, not to a window.
template <class T>
PCollection<T> InAllWindows(const PCollection<T>& in) {
  return in | "AllWindows" >> WindowInto(GlobalWindows());
}

}  // namespace joist::sink

#endif  // JOIST_IO_SINK_SINK_STEP_H_
