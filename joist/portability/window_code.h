// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WindowCode: a collection's windows on the wire between a runner and its SDKs: global windows,
// intervals, and any other as the coder custom_window has it, its max timestamp before it.
// Immutable but for the table; thread-safe.

#ifndef JOIST_PORTABILITY_WINDOW_CODE_H_
#define JOIST_PORTABILITY_WINDOW_CODE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "joist/base/status.h"
#include "joist/model/coder_spec.h"
#include "joist/model/value.h"
#include "joist/model/window.h"
#include "joist/model/wire.h"
#include "joist/portability/opaque_windows.h"

namespace joist::portability {

class WindowCode {
 public:
  /// `coder` is the pipeline's; `table`, of the job, is for windows that are no intervals.
  WindowCode(const CoderSpec& coder, std::shared_ptr<OpaqueWindows> table);

  /// The coder that an SDK is to use for these windows in place of the pipeline's.
  const CoderSpec& wire_coder() const { return wire_coder_; }
  bool is_opaque() const { return kind_ == Kind::kOpaque; }

  /// Takes one window; false, with the reader's error, where the bytes are none.
  bool Take(ByteReader* in, Window* window) const;
  /// Whether Put can.
  bool Knows(const Window& window) const;
  /// kInternal where an opaque window is not known (any more).
  Status Put(const Window& window, std::string* out) const;
  /// What the coder of the SDK's own makes of an opaque window. kInternal where it is not known.
  Result<std::string> EncodingOf(const Window& window) const;

  /// Of the same bytes as wire_coder(), but without the window's own coder, which only its SDK has.
  CoderSpec runner_coder() const;
  /// The window as a Value of `runner_coder()`, as StandardCoder has it.
  Result<Value> ToValue(const Window& window) const;
  Result<Window> FromValue(const Value& value) const;

 private:
  enum class Kind : uint8_t { kGlobal, kInterval, kOpaque };

  Kind kind_;
  CoderSpec wire_coder_;
  std::shared_ptr<OpaqueWindows> table_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_WINDOW_CODE_H_
