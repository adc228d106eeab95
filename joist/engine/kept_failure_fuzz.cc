// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Any bytes as what a file of a kept failure says, and as a batch of it. What can be read must come
// back the same.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/engine/kept_failure.h"
#include "joist/exec/element_tape.h"
#include "joist/model/windowing.h"

namespace joist {
namespace {

using Visit = KV<std::string, int64_t>;

struct Taken final : BatchReceiver<Visit> {
  void Push(const Batch<Visit>& batch) override {
    for (size_t i = 0; i < batch.count; ++i) {
      bytes += batch[i].key.size();
      latest = std::max(latest, batch.timestamp(i));
    }
  }
  size_t bytes = 0;
  Timestamp latest = Timestamp::Min();
};

void Check(std::string_view bytes) {
  ByteReader in(bytes);
  BatchCode code;
  const WindowFn sliding = WindowFn::Sliding(Duration::Seconds(10), Duration::Seconds(1));
  Taken taken;
  if (code.Decode(&in, &sliding)) element_tape<Visit>.play(&in, code, &taken);
  JOIST_CHECK(taken.bytes <= bytes.size());

  KeptFailure failure;
  if (!DecodeKeptFailure(bytes, &failure)) return;
  const std::string again = EncodeKeptFailure(failure);
  KeptFailure back;
  JOIST_CHECK(DecodeKeptFailure(again, &back));
  JOIST_CHECK(EncodeKeptFailure(back) == again);
  for (const std::string& batch : failure.bundle.batches) {
    ByteReader values(batch);
    if (code.Decode(&values, nullptr)) element_tape<Visit>.play(&values, code, &taken);
  }
}

}  // namespace
}  // namespace joist

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  joist::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
