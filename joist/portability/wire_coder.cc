// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/wire_coder.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace joist::portability {
namespace {

/// Coders that are followed, with how many components they have.
struct KnownCoder {
  std::string_view urn;
  size_t components;
};
constexpr KnownCoder kKnownCoders[] = {
    {kBytesCoder, 0},        {kBoolCoder, 0},           {kStringCoder, 0}, {kVarintCoder, 0},
    {kDoubleCoder, 0},       {kIntervalWindowCoder, 0}, {kKvCoder, 2},     {kIterableCoder, 1},
    {kGlobalWindowCoder, 0}, {kNullableCoder, 1}};

bool IsKnown(const CoderSpec& coder) {
  if (coder.urn == kLengthPrefixCoder) return true;
  return std::any_of(std::begin(kKnownCoders), std::end(kKnownCoders), [&](const KnownCoder& one) {
    return one.urn == coder.urn && one.components == coder.components.size();
  });
}

}  // namespace

WireCoder::WireCoder() : parts_(1) {}

Result<WireCoder> WireCoder::Of(const CoderSpec& coder) {
  WireCoder made;
  made.parts_.clear();
  JOIST_RETURN_IF_ERROR(made.Add(coder, 0).status());
  return made;
}

Result<uint32_t> WireCoder::Add(const CoderSpec& coder, int depth) {
  if (depth > kMostDepth) return InvalidArgument("a coder is nested too deeply");
  if (!IsKnown(coder)) return InvalidArgument("a runner cannot follow coder " + coder.ToString());
  const auto at = static_cast<uint32_t>(parts_.size());
  parts_.emplace_back();
  Part part;
  if (coder.urn == kBoolCoder) {
    part = {Kind::kFixed, 1};
  } else if (coder.urn == kDoubleCoder) {
    part = {Kind::kFixed, 8};
  } else if (coder.urn == kGlobalWindowCoder) {
    part = {Kind::kFixed, 0};
  } else if (coder.urn == kVarintCoder) {
    part = {Kind::kVarint};
  } else if (coder.urn == kIntervalWindowCoder) {
    part = {Kind::kInterval};
  } else if (coder.urn == kKvCoder || coder.urn == kIterableCoder || coder.urn == kNullableCoder) {
    part.kind = coder.urn == kKvCoder         ? Kind::kSequence
                : coder.urn == kIterableCoder ? Kind::kIterable
                                              : Kind::kNullable;
    for (const CoderSpec& component : coder.components) {
      JOIST_ASSIGN_OR_RETURN(const uint32_t child, Add(component, depth + 1));
      part.children.push_back(child);
    }
  }
  parts_[at] = std::move(part);
  return at;
}

bool WireCoder::SkipPart(uint32_t index, ByteReader* in) const {
  const Part& part = parts_[index];
  uint64_t number;
  uint8_t byte;
  std::string_view bytes;
  switch (part.kind) {
    case Kind::kPrefixed: return in->TakeVarint(&number) && in->Take(number, &bytes);
    case Kind::kFixed: return in->Take(part.size, &bytes);
    case Kind::kVarint: return in->TakeVarint(&number);
    case Kind::kInterval: return in->Take(sizeof(int64_t), &bytes) && in->TakeVarint(&number);
    case Kind::kSequence:
      return std::all_of(part.children.begin(), part.children.end(),
                         [&](uint32_t child) { return SkipPart(child, in); });
    case Kind::kIterable: return SkipIterable(part.children[0], in);
    case Kind::kNullable:
      if (!in->TakeByte(&byte)) return false;
      return byte == 0 || SkipPart(part.children[0], in);
  }
  return false;
}

bool WireCoder::SkipIterable(uint32_t child, ByteReader* in) const {
  constexpr uint32_t kUnknownSize = 0xFFFFFFFF;
  uint32_t size;
  if (!in->TakeBigEndian32(&size)) return false;
  if (size != kUnknownSize) {
    if (size > INT32_MAX) return in->Fail("an iterable has a negative size");
    for (; size > 0; --size) {
      const size_t before = in->position();
      if (!SkipPart(child, in)) return false;
      // Elements without bytes are not counted one by one.
      if (in->position() == before) return true;
    }
    return true;
  }
  // In pieces: each with its size before it, until one of size 0.
  while (true) {
    uint64_t piece;
    if (!in->TakeVarint(&piece)) return false;
    if (piece == 0) return true;
    for (; piece > 0; --piece) {
      const size_t before = in->position();
      if (!SkipPart(child, in)) return false;
      if (in->position() == before) break;
    }
  }
}

}  // namespace joist::portability
