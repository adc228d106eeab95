// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The consumer that everybody, loop by hand, pipeline and reference, hands a query's results to. A
// measured run leaves a digest of all numbers and of the ends of texts, which costs little beside
// the query; where exact results are wanted, also a hash of each row's bytes with its window, and
// the canonical form of a result is these hashes in order. A consumer belongs to one thread.

#ifndef JOIST_BENCH_NEXMARK_ROW_CONSUMER_H_
#define JOIST_BENCH_NEXMARK_ROW_CONSUMER_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "bench/digest.h"
#include "bench/nexmark/model.h"

namespace joist::bench::nexmark {

inline uint64_t MixIn(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0xD6E8FEB86659FD93U;
  return hash ^ hash >> 32;
}

/// Of a number, a text's end, or all fields of a row.
template <class T>
uint64_t MixInField(uint64_t hash, const T& field) {
  if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    return MixIn(hash, static_cast<uint64_t>(field));
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    return MixIn(hash, static_cast<uint64_t>(field.millis));
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    const std::string_view text = field;
    uint64_t end = 0;
    const size_t size = std::min<size_t>(8, text.size());
    std::memcpy(&end, text.data() + text.size() - size, size);
    return MixIn(hash, end + text.size());
  } else if constexpr (std::is_same_v<T, Event>) {
    return std::visit([&](const auto& row) { return MixInField(hash, row); }, field.what);
  } else {
    RowTraits<T>::ForEachField(field, [&hash](const auto& part) { hash = MixInField(hash, part); });
    return hash;
  }
}

struct RowConsumer {
  explicit RowConsumer(bool wants_exact = false) : wants_exact(wants_exact) {}

  Digest digest;
  bool wants_exact;
  std::vector<uint64_t> exact;

  template <class Row>
  void Add(const Window& window, const Row& row) {
    digest.Add(MixInField(HashOf(window), row));
    if (wants_exact) [[unlikely]]
      AddExact(window, EncodeToString(row));
  }
  /// A bid, of which the text need not be a copy.
  void AddBid(const Window& window, int64_t auction, int64_t bidder, int64_t price, Timestamp time,
              std::string_view extra) {
    uint64_t hash = MixInField(MixInField(HashOf(window), auction), bidder);
    hash = MixInField(MixInField(MixInField(hash, price), time), extra);
    digest.Add(hash);
    if (wants_exact) [[unlikely]]
      AddExact(window, EncodeToString(Bid{auction, bidder, price, time, std::string(extra)}));
  }

 private:
  static uint64_t HashOf(const Window& window) {
    return MixIn(static_cast<uint64_t>(window.start.millis),
                 static_cast<uint64_t>(window.end.millis));
  }
  [[gnu::cold, gnu::noinline]] void AddExact(const Window& window, const std::string& row) {
    exact.push_back(MixIn(DigestBytes(EncodeToString(window)), DigestBytes(row)));
  }
};

/// The canonical form of exact results.
inline std::string CanonicalRows(std::vector<uint64_t> hashes) {
  std::sort(hashes.begin(), hashes.end());
  return {reinterpret_cast<const char*>(hashes.data()), hashes.size() * sizeof(uint64_t)};
}

}  // namespace joist::bench::nexmark

#endif  // JOIST_BENCH_NEXMARK_ROW_CONSUMER_H_
