// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The macros of joist/model/fields.h, which includes this file. They stand by themselves so that
// the compiler takes them for the system's: of a wrong field it then says one line, without the
// steps by which the macros came to it.

#ifndef JOIST_MODEL_ROW_MACROS_H_
#define JOIST_MODEL_ROW_MACROS_H_

#if defined(__GNUC__)
#pragma GCC system_header
#endif

// JOIST_FOR_EACH(macro, context, a, b, …) expands to macro(context, a), macro(context, b), …
// for up to 300 items: each level of JOIST_EXPAND rescans what is within it four times.
#define JOIST_PARENTHESES ()
#define JOIST_EXPAND(...) JOIST_EXPAND4(JOIST_EXPAND4(JOIST_EXPAND4(JOIST_EXPAND4(__VA_ARGS__))))
#define JOIST_EXPAND4(...) JOIST_EXPAND3(JOIST_EXPAND3(JOIST_EXPAND3(JOIST_EXPAND3(__VA_ARGS__))))
#define JOIST_EXPAND3(...) JOIST_EXPAND2(JOIST_EXPAND2(JOIST_EXPAND2(JOIST_EXPAND2(__VA_ARGS__))))
#define JOIST_EXPAND2(...) JOIST_EXPAND1(JOIST_EXPAND1(JOIST_EXPAND1(JOIST_EXPAND1(__VA_ARGS__))))
#define JOIST_EXPAND1(...) __VA_ARGS__
#define JOIST_FOR_EACH(macro, context, ...) \
  __VA_OPT__(JOIST_EXPAND(JOIST_FOR_EACH_STEP(macro, context, __VA_ARGS__)))
#define JOIST_FOR_EACH_STEP(macro, context, first, ...) \
  macro(context, first)                                 \
      __VA_OPT__(, JOIST_FOR_EACH_NEXT JOIST_PARENTHESES(macro, context, __VA_ARGS__))
#define JOIST_FOR_EACH_NEXT() JOIST_FOR_EACH_STEP

#define JOIST_FIELD_POINTER(Type, field) &Type::field
#define JOIST_FIELD_NAME(Type, field) #field

/// Declares the fields of `Type`, in the order in which they are encoded. See the head of this
/// file.
#define JOIST_ROW(Type, ...)                                               \
  [[maybe_unused]] constexpr ::joist::FieldList<Type __VA_OPT__(           \
      , JOIST_FOR_EACH(JOIST_FIELD_POINTER, Type, __VA_ARGS__))>           \
  JoistFields(const Type*) {                                               \
    return {#Type, {JOIST_FOR_EACH(JOIST_FIELD_NAME, Type, __VA_ARGS__)}}; \
  }

#define JOIST_ENUMERATOR(Type, enumerator) {Type::enumerator, #enumerator}
#define JOIST_ONE(context, item) 1

/// Declares the enumerators of the enum `Type`, in its namespace: JOIST_ENUM(Color, kRed, kBlue).
#define JOIST_ENUM(Type, ...)                                               \
  [[maybe_unused]] constexpr auto JoistEnumerators(const Type*) {           \
    constexpr int kOnes[] = {JOIST_FOR_EACH(JOIST_ONE, Type, __VA_ARGS__)}; \
    return ::joist::EnumeratorList<Type, sizeof(kOnes) / sizeof(int)>{      \
        {JOIST_FOR_EACH(JOIST_ENUMERATOR, Type, __VA_ARGS__)}};             \
  }

#endif  // JOIST_MODEL_ROW_MACROS_H_
