// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RunnerCoders: the coders by which a runner and SDKs exchange the elements of a pipeline. A runner
// can tell where a value ends of those coders that all environments of the pipeline know; around
// any other a length is asked for. Adds what it makes to the pipeline's components.

#ifndef JOIST_PORTABILITY_RUNNER_CODERS_H_
#define JOIST_PORTABILITY_RUNNER_CODERS_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/coder_spec.h"
#include "joist/portability/beam_names.h"
#include "joist/portability/wire_coder.h"

namespace joist::portability {

/// Belongs to one thread, as do the components, which outlive it.
class RunnerCoders {
 public:
  explicit RunnerCoders(pipeline::Components* components);

  /// The id of `coder_id` with length prefixes where a runner needs them; of a window's coder that
  /// is unknown, the timestamp of the window's end comes before it.
  Result<std::string> WithLengths(const std::string& coder_id);
  Result<std::string> WindowWithLengths(const std::string& coder_id);
  /// The id of a coder of `urn` made of `components`; the same for the same.
  std::string Make(std::string_view urn, const std::vector<std::string>& components);
  /// By which values of `coder_id`, which has its lengths, are followed.
  Result<WireCoder> Wire(const std::string& coder_id) const;
  /// Whether a GroupByKey of elements of coder `kvs` makes those of coder `groups`: a KV of the
  /// same keys, and iterables of the same values. What is in payloads is the SDKs' business.
  bool AreGroupsOf(const std::string& kvs, const std::string& groups) const;
  /// Whether two coders are the same, whatever their ids.
  bool AreSame(const std::string& a, const std::string& b) const;

 private:
  static std::vector<std::string> MadeOf(std::string_view urn, std::vector<std::string> components);
  Result<std::string> AddLengths(const std::string& coder_id, int depth);

  pipeline::Components* const components_;
  std::set<std::string, std::less<>> known_;         ///< URNs.
  std::map<std::string, std::string> with_lengths_;  ///< By id.
  /// Ids of coders without payload, by their components and URN.
  std::map<std::vector<std::string>, std::string> made_of_;
  int made_ = 0;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_RUNNER_CODERS_H_
