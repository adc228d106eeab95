// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StandardCoder: encodes and decodes Values by a CoderSpec that is known only at run time; Beam's
// whole standard set. Immutable; threads may share one.
//
// Invariants:
//  1. Bytes are exactly those of Beam's coders, in nested and outer context.
//  2. A spec is refused by name when it is made, not when the first value comes.
//  3. Decoding trusts neither the spec nor the bytes: depth is bounded by kMaxDepth, and a value
//  has
//     at most kFreeParts + kPartsPerByte * (bytes of input) parts.
//
// What each coder's values are:
//   bytes Bytes; bool bool; string_utf8 std::string; varint int64_t; double double; nullable null
//   or the value; interval_window and global_window Window; custom_window the window, or, where
//   that is no standard one, {maxTimestamp, window}; kv {key, value}; tuple, iterable,
//   state_backed_iterable List; length_prefix the value, or Bytes where its coder is unknown;
//   sharded_key {shardId, key}; windowed_value {value, timestamp, windows, pane}; timer {userKey,
//   dynamicTimerTag, windows, clearBit, fireTimestamp, holdTimestamp, pane}; row a Record of its
//   fields, in the schema's order. Logical types in rows are their representations, but
//   millis_instant is a Timestamp and decimal a Decimal.

#ifndef JOIST_MODEL_STANDARD_CODER_H_
#define JOIST_MODEL_STANDARD_CODER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/coder_spec.h"
#include "joist/model/schema.h"
#include "joist/model/value.h"

namespace joist {

class StandardCoder {
 public:
  static constexpr int kMaxDepth = 32;
  static constexpr size_t kFreeParts = 1 << 16;
  static constexpr size_t kPartsPerByte = 256;

  /// Gives the rest of an iterable that a runner keeps in its state under `token`: the elements'
  /// encodings, one after the other.
  using StateReader = std::function<Result<std::string>(std::string_view token)>;

  /// The URNs that Make understands, sorted.
  static std::vector<std::string_view> Urns();

  static Result<StandardCoder> Make(const CoderSpec& spec);
  /// A coder of rows of `schema`.
  static Result<StandardCoder> ForSchema(const Schema& schema);

  StandardCoder(StandardCoder&&) noexcept;
  StandardCoder& operator=(StandardCoder&&) noexcept;
  ~StandardCoder();

  /// Equal values have equal bytes.
  bool deterministic() const;

  /// Appends the encoding of `value`; on an error `out` holds a part of it.
  Status Encode(const Value& value, bool nested, std::string* out) const;
  Result<std::string> EncodeToString(const Value& value, bool nested = false) const;

  /// The value that takes all of `bytes`.
  Result<Value> DecodeFromString(std::string_view bytes, bool nested = false,
                                 const StateReader& state = nullptr) const;
  /// Takes one value from the front of `bytes` (nested), as when values follow each other.
  Result<Value> DecodeFront(std::string_view* bytes, const StateReader& state = nullptr) const;

  struct Node;

 private:
  explicit StandardCoder(std::unique_ptr<const Node> root);
  std::unique_ptr<const Node> root_;
};

}  // namespace joist

#endif  // JOIST_MODEL_STANDARD_CODER_H_
