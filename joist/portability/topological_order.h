// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TopologicalOrder: what reads from others behind those. Pure; without recursion, since strangers
// say how long the chains are.

#ifndef JOIST_PORTABILITY_TOPOLOGICAL_ORDER_H_
#define JOIST_PORTABILITY_TOPOLOGICAL_ORDER_H_

#include <cstddef>
#include <vector>

namespace joist::portability {

/// The numbers 0 to reads_from.size() - 1, each after all of `reads_from` of it, else the lower one
/// first: what is in order already stays as it is. Those in a circle, and behind one, are left out.
/// Takes time in proportion to the edges, and n log n.
std::vector<size_t> TopologicalOrder(const std::vector<std::vector<size_t>>& reads_from);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_TOPOLOGICAL_ORDER_H_
