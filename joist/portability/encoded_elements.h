// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_PORTABILITY_ENCODED_ELEMENTS_H_
#define JOIST_PORTABILITY_ENCODED_ELEMENTS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace joist::portability {

/// Encoded windowed values, one after the other. A value.
class EncodedElements {
 public:
  size_t size() const { return ends_.size(); }
  size_t bytes() const { return bytes_.size(); }
  std::string_view operator[](size_t i) const { return Bytes(i, i + 1); }
  /// Of those from `first` to `end`.
  std::string_view Bytes(size_t first, size_t end) const {
    return std::string_view(bytes_).substr(OffsetOf(first), OffsetOf(end) - OffsetOf(first));
  }
  /// An element in two pieces.
  void Append(std::string_view header, std::string_view value) {
    bytes_ += header;
    bytes_ += value;
    ends_.push_back(bytes_.size());
  }
  /// Those of `from` from `first` to `end`.
  void Append(const EncodedElements& from, size_t first, size_t end) {
    for (; first < end; ++first) Append(from[first], {});
  }
  void Append(const EncodedElements& all) { Append(all, 0, all.size()); }

 private:
  size_t OffsetOf(size_t i) const { return i == 0 ? 0 : ends_[i - 1]; }

  std::string bytes_;
  std::vector<size_t> ends_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_ENCODED_ELEMENTS_H_
