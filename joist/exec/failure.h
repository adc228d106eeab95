// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StepFailure: how a failing step leaves the push chain. Thrown once for a bundle, caught by the
// engine, which retries the share or ends the job with `status`.

#ifndef JOIST_EXEC_FAILURE_H_
#define JOIST_EXEC_FAILURE_H_

#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist {

/// Deliberately no std::exception: a user's `catch (const std::exception&)` around `emit` must not
/// swallow the failure of a later step.
struct StepFailure {
  Status status;
  bool retryable = true;
  std::string step{};     ///< Full name; empty where no step is to blame.
  std::string element{};  ///< As the message shows it; may be empty.
};

/// The longest piece of an element that an error message shows, in bytes.
inline constexpr size_t kShownElementBytes = 200;

/// Throws the failure of `step` on `element` (already described; may be empty) with `cause`.
[[noreturn]] void ThrowStepFailure(std::string_view step, std::string_view element,
                                   std::string_view cause);

/// The same for the exception being handled: call it inside a catch block. A StepFailure is passed
/// on.
[[noreturn]] void RethrowAsStepFailure(std::string_view step, std::string_view element);

}  // namespace joist

#endif  // JOIST_EXEC_FAILURE_H_
