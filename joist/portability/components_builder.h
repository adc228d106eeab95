// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ComponentsBuilder: adds Joist's coders and windowing strategies to a Components message of Beam's
// Runner API, each once. Ids follow from the order of adding, so that the same pipeline has the
// same ids on every machine; they avoid those that the message already has. The inverse is
// model_proto.h. One thread.

#ifndef JOIST_PORTABILITY_COMPONENTS_BUILDER_H_
#define JOIST_PORTABILITY_COMPONENTS_BUILDER_H_

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/coder_spec.h"
#include "joist/model/windowing.h"
#include "joist/portability/beam_names.h"

namespace joist::portability {

class ComponentsBuilder {
 public:
  /// `components` outlives the builder and is changed by nothing else meanwhile. What it has
  /// already is found again.
  explicit ComponentsBuilder(pipeline::Components* components);

  /// The coder's id.
  std::string AddCoder(const CoderSpec& coder);

  /// The strategy's id. Custom functions run in the environment `environment_id`; their windows
  /// are intervals. kInvalidArgument where the protocol has no such value: a trigger that counts
  /// past int32, a custom function's windows without a URN.
  Result<std::string> AddWindowing(const WindowingStrategy& windowing,
                                   const std::string& environment_id = {});

 private:
  using CoderKey = std::tuple<std::string, std::string, std::vector<std::string>>;

  pipeline::Components* components_;
  std::map<CoderKey, std::string> coders_;         ///< URN, payload, parts' ids: id.
  std::map<std::string, std::string> windowings_;  ///< The message's bytes: id.
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_COMPONENTS_BUILDER_H_
