// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/sdk_error.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "joist/base/one_line.h"

namespace joist::portability {
namespace {

constexpr std::string_view kTraceback = "Traceback (most recent call last):\n";
/// What Beam's Python SDK adds to an exception: " [while running 'Parse-ptransform-12']".
constexpr std::string_view kWhile = " [while running '";
constexpr std::string_view kGoFailed = "process bundle failed for instruction ";
constexpr size_t kMostBytes = 500;
constexpr size_t kMostNames = 5;

/// What stands behind the frames of the last of Python's tracebacks; nothing if there is none.
std::string_view AfterTraceback(std::string_view error) {
  const size_t last = error.rfind(kTraceback);
  if (last == error.npos) return {};
  error.remove_prefix(last + kTraceback.size());
  while (error.starts_with(' ')) {
    const size_t end = error.find('\n');
    if (end == error.npos) return {};
    error.remove_prefix(end + 1);
  }
  return error;
}

/// The name of the one that `error` says was running, or null.
const std::string* Running(std::string_view error, std::span<const SdkStep> steps) {
  const std::string* found = nullptr;
  if (const size_t at = error.rfind(kWhile); at != error.npos) {
    const std::string_view running = error.substr(at + kWhile.size());
    for (const SdkStep& step : steps) {
      if (!running.starts_with(step.name)) continue;
      if (found == nullptr || step.name.size() > found->size()) found = &step.name;
    }
    return found;
  }
  for (const SdkStep& step : steps) {
    // "DoFn[UID:4, PID:e3, Name: main.parse] failed:"
    if (error.find(" PID:" + step.id + ", ") != error.npos) found = &step.name;
  }
  return found;
}

/// What Beam's Go SDK says of an error of a function, without the plan that it was part of; nothing
/// if it says none.
std::string_view AfterPlan(std::string_view error) {
  if (error.find(kGoFailed) == error.npos) return {};
  if (const size_t panic = error.find(" : panic: "); panic != error.npos) {
    error.remove_prefix(panic + 3);
    return error.substr(0, std::min(error.find(" Full error:"), error.find('\n')));
  }
  constexpr std::string_view kFailed = "] failed:\n";
  const size_t failed = error.rfind(kFailed);
  return failed == error.npos ? std::string_view() : error.substr(failed + kFailed.size());
}

/// Where all that SDKs say of an error begins, and the error itself; none of the latter if it is
/// not known how they say it.
struct Parts {
  size_t begin;
  std::string_view error;
};
Parts PartsOf(std::string_view error) {
  if (const std::string_view after = AfterTraceback(error); !after.empty()) {
    return {error.find(kTraceback), after.substr(0, after.find(kWhile))};
  }
  return {error.find(kGoFailed), AfterPlan(error)};
}

}  // namespace

std::string FailedStep(std::string_view error, std::span<const SdkStep> steps) {
  if (const std::string* const running = Running(error, steps); running != nullptr) {
    return "step \"" + *running + "\"";
  }
  if (steps.size() == 1) return "step \"" + steps[0].name + "\"";
  std::vector<std::string> parts_of;
  for (const SdkStep& step : steps) {
    std::string of = step.name.substr(0, step.name.find('/'));
    if (std::ranges::find(parts_of, of) == parts_of.end()) parts_of.push_back(std::move(of));
  }
  std::string words = parts_of.size() == 1 ? "step" : "one of the steps";
  for (size_t i = 0; i < parts_of.size(); ++i) {
    if (i == kMostNames) return words + " …";
    words += (i == 0 ? " \"" : ", \"") + parts_of[i] + "\"";
  }
  return words;
}

bool TellsOfFailedBundle(std::string_view line) {
  return line.starts_with("Error processing instruction ") || line.find(kGoFailed) != line.npos ||
         line.find(kWhile) != line.npos;
}

bool IsEcho(std::string_view line) {
  if (!line.starts_with("(time=")) return false;
  line.remove_prefix(std::min(line.find(')'), line.size()));
  return line.starts_with(")(id=") && line.find(')', 1) != line.npos;
}

std::string SdkErrorLine(std::string_view error) {
  const Parts parts = PartsOf(error);
  std::string line =
      parts.error.empty()
          ? OneLine(error)
          : OneLine(std::string(error.substr(0, parts.begin)) + std::string(parts.error));
  if (line.size() <= kMostBytes) return line;
  size_t end = kMostBytes;
  while ((line[end] & 0xC0) == 0x80) --end;  // Not within a letter.
  return line.substr(0, end) + " …";
}

std::string SdkErrorText(std::string_view error) {
  const Parts parts = PartsOf(error);
  if (parts.error.empty()) return std::string(error);
  return SdkErrorLine(error) + "\n" + std::string(error.substr(parts.begin));
}

}  // namespace joist::portability
