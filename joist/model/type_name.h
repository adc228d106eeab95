// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The name of a C++ type as a person would write it, for messages. Pure functions.

#ifndef JOIST_MODEL_TYPE_NAME_H_
#define JOIST_MODEL_TYPE_NAME_H_

#include <string>
#include <string_view>

namespace joist {

/// The readable name in what the compiler calls a function (__PRETTY_FUNCTION__) whose only
/// template argument is the type.
std::string ReadableTypeName(std::string_view pretty_function);

namespace type_name_internal {
template <class T>
constexpr const char* PrettyFunction() {
  return __PRETTY_FUNCTION__;
}
}  // namespace type_name_internal

/// "KV<std::string, int64_t>".
template <class T>
std::string TypeName() {
  return ReadableTypeName(type_name_internal::PrettyFunction<T>());
}

}  // namespace joist

#endif  // JOIST_MODEL_TYPE_NAME_H_
