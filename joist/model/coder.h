// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Coder<T>: how a value of type T becomes bytes and comes back, byte for byte as Beam's coders do
// it. Stateless; pure functions, as thread-safe as their arguments.
//
// A coder is a specialisation with static members:
//
//   template <>
//   struct joist::Coder<Money> {
//     static constexpr bool kDeterministic = true;   // Equal values have equal bytes.
//     static CoderSpec Spec();                       // Which coder, for other machines.
//     static void Encode(const Money& value, std::string* out, bool nested);
//     static bool Decode(ByteReader* in, Money* value, bool nested);
//   };
//
// Invariants:
//  1. `nested` tells that other bytes may follow, so that the encoding must show where it ends;
//     otherwise ("outer") the value owns all the bytes that are left.
//  2. Decode trusts nothing: on bad input it returns false, with the reason in the reader; it never
//     throws, and allocates no more than the input justifies.
//
// | type                                              | coder                                     |
// |---------------------------------------------------|-------------------------------------------|
// | bool; integers, char, enums                       | bool; varint (of 64 bits)                 |
// | double; float                                     | double; four bytes, big-endian            |
// | std::string                                       | string_utf8 (not checked to be UTF-8)     |
// | Bytes, std::vector<uint8_t or std::byte>          | bytes                                     |
// | KV, std::pair; std::tuple                         | kv; tuple                                 |
// | std::optional; std::vector                        | nullable; iterable                        |
// | maps; sets                                        | iterable of kv; iterable                  |
// | Timestamp, Duration, Window, PaneInfo, Void       | instant; varint; interval_window; …       |
// | aggregates declared with JOIST_ROW                | row (joist/model/row.h)                   |

#ifndef JOIST_MODEL_CODER_H_
#define JOIST_MODEL_CODER_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/coder_spec.h"
#include "joist/model/kv.h"
#include "joist/model/pane.h"
#include "joist/model/timestamp.h"
#include "joist/model/type_name.h"
#include "joist/model/window.h"
#include "joist/model/wire.h"

namespace joist {

template <class T>
struct Coder;

/// T can be encoded.
template <class T>
concept HasCoder = requires(const T& value, T* to, std::string* out, ByteReader* in) {
  Coder<T>::Encode(value, out, true);
  { Coder<T>::Decode(in, to, true) } -> std::same_as<bool>;
  { Coder<T>::Spec() } -> std::same_as<CoderSpec>;
  requires std::is_same_v<decltype(Coder<T>::kDeterministic), const bool>;
};

/// T can be encoded, and equal values have equal bytes.
template <class T>
concept HasDeterministicCoder = HasCoder<T> && Coder<T>::kDeterministic;

// Asserting the concept itself would add all the ways in which it is not met.
template <class T>
inline constexpr bool kHasCoder = HasCoder<T>;

/// Stops the compiler with one sentence where T has no coder.
#define JOIST_ASSERT_CODER(...)                                                              \
  static_assert(::joist::kHasCoder<__VA_ARGS__>,                                             \
                "Joist has no coder for this type; declare its fields with JOIST_ROW(Type, " \
                "fields...) in its namespace, or specialise joist::Coder for it")

/// A bool, number or enum that a word of 64 bits holds is encoded from here on as such.
template <class T>
concept Integer = std::is_integral_v<T> && !std::is_same_v<T, bool> &&
                  !std::is_same_v<T, wchar_t> && !std::is_same_v<T, char8_t> &&
                  !std::is_same_v<T, char16_t> && !std::is_same_v<T, char32_t> && sizeof(T) <= 8;

/// std::map and its like: known by their members, so that their headers are not needed here.
template <class T>
concept MapLike = requires(T& map) {
  typename T::key_type;
  typename T::mapped_type;
  map.insert_or_assign(std::declval<typename T::key_type>(),
                       std::declval<typename T::mapped_type>());
};
/// std::set and its like.
template <class T>
concept SetLike = requires(T& set) {
  typename T::key_type;
  set.insert(std::declval<typename T::key_type>());
} && !MapLike<T> && std::is_same_v<typename T::key_type, typename T::value_type>;

/// A container whose order follows from its keys alone.
template <class T>
concept OrderedByKey =
    requires { typename T::key_compare; } && !std::is_floating_point_v<typename T::key_type> &&
    (std::is_same_v<typename T::key_compare, std::less<typename T::key_type>> ||
     std::is_same_v<typename T::key_compare, std::less<>> ||
     std::is_same_v<typename T::key_compare, std::greater<typename T::key_type>> ||
     std::is_same_v<typename T::key_compare, std::greater<>>);

/// One byte of a std::vector that is bytes, not numbers.
template <class T>
concept RawByte = std::is_same_v<T, uint8_t> || std::is_same_v<T, std::byte>;

/// A type that is represented by another one: specialise it to give a type of yours a coder, a
/// schema (as Beam's logical type) and, where the representation has one, a key's hash.
///
///   template <>
///   struct joist::LogicalType<Uuid> {
///     using Representation = joist::Bytes;
///     static constexpr std::string_view kUrn = "example:uuid:v1";
///     static Bytes ToRepresentation(const Uuid& uuid);
///     static bool FromRepresentation(const Bytes& bytes, Uuid* uuid);  // False: not a Uuid.
///   };
template <class T>
struct LogicalType;
template <class T>
concept IsLogical = requires { typename LogicalType<T>::Representation; };

template <>
struct Coder<bool> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kBoolCoder); }
  static void Encode(bool value, std::string* out, bool) { PutByte(value ? 1 : 0, out); }
  static bool Decode(ByteReader* in, bool* value, bool) {
    uint8_t byte;
    if (!in->TakeByte(&byte)) return false;
    if (byte > 1) return in->Fail("a bool is neither 0 nor 1");
    *value = byte == 1;
    return true;
  }
};

