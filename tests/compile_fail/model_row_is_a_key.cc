// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the other files of this name get wrong, done right; in namespaces, nested, and without fields.
// compiles

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "joist/model/json.h"
#include "joist/model/key_traits.h"

namespace shop {
struct Item {
  std::string name;
  std::optional<int> cents;
};
JOIST_ROW(Item, name, cents)

struct Order {
  struct Line {
    Item item;
    int count = 0;
  };
  std::vector<Line> lines;
  std::map<std::string, std::vector<double>> weights;
};
JOIST_ROW(Order::Line, item, count)
JOIST_ROW(Order, lines, weights)

struct Nothing {};
JOIST_ROW(Nothing)
}  // namespace shop

uint64_t Hash(const joist::KV<shop::Order, shop::Nothing>& key) { return joist::HashKey(key); }
joist::Result<shop::Order> Read(std::string_view json) { return joist::FromJson<shop::Order>(json); }
