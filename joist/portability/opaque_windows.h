// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OpaqueWindows: windows of a type that only an SDK knows, as Joist's intervals. Of such a window
// its max timestamp is known (the coder custom_window sends it before the window) and its encoding.
// It becomes an interval that ends behind the max timestamp and whose start stands for the
// encoding; the table gives the encoding back. Thread-safe.
//
// A stream forgets windows. Who may still need the encodings of some says since when (Hold). What
// is late holds nothing back, but is soon through: a window that has just come is kept as well.
//
// Invariants:
//  1. The interval follows from max timestamp and encoding alone: the same in each process and
//     after a restart.
//  2. Two encodings never share an interval: the second is refused. With a million windows of one
//     max timestamp that is to be feared once in 9,000 jobs; they are 52 bits of a hash.

#ifndef JOIST_PORTABILITY_OPAQUE_WINDOWS_H_
#define JOIST_PORTABILITY_OPAQUE_WINDOWS_H_

#include <cstddef>
#include <cstdint>
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

  /// From now on `holder`, which stands for whoever calls, needs no window that ends before
  /// `earliest`, but those that come.
  void Hold(const void* holder, Timestamp earliest);
  /// It needs none any more.
  void Release(const void* holder);
  /// To be called once for each checkpoint (or bundle, where there are none) that is safe. Forgets
  /// what ends before all that is held and has not come since the third last call.
  void Forget();

  size_t size() const;

  /// For checkpoints. Restore adds; false where the bytes are malformed.
  void Save(std::string* out) const;
  bool Restore(ByteReader* in);

 private:
  struct Known {
    std::string encoded;
    uint64_t came;  ///< In which turn, the last time.
  };

  mutable std::mutex mutex_;
  std::map<Window, Known> windows_;  ///< In the order in which they end.
  size_t bytes_ = 0;
  uint64_t turn_ = 0;  ///< Calls of Forget.
  std::map<const void*, Timestamp> held_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_OPAQUE_WINDOWS_H_
