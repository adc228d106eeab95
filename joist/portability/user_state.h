// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// UserState: one state of a key and window as the Fn API knows it: a bag, a multimap or a list in
// the order of sort keys. What elements are only the SDK knows: here they are bytes, in the pieces
// in which they came, since a piece holds whole elements.
//
// A get is answered in pieces of about kPieceBytes, with a token for the next one. Tokens stay good
// while elements are appended; after a clear they are refused.

#ifndef JOIST_PORTABILITY_USER_STATE_H_
#define JOIST_PORTABILITY_USER_STATE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/wire.h"
#include "joist/portability/beam_names.h"
#include "joist/portability/wire_coder.h"

namespace joist::portability {

/// Bytes of an answer to one state request, about: an element that is larger travels whole.
inline constexpr size_t kPieceBytes = 1 << 20;

/// Encoded elements, one after the other. Belongs to one thread.
class EncodedBag {
 public:
  /// `elements` are whole ones.
  void Append(std::string_view elements);
  /// Whole elements from byte `from` on, of `most_bytes` if they are not larger; nothing at the
  /// end. False if no piece begins there.
  bool Read(uint64_t from, size_t most_bytes, std::string_view* elements) const;
  size_t size() const { return bytes_.size(); }
  /// In memory, about.
  size_t held_bytes() const { return bytes_.capacity() + ends_.capacity() * sizeof(uint64_t); }
  void Save(std::string* out) const;
  bool Restore(ByteReader* in);

 private:
  /// What is appended to the last piece as long as it is smaller: a piece needs an entry of ends_.
  static constexpr size_t kLeastPiece = 16 << 10;

  std::string bytes_;
  std::vector<uint64_t> ends_;  ///< Of the pieces.
};

/// Belongs to one thread. Which of the three it is follows from the first request that changes it.
class UserState {
 public:
  /// Fills `response`. `values`: the coder of a multimap's values, for requests of its entries;
  /// null: they are refused. kInvalidArgument, kUnimplemented.
  Status Handle(const fn::StateRequest& request, const WireCoder* values,
                fn::StateResponse* response);
  bool empty() const { return state_.index() == 0; }
  /// In memory, about.
  size_t held_bytes() const;
  void Save(std::string* out) const;
  bool Restore(ByteReader* in);

 private:
  using Multimap = std::map<std::string, EncodedBag, std::less<>>;
  using OrderedList = std::map<int64_t, EncodedBag>;

  Status HandleBag(const fn::StateRequest& request, fn::StateResponse* response);
  Status HandleMultimap(const fn::StateRequest& request, const WireCoder* values,
                        fn::StateResponse* response);
  Status HandleOrderedList(const fn::StateRequest& request, fn::StateResponse* response);

  std::variant<std::monostate, EncodedBag, Multimap, OrderedList> state_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_USER_STATE_H_
