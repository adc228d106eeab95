// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BundlePorts: where data enters and leaves the bundles of a ProcessBundleDescriptor: its sources
// ("beam:runner:source:v1"), its sinks ("beam:runner:sink:v1"), and the timer families of its
// ParDos, which are both. Each is ended once a bundle, by a message with is_last. Values.

#ifndef JOIST_PORTABILITY_BUNDLE_PORTS_H_
#define JOIST_PORTABILITY_BUNDLE_PORTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/portability/beam_names.h"

namespace joist::portability {

struct BundlePort {
  std::string transform_id = {};
  std::string timer_family_id = {};  ///< Empty: of elements.
};

struct BundlePorts {
  std::vector<BundlePort> inputs = {};
  std::vector<BundlePort> outputs = {};

  /// Writes `endpoint` wherever `descriptor` leaves a service's address open: its sources', its
  /// sinks', those of state and timers.
  static void FillEndpoints(const std::string& endpoint, fn::ProcessBundleDescriptor* descriptor);
  /// kInvalidArgument where a payload cannot be read.
  static Result<BundlePorts> Of(const fn::ProcessBundleDescriptor& descriptor);
};

/// The place of a port; `ports.size()` where there is none such.
size_t FindPort(const std::vector<BundlePort>& ports, std::string_view transform_id,
                std::string_view timer_family_id);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_BUNDLE_PORTS_H_
