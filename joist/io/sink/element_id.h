// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ElementIds: names for elements, each given once in the world for all practical purposes: 128
// random bits for the giver, and a number. Belongs to one thread.

#ifndef JOIST_IO_SINK_ELEMENT_ID_H_
#define JOIST_IO_SINK_ELEMENT_ID_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace joist::sink {

class ElementIds {
 public:
  /// 34 to 53 letters: digits, a to f, one dash. Until the next call.
  std::string_view Next();

 private:
  std::string giver_;  ///< Empty before the first.
  uint64_t next_ = 0;
  std::string id_;
};

}  // namespace joist::sink

#endif  // JOIST_IO_SINK_ELEMENT_ID_H_
