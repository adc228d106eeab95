// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// State: what a function over KVs remembers for each key and window. A function asks for a state by
// a parameter, by value; the Tag tells states of one kind apart. A handle is good until the
// function returns.
//
//   ValueState<T, Tag>         one value, or none
//   BagState<T, Tag>           values, in the order in which they were added
//   CombiningState<F, V, Tag>  values of type V combined by the CombineFn F
//   SetState<T, Tag>           values, each once
//   MapState<K, V, Tag>        values by key
//   MultimapState<K, V, Tag>   several values by key
//   OrderedListState<T, Tag>   values by timestamp
//
//   struct CountVisits {
//     struct Visits {};
//     void Process(const joist::KV<std::string, Page>& visit,
//                  joist::ValueState<int64_t, Visits> visits, joist::Emit<std::string> emit) {
//       visits.Write(visits.ReadOr(0) + 1);
//       if (*visits.Read() == 100) emit(visit.key);
//     }
//   };

#ifndef JOIST_EXEC_STATE_H_
#define JOIST_EXEC_STATE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/exec/accumulator_code.h"
#include "joist/exec/emit.h"
#include "joist/exec/saved_element.h"
#include "joist/model/coder.h"
#include "joist/model/timestamp.h"

namespace joist {

namespace state_internal {
/// Keys are compared as Beam compares them: by their encoding.
template <class K>
std::string KeyOf(const K& key) {
  return EncodeToString(key);
}

/// What a value takes beside its own size, about.
template <class T>
size_t HeapBytes([[maybe_unused]] const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return value.capacity();
  } else if constexpr (std::is_trivially_copyable_v<T>) {
    return 0;
  } else if constexpr (kHasCoder<T>) {
    return EncodeToString(value).size();
  } else {
    return sizeof(T);
  }
}
template <class T>
size_t HeapBytes(const std::vector<T>& values) {
  size_t bytes = values.capacity() * sizeof(T);
  if constexpr (!std::is_trivially_copyable_v<T>) {
    for (const T& value : values) bytes += HeapBytes(value);
  }
  return bytes;
}
/// Of a tree's nodes.
template <class Map>
size_t HeapBytesOfTree(const Map& map) {
  constexpr size_t kNode = 32 + sizeof(typename Map::value_type);
  size_t bytes = map.size() * kNode;
  for (const auto& [key, value] : map) bytes += HeapBytes(key) + HeapBytes(value);
  return bytes;
}

// Cells in checkpoints.

template <class... T>
CoderSpec SpecOf(std::string_view urn) {
  const auto of = []<class V>() {
    if constexpr (kHasCoder<V>) {
      return Coder<V>::Spec();
    } else {
      return CoderSpec();
    }
  };
  return MakeCoderSpec(urn, {of.template operator()<T>()...});
}
template <class T>
void SaveOptional(const std::optional<T>& value, std::string* out) {
  PutByte(value.has_value() ? 1 : 0, out);
  if (value.has_value()) SaveValue(*value, out);
}
template <class T>
bool RestoreOptional(ByteReader* in, std::optional<T>* value) {
  uint8_t has_value;
  if (!in->TakeByte(&has_value)) return false;
  return has_value == 0 || RestoreValue(in, &value->emplace());
}
template <class T>
void SaveAll(const std::vector<T>& values, std::string* out) {
  PutVarint(values.size(), out);
  for (const T& value : values) SaveValue(value, out);
}
template <class T, class Add>
bool RestoreAll(ByteReader* in, Add add) {
  uint64_t count;
  if (!in->TakeVarint(&count)) return false;
  for (; count > 0; --count) {
    T value{};
    if (!RestoreValue(in, &value)) return false;
    add(std::move(value));
  }
  return true;
}
}  // namespace state_internal

template <class T, class Tag = Main>
class ValueState {
 public:
  using tag_type = Tag;
  using Cell = std::optional<T>;
  explicit ValueState(Cell* cell) : cell_(cell) {}

  /// Null if nothing was written.
  const T* Read() const { return cell_->has_value() ? &**cell_ : nullptr; }
  T ReadOr(T fallback) const { return cell_->has_value() ? **cell_ : std::move(fallback); }
  bool IsEmpty() const { return !cell_->has_value(); }
  void Write(T value) const { *cell_ = std::move(value); }
  void Clear() const { cell_->reset(); }

  static CoderSpec Spec() { return state_internal::SpecOf<T>("joist:state:value"); }
  static void Save(const Cell& cell, std::string* out) { state_internal::SaveOptional(cell, out); }
  static bool Restore(ByteReader* in, Cell* cell) {
    return state_internal::RestoreOptional(in, cell);
  }

  static size_t HeapBytes(const Cell& cell) {
    return cell.has_value() ? state_internal::HeapBytes(*cell) : 0;
  }

 private:
  Cell* cell_;
};

template <class T, class Tag = Main>
class BagState {
 public:
  using tag_type = Tag;
  using Cell = std::vector<T>;
  explicit BagState(Cell* cell) : cell_(cell) {}

