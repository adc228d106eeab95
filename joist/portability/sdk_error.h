// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What SDKs say of a bundle that has failed, which is a traceback of many lines, for people who are
// to see at once what it was. Pure.

#ifndef JOIST_PORTABILITY_SDK_ERROR_H_
#define JOIST_PORTABILITY_SDK_ERROR_H_

#include <span>
#include <string>
#include <string_view>

namespace joist::portability {

/// A transform of a stage.
struct SdkStep {
  std::string id;
  std::string name;
};

/// Whose error it is: "step "Parse"", the one of `steps` (not none) that `error` says was running.
/// Where it says nothing of the kind, what they are parts of: "step "Count"", or "one of the steps
/// "Parse", "Count"".
std::string FailedStep(std::string_view error, std::span<const SdkStep> steps);
/// Whether a worker's log line tells of a bundle that fails, which the bundle's answer does too.
bool TellsOfFailedBundle(std::string_view line);
/// Whether it is a message of the job that its client, which has the worker within it and sends its
/// own log there, has been given: a Go program with LOOPBACK. Passed on, it would come again.
bool IsEcho(std::string_view line);

/// The error itself, in a line: "ZeroDivisionError: division by zero". Of what is no traceback that
/// is known, all, in a line; 500 bytes at most. What leads up to it ("step "Parse": ") stays.
std::string SdkErrorLine(std::string_view error);
/// All of `error`; a traceback below that line.
std::string SdkErrorText(std::string_view error);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_SDK_ERROR_H_
