// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Window functions of one's own. Such a function is a struct, with JOIST_ROW if it has fields, with
// one of
//
//   Window AssignWindow(Timestamp t) const;                // Exactly one window.
//   std::vector<Window> AssignWindows(Timestamp t) const;  // Any number.
//
// or the same with a const T& before the time, for collections of T alone. Windows of one key
// become one with one of
//
//   static constexpr bool kMergesOverlapping = true;   // Where they overlap, as sessions do.
//   void MergeWindows(WindowMerger& merger) const;     // Where it says so (model/window_merger.h).
//
// It may have `std::string ToString() const` and `Status Validate() const`. What it returns must
// follow from its fields and its arguments: elements at one time may be asked for once. Windows
// merge when a bundle has come, so what they become should not depend on how elements are bundled.
//
//   struct Shifts { Window AssignWindow(Timestamp t) const { … } };
//   clicks | joist::WindowInto(joist::CustomWindows(Shifts()))

#ifndef JOIST_MODEL_CUSTOM_WINDOWS_H_
#define JOIST_MODEL_CUSTOM_WINDOWS_H_

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "joist/model/coder.h"
#include "joist/model/type_name.h"
#include "joist/model/window_merger.h"
#include "joist/model/windowing.h"

namespace joist {

/// A function without its type. Immutable, thread-safe.
class CustomWindowFn {
 public:
  virtual ~CustomWindowFn() = default;
  /// The type that `Assign` wants to see; null if it looks at the time alone.
  virtual const std::type_info* element_type() const = 0;
  virtual void Assign(const void* element, Timestamp t, std::vector<Window>* windows) const = 0;
  virtual bool assigns_one_window() const = 0;
  virtual bool is_merging() const = 0;
  virtual bool merges_overlapping() const = 0;
  /// Of those that merge, but don't where they overlap.
  virtual void Merge(WindowMerger& merger) const = 0;
  virtual Status Validate() const = 0;
  virtual std::string ToString() const = 0;
};

/// How a copy of this program finds a function that has travelled. Entries form a list that is
/// linked while the program is loaded, as those of steps do.
struct CustomWindowsEntry {
  using DecodeFn = std::shared_ptr<const CustomWindowFn> (*)(std::string_view payload);
  CustomWindowsEntry(const char* key, DecodeFn decode);

  const char* key;
  DecodeFn decode;  ///< Null where the payload is malformed.
  CustomWindowsEntry* next;
};

/// Null in a program that lacks it, or where two types share the name.
std::shared_ptr<const CustomWindowFn> FindCustomWindowFn(std::string_view urn,
                                                         std::string_view payload);

namespace custom_windows_internal {

/// The element that a function asks for; void if none.
template <class M>
struct ElementOfMember {
  using type = void;
};
template <class R, class C, class E>
struct ElementOfMember<R (C::*)(E, Timestamp) const> {
  using type = std::remove_cvref_t<E>;
};
template <class F>
auto MemberOf() {
  if constexpr (requires { &F::AssignWindow; }) {
    return &F::AssignWindow;
  } else if constexpr (requires { &F::AssignWindows; }) {
    return &F::AssignWindows;
  }
}

}  // namespace custom_windows_internal

template <class F>
class CustomWindowsOf final : public CustomWindowFn {
  using Element = typename custom_windows_internal::ElementOfMember<
      decltype(custom_windows_internal::MemberOf<F>())>::type;
  static constexpr bool kOfTime = std::is_void_v<Element>;
  static constexpr bool kAssignsOne = requires { &F::AssignWindow; };
  static constexpr bool kMerges =
      requires(const F& fn, WindowMerger& merger) { fn.MergeWindows(merger); };
  static_assert(
      !kOfTime || requires(const F& fn) { fn.AssignWindow(Timestamp()); } ||
          requires(const F& fn) { fn.AssignWindows(Timestamp()); },
      "Joist: a window function has `Window AssignWindow(Timestamp) const` or "
      "`std::vector<Window> AssignWindows(Timestamp) const`; an element may come before the time.");
  static_assert(std::is_empty_v<F> || kHasCoder<F>,
                "Joist: a window function with fields needs JOIST_ROW, so that it can travel.");

 public:
  explicit CustomWindowsOf(F fn) : fn_(std::move(fn)) { (void)&entry; }

  static const char* Urn() { return entry.key; }
  std::string Payload() const {
    if constexpr (std::is_empty_v<F>) {
      return {};
    } else {
      return EncodeToString(fn_);
    }
  }
  const std::type_info* element_type() const override {
    if constexpr (kOfTime) {
      return nullptr;
    } else {
      return &typeid(Element);
    }
  }
  void Assign([[maybe_unused]] const void* element, Timestamp t,
              std::vector<Window>* windows) const override {
    const auto assign = [&](const auto&... args) {
      if constexpr (kAssignsOne) {
        windows->assign(1, fn_.AssignWindow(args...));
      } else {
        *windows = fn_.AssignWindows(args...);
      }
    };
    if constexpr (kOfTime) {
      assign(t);
    } else {
      assign(*static_cast<const Element*>(element), t);
    }
  }
  bool assigns_one_window() const override { return kAssignsOne; }
  bool is_merging() const override { return kMerges || merges_overlapping(); }
  bool merges_overlapping() const override {
    if constexpr (requires { F::kMergesOverlapping; }) {
      static_assert(!kMerges, "Joist: a window function has kMergesOverlapping or MergeWindows.");
      return F::kMergesOverlapping;
    } else {
      return false;
    }
  }
  void Merge([[maybe_unused]] WindowMerger& merger) const override {
    if constexpr (kMerges) fn_.MergeWindows(merger);
  }
  Status Validate() const override {
    if constexpr (requires { fn_.Validate(); }) {
      return fn_.Validate();
    } else {
      return OkStatus();
    }
  }
  std::string ToString() const override {
    if constexpr (requires { fn_.ToString(); }) {
      return fn_.ToString();
    } else {
      return std::string(TypeName<F>());
    }
  }

 private:
  static std::shared_ptr<const CustomWindowFn> Decode([[maybe_unused]] std::string_view payload) {
    if constexpr (std::is_empty_v<F>) {
      return payload.empty() ? std::make_shared<CustomWindowsOf>(F()) : nullptr;
    } else {
      Result<F> fn = DecodeFromString<F>(payload);
      return fn.ok() ? std::make_shared<CustomWindowsOf>(std::move(*fn)) : nullptr;
    }
  }
  struct Entry : CustomWindowsEntry {
    Entry() : CustomWindowsEntry(typeid(F).name(), &Decode) {}
  };
  static inline Entry entry;

  F fn_;
};

template <class F>
WindowFn CustomWindows(F fn) {
  auto custom = std::make_shared<CustomWindowsOf<F>>(std::move(fn));
  WindowFn windows;
  windows.kind = WindowFn::Kind::kCustom;
  windows.urn = CustomWindowsOf<F>::Urn();
  windows.payload = custom->Payload();
  windows.custom = std::move(custom);
  return windows;
}

}  // namespace joist

#endif  // JOIST_MODEL_CUSTOM_WINDOWS_H_
