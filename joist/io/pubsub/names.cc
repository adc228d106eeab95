// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/pubsub/names.h"

namespace joist::pubsub {
namespace {

/// Takes a part that is not empty, and the slash behind it.
bool TakePart(std::string_view* name, std::string_view* part) {
  const size_t slash = name->find('/');
  if (slash == 0 || slash == std::string_view::npos) return false;
  *part = name->substr(0, slash);
  name->remove_prefix(slash + 1);
  return true;
}

}  // namespace

bool IsNameOf(std::string_view kind, std::string_view name) {
  std::string_view projects, project, is_kind;
  return TakePart(&name, &projects) && projects == "projects" && TakePart(&name, &project) &&
         TakePart(&name, &is_kind) && is_kind == kind && !name.empty() &&
         name.find('/') == std::string_view::npos;
}

}  // namespace joist::pubsub
