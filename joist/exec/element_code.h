// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ElementCode<T>: elements as bytes for a spill file, by their coders, nested. Strings are decoded
// to views of the bytes, which must live as long as they do. Pure functions.

#ifndef JOIST_EXEC_ELEMENT_CODE_H_
#define JOIST_EXEC_ELEMENT_CODE_H_

#include <memory>
#include <string>
#include <utility>

#include "joist/exec/element.h"
#include "joist/model/coder.h"

namespace joist {

template <class T>
struct ElementCode {
  static constexpr bool kExists = kHasCoder<T>;
  static void Encode(const View<T>& view, std::string* out) {
    Coder<T>::Encode(view, out, /*nested=*/true);
  }
  static bool Decode(ByteReader* in, Stored<T>* to) {
    return Coder<T>::Decode(in, to, /*nested=*/true);
  }
};

template <>
struct ElementCode<std::string> {
  static constexpr bool kExists = true;
  static void Encode(std::string_view view, std::string* out) { PutBytes(view, out, true); }
  static bool Decode(ByteReader* in, std::string_view* to) { return in->TakeBytes(to, true); }
};

template <class K, class V>
struct ElementCode<KV<K, V>> {
  static constexpr bool kExists = ElementCode<K>::kExists && ElementCode<V>::kExists;
  static void Encode(const View<KV<K, V>>& view, std::string* out) {
    ElementCode<K>::Encode(view.key, out);
    ElementCode<V>::Encode(view.value, out);
  }
  static bool Decode(ByteReader* in, Stored<KV<K, V>>* to) {
    return ElementCode<K>::Decode(in, &to->key) && ElementCode<V>::Decode(in, &to->value);
  }
};

template <class V>
struct ElementCode<Iterable<V>> {
  static constexpr bool kExists = ElementCode<V>::kExists;
  static void Encode(const Iterable<V>& view, std::string* out) {
    PutVarint(view.size(), out);
    for (const auto& value : view) ElementCode<V>::Encode(value, out);
  }
  static bool Decode(ByteReader* in, OwnedIterable<V>* to) {
    uint64_t size;
    if (!in->TakeVarint(&size)) return false;
    std::shared_ptr<Stored<V>[]> values(new Stored<V>[size]);
    for (uint64_t i = 0; i < size; ++i) {
      if (!ElementCode<V>::Decode(in, &values[i])) return false;
    }
    *to = {std::move(values), static_cast<size_t>(size)};
    return true;
  }
};

}  // namespace joist

#endif  // JOIST_EXEC_ELEMENT_CODE_H_
