// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Short names for the namespaces of Beam's protocols, and those of their messages that headers
// mention. The messages themselves come from <org/apache/beam/model/…/v1/….pb.h>, which only
// sources include.

#ifndef JOIST_PORTABILITY_BEAM_NAMES_H_
#define JOIST_PORTABILITY_BEAM_NAMES_H_

namespace org::apache::beam::model {
namespace pipeline::v1 {
class Coder;
class Components;
class Environment;
class Pipeline;
class TestStreamPayload;
class WindowingStrategy;
}  // namespace pipeline::v1
namespace job_management::v1 {}
namespace fn_execution::v1 {
class Elements;
class Elements_Data;
class Elements_Timers;
class InstructionResponse;
class LogEntry;
class ProcessBundleDescriptor;
class ProcessBundleProgressResponse;
class ProcessBundleResponse;
class ProcessBundleSplitRequest;
class ProcessBundleSplitResponse;
class ProvisionInfo;
class StateRequest;
class StateResponse;
}  // namespace fn_execution::v1
}  // namespace org::apache::beam::model

namespace joist::portability {

namespace pipeline = ::org::apache::beam::model::pipeline::v1;
namespace job = ::org::apache::beam::model::job_management::v1;
namespace fn = ::org::apache::beam::model::fn_execution::v1;

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_BEAM_NAMES_H_
