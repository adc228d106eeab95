// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/testing/passert.h"

#include <algorithm>
#include <iterator>

#include "joist/exec/failure.h"

namespace joist::passert_internal {
namespace {

using Elements = std::vector<std::pair<std::string, std::string>>;

std::string List(const Elements& elements) {
  std::string text = "[";
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i == 20) return text + ", … " + std::to_string(elements.size()) + " in all]";
    if (i > 0) text += ", ";
    text += elements[i].second;
  }
  return text + "]";
}

}  // namespace

void Fail(const std::string& where, const std::string& what) {
  throw StepFailure{Status(StatusCode::kFailedPrecondition, "PAssert at " + where + ": " + what),
                    /*retryable=*/false};
}

bool ChosenPanes::Has(const Window& of, const PaneInfo& pane) const {
  if (panes == Panes::kEverything) return true;
  if (of != window) return false;
  switch (panes) {
    case Panes::kOnTime: return pane.timing == PaneTiming::kOnTime;
    case Panes::kEarly: return pane.timing == PaneTiming::kEarly;
    case Panes::kLate: return pane.timing == PaneTiming::kLate;
    case Panes::kLast: return pane.is_last;
    default: return true;
  }
}

void ExpectSame(Elements expected, Elements got, const std::string& where) {
  std::sort(expected.begin(), expected.end());
  std::sort(got.begin(), got.end());
  Elements missing, unexpected;
  std::set_difference(expected.begin(), expected.end(), got.begin(), got.end(),
                      std::back_inserter(missing));
  std::set_difference(got.begin(), got.end(), expected.begin(), expected.end(),
                      std::back_inserter(unexpected));
  if (missing.empty() && unexpected.empty()) return;
  Fail(where, "missing " + List(missing) + ", unexpected " + List(unexpected));
}

}  // namespace joist::passert_internal
