// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/custom_windows.h"

namespace joist {
namespace {

CustomWindowsEntry* first_entry = nullptr;

}  // namespace

CustomWindowsEntry::CustomWindowsEntry(const char* key, DecodeFn decode)
    : key(key), decode(decode), next(std::exchange(first_entry, this)) {}

std::shared_ptr<const CustomWindowFn> FindCustomWindowFn(std::string_view urn,
                                                         std::string_view payload) {
  const CustomWindowsEntry* found = nullptr;
  for (const CustomWindowsEntry* entry = first_entry; entry != nullptr; entry = entry->next) {
    if (entry->key != urn) continue;
    if (found != nullptr && found->decode != entry->decode) return nullptr;
    found = entry;
  }
  return found == nullptr ? nullptr : found->decode(payload);
}

}  // namespace joist