  /// Good until the bag changes.
  const std::vector<T>& Read() const { return *cell_; }
  bool IsEmpty() const { return cell_->empty(); }
  size_t size() const { return cell_->size(); }
  void Add(T value) const { cell_->push_back(std::move(value)); }
  void Clear() const { cell_->clear(); }

  static CoderSpec Spec() { return state_internal::SpecOf<T>("joist:state:bag"); }
  static void Save(const Cell& cell, std::string* out) { state_internal::SaveAll(cell, out); }
  static bool Restore(ByteReader* in, Cell* cell) {
    return state_internal::RestoreAll<T>(in, [&](T value) { cell->push_back(std::move(value)); });
  }

  static size_t HeapBytes(const Cell& cell) { return state_internal::HeapBytes(cell); }

 private:
  Cell* cell_;
};

/// F is a CombineFn (joist/exec/combine.h) that can be made by F().
template <class F, class V, class Tag = Main>
class CombiningState {
 public:
  using tag_type = Tag;
  using Accumulator = std::remove_cvref_t<decltype(std::declval<const F&>().CreateAccumulator())>;
  using Cell = std::optional<Accumulator>;
  explicit CombiningState(Cell* cell) : cell_(cell) {}

  /// What the values give; of none, what F gives of none.
  auto Read() const { return F().ExtractOutput(Get()); }
  bool IsEmpty() const { return !cell_->has_value(); }
  void Add(const V& value) const {
    if (!cell_->has_value()) *cell_ = F().CreateAccumulator();
    F().AddInput(**cell_, ViewOfOwn<V>(value));
  }
  void Clear() const { cell_->reset(); }

  static CoderSpec Spec() {
    return MakeCoderSpec("joist:state:combining", {AccumulatorCode<Accumulator>::Spec()});
  }
  static void Save(const Cell& cell, std::string* out) {
    if constexpr (AccumulatorCode<Accumulator>::kExists) {
      PutByte(cell.has_value() ? 1 : 0, out);
      if (cell.has_value()) AccumulatorCode<Accumulator>::Encode(*cell, out);
    } else {
      RefuseToSave(TypeName<Accumulator>());
    }
  }
  static bool Restore(ByteReader* in, Cell* cell) {
    uint8_t has_value;
    if (!in->TakeByte(&has_value)) return false;
    if (has_value == 0) return true;
    if constexpr (AccumulatorCode<Accumulator>::kExists) {
      return AccumulatorCode<Accumulator>::Decode(in, &cell->emplace(F().CreateAccumulator()));
    } else {
      return false;
    }
  }

  static size_t HeapBytes(const Cell& cell) {
    return cell.has_value() ? state_internal::HeapBytes(*cell) : 0;
  }

 private:
  Accumulator Get() const { return cell_->has_value() ? **cell_ : F().CreateAccumulator(); }
  Cell* cell_;
};

template <class T, class Tag = Main>
class SetState {
 public:
  using tag_type = Tag;
  using Cell = std::map<std::string, T>;  ///< By encoding.
  explicit SetState(Cell* cell) : cell_(cell) {}

  bool Contains(const T& value) const { return cell_->contains(state_internal::KeyOf(value)); }
  /// True if it was not there.
  bool Add(T value) const {
    std::string key = state_internal::KeyOf(value);
    return cell_->try_emplace(std::move(key), std::move(value)).second;
  }
  void Remove(const T& value) const { cell_->erase(state_internal::KeyOf(value)); }
  std::vector<T> Read() const {
    std::vector<T> values;
    for (const auto& [key, value] : *cell_) values.push_back(value);
    return values;
  }
  bool IsEmpty() const { return cell_->empty(); }
  void Clear() const { cell_->clear(); }

  static CoderSpec Spec() { return state_internal::SpecOf<T>("joist:state:set"); }
  static void Save(const Cell& cell, std::string* out) {
    PutVarint(cell.size(), out);
    for (const auto& [key, value] : cell) SaveValue(value, out);
  }
  static bool Restore(ByteReader* in, Cell* cell) {
    return state_internal::RestoreAll<T>(in,
                                         [&](T value) { SetState(cell).Add(std::move(value)); });
  }

  static size_t HeapBytes(const Cell& cell) { return state_internal::HeapBytesOfTree(cell); }

 private:
  Cell* cell_;
};

template <class K, class V, class Tag = Main>
class MapState {
 public:
  using tag_type = Tag;
  using Cell = std::map<std::string, KV<K, V>>;  ///< By the key's encoding.
  explicit MapState(Cell* cell) : cell_(cell) {}

