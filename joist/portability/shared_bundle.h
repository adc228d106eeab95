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
#include <mutex>
#include <optional>
#include <string>

#include "joist/model/coder.h"
#include "joist/portability/bundle_split.h"
#include "joist/portability/encoded_elements.h"

namespace joist::portability {

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
