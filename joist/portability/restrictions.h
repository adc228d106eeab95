// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Restrictions: what a splittable function of an SDK has left for later, with the time for which it
// asked.

#ifndef JOIST_PORTABILITY_RESTRICTIONS_H_
#define JOIST_PORTABILITY_RESTRICTIONS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "joist/model/timestamp.h"
#include "joist/model/wire.h"

namespace joist::portability {

/// An element and restriction that are to be worked on (again).
struct Restriction {
  std::string element;  ///< A windowed value of the stage's input.
  Timestamp due;        ///< In processing time.
  Timestamp hold;       ///< No output will be before.
  bool is_truncated = false;
};

/// Those that wait. Belongs to its thread.
class Restrictions {
 public:
  bool empty() const { return all_.empty(); }
  size_t size() const { return all_.size(); }
  void Add(Restriction restriction) { all_.push_back(std::move(restriction)); }
  /// Max() where there are none, as with hold().
  Timestamp next_due() const;
  /// No output of any will be before.
  Timestamp hold() const;

  /// Those whose time has come, in the order in which they were added.
  std::vector<Restriction> TakeDue(Timestamp now);
  /// Those that are not truncated.
  std::vector<Restriction> TakeWhole();
  /// From now on all are due.
  void Hasten();

  void Save(std::string* out) const;
  /// Adds what was saved, or only reads over it. False if it is not what Save has written.
  bool Restore(ByteReader* in, bool adds);

 private:
  template <class Takes>
  std::vector<Restriction> Take(Takes takes);

  std::vector<Restriction> all_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_RESTRICTIONS_H_