/// The 64-bit word of an integer: sign-extended, so that int32 and int64 agree; char is unsigned.
template <Integer T>
constexpr uint64_t IntegerToWord(T value) {
  if constexpr (std::is_same_v<T, char>) return static_cast<unsigned char>(value);
  if constexpr (std::is_signed_v<T>) return static_cast<uint64_t>(static_cast<int64_t>(value));
  return static_cast<uint64_t>(value);
}

template <Integer T>
struct Coder<T> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kVarintCoder); }
  static void Encode(T value, std::string* out, bool) { PutVarint(IntegerToWord(value), out); }
  static bool Decode(ByteReader* in, T* value, bool) {
    uint64_t word;
    if (!in->TakeVarint(&word)) return false;
    *value = static_cast<T>(word);
    if (IntegerToWord(*value) != word) return in->Fail("a number exceeds its type");
    return true;
  }
};

template <class T>
  requires std::is_enum_v<T>
struct Coder<T> {
  using Number = std::conditional_t<std::is_same_v<std::underlying_type_t<T>, bool>, uint8_t,
                                    std::underlying_type_t<T>>;
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kVarintCoder); }
  static void Encode(T value, std::string* out, bool nested) {
    Coder<Number>::Encode(static_cast<Number>(value), out, nested);
  }
  static bool Decode(ByteReader* in, T* value, bool nested) {
    Number number;
    if (!Coder<Number>::Decode(in, &number, nested)) return false;
    *value = static_cast<T>(number);
    return true;
  }
};

template <>
struct Coder<double> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kDoubleCoder); }
  static void Encode(double value, std::string* out, bool) {
    PutBigEndian64(std::bit_cast<uint64_t>(value), out);
  }
  static bool Decode(ByteReader* in, double* value, bool) {
    uint64_t bits;
    if (!in->TakeBigEndian64(&bits)) return false;
    *value = std::bit_cast<double>(bits);
    return true;
  }
};

template <>
struct Coder<float> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kFloatCoder); }
  static void Encode(float value, std::string* out, bool) {
    PutBigEndian32(std::bit_cast<uint32_t>(value), out);
  }
  static bool Decode(ByteReader* in, float* value, bool) {
    uint32_t bits;
    if (!in->TakeBigEndian32(&bits)) return false;
    *value = std::bit_cast<float>(bits);
    return true;
  }
};

template <>
struct Coder<std::string> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kStringCoder); }
  static void Encode(std::string_view value, std::string* out, bool nested) {
    PutBytes(value, out, nested);
  }
  static bool Decode(ByteReader* in, std::string* value, bool nested) {
    std::string_view bytes;
    if (!in->TakeBytes(&bytes, nested)) return false;
    value->assign(bytes);
    return true;
  }
};

