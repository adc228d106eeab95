// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/failure.h"

#include <exception>

namespace joist {

void ThrowStepFailure(std::string_view step, std::string_view element, std::string_view cause) {
  std::string message = "step \"" + std::string(step) + "\": " + std::string(cause);
  if (!element.empty()) {
    message += " (element: ";
    if (element.size() > kShownElementBytes) {
      size_t shown = kShownElementBytes;  // Not the half of a letter.
      while (shown > 0 && (static_cast<unsigned char>(element[shown]) & 0xc0) == 0x80) --shown;
      message.append(element.substr(0, shown));
      message += "… ";
      message += std::to_string(element.size()) + " bytes";
    } else {
      message.append(element);
    }
    message += ")";
  }
  throw StepFailure{Status(StatusCode::kUnknown, std::move(message))};
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
        /*retryable=*/code == StatusCode::kUnavailable || code == StatusCode::kAborted};
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
