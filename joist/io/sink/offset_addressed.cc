// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/sink/offset_addressed.h"

#include "joist/sdk/metrics.h"

namespace joist::sink::offset_internal {

void TakeAnswer(AppendAnswer answer, const std::string& stream, int64_t offset, int64_t rows) {
  static const Counter appended("sink", "blocks_appended");
  static const Counter already_there("sink", "blocks_already_there");
  switch (answer) {
    case AppendAnswer::kAppended: appended.Inc(); return;
    case AppendAnswer::kAlreadyExists: already_there.Inc(); return;
    case AppendAnswer::kOutOfRange:
      throw StatusException(Status(
          StatusCode::kOutOfRange,
          "stream \"" + stream + "\" ends before offset " + std::to_string(offset) + ", where " +
              std::to_string(rows) + (rows == 1 ? " row belongs" : " rows belong") +
              ": what was appended there is gone, or it is another stream of that name"));
  }
}

}  // namespace joist::sink::offset_internal
