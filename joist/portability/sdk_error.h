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

/// The one of `steps`, names of transforms, that `error` says was running; empty where it says
/// nothing of the kind.
std::string FailedStep(std::string_view error, std::span<const std::string> steps);

/// The error itself, in a line: "ZeroDivisionError: division by zero". Of what is no traceback that
/// is known, all, in a line; 500 bytes at most. What leads up to it ("step "Parse": ") stays.
std::string SdkErrorLine(std::string_view error);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_SDK_ERROR_H_
