// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JobOptions: the pipeline options by which a client says how its job is to run. They are a
// stranger's words: whoever needs one checks it.

#ifndef JOIST_PORTABILITY_JOB_OPTIONS_H_
#define JOIST_PORTABILITY_JOB_OPTIONS_H_

#include <google/protobuf/struct.pb.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist::portability {

/// Immutable; thread-safe. Options are named "checkpoint_dir" here, and may be that or
/// "beam:option:checkpoint_dir:v1" in the message.
class JobOptions {
 public:
  /// `serialized`: a google.protobuf.Struct; one that cannot be read has no options.
  explicit JobOptions(const std::string& serialized);

  /// False where it is not there.
  bool Flag(std::string_view name) const;
  /// Empty where it is not there, or is no text.
  std::string Text(std::string_view name) const;
  /// `otherwise` where it is not there; kInvalidArgument where it is no whole number from `least`
  /// to `most`. `limit` says for people who has set that most.
  Result<int64_t> Number(std::string_view name, int64_t otherwise, int64_t least, int64_t most,
                         std::string_view limit = "") const;
  const ::google::protobuf::Struct& all() const { return options_; }

 private:
  const ::google::protobuf::Value* Find(std::string_view name) const;

  ::google::protobuf::Struct options_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOB_OPTIONS_H_
