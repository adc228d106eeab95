// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/window_shares.h"

#include <unordered_map>

namespace joist {
namespace {

struct Hash {
  size_t operator()(const GatheredWindow& window) const { return HashWindow(window.window); }
};

}  // namespace

struct WindowNumbers::Map : std::unordered_map<GatheredWindow, size_t, Hash> {};

WindowNumbers::WindowNumbers() : map_(std::make_unique<Map>()) {}
WindowNumbers::~WindowNumbers() = default;
WindowNumbers& WindowNumbers::operator=(WindowNumbers&&) noexcept = default;

size_t WindowNumbers::Of(const GatheredWindow& window) {
  return map_->try_emplace(window, map_->size()).first->second;
}

const size_t* WindowNumbers::Find(const GatheredWindow& window) const {
  const auto found = map_->find(window);
  return found == map_->end() ? nullptr : &found->second;
}

}  // namespace joist
