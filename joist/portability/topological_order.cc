// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/topological_order.h"

#include <functional>
#include <queue>

namespace joist::portability {

std::vector<size_t> TopologicalOrder(const std::vector<std::vector<size_t>>& reads_from) {
  std::vector<std::vector<size_t>> readers(reads_from.size());
  std::vector<size_t> waits_for(reads_from.size());
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < reads_from.size(); ++i) {
    for (const size_t from : reads_from[i]) readers[from].push_back(i);
    waits_for[i] = reads_from[i].size();
    if (waits_for[i] == 0) ready.push(i);
  }
  std::vector<size_t> order;
  while (!ready.empty()) {
    const size_t next = ready.top();
    ready.pop();
    order.push_back(next);
    for (const size_t reader : readers[next]) {
      if (--waits_for[reader] == 0) ready.push(reader);
    }
  }
  return order;
}

}  // namespace joist::portability
