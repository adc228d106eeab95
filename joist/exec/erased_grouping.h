// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Groupings without the user's types: keys and values as words or as texts. What is rarely needed
// is built on them, so that no program compiles it anew for each of its types.

#ifndef JOIST_EXEC_ERASED_GROUPING_H_
#define JOIST_EXEC_ERASED_GROUPING_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>

#include "joist/exec/element_code.h"
#include "joist/exec/group_key.h"
#include "joist/exec/step.h"

namespace joist {

/// K as a word, or as the text that is its encoding.
template <class K>
struct ErasedKey {
  static constexpr bool kIsWord = GroupKey<K>::kIsWord;
  using Type = std::conditional_t<kIsWord, uint64_t, std::string>;

  /// In `arena` where it is no view of the key.
  static View<Type> Erase(const View<K>& key, [[maybe_unused]] std::string* scratch,
                          [[maybe_unused]] Arena& arena) {
    if constexpr (kIsWord) {
      return KeyTraits<K>::ToWord(key);
    } else if constexpr (GroupKey<K>::kIsEncoded) {
      return GroupKey<K>::Keep(key, scratch, arena);
    } else {
      return key;
    }
  }
  /// `own` is where a key goes that is no view of its text.
  static View<K> Restore(View<Type> key, [[maybe_unused]] K* own) {
    if constexpr (kIsWord) {
      return KeyTraits<K>::FromWord(key);
    } else {
      return GroupKey<K>::FromKept(key, own);
    }
  }
};

/// V as a word where it is one of plain bytes, else as its encoding.
template <class V>
struct ErasedValue {
  static constexpr bool kIsText = std::is_same_v<V, std::string>;
  static constexpr bool kIsWord =
      std::is_trivially_copyable_v<Stored<V>> && sizeof(Stored<V>) <= sizeof(uint64_t);
  using Type = std::conditional_t<kIsWord, uint64_t, std::string>;

  static View<Type> Erase(const View<V>& value, [[maybe_unused]] std::string* scratch,
                          [[maybe_unused]] Arena& arena) {
    if constexpr (kIsWord) {
      uint64_t word = 0;
      const Stored<V> stored = value;
      std::memcpy(&word, &stored, sizeof(stored));
      return word;
    } else if constexpr (kIsText) {
      return value;
    } else {
      scratch->clear();
      ElementCode<V>::Encode(value, scratch);
      return arena.Copy(*scratch);
    }
  }
  static Stored<V> Restore(View<Type> value) {
    if constexpr (kIsWord) {
      Stored<V> stored;
      std::memcpy(static_cast<void*>(&stored), &value, sizeof(stored));
      return stored;
    } else if constexpr (kIsText) {
      return value;
    } else {
      Stored<V> stored;
      ByteReader reader(value);
      JOIST_CHECK(ElementCode<V>::Decode(&reader, &stored));
      return stored;
    }
  }
};

/// The bytes that an A consists of, as a word where they fit into one.
template <class A>
struct ErasedBytes {
  static constexpr bool kIsWord = sizeof(A) <= sizeof(uint64_t);
  using Type = std::conditional_t<kIsWord, uint64_t, std::string>;

  /// Of the A at `from`.
  static View<Type> Erase(const void* from, [[maybe_unused]] Arena& arena) {
    if constexpr (kIsWord) {
      uint64_t word = 0;
      std::memcpy(&word, from, sizeof(A));
      return word;
    } else {
      return arena.Copy(std::string_view(static_cast<const char*>(from), sizeof(A)));
    }
  }
  static A Restore(View<Type> value) {
    A a;
    if constexpr (kIsWord) {
      std::memcpy(static_cast<void*>(&a), &value, sizeof(A));
    } else {
      std::memcpy(static_cast<void*>(&a), value.data(), sizeof(A));
    }
    return a;
  }
};

/// A GroupByKeyBreaker of keys and values that are uint64_t, where they are words, or std::string.
std::unique_ptr<Breaker> MakeErasedGrouping(bool keys_are_words, bool values_are_words,
                                            const BreakerContext& context);

}  // namespace joist

#endif  // JOIST_EXEC_ERASED_GROUPING_H_
