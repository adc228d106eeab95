// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// AccumulatorCode<A>: accumulators as bytes for a spill file or a checkpoint: by their coder, or,
// where they have none, as they lie in memory if that is all of them. Others cannot leave memory.
// Pure functions.

#ifndef JOIST_EXEC_ACCUMULATOR_CODE_H_
#define JOIST_EXEC_ACCUMULATOR_CODE_H_

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "joist/model/coder.h"
#include "joist/model/type_name.h"

namespace joist {

template <class A>
struct AccumulatorCode {
  static constexpr bool kIsCoded = kHasCoder<A>;
  static constexpr bool kExists = kIsCoded || std::is_trivially_copyable_v<A>;
  static CoderSpec Spec() {
    if constexpr (kIsCoded) {
      return Coder<A>::Spec();
    } else {
      return MakeCoderSpec("joist:coder:memory:" + std::to_string(sizeof(A)) + ":" +
                           std::string(TypeName<A>()));
    }
  }
  static void Encode(const A& accumulator, std::string* out) {
    if constexpr (kIsCoded) {
      Coder<A>::Encode(accumulator, out, /*nested=*/true);
    } else {
      out->append(reinterpret_cast<const char*>(&accumulator), sizeof(A));
    }
  }
  static bool Decode(ByteReader* in, A* accumulator) {
    if constexpr (kIsCoded) {
      return Coder<A>::Decode(in, accumulator, /*nested=*/true);
    } else {
      std::string_view bytes;
      if (!in->Take(sizeof(A), &bytes)) return false;
      std::memcpy(static_cast<void*>(accumulator), bytes.data(), sizeof(A));
      return true;
    }
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_ACCUMULATOR_CODE_H_
