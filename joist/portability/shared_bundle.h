// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SharedBundle: a bundle that an SDK's worker has, of which others may have a part. Who has nothing
// to do asks; the operator whose bundle it is then has the worker split it, and offers what comes
// off; whoever takes that knows what is left to those who try the bundle again.
//
// SharedBundleRef: a bundle on its way to the operator, as an element.

#ifndef JOIST_PORTABILITY_SHARED_BUNDLE_H_
#define JOIST_PORTABILITY_SHARED_BUNDLE_H_

#include <atomic>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "joist/model/coder.h"

namespace joist::portability {

/// Encoded windowed values, one after the other. A value.
class EncodedElements {
 public:
  size_t size() const { return ends_.size(); }
  size_t bytes() const { return bytes_.size(); }
  std::string_view operator[](size_t i) const { return Bytes(i, i + 1); }
  /// Of those from `first` to `end`.
  std::string_view Bytes(size_t first, size_t end) const {
    return std::string_view(bytes_).substr(OffsetOf(first), OffsetOf(end) - OffsetOf(first));
  }
  /// An element in two pieces.
  void Append(std::string_view header, std::string_view value) {
    bytes_ += header;
    bytes_ += value;
    ends_.push_back(bytes_.size());
  }
  /// Those of `from` from `first` to `end`.
  void Append(const EncodedElements& from, size_t first, size_t end) {
    for (; first < end; ++first) Append(from[first], {});
  }
  void Append(const EncodedElements& all) { Append(all, 0, all.size()); }

 private:
  size_t OffsetOf(size_t i) const { return i == 0 ? 0 : ends_[i - 1]; }

  std::string bytes_;
  std::vector<size_t> ends_;
};

/// A bundle in two: it keeps its first `whole` elements and, of the next, `kept`; `rest` is all
/// else.
struct BundleSplit {
  size_t whole = 0;
  EncodedElements kept = {};
  EncodedElements rest = {};
};

/// Thread-safe.
class SharedBundle {
 public:
  /// Both outlive it; `elements` do not change.
  SharedBundle(const EncodedElements* elements, const std::atomic<bool>* cancelled)
      : elements_(elements), cancelled_(cancelled) {}

  // Others.

  /// Wants a part. It may be there when TakeSplit is called later.
  void Ask() { is_asked_for_ = true; }
  /// Who takes one sees to the rest.
  std::optional<BundleSplit> TakeSplit();

  // The operator.

  /// All that it had in the beginning.
  const EncodedElements& elements() const { return *elements_; }
  /// Somebody has asked since the last offer, which was taken.
  bool is_asked_for() const;
  /// The rest is the operator's no more.
  void Offer(BundleSplit split);
  /// Whether the job is to end early.
  bool is_cancelled() const { return *cancelled_; }

 private:
  const EncodedElements* const elements_;
  const std::atomic<bool>* const cancelled_;
  std::atomic<bool> is_asked_for_ = false;
  mutable std::mutex mutex_;
  std::optional<BundleSplit> offer_;
};

/// Good until the Push returns that it was handed to.
struct SharedBundleRef {
  SharedBundle* bundle = nullptr;
};

}  // namespace joist::portability

namespace joist {

/// It does not travel.
template <>
struct Coder<portability::SharedBundleRef> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return Coder<std::string>::Spec(); }
  static void Encode(portability::SharedBundleRef, std::string* out, bool nested) {
    Coder<std::string>::Encode({}, out, nested);
  }
  static bool Decode(ByteReader* in, portability::SharedBundleRef* ref, bool nested) {
    *ref = {};
    std::string nothing;
    return Coder<std::string>::Decode(in, &nothing, nested);
  }
};

}  // namespace joist

#endif  // JOIST_PORTABILITY_SHARED_BUNDLE_H_
