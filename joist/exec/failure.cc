// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/failure.h"

#include <exception>

namespace joist {

void ThrowStepFailure(std::string_view step, std::string_view element, std::string_view cause) {
  std::string message = "step \"" + std::string(step) + "\": " + std::string(cause);
  std::string shown(element);
  if (element.size() > kShownElementBytes) {
    size_t end = kShownElementBytes;  // Not the half of a letter.
    while (end > 0 && (static_cast<unsigned char>(element[end]) & 0xc0) == 0x80) --end;
    shown.resize(end);
    shown += "… " + std::to_string(element.size()) + " bytes";
  }
  if (!shown.empty()) message += " (element: " + shown + ")";
  throw StepFailure{Status(StatusCode::kUnknown, std::move(message)), /*retryable=*/true,
                    std::string(step), std::move(shown)};
}

void RethrowAsStepFailure(std::string_view step, std::string_view element) {
  try {
    throw;
  } catch (const StepFailure&) {
    throw;
  } catch (const StatusException& e) {
    // About the world around, not the element; trying again helps where it was busy.
    const StatusCode code = e.status().code();
    throw StepFailure{
        Status(code, "step \"" + std::string(step) + "\": " + e.status().message()),
        /*retryable=*/code == StatusCode::kUnavailable || code == StatusCode::kAborted,
        std::string(step), std::string(element)};
  } catch (const std::exception& e) {
    ThrowStepFailure(step, element, e.what());
  } catch (const std::string& text) {
    ThrowStepFailure(step, element, text);
  } catch (const char* text) {
    ThrowStepFailure(step, element, text);
  } catch (...) {
    ThrowStepFailure(step, element, "an exception that is no std::exception");
  }
}

}  // namespace joist
