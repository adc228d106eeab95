// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Any body is taken apart or refused: events are objects in the body, in order and within limits,
// and what is refused says why.

#include "joist/serve/event_splitter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "joist/base/status.h"
#include "joist/serve/ingest.h"

namespace joist::serve {
namespace {

const JsonSchema& Schema() {
  static const JsonSchema schema = *JsonSchema::Read(
      R"({"type":"object","required":["u"],"properties":{"u":{"type":["string","integer"],)"
      R"("maxLength":5,"pattern":"^[a-z]*$"},"n":{"minimum":-1,"maximum":1e3},)"
      R"("l":{"type":"array","maxItems":3,"items":{"enum":["a",1,null,true]}}}})");
  return schema;
}

void Check(std::string_view body, const IngestSettings& settings, const JsonSchema* schema) {
  EventSplitter splitter;
  if (!splitter.Split(body, settings, schema)) {
    JOIST_CHECK(splitter.refusal().http_status >= 400 && !splitter.refusal().message.empty());
    JOIST_CHECK(splitter.events().empty());
    return;
  }
  const char* at = body.data();
  for (const IngestEvent& event : splitter.events()) {
    JOIST_CHECK(event.data.data() >= at);
    at = event.data.data() + event.data.size();
    JOIST_CHECK(at <= body.data() + body.size());
    JOIST_CHECK(event.data.front() == '{' && event.data.back() == '}');
    JOIST_CHECK(event.data.size() <= settings.most_event_bytes);
  }
}

}  // namespace
}  // namespace joist::serve

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using joist::serve::IngestSettings;
  // In memory of its own size, so that a byte too far is noticed.
  const auto exact = std::make_unique<char[]>(size);
  std::copy_n(data, size, exact.get());
  const std::string_view body(exact.get(), size);
  joist::serve::Check(body, {}, nullptr);
  IngestSettings settings;
  settings.most_events = 3;
  settings.most_event_bytes = 100;
  settings.timestamp_field = "t";
  settings.ordering_key_field = "u";
  joist::serve::Check(body, settings, &joist::serve::Schema());
  return 0;
}
