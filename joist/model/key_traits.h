// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeyTraits<K>: how keys are hashed and compared. Pure functions.
//
// Invariants, which a property test holds:
//  1. Equal(a, b) exactly where the encodings of a and b are the same bytes. operator== is never
//     asked: 0.0 and -0.0 are two keys, a NaN is equal to itself.
//  2. Equal keys have the same hash. The hash is part of the checkpoint format (joist/base/hash.h).
//
// Members of each specialisation:
//   View                  what a table looks a key up by: std::string_view for strings and bytes, K
//                         for what fits in a word, otherwise const K&
//   ToView, FromView      between a key and its view
//   Hash, Equal           of views
//   kIsWord               the key is a word of at most 64 bits: ToWord, FromWord
//   kIsBytes              the view is a std::string_view of the key's bytes

#ifndef JOIST_MODEL_KEY_TRAITS_H_
#define JOIST_MODEL_KEY_TRAITS_H_

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/base/hash.h"
#include "joist/model/coder.h"
#include "joist/model/fields.h"

namespace joist {

/// K can be grouped by.
template <class K>
concept IsKey = HasDeterministicCoder<K>;

template <class K>
inline constexpr bool kIsKey = IsKey<K>;

/// Stops the compiler with one sentence where K cannot be a key.
#define JOIST_ASSERT_KEY(...)                                                                      \
  static_assert(::joist::kIsKey<__VA_ARGS__>,                                                      \
                "Joist cannot group by this type: it has no coder, or none that gives equal keys " \
                "equal bytes (unordered containers and protobuf messages have none)")

/// What has a coder of the user's own is hashed and compared by its bytes, which is slow.
template <class K>
struct KeyTraits {
  JOIST_ASSERT_KEY(K);

  using View = const K&;
  static constexpr bool kIsWord = false;
  static constexpr bool kIsBytes = false;
  static View ToView(const K& key) { return key; }
  static K FromView(View view) { return view; }
  static uint64_t Hash(View key) { return HashBytes(Encoded(key)); }
  static bool Equal(View a, View b) { return Encoded(a) == Encoded(b); }

 private:
  static std::string Encoded(View key) {
    std::string bytes;
    if constexpr (kIsKey<K>) Coder<K>::Encode(key, &bytes, false);
    return bytes;
  }
};

template <class K>
uint64_t HashKey(const K& key) {
  return KeyTraits<K>::Hash(KeyTraits<K>::ToView(key));
}

template <class K>
bool EqualKeys(const K& a, const K& b) {
  return KeyTraits<K>::Equal(KeyTraits<K>::ToView(a), KeyTraits<K>::ToView(b));
}

namespace key_internal {

// A key that is one word; Self gives ToWord and FromWord.
template <class K, class Self>
struct WordKey {
  using View = K;
  static constexpr bool kIsWord = true;
  static constexpr bool kIsBytes = false;
  static View ToView(K key) { return key; }
  static K FromView(View view) { return view; }
  static uint64_t Hash(View key) { return HashWord(Self::ToWord(key)); }
  static bool Equal(View a, View b) { return Self::ToWord(a) == Self::ToWord(b); }
};

// A key that is a range of bytes.
struct BytesKey {
  using View = std::string_view;
  static constexpr bool kIsWord = false;
  static constexpr bool kIsBytes = true;
  static uint64_t Hash(View key) { return HashBytes(key); }
  static bool Equal(View a, View b) { return a == b; }
};

// A key that is hashed and compared by its parts; the specialisation gives Hash and Equal.
template <class K>
struct CompositeKey {
  using View = const K&;
  static constexpr bool kIsWord = false;
  static constexpr bool kIsBytes = false;
  static View ToView(const K& key) { return key; }
  static K FromView(View view) { return view; }
};

// Elements one after the other, with their number.
template <class K>
struct SequenceKey : CompositeKey<K> {
  static uint64_t Hash(const K& key) {
    uint64_t hash = HashWord(key.size());
    for (const auto& element : key) hash = HashCombine(hash, HashKey<Element>(element));
    return hash;
  }
  static bool Equal(const K& a, const K& b) {
    if (a.size() != b.size()) return false;
    auto other = b.begin();
    for (const auto& element : a) {
      if (!EqualKeys<Element>(element, *other)) return false;
      ++other;
    }
    return true;
  }