  /// Null if there is none; good until the map changes.
  const V* Get(const K& key) const {
    const auto found = cell_->find(state_internal::KeyOf(key));
    return found == cell_->end() ? nullptr : &found->second.value;
  }
  bool Contains(const K& key) const { return Get(key) != nullptr; }
  void Put(K key, V value) const {
    std::string encoded = state_internal::KeyOf(key);
    cell_->insert_or_assign(std::move(encoded), KV<K, V>{std::move(key), std::move(value)});
  }
  void Remove(const K& key) const { cell_->erase(state_internal::KeyOf(key)); }
  std::vector<KV<K, V>> Entries() const {
    std::vector<KV<K, V>> entries;
    for (const auto& [encoded, entry] : *cell_) entries.push_back(entry);
    return entries;
  }
  size_t size() const { return cell_->size(); }
  bool IsEmpty() const { return cell_->empty(); }
  void Clear() const { cell_->clear(); }

  static CoderSpec Spec() { return state_internal::SpecOf<K, V>("joist:state:map"); }
  static void Save(const Cell& cell, std::string* out) {
    PutVarint(cell.size(), out);
    for (const auto& [key, entry] : cell) SaveValue(entry, out);
  }
  static bool Restore(ByteReader* in, Cell* cell) {
    using Entry = KV<K, V>;
    return state_internal::RestoreAll<Entry>(in, [&](Entry entry) {
      std::string key = state_internal::KeyOf(entry.key);
      cell->emplace(std::move(key), std::move(entry));
    });
  }

  static size_t HeapBytes(const Cell& cell) { return state_internal::HeapBytesOfTree(cell); }

 private:
  Cell* cell_;
};

template <class K, class V, class Tag = Main>
class MultimapState {
 public:
  using tag_type = Tag;
  using Cell = std::map<std::string, KV<K, std::vector<V>>>;  ///< By the key's encoding.
  explicit MultimapState(Cell* cell) : cell_(cell) {}

  std::vector<V> Get(const K& key) const {
    const auto found = cell_->find(state_internal::KeyOf(key));
    return found == cell_->end() ? std::vector<V>() : found->second.value;
  }
  bool Contains(const K& key) const { return cell_->contains(state_internal::KeyOf(key)); }
  void Put(K key, V value) const {
    auto& entry = (*cell_)[state_internal::KeyOf(key)];
    entry.key = std::move(key);
    entry.value.push_back(std::move(value));
  }
  void Remove(const K& key) const { cell_->erase(state_internal::KeyOf(key)); }
  std::vector<K> Keys() const {
    std::vector<K> keys;
    for (const auto& [encoded, entry] : *cell_) keys.push_back(entry.key);
    return keys;
  }
  bool IsEmpty() const { return cell_->empty(); }
  void Clear() const { cell_->clear(); }

  static CoderSpec Spec() { return state_internal::SpecOf<K, V>("joist:state:multimap"); }
  static void Save(const Cell& cell, std::string* out) {
    PutVarint(cell.size(), out);
    for (const auto& [key, entry] : cell) SaveValue(entry, out);
  }
  static bool Restore(ByteReader* in, Cell* cell) {
    using Entry = KV<K, std::vector<V>>;
    return state_internal::RestoreAll<Entry>(in, [&](Entry entry) {
      std::string key = state_internal::KeyOf(entry.key);
      cell->emplace(std::move(key), std::move(entry));
    });
  }

  static size_t HeapBytes(const Cell& cell) { return state_internal::HeapBytesOfTree(cell); }

 private:
  Cell* cell_;
};

template <class T, class Tag = Main>
class OrderedListState {
 public:
  using tag_type = Tag;
  using Cell = std::multimap<Timestamp, T>;
  explicit OrderedListState(Cell* cell) : cell_(cell) {}

  void Add(Timestamp at, T value) const { cell_->emplace(at, std::move(value)); }
  /// In the order of time, those of one time in the order of Add.
  std::vector<std::pair<Timestamp, T>> Read() const {
    return ReadRange(Timestamp::Min(), Timestamp::Max());
  }
  /// Of [from, to).
  std::vector<std::pair<Timestamp, T>> ReadRange(Timestamp from, Timestamp to) const {
    return {cell_->lower_bound(from), cell_->lower_bound(to)};
  }
  void ClearRange(Timestamp from, Timestamp to) const {
    cell_->erase(cell_->lower_bound(from), cell_->lower_bound(to));
  }
  bool IsEmpty() const { return cell_->empty(); }
  void Clear() const { cell_->clear(); }

  static CoderSpec Spec() { return state_internal::SpecOf<T>("joist:state:ordered_list"); }
  static void Save(const Cell& cell, std::string* out) {
    PutVarint(cell.size(), out);
    for (const auto& [at, value] : cell) SaveValue(KV<Timestamp, T>{at, value}, out);
  }
  static bool Restore(ByteReader* in, Cell* cell) {
    return state_internal::RestoreAll<KV<Timestamp, T>>(
        in, [&](KV<Timestamp, T> entry) { cell->emplace(entry.key, std::move(entry.value)); });
  }

  static size_t HeapBytes(const Cell& cell) { return state_internal::HeapBytesOfTree(cell); }

 private:
  Cell* cell_;
};

template <class P>
inline constexpr bool kIsState = requires {
  typename P::Cell;
  typename P::tag_type;
};

}  // namespace joist

#endif  // JOIST_EXEC_STATE_H_
