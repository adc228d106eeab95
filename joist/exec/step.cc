// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/step.h"

#include "joist/exec/stream_operator.h"

namespace joist {

std::unique_ptr<StreamSource> Step::MakeStreamSource() const { return nullptr; }
std::vector<std::unique_ptr<Operator>> Step::MakeStreamOperators(
    std::span<const OperatorContext>) const {
  return {};
}
namespace {

constinit StepEntry* first_entry = nullptr;

}  // namespace

StepEntry::StepEntry(const char* key, std::shared_ptr<Step> (*decode)(std::string_view))
    : key(key), decode(decode), next(first_entry) {
  first_entry = this;
}

Result<const StepEntry*> FindStep(std::string_view key) {
  const StepEntry* found = nullptr;
  for (const StepEntry* entry = first_entry; entry != nullptr; entry = entry->next) {
    if (key != entry->key) continue;
    if (found != nullptr) {
      return Status(StatusCode::kFailedPrecondition,
                    "two different functions of this program have the type name " +
                        std::string(key) +
                        "; give the function or its file's namespace a name of its own");
    }
    found = entry;
  }
  if (found == nullptr) {
    return NotFound("this program has no step " + std::string(key) +
                    "; is it the same build as the one that made the pipeline?");
  }
  return found;
}

}  // namespace joist
