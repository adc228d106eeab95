// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/bundle_progress.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/metrics.pb.h>

#include <algorithm>
#include <string_view>

#include "joist/model/coder.h"

namespace joist::portability {
namespace {

constexpr std::string_view kReadIndex = "beam:metric:data_channel:read_index:v1";
constexpr std::string_view kElementCount = "beam:metric:element_count:v1";

}  // namespace

BundleProgress ReadBundleProgress(const fn::ProcessBundleProgressResponse& response,
                                  SdkWorker& worker,
                                  const std::function<bool(const std::string&)>& is_output) {
  BundleProgress progress;
  for (const auto& [short_id, payload] : response.monitoring_data()) {
    const Result<std::string> bytes = worker.MonitoringInfo(short_id);
    pipeline::MonitoringInfo info;
    if (!bytes.ok() || !info.ParseFromString(*bytes)) continue;
    const bool is_index = info.urn() == kReadIndex;
    if (!is_index && info.urn() != kElementCount) continue;
    int64_t number;
    ByteReader in(payload);
    if (!Coder<int64_t>::Decode(&in, &number, /*nested=*/true)) continue;
    if (is_index) {
      progress.begun = static_cast<uint64_t>(std::max<int64_t>(number + 1, 0));
      continue;
    }
    const auto collection = info.labels().find("PCOLLECTION");
    if (collection == info.labels().end() || !is_output(collection->second)) continue;
    progress.made += static_cast<uint64_t>(std::max<int64_t>(number, 0));
  }
  return progress;
}

}  // namespace joist::portability
