// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// beam:transform:teststream:v1 as steps whose elements are encoded: input without end that follows
// a script. See exec/test_stream.h.

#ifndef JOIST_PORTABILITY_ENCODED_TEST_STREAM_H_
#define JOIST_PORTABILITY_ENCODED_TEST_STREAM_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/exec/step.h"
#include "joist/portability/beam_names.h"

namespace joist::portability {

/// From an element as the payload has it, in the outer context of its coder, to the form in which
/// it travels (TestStreamForm).
using EncodedElementFn = std::function<Result<std::string>(std::string_view outer)>;

/// A root for each of `outputs`, the transform's output names. They have the same number of events,
/// and the engine lets each root of a stream take one in turn: so what follows from one event of
/// the script is done before the next, whichever output it is for. Events without a tag are for
/// the only output, or for one called "" or "None". kInvalidArgument where a tag is no output, a
/// clock goes back, or an element is malformed; kUnimplemented where events are to be asked of a
/// service.
Result<std::vector<std::shared_ptr<const Step>>> MakeEncodedTestStream(
    const pipeline::TestStreamPayload& payload, const std::vector<std::string>& outputs,
    const EncodedElementFn& to_wire);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_ENCODED_TEST_STREAM_H_
