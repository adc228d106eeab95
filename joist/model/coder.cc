// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/coder.h"

namespace joist {
namespace {

// How a pane's numbers follow its first byte (the upper four bits of it).
enum PaneForm : uint8_t { kNoIndex = 0, kOneIndex = 1, kTwoIndices = 2 };

}  // namespace

void Coder<PaneInfo>::Encode(const PaneInfo& value, std::string* out, bool) {
  PaneForm form = kTwoIndices;
  if ((value.index == 0 && value.on_time_index == 0) || value.timing == PaneTiming::kUnknown) {
    form = kNoIndex;
  } else if (value.index == value.on_time_index || value.timing == PaneTiming::kEarly) {
    form = kOneIndex;
  }
  PutByte(static_cast<uint8_t>((value.is_first ? 1 : 0) | (value.is_last ? 2 : 0) |
                               static_cast<uint8_t>(value.timing) << 2 | form << 4),
          out);
  if (form != kNoIndex) PutVarint(static_cast<uint64_t>(value.index), out);
  if (form == kTwoIndices) PutVarint(static_cast<uint64_t>(value.on_time_index), out);
}

bool Coder<PaneInfo>::Decode(ByteReader* in, PaneInfo* value, bool) {
  uint8_t byte;
  if (!in->TakeByte(&byte)) return false;
  value->is_first = (byte & 1) != 0;
  value->is_last = (byte & 2) != 0;
  value->timing = static_cast<PaneTiming>(byte >> 2 & 3);
  value->index = 0;
  value->on_time_index = 0;
  const uint8_t form = byte >> 4;
  if (form > kTwoIndices) return in->Fail("a pane has an unknown form");
  if (form == kNoIndex) return true;
  uint64_t index;
  if (!in->TakeVarint(&index)) return false;
  value->index = static_cast<int64_t>(index);
  value->on_time_index = value->timing == PaneTiming::kEarly ? -1 : value->index;
  if (form == kOneIndex) return true;
  if (!in->TakeVarint(&index)) return false;
  value->on_time_index = static_cast<int64_t>(index);
  return true;
}

namespace coder_internal {

void PutSequenceSize(size_t size, std::string* out) {
  // Beam's iterables count their elements in 31 bits.
  JOIST_CHECK(size <= INT32_MAX);
  PutBigEndian32(static_cast<uint32_t>(size), out);
}

}  // namespace coder_internal

Status DecodeError(const std::string& type_name, const ByteReader& in) {
  const size_t size = in.position() + in.remaining();
  const std::string what =
      "cannot decode " + type_name + " from " + std::to_string(size) + " bytes: ";
  if (in.error() != nullptr) {
    return DataLoss(what + in.error() + ", at byte " + std::to_string(in.position()));
  }
  if (in.remaining() != 0) {
    return DataLoss(what + "it ends at byte " + std::to_string(in.position()));
  }
  return DataLoss(what + "its coder refused them");
}

}  // namespace joist
