// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/test_stream_form.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <utility>

#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

/// Beam Go's coder of its own types, which always writes a length.
constexpr std::string_view kGoCustomCoder = "beam:go:coder:custom:v1";

}  // namespace

Result<TestStreamForm> TestStreamForm::Of(const std::string& coder_id,
                                          const pipeline::Components& components,
                                          RunnerCoders* coders) {
  const auto found = components.coders().find(coder_id);
  if (found == components.coders().end()) {
    return InvalidArgument("the pipeline has no coder " + Quoted(coder_id));
  }
  const pipeline::Coder coder = found->second;
  const std::string& urn = coder.spec().urn();
  TestStreamForm form;
  form.coder_id_ = coder_id;
  JOIST_ASSIGN_OR_RETURN(const std::string with_lengths, coders->WithLengths(coder_id));
  if (urn == kKvCoder && coder.component_coder_ids_size() == 2) {
    const std::string& key = coder.component_coder_ids(0);
    JOIST_ASSIGN_OR_RETURN(const std::string wire_key, coders->WithLengths(key));
    const bool key_has_length = components.coders().count(key) > 0 &&
                                components.coders().at(key).spec().urn() == kGoCustomCoder;
    if (wire_key == key || key_has_length) {
      JOIST_ASSIGN_OR_RETURN(form.key_, coders->Wire(wire_key));
      form.coder_id_ = coders->Make(
          kKvCoder, {key, coders->Make(kLengthPrefixCoder, {coder.component_coder_ids(1)})});
      form.length_ = Length::kValue;
      return form;
    }
  }
  const bool is_text = urn == kBytesCoder || urn == kStringCoder;
  if (urn == kGoCustomCoder || (with_lengths == coder_id && !is_text)) return form;
  form.coder_id_ = coders->Make(kLengthPrefixCoder, {coder_id});
  form.length_ = Length::kWhole;
  return form;
}

Result<std::string> TestStreamForm::Encode(std::string_view element) const {
  size_t before = 0;
  if (length_ == Length::kNone) return std::string(element);
  if (length_ == Length::kValue) {
    ByteReader reader(element);
    if (!key_.Skip(&reader)) {
      return InvalidArgument(std::string("an element's bytes are no value of its coder: ") +
                             reader.error());
    }
    before = reader.position();
  }
  std::string encoded(element.substr(0, before));
  PutBytes(element.substr(before), &encoded, /*nested=*/true);
  return encoded;
}

}  // namespace joist::portability
