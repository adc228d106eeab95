// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/coder_spec.h"

#include <utility>

namespace joist {

CoderSpec MakeCoderSpec(std::string_view urn, std::vector<CoderSpec> components) {
  CoderSpec spec;
  spec.urn = urn;
  spec.components = std::move(components);
  return spec;
}

bool operator==(const CoderSpec& a, const CoderSpec& b) {
  return a.urn == b.urn && a.payload == b.payload && a.components == b.components;
}

std::string CoderSpec::ToString() const {
  constexpr std::string_view kPrefix = "beam:coder:";
  constexpr std::string_view kVersion = ":v1";
  std::string_view name = urn;
  if (name.starts_with(kPrefix) && name.ends_with(kVersion)) {
    name.remove_prefix(kPrefix.size());
    name.remove_suffix(kVersion.size());
  }
  std::string text(name);
  if (components.empty()) return text;
  const char* separator = "<";
  for (const CoderSpec& component : components) {
    text += separator + component.ToString();
    separator = ", ";
  }
  return text + ">";
}

}  // namespace joist