 private:
  using Element = std::remove_cv_t<typename K::value_type>;
};

}  // namespace key_internal

template <>
struct KeyTraits<bool> : key_internal::WordKey<bool, KeyTraits<bool>> {
  static uint64_t ToWord(bool key) { return key ? 1 : 0; }
  static bool FromWord(uint64_t word) { return word != 0; }
};

template <Integer K>
struct KeyTraits<K> : key_internal::WordKey<K, KeyTraits<K>> {
  static uint64_t ToWord(K key) { return IntegerToWord(key); }
  static K FromWord(uint64_t word) { return static_cast<K>(word); }
};

template <class K>
  requires std::is_enum_v<K>
struct KeyTraits<K> : key_internal::WordKey<K, KeyTraits<K>> {
  using Number = typename Coder<K>::Number;
  static uint64_t ToWord(K key) { return IntegerToWord(static_cast<Number>(key)); }
  static K FromWord(uint64_t word) { return static_cast<K>(static_cast<Number>(word)); }
};

template <>
struct KeyTraits<double> : key_internal::WordKey<double, KeyTraits<double>> {
  static uint64_t ToWord(double key) { return std::bit_cast<uint64_t>(key); }
  static double FromWord(uint64_t word) { return std::bit_cast<double>(word); }
};

template <>
struct KeyTraits<float> : key_internal::WordKey<float, KeyTraits<float>> {
  static uint64_t ToWord(float key) { return std::bit_cast<uint32_t>(key); }
  static float FromWord(uint64_t word) { return std::bit_cast<float>(static_cast<uint32_t>(word)); }
};

template <>
struct KeyTraits<Timestamp> : key_internal::WordKey<Timestamp, KeyTraits<Timestamp>> {
  static uint64_t ToWord(Timestamp key) { return static_cast<uint64_t>(key.millis); }
  static Timestamp FromWord(uint64_t word) { return {static_cast<int64_t>(word)}; }
};

template <>
struct KeyTraits<Duration> : key_internal::WordKey<Duration, KeyTraits<Duration>> {
  static uint64_t ToWord(Duration key) { return static_cast<uint64_t>(key.millis); }
  static Duration FromWord(uint64_t word) { return {static_cast<int64_t>(word)}; }
};

template <>
struct KeyTraits<Void> : key_internal::WordKey<Void, KeyTraits<Void>> {
  static uint64_t ToWord(Void) { return 0; }
  static Void FromWord(uint64_t) { return {}; }
};

template <>
struct KeyTraits<std::string> : key_internal::BytesKey {
  static View ToView(const std::string& key) { return key; }
  static std::string FromView(View view) { return std::string(view); }
};

template <>
struct KeyTraits<Bytes> : key_internal::BytesKey {
  static View ToView(const Bytes& key) { return key.data; }
  static Bytes FromView(View view) { return Bytes(view); }
};

template <RawByte T>
struct KeyTraits<std::vector<T>> : key_internal::BytesKey {
  static View ToView(const std::vector<T>& key) {
    return {reinterpret_cast<const char*>(key.data()), key.size()};
  }
  static std::vector<T> FromView(View view) {
    const T* data = reinterpret_cast<const T*>(view.data());
    return std::vector<T>(data, data + view.size());
  }
};

template <>
struct KeyTraits<Window> : key_internal::CompositeKey<Window> {
  static uint64_t Hash(const Window& key) { return HashWindow(key); }
  static bool Equal(const Window& a, const Window& b) { return a == b; }
};

template <IsKey K, IsKey V>
struct KeyTraits<KV<K, V>> : key_internal::CompositeKey<KV<K, V>> {
  static uint64_t Hash(const KV<K, V>& key) {
    return HashCombine(HashKey(key.key), HashKey(key.value));
  }
  static bool Equal(const KV<K, V>& a, const KV<K, V>& b) {
    return EqualKeys(a.key, b.key) && EqualKeys(a.value, b.value);
  }
};

template <IsKey A, IsKey B>
struct KeyTraits<std::pair<A, B>> : key_internal::CompositeKey<std::pair<A, B>> {
  static uint64_t Hash(const std::pair<A, B>& key) {
    return HashCombine(HashKey<A>(key.first), HashKey<B>(key.second));
  }
  static bool Equal(const std::pair<A, B>& a, const std::pair<A, B>& b) {
    return EqualKeys<A>(a.first, b.first) && EqualKeys<B>(a.second, b.second);
  }
};

// The entries of a std::map.
template <IsKey A, IsKey B>
struct KeyTraits<std::pair<const A, B>> : key_internal::CompositeKey<std::pair<const A, B>> {
  static uint64_t Hash(const std::pair<const A, B>& key) {
    return HashCombine(HashKey<A>(key.first), HashKey<B>(key.second));
  }
  static bool Equal(const std::pair<const A, B>& a, const std::pair<const A, B>& b) {
    return EqualKeys<A>(a.first, b.first) && EqualKeys<B>(a.second, b.second);
  }
};

template <IsKey... Ks>
struct KeyTraits<std::tuple<Ks...>> : key_internal::CompositeKey<std::tuple<Ks...>> {
  static uint64_t Hash(const std::tuple<Ks...>& key) {
    return std::apply(
        [](const Ks&... parts) {
          uint64_t hash = kHashSeed0;
          ((hash = HashCombine(hash, HashKey(parts))), ...);
          return hash;
        },
        key);
  }
  static bool Equal(const std::tuple<Ks...>& a, const std::tuple<Ks...>& b) {
    return [&]<size_t... kI>(std::index_sequence<kI...>) {
      return (EqualKeys(std::get<kI>(a), std::get<kI>(b)) && ...);
    }(std::index_sequence_for<Ks...>());
  }
};

template <IsKey K>
struct KeyTraits<std::optional<K>> : key_internal::CompositeKey<std::optional<K>> {
  static uint64_t Hash(const std::optional<K>& key) {
    return key.has_value() ? HashCombine(1, HashKey(*key)) : HashWord(0);
  }
  static bool Equal(const std::optional<K>& a, const std::optional<K>& b) {
    if (!a.has_value() || !b.has_value()) return a.has_value() == b.has_value();
    return EqualKeys(*a, *b);
  }
};

template <IsKey T>
  requires(!RawByte<T>)
struct KeyTraits<std::vector<T>> : key_internal::SequenceKey<std::vector<T>> {};

template <class K>
  requires(MapLike<K> || SetLike<K>) && IsKey<K>
struct KeyTraits<K> : key_internal::SequenceKey<K> {};

template <IsRow K>
  requires IsKey<K>
struct KeyTraits<K> : key_internal::CompositeKey<K> {
  static uint64_t Hash(const K& key) {
    uint64_t hash = kHashSeed0;
    RowTraits<K>::ForEachField(
        key, [&hash](const auto& field) { hash = HashCombine(hash, HashKey(field)); });
    return hash;
  }
  static bool Equal(const K& a, const K& b) {
    return RowTraits<K>::AllPairs(a, b,
                                  [](const auto& x, const auto& y) { return EqualKeys(x, y); });
  }
};

}  // namespace joist

#endif  // JOIST_MODEL_KEY_TRAITS_H_
