// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KV, the pair that GroupByKey and Combine work on; Void, the element that says nothing; Bytes, a
// string that is no text. Values.

#ifndef JOIST_MODEL_KV_H_
#define JOIST_MODEL_KV_H_

#include <string>
#include <string_view>
#include <utility>

namespace joist {

/// A key and a value: KV{std::string("a"), 1}.
template <class K, class V>
struct KV {
  using key_t = K;
  using value_t = V;

  K key;
  V value;

  friend bool operator==(const KV&, const KV&) = default;
};

template <class K, class V>
KV(K, V) -> KV<K, V>;
// A literal stands for text, not for an address.
template <class V>
KV(const char*, V) -> KV<std::string, V>;
template <class K>
KV(K, const char*) -> KV<K, std::string>;
KV(const char*, const char*) -> KV<std::string, std::string>;

/// The type with one value; its encoding is empty.
struct Void {
  friend bool operator==(const Void&, const Void&) = default;
};

/// Raw bytes: Beam's `bytes`, where std::string is Beam's `string_utf8`.
struct Bytes {
  std::string data;

  Bytes() = default;
  explicit Bytes(std::string bytes) : data(std::move(bytes)) {}
  explicit Bytes(std::string_view bytes) : data(bytes) {}
  explicit Bytes(const char* text) : data(text) {}

  std::string_view view() const { return data; }
  size_t size() const { return data.size(); }

  friend bool operator==(const Bytes&, const Bytes&) = default;
  friend auto operator<=>(const Bytes&, const Bytes&) = default;
};

}  // namespace joist

#endif  // JOIST_MODEL_KV_H_
