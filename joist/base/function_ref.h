// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FunctionRef: any callable as a parameter of a function that is compiled once. Refers to the
// callable, so it is good for the call alone. A call through it is indirect: by the batch or where
// disks are waited for, not by the element.

#ifndef JOIST_BASE_FUNCTION_REF_H_
#define JOIST_BASE_FUNCTION_REF_H_

#include <memory>
#include <type_traits>
#include <utility>

namespace joist {

template <class Signature>
class FunctionRef;

template <class R, class... A>
class FunctionRef<R(A...)> {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
  FunctionRef(F&& function)  // NOLINT(google-explicit-constructor): what it is for.
      : function_(const_cast<void*>(static_cast<const void*>(std::addressof(function)))),
        call_([](void* f, A... arguments) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(f))(std::forward<A>(arguments)...);
        }) {}

  R operator()(A... arguments) const { return call_(function_, std::forward<A>(arguments)...); }

 private:
  void* function_;
  R (*call_)(void*, A...);
};

}  // namespace joist

#endif  // JOIST_BASE_FUNCTION_REF_H_
