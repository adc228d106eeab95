// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WireCoder: where an encoded value ends, for a runner that moves elements without decoding them.
// The coders that Beam's SDKs have in common are followed; any other is asked of the SDK in a
// length prefix (runner_coders.h).
//
// Values are encoded nested, as on the Fn API's data streams. Pure functions.

#ifndef JOIST_PORTABILITY_WIRE_CODER_H_
#define JOIST_PORTABILITY_WIRE_CODER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/coder_spec.h"
#include "joist/model/wire.h"

namespace joist::portability {

class WireCoder {
 public:
  /// Of bytes.
  WireCoder();
  /// `coder` is one that has lengths where a runner needs them (runner_coders.h). Coders nest up to
  /// kMostDepth.
  static Result<WireCoder> Of(const CoderSpec& coder);
  static constexpr int kMostDepth = 100;

  /// Moves past one value; false, with the reader's error, where the bytes are none.
  bool Skip(ByteReader* in) const { return SkipPart(0, in); }
  /// Of a key and value the parts, each a WireCoder's value.
  bool is_kv() const { return parts_[0].kind == Kind::kSequence && parts_[0].children.size() == 2; }
  /// Only of a KV.
  bool SkipKey(ByteReader* in) const { return SkipPart(parts_[0].children[0], in); }

 private:
  enum class Kind : uint8_t {
    kPrefixed,  ///< A length, and as many bytes.
    kFixed,     ///< `size` bytes.
    kVarint,
    kInterval,  ///< An instant and a varint.
    kSequence,  ///< The children, one after the other.
    kIterable,  ///< Of the child.
    kNullable,  ///< The child, or nothing.
  };
  struct Part {
    Kind kind = Kind::kPrefixed;
    uint32_t size = 0;
    std::vector<uint32_t> children = {};
  };

  Result<uint32_t> Add(const CoderSpec& coder, int depth);
  bool SkipPart(uint32_t part, ByteReader* in) const;
  bool SkipIterable(uint32_t child, ByteReader* in) const;

  std::vector<Part> parts_;  ///< The first is the whole.
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_WIRE_CODER_H_
