// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/cell_table.h"

#include "joist/base/status.h"
#include "joist/model/coder.h"

namespace joist {
namespace {

constexpr char kGlobal = 0;
constexpr char kInterval = 1;

/// What is in front of the key.
bool TakeWindow(ByteReader* in, Window* window) {
  uint8_t kind;
  if (!in->TakeByte(&kind) || kind > kInterval) return false;
  *window = Window::Global();
  return kind == kGlobal || Coder<Window>::Decode(in, window, /*nested=*/true);
}

}  // namespace

std::pair<uint32_t, bool> CellTable::Of(std::string_view key, const Window& window) {
  text_.clear();
  if (window.is_global()) {
    text_ += kGlobal;
  } else {
    text_ += kInterval;
    Coder<Window>::Encode(window, &text_, /*nested=*/true);
  }
  text_ += key;
  return Find(text_, window);
}

std::pair<uint32_t, bool> CellTable::OfText(std::string_view text) {
  ByteReader in(text);
  Window window;
  JOIST_CHECK(TakeWindow(&in, &window));
  return Find(text, window);
}

bool CellTable::IsText(std::string_view text) {
  ByteReader in(text);
  Window window;
  return TakeWindow(&in, &window);
}

std::pair<uint32_t, bool> CellTable::Find(std::string_view text, const Window& window) {
  uint32_t number;
  numbers_.Find(&text, 1, &number);
  if (number >= windows_.size()) windows_.resize(number + 1);
  OfCell& cell = windows_[number];
  if (cell.is_used) return {number, false};
  cell = {window, true};
  return {number, true};
}

void CellTable::Erase(uint32_t cell) {
  numbers_.Forget(cell);
  windows_[cell].is_used = false;
}

std::string_view CellTable::KeyOf(std::string_view text) {
  ByteReader in(text);
  Window window;
  JOIST_CHECK(TakeWindow(&in, &window));
  return in.rest();
}

}  // namespace joist
