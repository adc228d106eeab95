// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OpaqueWindows: windows of a type that only an SDK knows, as Joist's intervals. Of such a window
// its max timestamp is known (the coder custom_window sends it before the window) and its encoding.
// It becomes an interval that ends behind the max timestamp and whose start stands for the
// encoding; the table gives the encoding back. Thread-safe.
//
// Invariants:
//  1. The interval follows from max timestamp and encoding alone: the same in each process and
//     after a restart.
//  2. Two encodings never share an interval: the second is refused. With a million windows of one
//     max timestamp that is to be feared once in 9,000 jobs; they are 52 bits of a hash.

#ifndef JOIST_PORTABILITY_OPAQUE_WINDOWS_H_
#define JOIST_PORTABILITY_OPAQUE_WINDOWS_H_

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/model/window.h"
#include "joist/model/wire.h"

namespace joist::portability {

class OpaqueWindows {
 public:
  /// How many bytes of encodings there may be at once, with 100 for each window.
  static constexpr size_t kMostBytes = size_t{1} << 30;

  /// The window with this max timestamp and encoding. kResourceExhausted where there are too many.
  Result<Window> Intern(Timestamp max_timestamp, std::string_view encoded);

  /// The encoding; none where `window` was not interned, or was forgotten.
  std::optional<std::string> EncodingOf(const Window& window) const;

  /// No window that ends before `end` comes any more.
  void ForgetBefore(Timestamp end);

  size_t size() const;

  /// For checkpoints. Restore adds; false where the bytes are malformed.
  void Save(std::string* out) const;
  bool Restore(ByteReader* in);

 private:
  mutable std::mutex mutex_;
  std::map<Window, std::string> encodings_;  ///< In the order in which windows end.
  size_t bytes_ = 0;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_OPAQUE_WINDOWS_H_
