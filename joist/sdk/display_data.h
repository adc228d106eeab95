// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// DisplayData: what a transform says of itself to whoever looks at the pipeline: in pictures of the
// graph (--print_graph), in the user interfaces of runners. Beam's concept, names and keys.
//
//   struct FilterWords : joist::Transform {
//     std::string pattern;
//     void DisplayData(joist::DisplayData& data) const {
//       data.Add("pattern", "Words to keep", pattern);
//     }
//     auto Expand(const joist::PCollection<std::string>& words) const { … }
//   };
//
// The function of a ParDo or a Combine, and a source, may have the same member. It is called once,
// when the transform is applied, by the thread that builds the pipeline. Nothing secret belongs
// here: pictures show it.

#ifndef JOIST_SDK_DISPLAY_DATA_H_
#define JOIST_SDK_DISPLAY_DATA_H_

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "joist/model/graph.h"
#include "joist/model/timestamp.h"
#include "joist/sdk/pcollection.h"

namespace joist {

class DisplayData {
 public:
  /// `value` is a bool, a number, text, a Duration or a Timestamp. An item of the same key is
  /// replaced.
  template <class T>
  DisplayData& Add(std::string_view key, std::string_view label, const T& value) {
    using Type = DisplayItem::Type;
    if constexpr (std::is_same_v<T, bool>) {
      return Put(key, label, value ? "true" : "false", Type::kBoolean);
    } else if constexpr (std::integral<T>) {
      return Put(key, label, std::to_string(value), Type::kInteger);
    } else if constexpr (std::floating_point<T>) {
      return Put(key, label, Shortest(static_cast<double>(value)), Type::kDouble);
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      return Put(key, label, std::string(std::string_view(value)), Type::kString);
    } else {
      static_assert(std::is_same_v<T, Duration> || std::is_same_v<T, Timestamp>,
                    "Joist: display data are bools, numbers, text, Durations and Timestamps; make "
                    "text of other values.");
      return Put(key, label, value.ToString(), Type::kString);
    }
  }
  template <class T>
  DisplayData& AddIfNotDefault(std::string_view key, std::string_view label, const T& value,
                               const std::type_identity_t<T>& usual) {
    return value == usual ? *this : Add(key, label, value);
  }
  template <class T>
  DisplayData& AddIfNotNull(std::string_view key, std::string_view label,
                            const std::optional<T>& value) {
    return value.has_value() ? Add(key, label, *value) : *this;
  }
  /// What a part of the transform says of itself: `part` has a member DisplayData.
  template <class Part>
  DisplayData& Include(const Part& part) {
    part.DisplayData(*this);
    return *this;
  }

  const std::vector<DisplayItem>& items() const { return items_; }
  std::vector<DisplayItem> TakeItems() { return std::move(items_); }

 private:
  DisplayData& Put(std::string_view key, std::string_view label, std::string value,
                   DisplayItem::Type type);
  static std::string Shortest(double value);

  std::vector<DisplayItem> items_;
};

/// X has a member DisplayData.
template <class X>
concept Displayed = requires(const X& x, DisplayData& data) { x.DisplayData(data); };

/// The transform X, its function or its source has one.
template <class X>
concept HasDisplayData = Displayed<X> || requires(const X& x, DisplayData& data) {
  x.fn.DisplayData(data);
} || requires(const X& x, DisplayData& data) { x.source.DisplayData(data); };

namespace display_data_internal {

/// The full name of the transform that is being applied.
std::string CurrentName(PipelineBuilder& builder);

template <class X>
DisplayData Collect(const X& transform) {
  DisplayData data;
  if constexpr (requires { transform.fn.DisplayData(data); }) data.Include(transform.fn);
  if constexpr (requires { transform.source.DisplayData(data); }) data.Include(transform.source);
  if constexpr (requires { transform.values.size(); }) {  // Create.
    data.Add("count", "Elements", transform.values.size());
  }
  if constexpr (Displayed<X>) data.Include(transform);
  return data;
}

template <class X>
constexpr std::string_view KindOf() {
  if constexpr (requires { X::kKind; }) {
    return X::kKind;
  } else {
    return "Transform";
  }
}

/// While one lives, steps are named below `transform`, of which it notes what it says of itself.
class NotedScope {
 public:
  template <TransformLike X>
  NotedScope(PipelineBuilder& builder, std::string_view name, const X& transform)
      : scope_(&builder, name, KindOf<X>(), &transform.where) {
    if (DisplayData data = Collect(transform); !data.items().empty()) {
      builder.graph().SetDisplayData(CurrentName(builder), data.TakeItems());
    }
  }

 private:
  PipelineBuilder::Scope scope_;
};

template <class X, class In>
concept NotedOn =
    HasDisplayData<X> && TransformLike<X> && !std::is_same_v<In, PCollection<Invalid>> &&
    requires(const X& x, const In& in) { x.Expand(in); };

}  // namespace display_data_internal

// Written out, since each function between a mistake and the user's line is a line of the message.
template <class T, display_data_internal::NotedOn<PCollection<T>> X>
auto operator|(const PCollection<T>& in, const X& transform) {
  const display_data_internal::NotedScope scope(in.builder(), "", transform);
  return transform.Expand(in);
}
template <class T, display_data_internal::NotedOn<PCollection<T>> X>
auto operator|(const PCollection<T>& in, const Named<X>& named) {
  const display_data_internal::NotedScope scope(in.builder(), named.name, named.transform);
  return named.transform.Expand(in);
}

}  // namespace joist

#endif  // JOIST_SDK_DISPLAY_DATA_H_
