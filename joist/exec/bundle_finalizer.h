// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BundleFinalizer: lets a function do something once what it has emitted is safe: acknowledge a
// message, say. Best effort, as in Beam: what was asked for may never be done (the process may die
// first), and is not done where the bundle is tried again.

#ifndef JOIST_EXEC_BUNDLE_FINALIZER_H_
#define JOIST_EXEC_BUNDLE_FINALIZER_H_

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

#include "joist/model/timestamp.h"

namespace joist {

/// What is to be done after a bundle. Belongs to one thread.
class BundleCallbacks {
 public:
  using Clock = std::chrono::steady_clock;
  void Add(Duration expiry, std::function<void()> callback) {
    callbacks_.push_back(
        {Clock::now() + std::chrono::milliseconds(expiry.millis), std::move(callback)});
  }
  /// A checkpoint has been made of what came before, and is on its way.
  void Saved() {
    std::move(callbacks_.begin(), callbacks_.end(), std::back_inserter(saved_));
    callbacks_.clear();
  }
  /// What came before Saved is safe: calls all of it that has not expired. What they throw is
  /// nobody's to see.
  void Run() {
    for (Callback& callback : std::exchange(saved_, {})) {
      if (Clock::now() > callback.expires) continue;
      try {
        callback.call();
      } catch (...) {
      }
    }
  }

 private:
  struct Callback {
    Clock::time_point expires;
    std::function<void()> call;
  };
  std::vector<Callback> callbacks_;
  std::vector<Callback> saved_;
};

/// A parameter of a function, by value.
class BundleFinalizer {
 public:
  explicit BundleFinalizer(BundleCallbacks* callbacks) : callbacks_(callbacks) {}
  /// Calls `callback` when what this bundle has emitted is safe, unless `expiry` has passed then.
  /// In a stream without checkpoints that is the end of the bundle. Not while the function runs.
  void AfterBundleCommit(Duration expiry, std::function<void()> callback) const {
    callbacks_->Add(expiry, std::move(callback));
  }

 private:
  BundleCallbacks* callbacks_;
};

}  // namespace joist

#endif  // JOIST_EXEC_BUNDLE_FINALIZER_H_
