// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CellTable: numbers for the cells of a step, a cell being what it knows of a key in a window. Keys
// are texts. Belongs to one thread.

#ifndef JOIST_EXEC_CELL_TABLE_H_
#define JOIST_EXEC_CELL_TABLE_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "joist/model/window.h"

namespace joist {

class CellTable {
 public:
  CellTable();
  ~CellTable();

  /// The number of the cell, small and dense, and whether it is new.
  std::pair<uint32_t, bool> Of(std::string_view key, const Window& window);
  /// The number may be given to another cell.
  void Erase(uint32_t cell);

  /// Numbers are below this.
  uint32_t end() const;
  /// The number is a cell's.
  bool contains(uint32_t cell) const;
  size_t size() const;

  /// Good until the cell is erased.
  std::string_view key(uint32_t cell) const;
  const Window& window(uint32_t cell) const;

 private:
  struct Cells;
  std::unique_ptr<Cells> cells_;
};

}  // namespace joist

#endif  // JOIST_EXEC_CELL_TABLE_H_
