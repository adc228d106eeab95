// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/cell_table.h"

#include <string>
#include <unordered_map>
#include <vector>

#include "joist/base/hash.h"

namespace joist {
namespace {

/// A key in a window, owned or not.
template <class Text>
struct CellKey {
  Text key;
  Window window;
};

struct Hash {
  using is_transparent = void;
  template <class Text>
  size_t operator()(const CellKey<Text>& cell) const {
    return HashCombine(HashBytes(cell.key), HashWindow(cell.window));
  }
};
struct Equal {
  using is_transparent = void;
  template <class A, class B>
  bool operator()(const CellKey<A>& a, const CellKey<B>& b) const {
    return a.window == b.window && a.key == b.key;
  }
};

}  // namespace

struct CellTable::Cells {
  using Map = std::unordered_map<CellKey<std::string>, uint32_t, Hash, Equal>;
  Map numbers;
  std::vector<const Map::value_type*> entries;  ///< By number; null where it is free.
  std::vector<uint32_t> free;
};

CellTable::CellTable() : cells_(std::make_unique<Cells>()) {}
CellTable::~CellTable() = default;

std::pair<uint32_t, bool> CellTable::Of(std::string_view key, const Window& window) {
  Cells& cells = *cells_;
  const auto found = cells.numbers.find(CellKey<std::string_view>{key, window});
  if (found != cells.numbers.end()) return {found->second, false};
  if (cells.free.empty()) {
    cells.free.push_back(static_cast<uint32_t>(cells.entries.size()));
    cells.entries.push_back(nullptr);
  }
  const uint32_t number = cells.free.back();
  cells.free.pop_back();
  cells.entries[number] =
      &*cells.numbers.emplace(CellKey<std::string>{std::string(key), window}, number).first;
  return {number, true};
}

void CellTable::Erase(uint32_t cell) {
  cells_->numbers.erase(cells_->numbers.find(cells_->entries[cell]->first));
  cells_->entries[cell] = nullptr;
  cells_->free.push_back(cell);
}

uint32_t CellTable::end() const { return static_cast<uint32_t>(cells_->entries.size()); }
bool CellTable::contains(uint32_t cell) const { return cells_->entries[cell] != nullptr; }
size_t CellTable::size() const { return cells_->numbers.size(); }

std::string_view CellTable::key(uint32_t cell) const { return cells_->entries[cell]->first.key; }
const Window& CellTable::window(uint32_t cell) const { return cells_->entries[cell]->first.window; }

}  // namespace joist