template <>
struct Coder<Bytes> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kBytesCoder); }
  static void Encode(const Bytes& value, std::string* out, bool nested) {
    PutBytes(value.data, out, nested);
  }
  static bool Decode(ByteReader* in, Bytes* value, bool nested) {
    return Coder<std::string>::Decode(in, &value->data, nested);
  }
};

template <RawByte T>
struct Coder<std::vector<T>> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kBytesCoder); }
  static void Encode(const std::vector<T>& value, std::string* out, bool nested) {
    PutBytes({reinterpret_cast<const char*>(value.data()), value.size()}, out, nested);
  }
  static bool Decode(ByteReader* in, std::vector<T>* value, bool nested) {
    std::string_view bytes;
    if (!in->TakeBytes(&bytes, nested)) return false;
    const T* data = reinterpret_cast<const T*>(bytes.data());
    value->assign(data, data + bytes.size());
    return true;
  }
};

template <>
struct Coder<Void> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kVoidCoder); }
  static void Encode(Void, std::string*, bool) {}
  static bool Decode(ByteReader*, Void*, bool) { return true; }
};

template <>
struct Coder<Timestamp> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kTimestampCoder); }
  static void Encode(Timestamp value, std::string* out, bool) { PutInstant(value.millis, out); }
  static bool Decode(ByteReader* in, Timestamp* value, bool) {
    return in->TakeInstant(&value->millis);
  }
};

template <>
struct Coder<Duration> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kVarintCoder); }
  static void Encode(Duration value, std::string* out, bool nested) {
    Coder<int64_t>::Encode(value.millis, out, nested);
  }
  static bool Decode(ByteReader* in, Duration* value, bool nested) {
    return Coder<int64_t>::Decode(in, &value->millis, nested);
  }
};

/// As an element. The windows of a collection are encoded by its window function's coder, which for
/// the global window takes no bytes.
template <>
struct Coder<Window> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kIntervalWindowCoder); }
  static void Encode(const Window& value, std::string* out, bool) {
    PutInstant(value.end.millis, out);
    // The difference of any two int64 fits in 64 bits if one lets it wrap.
    PutVarint(static_cast<uint64_t>(value.end.millis) - static_cast<uint64_t>(value.start.millis),
              out);
  }
  static bool Decode(ByteReader* in, Window* value, bool) {
    uint64_t span;
    if (!in->TakeInstant(&value->end.millis) || !in->TakeVarint(&span)) return false;
    value->start.millis = static_cast<int64_t>(static_cast<uint64_t>(value->end.millis) - span);
    return true;
  }
};

template <>
struct Coder<PaneInfo> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kPaneCoder); }
  static void Encode(const PaneInfo& value, std::string* out, bool nested);
  static bool Decode(ByteReader* in, PaneInfo* value, bool nested);
};

namespace coder_internal {

// Both parts of a KV or pair: the first one nested, the last one as the whole.
template <class A, class B>
struct PairCoder {
  static constexpr bool kDeterministic = Coder<A>::kDeterministic && Coder<B>::kDeterministic;
  static CoderSpec Spec() { return MakeCoderSpec(kKvCoder, {Coder<A>::Spec(), Coder<B>::Spec()}); }
  static void Put(const A& first, const B& second, std::string* out, bool nested) {
    Coder<A>::Encode(first, out, true);
    Coder<B>::Encode(second, out, nested);
  }
  static bool Take(ByteReader* in, A* first, B* second, bool nested) {
    return Coder<A>::Decode(in, first, true) && Coder<B>::Decode(in, second, nested);
  }
};

// How many elements a sequence has: -1 for a length that was not known when it began.
inline bool TakeSequenceSize(ByteReader* in, int64_t* size) {
  uint32_t word;
  if (!in->TakeBigEndian32(&word)) return false;
  *size = static_cast<int32_t>(word);
  return *size >= -1 || in->Fail("a sequence has a negative length");
}

void PutSequenceSize(size_t size, std::string* out);

// Calls `take_one()` for each element of a sequence in either of its forms.
template <class TakeOne>
bool TakeSequence(ByteReader* in, int64_t size, TakeOne take_one) {
  const bool blocks = size < 0;
  uint64_t left = static_cast<uint64_t>(size);
  do {
    if (blocks && !in->TakeVarint(&left)) return false;
    if (blocks && left > INT64_MAX) return in->Fail("an iterable continues in a runner's state");
    for (uint64_t i = 0; i < left; ++i) {
      const size_t before = in->position();
      if (!take_one() || !in->CountElement(before)) return false;
    }
  } while (blocks && left > 0);
  return true;
}

}  // namespace coder_internal

