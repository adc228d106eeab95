// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/opaque_windows.h"

#include <utility>

#include "joist/base/hash.h"

namespace joist::portability {
namespace {

constexpr size_t kBytesOfWindow = 100;

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
  const auto known = encodings_.find(window);
  if (known != encodings_.end()) {
    if (known->second == encoded) return window;
    return Internal("two windows that end at " + end.ToString() +
                    " cannot be told apart: their encodings have one hash");
  }
  if (bytes_ + encoded.size() + kBytesOfWindow > kMostBytes) {
    return Status(StatusCode::kResourceExhausted,
                  "there are " + std::to_string(encodings_.size()) +
                      " windows of a type of their own, whose encodings take more than " +
                      std::to_string(kMostBytes) + " bytes");
  }
  bytes_ += encoded.size() + kBytesOfWindow;
  encodings_.emplace(window, encoded);
  return window;
}

std::optional<std::string> OpaqueWindows::EncodingOf(const Window& window) const {
  const std::lock_guard lock(mutex_);
  const auto known = encodings_.find(window);
  if (known == encodings_.end()) return std::nullopt;
  return known->second;
}

void OpaqueWindows::ForgetBefore(Timestamp end) {
  const std::lock_guard lock(mutex_);
  while (!encodings_.empty() && encodings_.begin()->first.end < end) {
    bytes_ -= encodings_.begin()->second.size() + kBytesOfWindow;
    encodings_.erase(encodings_.begin());
  }
}

size_t OpaqueWindows::size() const {
  const std::lock_guard lock(mutex_);
  return encodings_.size();
}

void OpaqueWindows::Save(std::string* out) const {
  const std::lock_guard lock(mutex_);
  PutVarint(encodings_.size(), out);
  for (const auto& [window, encoded] : encodings_) {
    PutInstant(window.max_timestamp().millis, out);
    PutBytes(encoded, out, /*nested=*/true);
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
