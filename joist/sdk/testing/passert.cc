// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/testing/passert.h"

#include <algorithm>
#include <iterator>

#include "joist/exec/failure.h"

namespace joist {
namespace passert_internal {
namespace {

using Elements = std::vector<Seen>;

std::string List(const Elements& elements) {
  std::string text = "[";
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i == 20) return text + ", … " + std::to_string(elements.size()) + " in all]";
    if (i > 0) text += ", ";
    text += elements[i].shown;
  }
  return text + "]";
}

/// Fails unless the two hold the same elements.
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

/// The DoFn of ContainsInAnyOrder.
struct Contains {
  std::vector<Seen> expected;
  std::string where;
  void Process(const Bytes&, SideInput<IterableView<Seen>> actual) const {
    Elements got;
    for (const auto& view : *actual) got.push_back(view);
    ExpectSame(expected, std::move(got), where);
  }
};
JOIST_ROW(Contains, expected, where)

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

void Sight::Begin(size_t count) {
  stats_->elements_in += count;
  ++stats_->batches_in;
}

void Sight::Add(Seen seen) { seen_.push_back(std::move(seen)); }

void Sight::Push() {
  for (size_t i = 0; i < seen_.size(); ++i) column_.writer().SetView(i, seen_[i]);
  stats_->elements_out += seen_.size();
  if (!seen_.empty()) {
    const Meta meta{SharedColumn<Timestamp>(Window::Global().max_timestamp()),
                    SharedColumn<Window>(Window::Global()),
                    {}};
    output_.Push({column_.view(), seen_.size(), meta});
  }
  seen_.clear();
}

void CheckContains(const PCollection<Seen>& seen, std::vector<Seen> expected,
                   const std::string& where) {
  AddImpulse(seen.builder()) |
      "Check" >> ParDo(Contains{std::move(expected), where}, AsIterable(seen));
}

}  // namespace passert_internal

using passert_internal::ChosenPanes;
using passert_internal::Panes;

CoderSpec Coder<ChosenPanes>::Spec() { return Coder<KV<Window, Panes>>::Spec(); }
void Coder<ChosenPanes>::Encode(const ChosenPanes& value, std::string* out, bool) {
  Coder<Window>::Encode(value.window, out, true);
  Coder<Panes>::Encode(value.panes, out, true);
}
bool Coder<ChosenPanes>::Decode(ByteReader* in, ChosenPanes* value, bool) {
  return Coder<Window>::Decode(in, &value->window, true) &&
         Coder<Panes>::Decode(in, &value->panes, true);
}

}  // namespace joist
