// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JOIST_ROW: reflection, schemas, the row coder.

#include "joist/model/row.h"

#include <map>
#include <set>
#include <unordered_map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/model/describe.h"
#include "joist/model/key_traits.h"
#include "joist/model/standard_coder.h"

// In a namespace of its own and in the global one, as users have it.
namespace shop {
enum class Size : uint8_t { kSmall, kLarge };
JOIST_ENUM(Size, kSmall, kLarge)

struct Item {
  std::string name;
  int32_t cents = 0;
  bool operator==(const Item&) const = default;
};
JOIST_ROW(Item, name, cents)

struct Outer {
  struct Inner {
    int64_t a = 0;
  };
  Inner inner;
};
JOIST_ROW(Outer::Inner, a)
JOIST_ROW(Outer, inner)
}  // namespace shop

struct Global {
  int64_t x = 0;
};
JOIST_ROW(Global, x)

// Reflected, but not a row: only its base is.
struct Derived : Global {
  int64_t y = 0;
};

namespace joist {
namespace {

using ::testing::HasSubstr;

struct Uuid {
  std::string hex;
};

struct All {
  bool boolean = true;
  int8_t byte = -1;
  int16_t int16 = -2;
  int32_t int32 = -3;
  int64_t int64 = -4;
  uint8_t uint8 = 255;
  uint16_t uint16 = 65535;
  uint32_t uint32 = UINT32_MAX;
  uint64_t uint64 = UINT64_MAX;
  char letter = 'x';
  float single = 1.5f;
  double dual = 2.5;
  std::string text = "text";
  Bytes bytes{"\xff"};
  std::vector<uint8_t> blob = {1, 2};
  Timestamp when{1000};
  Duration span{-1500};
  std::optional<int32_t> nothing;
  std::optional<std::string> something = "here";
  std::vector<std::string> list = {"a", "b"};
  std::vector<std::optional<int64_t>> holes = {1, std::nullopt};
  std::set<int32_t> set = {3, 4};
  std::map<std::string, std::optional<double>> map = {{"pi", 3.14}, {"no", std::nullopt}};
  shop::Item item{"nut", 5};
  std::vector<shop::Item> items = {{"bolt", 6}};
  std::optional<shop::Item> other;
  KV<std::string, std::optional<int32_t>> kv{"k", 1};
  std::pair<int32_t, bool> pair{7, true};
  std::tuple<int32_t, std::string> tuple{8, "t"};
  shop::Size size = shop::Size::kLarge;
  enum class Plain { kZero, kOne } plain = Plain::kOne;
  std::vector<bool> flags = {true, false};
  Uuid uuid{"abcd"};
  std::optional<Uuid> no_uuid;
};

}  // namespace

template <>
struct LogicalType<Uuid> {
  using Representation = std::string;
  static constexpr std::string_view kUrn = "test:uuid:v1";
  static std::string ToRepresentation(const Uuid& uuid) { return uuid.hex; }
  static bool FromRepresentation(const std::string& hex, Uuid* uuid) {
    uuid->hex = hex;
    return hex.size() == 4;
  }
};

namespace {

JOIST_ROW(All, boolean, byte, int16, int32, int64, uint8, uint16, uint32, uint64, letter, single,
          dual, text, bytes, blob, when, span, nothing, something, list, holes, set, map, item,
          items, other, kv, pair, tuple, size, plain, flags, uuid, no_uuid)

TEST(Row, Reflection) {
  using Traits = RowTraits<shop::Item>;
  static_assert(IsRow<shop::Item> && IsRow<Global> && IsRow<shop::Outer::Inner>);
  static_assert(!IsRow<Derived> && !IsRow<int> && !IsRow<std::string> && !IsRow<Uuid>);
  static_assert(!HasCoder<Derived>);
  static_assert(Traits::kFieldCount == 2);
  EXPECT_EQ(Traits::TypeName(), "Item");
  EXPECT_EQ(RowTraits<shop::Outer::Inner>::TypeName(), "Outer::Inner");
  EXPECT_EQ(Traits::FieldName(1), "cents");
  shop::Item item{"nut", 5};
  Traits::ForEachField(item, []<class F>(F& field) { field = F(); });
  EXPECT_EQ(item, shop::Item());
  EXPECT_FALSE(
      Traits::AllPairs({"a", 1}, {"a", 2}, [](const auto& a, const auto& b) { return a == b; }));
}

TEST(Row, SchemaOfEverything) {
  EXPECT_EQ(SchemaOf<All>().ToString(),
            "boolean BOOLEAN, byte BYTE, int16 INT16, int32 INT32, int64 INT64, uint8 INT16, "
            "uint16 INT32, uint32 INT64, uint64 joist:logical_type:uint64:v1, letter INT16, "
            "single FLOAT, dual DOUBLE, text STRING, bytes BYTES, blob BYTES, "
            "when beam:logical_type:millis_instant:v1, span beam:logical_type:nanos_duration:v1, "
            "nothing INT32?, something STRING?, list ARRAY<STRING>, holes ARRAY<INT64?>, "
            "set ARRAY<INT32>, map MAP<STRING, DOUBLE?>, item ROW<name STRING, cents INT32>, "
            "items ARRAY<ROW<name STRING, cents INT32>>, other ROW<name STRING, cents INT32>?, "
            "kv ROW<key STRING, value INT32?>, pair ROW<key INT32, value BOOLEAN>, "
            "tuple ROW<f0 INT32, f1 STRING>, size STRING, plain INT32, flags ARRAY<BOOLEAN>, "
            "uuid test:uuid:v1, no_uuid test:uuid:v1?");
  EXPECT_TRUE(SchemaOf<All>().Validate().ok());
  EXPECT_EQ(Schema::Parse(SchemaOf<All>().Serialize()).value(), SchemaOf<All>());
}

TEST(Row, EverythingComesBack) {
  const All all;
  const std::string bytes = EncodeToString(all);
  const Result<All> back = DecodeFromString<All>(bytes);
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(EncodeToString(*back), bytes);
  EXPECT_EQ(ToDescription(*back), ToDescription(all));
  EXPECT_TRUE(EqualKeys(*back, all));
  // And through the coder that knows only the schema.
  const StandardCoder coder = std::move(StandardCoder::Make(Coder<All>::Spec())).value();
  const Result<Value> value = coder.DecodeFromString(bytes);
  ASSERT_TRUE(value.ok()) << value.status().message();
  EXPECT_EQ(coder.EncodeToString(*value).value(), bytes);
}

// The example of standard_coders.yaml, typed.
struct Example {
  std::string str;
  int32_t i32 = 0;
  double f64 = 0;
  std::vector<std::string> arr;
};
JOIST_ROW(Example, str, i32, f64, arr)

TEST(Row, BytesAreBeams) {
  EXPECT_EQ(
      EncodeToString(Example{"foo", 9001, 0.1, {"foo", "bar", "baz"}}),
      std::string("\4\0\3foo\xa9\x46\x3f\xb9\x99\x99\x99\x99\x99\x9a\0\0\0\3\3foo\3bar\3baz", 32));
  Schema schema = SchemaOf<Example>();
  schema.id = "4e5e554c-d4c1-4a5d-b5e1-f3293a6b9f05";
  EXPECT_EQ(schema.Serialize(),
            "\n\t\n\x03str\x1a\x02\x10\x07\n\t\n\x03i32\x1a\x02\x10\x03\n\t\n\x03"
            "f64\x1a\x02\x10\x06\n\r\n\x03"
            "arr\x1a\x06\x1a\x04\n\x02\x10\x07\x12$4e5e554c-d4c1-4a5d-b5e1-f3293a6b9f05");
}

struct Nulls {
  std::optional<std::string> str;
  std::optional<int32_t> i32;
  std::optional<double> f64;
};
JOIST_ROW(Nulls, str, i32, f64)

TEST(Row, NullsAreBeams) {
  EXPECT_EQ(EncodeToString(Nulls{}), "\3\1\7");
  EXPECT_EQ(EncodeToString(Nulls{"foo", 9001, {}}), "\3\1\4\3foo\xa9\x46");
  EXPECT_EQ(EncodeToString(Nulls{"foo", 9001, 0.1}),
            std::string("\3\0\3foo\xa9\x46\x3f\xb9\x99\x99\x99\x99\x99\x9a", 16));
  EXPECT_EQ(EncodeToString(shop::Item{"", -1}),
            std::string("\2\0\0\xff\xff\xff\xff\x0f", 8));  // INT32 has five bytes, not ten.
}

TEST(Row, ReadsRowsOfAnOlderSchema) {
  // One field, written before i32 and f64 were added.
  const Nulls row = DecodeFromString<Nulls>(std::string("\1\0\3foo", 6)).value();
  EXPECT_EQ(row.str, "foo");
  EXPECT_EQ(row.f64, std::nullopt);
  EXPECT_THAT(DecodeFromString<shop::Item>(std::string("\1\0\3foo", 6)).status().message(),
              HasSubstr("null in a field that cannot be null"));
  EXPECT_THAT(DecodeFromString<Nulls>(std::string("\4\0\3foo", 6)).status().message(),
              HasSubstr("more fields than its schema"));
}

TEST(Row, RefusesBadBytes) {
  EXPECT_FALSE(DecodeFromString<Nulls>("").ok());
  EXPECT_FALSE(DecodeFromString<Nulls>("\3").ok());
  EXPECT_FALSE(DecodeFromString<Nulls>("\3\xff\xff\xff\xff\x0f").ok());
  struct Check {
    const char* what;
    bool ok;
  };
  EXPECT_TRUE(DecodeFromString<shop::Item>(std::string("\2\0\1n\5", 5)).ok());
  EXPECT_THAT(DecodeFromString<shop::Item>(std::string("\2\0\1n\xff\xff\xff\xff\x1f", 9))
                  .status()
                  .message(),
              HasSubstr("exceeds INT32"));
}

struct Sized {
  shop::Size size = shop::Size::kSmall;
  uint8_t small = 0;
  Uuid uuid{"0000"};
};
JOIST_ROW(Sized, size, small, uuid)

TEST(Row, RefusesValuesThatItsTypesDoNotHave) {
  const auto error = [](std::string_view bytes) {
    return DecodeFromString<Sized>(bytes).status().message();
  };
  EXPECT_EQ(error(std::string_view("\3\0\6kLarge\0\7\4abcd", 16)), "");
  EXPECT_EQ(error(std::string_view("\3\0\1"
                                   "1\0\7\4abcd",
                                   11)),
            "");
  EXPECT_THAT(error(std::string_view("\3\0\6kMedia\0\7\4abcd", 16)),
              HasSubstr("not the name of an enumerator"));
  EXPECT_THAT(error(std::string_view("\3\0\6kLarge\xff\xff\4abcd", 16)),
              HasSubstr("exceeds its type"));
  EXPECT_THAT(error(std::string_view("\3\0\6kLarge\0\7\3abc", 15)), HasSubstr("logical type"));
}

TEST(Row, TheUsersOperatorIsNotAsked) {
  struct {
    int unused;
  } ignored;
  (void)ignored;
  EXPECT_FALSE(EqualKeys(shop::Item{"a", 1}, shop::Item{"a", 2}));
}

TEST(Schema, StableIds) {
  EXPECT_EQ(SchemaOf<shop::Item>().id, "ada93005-cc96-8738-aaed-6fbf01fb60ea");
  EXPECT_EQ(SchemaOf<shop::Item>().id.size(), 36u);
  EXPECT_NE(SchemaOf<shop::Item>().id, SchemaOf<Nulls>().id);
}

TEST(Schema, KeepsWhatItDoesNotUnderstand) {
  Schema schema = SchemaOf<Nulls>();
  schema.options = {std::string("\n\1x", 3)};
  schema.fields[0].description = "text";
  schema.fields[0].options = {"\n\1y"};
  schema.fields[0].id = -3;
  schema.fields[1].type.nullable = false;
  FieldType logical = FieldType::Logical("a:b:c", FieldType::Atomic(AtomicType::kBytes));
  logical.logical_payload = "payload";
  logical.parts.push_back(FieldType::Atomic(AtomicType::kInt32));
  logical.logical_argument = std::string("\x0a\x02\x18\x05", 4);
  schema.fields[2].type = logical;
  const Result<Schema> back = Schema::Parse(schema.Serialize());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, schema);
  EXPECT_EQ(back->fields[2].type.IntegerArgument(), 5);
  EXPECT_EQ(back->fields[0].type.IntegerArgument(), -1);
}

TEST(Schema, RefusesWrongOnes) {
  EXPECT_FALSE(Schema::Parse("\n").ok());
  EXPECT_FALSE(Schema::Parse("\n\3\n\1x").ok());                    // A field without a type.
  EXPECT_FALSE(Schema::Parse("\n\x07\n\1x\x1a\x02\x10\x0a").ok());  // An unknown atomic type.
  Schema twice;
  twice.fields = {{"a", {}}, {"a", {}}};
  EXPECT_EQ(twice.Validate().message(), "a schema has two fields named 'a'");
  Schema places;
  places.fields = {{"a", {}}, {"b", {}}};
  places.encoding_positions_set = true;
  EXPECT_EQ(places.Validate().message(), "the field 'b' of a schema has no place of its own");
  // Rows within rows, too deep to be read.
  Schema deep;
  for (int i = 0; i < 100; ++i) {
    Schema outer;
    outer.fields.push_back({"f", FieldType::Row(deep)});
    deep = outer;
  }
  EXPECT_FALSE(Schema::Parse(deep.Serialize()).ok());
}

TEST(Schema, OrderOfEncoding) {
  Schema schema;
  schema.fields = {{"a", {}}, {"b", {}}, {"c", {}}};
  EXPECT_EQ(schema.EncodingOrder(), (std::vector<size_t>{0, 1, 2}));
  schema.encoding_positions_set = true;
  schema.fields[0].encoding_position = 1;
  schema.fields[1].encoding_position = 2;
  EXPECT_EQ(schema.EncodingOrder(), (std::vector<size_t>{2, 0, 1}));
  EXPECT_EQ(schema.IndexOf("c"), 2);
  EXPECT_EQ(schema.IndexOf("d"), -1);
}

}  // namespace
}  // namespace joist
