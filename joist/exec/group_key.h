// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How keys and values lie in what groups them: as they are where they are plain bytes or a string,
// otherwise as their encoding. So a hash table has keys of two kinds only, words and texts,
// equality is that of the encoded bytes by construction, what is held can be counted, and going to
// disk needs no second form. Pure functions.

#ifndef JOIST_EXEC_GROUP_KEY_H_
#define JOIST_EXEC_GROUP_KEY_H_

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "joist/exec/element_code.h"
#include "joist/exec/key_table.h"

namespace joist {

/// A key in records and tables. The functions return views of what they are given.
template <class K>
struct GroupKey {
  static constexpr bool kIsWord = KeyTraits<K>::kIsWord;
  static constexpr bool kIsEncoded = !kIsWord && !std::is_same_v<K, std::string>;
  /// The K of a KeyTable.
  using Table = std::conditional_t<kIsEncoded, std::string, K>;
  using Kept = View<Table>;

  /// The key as the table has it; an encoding is put in `scratch`.
  static Kept ToKept(const View<K>& key, [[maybe_unused]] std::string* scratch) {
    if constexpr (kIsEncoded) {
      scratch->clear();
      Coder<K>::Encode(ToKey(key), scratch, /*nested=*/false);
      return *scratch;
    } else {
      return key;
    }
  }
  /// The same, in `arena`.
  static Kept Keep(const View<K>& key, [[maybe_unused]] std::string* scratch,
                   [[maybe_unused]] Arena& arena) {
    if constexpr (kIsWord) {
      return key;
    } else {
      return arena.Copy(ToKept(key, scratch));
    }
  }
  /// Another copy, in `arena`.
  static Kept Copy(const Kept& kept, [[maybe_unused]] Arena& arena) {
    if constexpr (kIsWord) {
      return kept;
    } else {
      return arena.Copy(kept);
    }
  }
  /// Bytes in an arena that it refers to.
  static size_t HeldBytes([[maybe_unused]] const Kept& kept) {
    if constexpr (kIsWord) {
      return 0;
    } else {
      return kept.size();
    }
  }
  static uint64_t Hash(const Kept& kept) { return key_slot::For<Table>::type::Make(kept).hash; }
  static void Encode(const Kept& kept, std::string* out) {
    if constexpr (kIsWord) {
      Coder<K>::Encode(kept, out, /*nested=*/true);
    } else {
      PutBytes(kept, out, /*nested=*/true);
    }
  }
  static bool Decode(ByteReader* in, Kept* kept) {
    if constexpr (kIsWord) {
      return Coder<K>::Decode(in, kept, /*nested=*/true);
    } else {
      return in->TakeBytes(kept, /*nested=*/true);
    }
  }
  /// The key as functions are handed it; a decoded one is put in `own`.
  static View<K> FromKept(const Kept& kept, [[maybe_unused]] K* own) {
    if constexpr (kIsEncoded) {
      ByteReader reader(kept);
      JOIST_CHECK(Coder<K>::Decode(&reader, own, /*nested=*/false));
      return ViewOfOwn<K>(*own);
    } else {
      return kept;
    }
  }

 private:
  /// What the coder takes: the view itself where it is a const K&.
  static decltype(auto) ToKey(const View<K>& view) {
    if constexpr (std::is_same_v<std::remove_cvref_t<View<K>>, K>) {
      return static_cast<const K&>(view);
    } else {
      return Own<K>(view);
    }
  }
};

/// The keys of a batch as a table has them.
template <class K>
class GroupKeyColumn {
 public:
  /// Valid until the next call, or as long as `keys` where they are kept as they are.
  ColumnView<typename GroupKey<K>::Table> Of(const ColumnView<K>& keys,
                                             [[maybe_unused]] size_t count) {
    if constexpr (GroupKey<K>::kIsEncoded) {
      arena_.Reset();
      column_.resize(count);
      for (size_t i = 0; i < count; ++i) column_[i] = GroupKey<K>::Keep(keys[i], &scratch_, arena_);
      return ColumnView<std::string>(column_.data());
    } else {
      return keys;
    }
  }

 private:
  Arena arena_;
  std::string scratch_;
  std::vector<std::string_view> column_;
};

/// A value in records.
template <class V>
struct GroupValue {
  static constexpr bool kIsEncoded = !std::is_trivially_copyable_v<Stored<V>>;
  using Kept = std::conditional_t<kIsEncoded, std::string_view, Stored<V>>;

  static Kept Keep(const View<V>& value, [[maybe_unused]] std::string* scratch, Arena& arena) {
    if constexpr (kIsEncoded) {
      scratch->clear();
      ElementCode<V>::Encode(value, scratch);
      return arena.Copy(*scratch);
    } else {
      return ElementForm<V>::Store(value, arena);
    }
  }
  static Kept Copy(const Kept& kept, Arena& arena) {
    if constexpr (kIsEncoded) {
      return arena.Copy(kept);
    } else {
      return ElementForm<V>::Store(ElementForm<V>::ViewOf(kept), arena);
    }
  }
  /// Bytes in an arena that it refers to.
  static size_t HeldBytes(const Kept& kept) { return TextBytes(kept); }
  static void Encode(const Kept& kept, std::string* out) {
    if constexpr (kIsEncoded) {
      PutBytes(kept, out, /*nested=*/true);
    } else {
      EncodeElement(kept, out);
    }
  }
  /// The value's own encoding.
  static void EncodeElement(const Kept& kept, std::string* out) {
    if constexpr (kIsEncoded) {
      out->append(kept);
    } else {
      ElementCode<V>::Encode(ElementForm<V>::ViewOf(kept), out);
    }
  }
  static Stored<V> Load(const Kept& kept) {
    if constexpr (kIsEncoded) {
      ByteReader reader(kept);
      Stored<V> value;
      JOIST_CHECK(ElementCode<V>::Decode(&reader, &value));
      return value;
    } else {
      return kept;
    }
  }
  /// What Encode wrote; views of it where the value has any.
  static bool Decode(ByteReader* in, Kept* kept) {
    if constexpr (kIsEncoded) {
      return in->TakeBytes(kept, /*nested=*/true);
    } else {
      return ElementCode<V>::Decode(in, kept);
    }
  }

 private:
  static size_t TextBytes(std::string_view text) { return text.size(); }
  template <class A, class B>
  static size_t TextBytes(const KV<A, B>& kv) {
    return TextBytes(kv.key) + TextBytes(kv.value);
  }
  template <class A>
  static size_t TextBytes(const A&) {
    return 0;
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_GROUP_KEY_H_
