// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Filter: which messages a subscription is given, by Pub/Sub's language over attributes:
//
//   attributes:name                     there is such an attribute
//   attributes.name = "value"           it has the value; != there is none or it has another
//   hasPrefix(attributes.name, "va")    its value begins so
//   NOT a, -a, a AND b, a OR b, (a)     names may be quoted: attributes:"a.org/name"
//
// AND and OR are not mixed without parentheses. A compiled filter is constant, so thread-safe.

#ifndef JOIST_STORE_LOG_FILTER_H_
#define JOIST_STORE_LOG_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/log/message_view.h"

namespace joist::store {

class Filter {
 public:
  static constexpr size_t kMostBytes = 256;
  static constexpr int kMostDepth = 32;

  /// One that matches everything.
  Filter() = default;
  /// INVALID_ARGUMENT with the position (from 1 on) where the text is none; "" matches everything.
  static Result<Filter> Parse(std::string_view text);

  bool matches_all() const { return nodes_.empty(); }
  bool Matches(const AttributesView& attributes) const {
    return nodes_.empty() || MatchesNode(nodes_.size() - 1, attributes);
  }

 private:
  friend class FilterParser;
  enum class Kind : uint8_t { kHas, kEquals, kDiffers, kHasPrefix, kNot, kAnd, kOr };
  struct Node {
    Kind kind = Kind::kHas;
    std::string name = {};
    std::string value = {};
    std::vector<size_t> operands = {};
  };

  bool MatchesNode(size_t number, const AttributesView& attributes) const;

  std::vector<Node> nodes_;  // Operands before what they are of; the last one is the whole.
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_FILTER_H_
