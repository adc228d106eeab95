// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CellTable: numbers for the cells of a step, a cell being what it knows of a key in a window. Keys
// are texts. A cell is known by its text, which holds the window and then the key. Belongs to one
// thread.

#ifndef JOIST_EXEC_CELL_TABLE_H_
#define JOIST_EXEC_CELL_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/exec/key_numbers.h"
#include "joist/model/window.h"

namespace joist {

class CellTable {
 public:
  /// The number of the cell, small and dense, and whether it is new.
  std::pair<uint32_t, bool> Of(std::string_view key, const Window& window);
  /// The same by its text, for which IsText.
  std::pair<uint32_t, bool> OfText(std::string_view text);
  static bool IsText(std::string_view text);
  bool Knows(std::string_view text) const { return numbers_.Contains(text); }
  /// The number may be given to another cell.
  void Erase(uint32_t cell);

  /// Numbers are below this.
  uint32_t end() const { return static_cast<uint32_t>(windows_.size()); }
  /// The number is a cell's.
  bool contains(uint32_t cell) const { return windows_[cell].is_used; }
  size_t size() const { return numbers_.size(); }

  /// Both are good until the next Of.
  std::string_view text(uint32_t cell) const { return numbers_.key(cell); }
  std::string_view key(uint32_t cell) const { return KeyOf(text(cell)); }
  static std::string_view KeyOf(std::string_view text);
  const Window& window(uint32_t cell) const { return windows_[cell].window; }

 private:
  struct OfCell {
    Window window;
    bool is_used = false;
  };
  std::pair<uint32_t, bool> Find(std::string_view text, const Window& window);

  KeyNumbers<std::string> numbers_;
  std::vector<OfCell> windows_;  ///< By number.
  std::string text_;
};

}  // namespace joist

#endif  // JOIST_EXEC_CELL_TABLE_H_
