// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Beam's URNs of transforms, side inputs and window functions that a runner tells apart
// (beam_runner_api.proto, beam_fn_api.proto, standard_window_fns.proto); those of coders are in
// model/coder_spec.h.

#ifndef JOIST_PORTABILITY_URNS_H_
#define JOIST_PORTABILITY_URNS_H_

#include <string_view>

namespace joist::portability {

// What a pipeline consists of.
inline constexpr std::string_view kParDoUrn = "beam:transform:pardo:v1";
inline constexpr std::string_view kFlattenUrn = "beam:transform:flatten:v1";
inline constexpr std::string_view kGroupByKeyUrn = "beam:transform:group_by_key:v1";
inline constexpr std::string_view kImpulseUrn = "beam:transform:impulse:v1";
inline constexpr std::string_view kAssignWindowsUrn = "beam:transform:window_into:v1";
inline constexpr std::string_view kTestStreamUrn = "beam:transform:teststream:v1";
inline constexpr std::string_view kCombinePerKeyUrn = "beam:transform:combine_per_key:v1";
inline constexpr std::string_view kReshuffleUrn = "beam:transform:reshuffle:v1";
inline constexpr std::string_view kRedistributeByKeyUrn = "beam:transform:redistribute_by_key:v1";
inline constexpr std::string_view kRedistributeUrn = "beam:transform:redistribute_arbitrarily:v1";

// What a runner makes of combiners and splittable functions.
inline constexpr std::string_view kPrecombineUrn = "beam:transform:combine_per_key_precombine:v1";
inline constexpr std::string_view kMergeAccumulatorsUrn =
    "beam:transform:combine_per_key_merge_accumulators:v1";
inline constexpr std::string_view kExtractOutputsUrn =
    "beam:transform:combine_per_key_extract_outputs:v1";
inline constexpr std::string_view kPairWithRestrictionUrn =
    "beam:transform:sdf_pair_with_restriction:v1";
inline constexpr std::string_view kSplitAndSizeUrn =
    "beam:transform:sdf_split_and_size_restrictions:v1";
inline constexpr std::string_view kTruncateUrn =
    "beam:transform:sdf_truncate_sized_restrictions:v1";
inline constexpr std::string_view kProcessSizedUrn =
    "beam:transform:sdf_process_sized_element_and_restrictions:v1";

inline constexpr std::string_view kMergeWindowsUrn = "beam:transform:merge_windows:v1";

// Where a stage's elements come from and go to.
inline constexpr std::string_view kDataSourceUrn = "beam:runner:source:v1";
inline constexpr std::string_view kDataSinkUrn = "beam:runner:sink:v1";

// The window functions that Beam's SDKs share.
inline constexpr std::string_view kGlobalWindowsUrn = "beam:window_fn:global_windows:v1";
inline constexpr std::string_view kFixedWindowsUrn = "beam:window_fn:fixed_windows:v1";
inline constexpr std::string_view kSlidingWindowsUrn = "beam:window_fn:sliding_windows:v1";
inline constexpr std::string_view kSessionWindowsUrn = "beam:window_fn:session_windows:v1";

// How side inputs are read.
inline constexpr std::string_view kIterableSideInputUrn = "beam:side_input:iterable:v1";
inline constexpr std::string_view kMultimapSideInputUrn = "beam:side_input:multimap:v1";

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_URNS_H_
