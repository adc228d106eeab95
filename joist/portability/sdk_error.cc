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

/// The one that `error` says was running, or null.
const std::string* Running(std::string_view error, std::span<const std::string> steps) {
  const size_t at = error.rfind(kWhile);
  if (at == error.npos) return nullptr;
  error.remove_prefix(at + kWhile.size());
  const std::string* found = nullptr;
  for (const std::string& step : steps) {
    if (!error.starts_with(step)) continue;
    if (found == nullptr || step.size() > found->size()) found = &step;
  }
  return found;
}

}  // namespace

std::string FailedStep(std::string_view error, std::span<const std::string> steps) {
  if (const std::string* const running = Running(error, steps); running != nullptr) {
    return "step \"" + *running + "\"";
  }
  if (steps.size() == 1) return "step \"" + steps[0] + "\"";
  std::vector<std::string> parts_of;
  for (const std::string& step : steps) {
    std::string of = step.substr(0, step.find('/'));
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
  return line.starts_with("Error processing instruction ") || line.find(kWhile) != line.npos;
}

std::string SdkErrorLine(std::string_view error) {
  std::string line;
  if (const std::string_view after = AfterTraceback(error); !after.empty()) {
    const size_t begin = error.find(kTraceback);
    line = std::string(error.substr(0, begin)) + std::string(after.substr(0, after.find(kWhile)));
  } else {
    line = error;
  }
  line = OneLine(line);
  if (line.size() <= kMostBytes) return line;
  size_t end = kMostBytes;
  while ((line[end] & 0xC0) == 0x80) --end;  // Not within a letter.
  return line.substr(0, end) + " …";
}

std::string SdkErrorText(std::string_view error) {
  const size_t traceback = error.find(kTraceback);
  if (traceback == error.npos || AfterTraceback(error).empty()) return std::string(error);
  return SdkErrorLine(error) + "\n" + std::string(error.substr(traceback));
}

}  // namespace joist::portability