template <HasCoder K, HasCoder V>
struct Coder<KV<K, V>> : coder_internal::PairCoder<K, V> {
  static void Encode(const KV<K, V>& value, std::string* out, bool nested) {
    Coder::Put(value.key, value.value, out, nested);
  }
  static bool Decode(ByteReader* in, KV<K, V>* value, bool nested) {
    return Coder::Take(in, &value->key, &value->value, nested);
  }
};

template <HasCoder A, HasCoder B>
struct Coder<std::pair<A, B>> : coder_internal::PairCoder<A, B> {
  static void Encode(const std::pair<A, B>& value, std::string* out, bool nested) {
    Coder::Put(value.first, value.second, out, nested);
  }
  static bool Decode(ByteReader* in, std::pair<A, B>* value, bool nested) {
    return Coder::Take(in, &value->first, &value->second, nested);
  }
};

template <HasCoder... Ts>
struct Coder<std::tuple<Ts...>> {
  static constexpr bool kDeterministic = (Coder<Ts>::kDeterministic && ...);
  static CoderSpec Spec() { return MakeCoderSpec(kTupleCoder, {Coder<Ts>::Spec()...}); }
  static void Encode(const std::tuple<Ts...>& value, std::string* out, bool nested) {
    [&]<size_t... kI>(std::index_sequence<kI...>) {
      (Coder<Ts>::Encode(std::get<kI>(value), out, nested || kI + 1 < sizeof...(Ts)), ...);
    }(std::index_sequence_for<Ts...>());
  }
  static bool Decode(ByteReader* in, std::tuple<Ts...>* value, bool nested) {
    return [&]<size_t... kI>(std::index_sequence<kI...>) {
      return (Coder<Ts>::Decode(in, &std::get<kI>(*value), nested || kI + 1 < sizeof...(Ts)) &&
              ...);
    }(std::index_sequence_for<Ts...>());
  }
};

template <HasCoder T>
struct Coder<std::optional<T>> {
  static constexpr bool kDeterministic = Coder<T>::kDeterministic;
  static CoderSpec Spec() { return MakeCoderSpec(kNullableCoder, {Coder<T>::Spec()}); }
  static void Encode(const std::optional<T>& value, std::string* out, bool nested) {
    PutByte(value.has_value() ? 1 : 0, out);
    if (value.has_value()) Coder<T>::Encode(*value, out, nested);
  }
  static bool Decode(ByteReader* in, std::optional<T>* value, bool nested) {
    bool present;
    if (!Coder<bool>::Decode(in, &present, true)) return false;
    if (present) return Coder<T>::Decode(in, &value->emplace(), nested);
    value->reset();
    return true;
  }
};

template <HasCoder T>
  requires(!RawByte<T>)
struct Coder<std::vector<T>> {
  static constexpr bool kDeterministic = Coder<T>::kDeterministic;
  static CoderSpec Spec() { return MakeCoderSpec(kIterableCoder, {Coder<T>::Spec()}); }
  static void Encode(const std::vector<T>& value, std::string* out, bool) {
    coder_internal::PutSequenceSize(value.size(), out);
    for (const auto& element : value) Coder<T>::Encode(element, out, true);
  }
  static bool Decode(ByteReader* in, std::vector<T>* value, bool) {
    int64_t size;
    if (!coder_internal::TakeSequenceSize(in, &size)) return false;
    value->clear();
    if (size > 0) value->reserve(in->ReserveHint(static_cast<uint64_t>(size)));
    return coder_internal::TakeSequence(in, size, [in, value] {
      if constexpr (std::is_same_v<T, bool>) {
        bool element;
        if (!Coder<bool>::Decode(in, &element, true)) return false;
        value->push_back(element);
        return true;
      } else {
        return Coder<T>::Decode(in, &value->emplace_back(), true);
      }
    });
  }
};

