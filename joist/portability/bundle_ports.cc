// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/bundle_ports.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include "joist/portability/quoted.h"
#include "joist/portability/urns.h"

namespace joist::portability {
void BundlePorts::FillEndpoints(const std::string& endpoint,
                                fn::ProcessBundleDescriptor* descriptor) {
  const auto fill = [&](pipeline::ApiServiceDescriptor* service) {
    if (service->url().empty()) service->set_url(endpoint);
  };
  fill(descriptor->mutable_state_api_service_descriptor());
  fill(descriptor->mutable_timer_api_service_descriptor());
  for (auto& [id, transform] : *descriptor->mutable_transforms()) {
    pipeline::FunctionSpec& spec = *transform.mutable_spec();
    if (spec.urn() != kDataSourceUrn && spec.urn() != kDataSinkUrn) continue;
    fn::RemoteGrpcPort port;
    if (!port.ParseFromString(spec.payload())) continue;
    fill(port.mutable_api_service_descriptor());
    spec.set_payload(port.SerializeAsString());
  }
}

Result<BundlePorts> BundlePorts::Of(const fn::ProcessBundleDescriptor& descriptor) {
  BundlePorts ports;
  for (const auto& [id, transform] : descriptor.transforms()) {
    const pipeline::FunctionSpec& spec = transform.spec();
    if (spec.urn() == kDataSourceUrn) {
      ports.inputs.push_back({.transform_id = id});
    } else if (spec.urn() == kDataSinkUrn) {
      ports.outputs.push_back({.transform_id = id});
    } else if (spec.urn() == kParDoUrn) {
      pipeline::ParDoPayload payload;
      if (!payload.ParseFromString(spec.payload())) {
        return InvalidArgument("the ParDoPayload of transform " + Quoted(id) + " of descriptor " +
                               Quoted(descriptor.id()) + " cannot be read");
      }
      for (const auto& [family, timers] : payload.timer_family_specs()) {
        ports.inputs.push_back({.transform_id = id, .timer_family_id = family});
        ports.outputs.push_back({.transform_id = id, .timer_family_id = family});
      }
    }
  }
  return ports;
}

size_t FindPort(const std::vector<BundlePort>& ports, std::string_view transform_id,
                std::string_view timer_family_id) {
  size_t i = 0;
  while (i < ports.size() &&
         (ports[i].transform_id != transform_id || ports[i].timer_family_id != timer_family_id)) {
    ++i;
  }
  return i;
}

}  // namespace joist::portability
