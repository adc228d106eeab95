// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/opaque_windows.h"

#include <algorithm>
#include <utility>

#include "joist/base/hash.h"

namespace joist::portability {
namespace {

constexpr size_t kBytesOfWindow = 100;
/// An element may wait for a checkpoint that begins when the one that is being made is done.
constexpr uint64_t kTurnsKept = 3;

/// The start that stands for `encoded`; no window is empty.
Timestamp StartOf(Timestamp end, std::string_view encoded) {
  constexpr uint64_t kSpans = uint64_t{1} << 52;
  return end - Duration::Millis(static_cast<int64_t>(1 + HashBytes(encoded) % kSpans));
}

}  // namespace

Result<Window> OpaqueWindows::Intern(Timestamp max_timestamp, std::string_view encoded) {
  const Timestamp end = max_timestamp + Duration::Millis(1);
  const Window window = {StartOf(end, encoded), end};
  const std::lock_guard lock(mutex_);
  const auto known = windows_.find(window);
  if (known != windows_.end()) {
    known->second.came = turn_;
    if (known->second.encoded == encoded) return window;
    return Internal("two windows that end at " + end.ToString() +
                    " cannot be told apart: their encodings have one hash");
  }
  if (bytes_ + encoded.size() + kBytesOfWindow > kMostBytes) {
    return Status(StatusCode::kResourceExhausted,
                  "there are " + std::to_string(windows_.size()) +
                      " windows of a type of their own, whose encodings take more than " +
                      std::to_string(kMostBytes) + " bytes");
  }
  bytes_ += encoded.size() + kBytesOfWindow;
  windows_.emplace(window, Known{std::string(encoded), turn_});
  return window;
}

std::optional<std::string> OpaqueWindows::EncodingOf(const Window& window) const {
  const std::lock_guard lock(mutex_);
  const auto known = windows_.find(window);
  if (known == windows_.end()) return std::nullopt;
  return known->second.encoded;
}

void OpaqueWindows::Hold(const void* holder, Timestamp earliest) {
  const std::lock_guard lock(mutex_);
  held_[holder] = earliest;
}

void OpaqueWindows::Release(const void* holder) {
  const std::lock_guard lock(mutex_);
  held_.erase(holder);
}

void OpaqueWindows::Forget() {
  const std::lock_guard lock(mutex_);
  ++turn_;
  if (held_.empty()) return;
  Timestamp earliest = Timestamp::Max();
  for (const auto& [holder, held] : held_) earliest = std::min(earliest, held);
  for (auto known = windows_.begin(); known != windows_.end() && known->first.end < earliest;) {
    if (known->second.came + kTurnsKept > turn_) {
      ++known;
      continue;
    }
    bytes_ -= known->second.encoded.size() + kBytesOfWindow;
    known = windows_.erase(known);
  }
}

size_t OpaqueWindows::size() const {
  const std::lock_guard lock(mutex_);
  return windows_.size();
}

void OpaqueWindows::Save(std::string* out) const {
  const std::lock_guard lock(mutex_);
  PutVarint(windows_.size(), out);
  for (const auto& [window, known] : windows_) {
    PutInstant(window.max_timestamp().millis, out);
    PutBytes(known.encoded, out, /*nested=*/true);
  }
}

bool OpaqueWindows::Restore(ByteReader* in) {
  uint64_t count;
  if (!in->TakeVarint(&count)) return false;
  for (; count > 0; --count) {
    int64_t max_timestamp;
    uint64_t size;
    std::string_view encoded;
    if (!in->TakeInstant(&max_timestamp) || !in->TakeVarint(&size) || !in->Take(size, &encoded)) {
      return false;
    }
    if (!Intern(Timestamp::Millis(max_timestamp), encoded).ok()) return false;
  }
  return true;
}

}  // namespace joist::portability
