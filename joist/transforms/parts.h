// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The coder of class templates, which JOIST_ROW cannot declare: definitions that hold a user's
// function, accumulators over the user's types. Such a struct names what it consists of; parts
// without state (most functions) take no bytes. What is decoded is refused where it has a Valid()
// that says so. Pure functions.
//
//   template <class F>
//   struct Scaled {
//     double by = 1;
//     [[no_unique_address]] F fn;
//     static auto Parts(auto& self) { return std::tie(self.by, self.fn); }
//   };

#ifndef JOIST_TRANSFORMS_PARTS_H_
#define JOIST_TRANSFORMS_PARTS_H_

#include <string>
#include <tuple>
#include <type_traits>

#include "joist/model/coder.h"
#include "joist/sdk/pcollection.h"

namespace joist {

namespace parts_internal {
template <class Tuple>
inline constexpr bool kTravel = false;
template <class... P>
inline constexpr bool kTravel<std::tuple<P&...>> = (kTravels<P> && ...);
}  // namespace parts_internal

/// T says what it consists of, and each part has a coder or needs none.
template <class T>
concept HasParts = std::is_class_v<T> && requires(T& value) { T::Parts(value); } &&
                   parts_internal::kTravel<decltype(T::Parts(std::declval<T&>()))>;

template <HasParts T>
struct Coder<T> {
  static constexpr bool kDeterministic = false;
  static CoderSpec Spec() { return MakeCoderSpec(kBytesCoder); }
  static void Encode(const T& value, std::string* out, bool) {
    std::apply([out](const auto&... part) { (EncodePart(part, out), ...); }, T::Parts(value));
  }
  static bool Decode(ByteReader* in, T* value, bool) {
    if (!std::apply([in](auto&... part) { return (DecodePart(in, &part) && ...); },
                    T::Parts(*value))) {
      return false;
    }
    if constexpr (requires { value->Valid(); }) {
      return value->Valid() || in->Fail("the parts of a value contradict each other");
    } else {
      return true;
    }
  }

 private:
  template <class P>
  static void EncodePart(const P& part, std::string* out) {
    if constexpr (!kIsStateless<P>) Coder<P>::Encode(part, out, /*nested=*/true);
  }
  template <class P>
  static bool DecodePart(ByteReader* in, P* part) {
    if constexpr (kIsStateless<P>) {
      return true;
    } else {
      return Coder<P>::Decode(in, part, /*nested=*/true);
    }
  }
};

}  // namespace joist

#endif  // JOIST_TRANSFORMS_PARTS_H_
