// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/job_options.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

/// Beam sends numbers as text, others as a double.
std::optional<int64_t> WholeNumber(const ::google::protobuf::Value& value) {
  if (value.has_number_value()) {
    constexpr double kMostExact = 1LL << 53;
    const double number = value.number_value();
    if (std::abs(number) <= kMostExact && number == std::trunc(number)) {
      return static_cast<int64_t>(number);
    }
    return std::nullopt;
  }
  const std::string& text = value.string_value();
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

JobOptions::JobOptions(const std::string& serialized) { options_.ParseFromString(serialized); }

const ::google::protobuf::Value* JobOptions::Find(std::string_view name) const {
  const std::string plain(name);
  for (const std::string& key : {"beam:option:" + plain + ":v1", plain}) {
    const auto found = options_.fields().find(key);
    if (found != options_.fields().end() && !found->second.has_null_value()) return &found->second;
  }
  return nullptr;
}

bool JobOptions::Flag(std::string_view name) const {
  const auto* const value = Find(name);
  return value != nullptr && (value->bool_value() || value->string_value() == "true");
}

std::string JobOptions::Text(std::string_view name) const {
  const auto* const value = Find(name);
  return value == nullptr ? "" : value->string_value();
}

Result<int64_t> JobOptions::Number(std::string_view name, int64_t otherwise, int64_t least,
                                   int64_t most, std::string_view limit) const {
  const auto* const value = Find(name);
  if (value == nullptr) return otherwise;
  const std::optional<int64_t> number = WholeNumber(*value);
  if (number && *number >= least && *number <= most) return *number;
  return InvalidArgument("the pipeline option " + std::string(name) + " is " +
                         (number                      ? std::to_string(*number)
                          : value->has_number_value() ? std::to_string(value->number_value())
                                                      : Quoted(value->string_value())) +
                         "; it is a whole number from " + std::to_string(least) + " to " +
                         std::to_string(most) + std::string(limit));
}

}  // namespace joist::portability
