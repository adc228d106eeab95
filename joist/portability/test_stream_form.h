// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TestStreamForm: how the elements of a test stream's payload become elements that a runner can
// follow. An SDK has encoded them as whole values, of which only it knows where they end; it
// decodes them again where a length stands before them.

#ifndef JOIST_PORTABILITY_TEST_STREAM_FORM_H_
#define JOIST_PORTABILITY_TEST_STREAM_FORM_H_

#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/portability/beam_names.h"
#include "joist/portability/runner_coders.h"

namespace joist::portability {

class TestStreamForm {
 public:
  /// Of elements of `coder_id`.
  static Result<TestStreamForm> Of(const std::string& coder_id,
                                   const pipeline::Components& components, RunnerCoders* coders);

  /// By which the SDK reads what Encode gives.
  const std::string& coder_id() const { return coder_id_; }
  /// kInvalidArgument where a KV's bytes are none.
  Result<std::string> Encode(std::string_view element) const;

 private:
  enum class Length : uint8_t { kNone, kWhole, kValue };  ///< Before what there is one.

  std::string coder_id_;
  Length length_ = Length::kNone;
  WireCoder key_;  ///< Of a KV whose value gets a length.
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_TEST_STREAM_FORM_H_
