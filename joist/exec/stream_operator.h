// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What steps are made of where input has no end, seen by the engine. Elements come in bundles;
// between bundles clocks move.

#ifndef JOIST_EXEC_STREAM_OPERATOR_H_
#define JOIST_EXEC_STREAM_OPERATOR_H_

#include <memory>

#include "joist/exec/step.h"

namespace joist {

/// A step that keeps elements until their time has come. Belongs to one thread.
class StreamOperator : public Operator {
 public:
  /// The bundle is in; may push.
  virtual void Settle() {}
  /// The input's watermark; never goes back. May push.
  virtual void AdvanceWatermark(Timestamp input) = 0;
  /// Processing time; never goes back. May push.
  virtual void AdvanceProcessingTime(Timestamp) {}
  /// No element of the output comes before it any more.
  virtual Timestamp output_watermark() const = 0;
  /// When AdvanceProcessingTime may do something, at the earliest.
  virtual Timestamp next_processing_time() const { return Timestamp::Max(); }
  /// Of a view: what the functions of other steps are handed; null for those of windows that have
  /// nothing yet.
  virtual std::shared_ptr<SideViews> MakeSideViews() { return nullptr; }
};

/// What begins a stream. Belongs to one thread.
class StreamSource {
 public:
  virtual ~StreamSource() = default;
  virtual void Connect(Receiver* consumer) = 0;
  /// Pushes the next bundle, or moves a clock. False at the end.
  virtual bool Advance() = 0;
  /// Max() at the end.
  virtual Timestamp watermark() const = 0;
  /// Processing time, of which this source has charge.
  virtual Timestamp processing_time() const = 0;
};

}  // namespace joist

#endif  // JOIST_EXEC_STREAM_OPERATOR_H_
