// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What only streams are made of, seen by the engine. Elements come in bundles; between bundles
// clocks move.

#ifndef JOIST_EXEC_STREAM_OPERATOR_H_
#define JOIST_EXEC_STREAM_OPERATOR_H_

#include <memory>

#include "joist/exec/step.h"

namespace joist {

/// A side input; of the first lane, for all.
class StreamView {
 public:
  virtual ~StreamView() = default;
  /// What the functions of one lane are handed; null for windows that have nothing yet. Each is
  /// for one thread, at the same time as others.
  virtual std::shared_ptr<SideViews> MakeSideViews() = 0;
  /// Shows the functions what has come since the last call. No lane is at work meanwhile.
  virtual void Publish() = 0;
  /// What functions are shown, as bytes, and of a new one. False where they are none.
  virtual void SaveShown(std::string* out) const = 0;
  virtual bool RestoreShown(ByteReader* in) = 0;
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
  /// Where it is, between bundles.
  virtual void Save(std::string* out) = 0;
  virtual bool Restore(ByteReader* in) = 0;
};

}  // namespace joist

#endif  // JOIST_EXEC_STREAM_OPERATOR_H_
