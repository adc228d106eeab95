// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ColdState: where the state of an operator goes that memory has no room for: bytes by key, on
// disk.

#ifndef JOIST_EXEC_COLD_STATE_H_
#define JOIST_EXEC_COLD_STATE_H_

#include <string>
#include <string_view>

namespace joist {

/// Of one operator, shared by its lanes: thread-safe, of different keys. Throws StatusException.
class ColdState {
 public:
  virtual ~ColdState() = default;
  /// False if there is none.
  virtual bool Get(std::string_view key, std::string* state) = 0;
  virtual void Put(std::string_view key, std::string_view state) = 0;
  virtual void Erase(std::string_view key) = 0;
};

}  // namespace joist

#endif  // JOIST_EXEC_COLD_STATE_H_
