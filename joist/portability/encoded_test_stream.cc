// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/encoded_test_stream.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>
#include <utility>

#include "joist/exec/test_stream.h"
#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

using EncodedEvent = TestStreamEvent<std::string>;

EncodedEvent NothingHappens() { return {TestStreamEventKind::kElements, Timestamp(), {}}; }

/// Which of `outputs` a tag means.
Result<size_t> OutputOfTag(const std::string& tag, const std::vector<std::string>& outputs) {
  for (const std::string& name : {tag, std::string(tag.empty() ? "None" : tag)}) {
    const auto found = std::find(outputs.begin(), outputs.end(), name);
    if (found != outputs.end()) return static_cast<size_t>(found - outputs.begin());
  }
  const bool is_main = tag.empty() || tag == "None";
  if (is_main && outputs.size() == 1) return size_t{0};
  return InvalidArgument("the test stream has no output " + Quoted(tag));
}

class ScriptReader {
 public:
  ScriptReader(const std::vector<std::string>& outputs, const EncodedElementFn& to_wire)
      : outputs_(outputs),
        to_wire_(to_wire),
        watermarks_(outputs.size(), Timestamp::Min()),
        scripts_(outputs.size()) {}

  Status Read(const pipeline::TestStreamPayload::Event& event) {
    for (auto& script : scripts_) script.push_back(NothingHappens());
    if (event.has_element_event()) return ReadElements(event.element_event());
    if (event.has_watermark_event()) return ReadWatermark(event.watermark_event());
    if (event.has_processing_time_event()) {
      return ReadProcessingTime(event.processing_time_event());
    }
    return InvalidArgument("the test stream has an event of no known kind");
  }

  std::vector<std::vector<EncodedEvent>> TakeScripts() { return std::move(scripts_); }

 private:
  Status ReadElements(const pipeline::TestStreamPayload::Event::AddElements& event) {
    JOIST_ASSIGN_OR_RETURN(const size_t output, OutputOfTag(event.tag(), outputs_));
    // One by one: what looks at each, as a trigger that counts, sees them all, as it does where
    // Beam's other runners run such scripts.
    for (const auto& element : event.elements()) {
      Result<std::string> wire = to_wire_(element.encoded_element());
      if (!wire.ok()) {
        return Status(wire.status().code(), "the test stream: " + wire.status().message());
      }
      if (!std::get<2>(scripts_[output].back()).empty()) {
        for (auto& script : scripts_) script.push_back(NothingHappens());
      }
      scripts_[output].back() = {TestStreamEventKind::kElements,
                                 Timestamp(),
                                 {{std::move(*wire), Timestamp::Millis(element.timestamp())}}};
    }
    return OkStatus();
  }

  Status ReadWatermark(const pipeline::TestStreamPayload::Event::AdvanceWatermark& event) {
    JOIST_ASSIGN_OR_RETURN(const size_t output, OutputOfTag(event.tag(), outputs_));
    const Timestamp to = Timestamp::Millis(event.new_watermark());
    if (to < watermarks_[output]) {
      return InvalidArgument("the test stream lets the watermark go back from " +
                             watermarks_[output].ToString() + " to " + to.ToString());
    }
    watermarks_[output] = to;
    scripts_[output].back() = {TestStreamEventKind::kWatermark, to, {}};
    return OkStatus();
  }

  Status ReadProcessingTime(
      const pipeline::TestStreamPayload::Event::AdvanceProcessingTime& event) {
    if (event.advance_duration() < 0) {
      return InvalidArgument("the test stream lets processing time go back");
    }
    processing_time_ = processing_time_ + Duration::Millis(event.advance_duration());
    for (auto& script : scripts_) {
      script.back() = {TestStreamEventKind::kProcessingTime, processing_time_, {}};
    }
    return OkStatus();
  }

  const std::vector<std::string>& outputs_;
  const EncodedElementFn& to_wire_;
  std::vector<Timestamp> watermarks_;  ///< By output.
  Timestamp processing_time_ = Timestamp::Millis(0);
  std::vector<std::vector<EncodedEvent>> scripts_;  ///< By output.
};

}  // namespace

Result<std::vector<std::shared_ptr<const Step>>> MakeEncodedTestStream(
    const pipeline::TestStreamPayload& payload, const std::vector<std::string>& outputs,
    const EncodedElementFn& to_wire) {
  if (!payload.endpoint().url().empty()) {
    return Status(StatusCode::kUnimplemented,
                  "a test stream that asks a service for its events cannot be run");
  }
  ScriptReader reader(outputs, to_wire);
  for (const auto& event : payload.events()) JOIST_RETURN_IF_ERROR(reader.Read(event));
  std::vector<std::shared_ptr<const Step>> steps;
  for (std::vector<EncodedEvent>& script : reader.TakeScripts()) {
    steps.push_back(MakeStep<TestStreamStep<std::string>>(std::move(script)));
  }
  return steps;
}

}  // namespace joist::portability