template <MapLike T>
  requires HasCoder<typename T::key_type> && HasCoder<typename T::mapped_type>
struct Coder<T> {
  using Entry = coder_internal::PairCoder<typename T::key_type, typename T::mapped_type>;
  static constexpr bool kDeterministic = OrderedByKey<T> && Entry::kDeterministic;
  static CoderSpec Spec() { return MakeCoderSpec(kIterableCoder, {Entry::Spec()}); }
  static void Encode(const T& value, std::string* out, bool) {
    coder_internal::PutSequenceSize(value.size(), out);
    for (const auto& [key, mapped] : value) Entry::Put(key, mapped, out, true);
  }
  static bool Decode(ByteReader* in, T* value, bool) {
    int64_t size;
    if (!coder_internal::TakeSequenceSize(in, &size)) return false;
    value->clear();
    return coder_internal::TakeSequence(in, size, [in, value] {
      typename T::key_type key;
      typename T::mapped_type mapped;
      if (!Entry::Take(in, &key, &mapped, true)) return false;
      value->insert_or_assign(std::move(key), std::move(mapped));
      return true;
    });
  }
};

template <SetLike T>
  requires HasCoder<typename T::key_type>
struct Coder<T> {
  using Element = Coder<typename T::key_type>;
  static constexpr bool kDeterministic = OrderedByKey<T> && Element::kDeterministic;
  static CoderSpec Spec() { return MakeCoderSpec(kIterableCoder, {Element::Spec()}); }
  static void Encode(const T& value, std::string* out, bool) {
    coder_internal::PutSequenceSize(value.size(), out);
    for (const auto& element : value) Element::Encode(element, out, true);
  }
  static bool Decode(ByteReader* in, T* value, bool) {
    int64_t size;
    if (!coder_internal::TakeSequenceSize(in, &size)) return false;
    value->clear();
    return coder_internal::TakeSequence(in, size, [in, value] {
      typename T::key_type element;
      if (!Element::Decode(in, &element, true)) return false;
      value->insert(std::move(element));
      return true;
    });
  }
};

template <IsLogical T>
  requires HasCoder<typename LogicalType<T>::Representation>
struct Coder<T> {
  using Representation = typename LogicalType<T>::Representation;
  static constexpr bool kDeterministic = Coder<Representation>::kDeterministic;
  static CoderSpec Spec() { return Coder<Representation>::Spec(); }
  static void Encode(const T& value, std::string* out, bool nested) {
    Coder<Representation>::Encode(LogicalType<T>::ToRepresentation(value), out, nested);
  }
  static bool Decode(ByteReader* in, T* value, bool nested) {
    Representation representation;
    if (!Coder<Representation>::Decode(in, &representation, nested)) return false;
    return LogicalType<T>::FromRepresentation(representation, value) ||
           in->Fail("a value is not one of its logical type");
  }
};

/// The encoding of `value` by itself (outer context).
template <class T>
std::string EncodeToString(const T& value) {
  JOIST_ASSERT_CODER(T);
  std::string bytes;
  if constexpr (HasCoder<T>) Coder<T>::Encode(value, &bytes, false);
  return bytes;
}

/// The error of a decoder of `type_name` that gave up, or that did not take all of its input.
Status DecodeError(const std::string& type_name, const ByteReader& in);

/// The value that takes all of `bytes` (outer context).
template <class T>
Result<T> DecodeFromString(std::string_view bytes) {
  JOIST_ASSERT_CODER(T);
  Result<T> result{T()};
  if constexpr (HasCoder<T>) {
    ByteReader in(bytes);
    if (!Coder<T>::Decode(&in, &*result, false) || in.remaining() != 0) {
      return DecodeError(TypeName<T>(), in);
    }
  }
  return result;
}

}  // namespace joist

// The coder of rows. It stands here, so that nobody can ask for a coder and miss it.
#include "joist/model/row.h"  // NOLINT

#endif  // JOIST_MODEL_CODER_H_
