// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Schemas of other writers against rows: what goes together, what doesn't and how that is said.

#include "joist/io/avro/plan.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/io/avro/decoder.h"
#include "joist/io/avro/test_rows.h"

namespace joist::avro {

template <class F>
struct Just {
  F x{};
};
template <class F>
constexpr FieldList<Just<F>, &Just<F>::x> JoistFields(const Just<F>*) {
  return {"Just", {"x"}};
}

struct Inner {
  int64_t x = 0;
  std::optional<std::string> z;
};
JOIST_ROW(Inner, x, z)
struct Outer {
  std::string name;
  Inner inner;
  std::optional<Inner> maybe;
  std::vector<Inner> inners;
  std::map<std::string, Inner> named;
};
JOIST_ROW(Outer, name, inner, maybe, inners, named)

namespace {

using testing::HasSubstr;

std::string Record(std::string_view type) {
  return R"({"type":"record","name":"R","fields":[{"name":"x","type":)" + std::string(type) + "}]}";
}

std::string Longs(std::initializer_list<int64_t> numbers) {
  std::string data;
  for (const int64_t number : numbers) PutLong(number, &data);
  return data;
}
std::string Texts(std::initializer_list<std::string_view> texts) {
  std::string data;
  for (const std::string_view text : texts) PutText(text, &data);
  return data;
}
template <class T>
std::string Raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

class PlanTest : public testing::Test {
 protected:
  ~PlanTest() override { std::filesystem::remove(path_); }

  template <class T>
  Result<std::vector<T>> Rows(std::string_view schema, int64_t records, std::string_view data,
                              std::vector<BadRecord>* bad = nullptr) {
    std::filesystem::remove(path_);  // Cheaper than to shorten it.
    std::ofstream(path_, std::ios::binary) << FileText(schema, records, data);
    return ReadRows<T>(path_, {}, bad);
  }
  /// The field x of one record, or what is wrong without the file's name.
  template <class F>
  Result<F> X(std::string_view type, std::string_view data) {
    const auto rows = Rows<Just<F>>(Record(type), 1, data);
    if (!rows.ok()) {
      const std::string& message = rows.status().message();
      EXPECT_TRUE(message.starts_with(path_ + ": ")) << message;
      return InvalidArgument(message.substr(std::min(message.size(), path_.size() + 2)));
    }
    EXPECT_EQ(rows->size(), 1);
    return (*rows)[0].x;
  }
  template <class F>
  std::string Wrong(std::string_view type, std::string_view data = "") {
    const Result<F> x = X<F>(type, data);
    return x.ok() ? "it is right" : x.status().message();
  }

  std::string path_ = testing::TempDir() + "joist_avro_plan_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(PlanTest, NumbersArePromoted) {
  EXPECT_EQ(*X<int32_t>("\"int\"", Longs({-5})), -5);
  EXPECT_EQ(*X<int64_t>("\"int\"", Longs({-5})), -5);
  EXPECT_EQ(*X<int64_t>("\"long\"", Longs({INT64_MIN})), INT64_MIN);
  EXPECT_EQ(*X<int64_t>("\"long\"", Longs({INT64_MAX})), INT64_MAX);
  EXPECT_EQ(*X<uint32_t>("\"long\"", Longs({UINT32_MAX})), UINT32_MAX);
  EXPECT_EQ(*X<uint64_t>("\"long\"", Longs({7})), 7);
  EXPECT_EQ(*X<uint8_t>("\"int\"", Longs({255})), 255);
  EXPECT_EQ(*X<int8_t>("\"int\"", Longs({-128})), -128);
  EXPECT_EQ(*X<Level>("\"int\"", Longs({3})), Level::kThree);
  EXPECT_EQ(*X<float>("\"int\"", Longs({-5})), -5);
  EXPECT_EQ(*X<float>("\"long\"", Longs({1 << 20})), 1 << 20);
  EXPECT_EQ(*X<double>("\"long\"", Longs({-5})), -5);
  EXPECT_EQ(*X<double>("\"float\"", Raw(1.5f)), 1.5);
  EXPECT_EQ(*X<double>("\"double\"", Raw(1.1)), 1.1);
  // Every length of a number, read where the data ends.
  for (int bits = 0; bits < 63; ++bits) {
    const int64_t number = (int64_t{1} << bits) - 1;
    EXPECT_EQ(*X<int64_t>("\"long\"", Longs({number})), number);
    EXPECT_EQ(*X<int64_t>("\"long\"", Longs({-number})), -number);
  }
  EXPECT_EQ(Wrong<int32_t>("\"long\""),
            "the field \"x\" is long there, which the row's int cannot take");
  EXPECT_EQ(Wrong<float>("\"double\""),
            "the field \"x\" is double there, which the row's float cannot take");
  EXPECT_THAT(Wrong<int64_t>("\"float\""), HasSubstr("is float there"));
  EXPECT_THAT(Wrong<bool>("\"int\""), HasSubstr("is int there"));
  EXPECT_THAT(Wrong<int8_t>("\"int\"", Longs({128})),
              HasSubstr("x is 128, which the row's int8_t cannot hold"));
  EXPECT_THAT(Wrong<uint32_t>("\"long\"", Longs({-1})), HasSubstr("x is -1, which"));
  EXPECT_THAT(Wrong<uint64_t>("\"long\"", Longs({-1})), HasSubstr("x is -1, which"));
  EXPECT_THAT(Wrong<bool>("\"boolean\"", "\2"), HasSubstr("x is no boolean"));
}

TEST_F(PlanTest, TextsAndBytes) {
  const std::string fixed = R"({"type":"fixed","name":"F","size":3})";
  EXPECT_EQ(*X<std::string>("\"bytes\"", Texts({"abc"})), "abc");
  EXPECT_EQ(X<Bytes>("\"string\"", Texts({"abc"}))->data, "abc");
  EXPECT_EQ(X<Bytes>(fixed, "abc")->data, "abc");
  EXPECT_EQ(*X<std::vector<uint8_t>>(fixed, "abc"), (std::vector<uint8_t>{'a', 'b', 'c'}));
  EXPECT_EQ(*X<std::vector<uint8_t>>("\"bytes\"", Texts({""})), std::vector<uint8_t>());
  EXPECT_EQ(Wrong<std::string>(fixed),
            "the field \"x\" is fixed F there, which the row's std::string cannot take");
  EXPECT_THAT(Wrong<int64_t>("\"string\""), HasSubstr("is string there"));
  EXPECT_THAT(Wrong<std::string>("\"string\"", Longs({-1})), HasSubstr("x ends too early"));
  EXPECT_THAT(Wrong<std::string>("\"string\"", Longs({INT64_MAX})), HasSubstr("x ends too early"));
  EXPECT_THAT(Wrong<int64_t>("\"long\"", std::string(9, '\xFF') + "\2"),
              HasSubstr("x is a number of more than 10 bytes"));
}

TEST_F(PlanTest, Enums) {
  const std::string colors = R"({"type":"enum","name":"C","symbols":["kBlue","kGreen","kRed"]})";
  EXPECT_EQ(*X<Color>(colors, Longs({0})), Color::kBlue);
  EXPECT_EQ(*X<Color>(colors, Longs({2})), Color::kRed);
  EXPECT_EQ(*X<std::string>(colors, Longs({1})), "kGreen");
  EXPECT_EQ(*X<Color>("\"string\"", Texts({"kBlue"})), Color::kBlue);
  EXPECT_THAT(Wrong<Color>(colors, Longs({1})),
              HasSubstr("x is \"kGreen\", which is not the name of an enumerator"));
  EXPECT_THAT(Wrong<Color>(colors, Longs({3})), HasSubstr("a symbol that its enum doesn't have"));
  EXPECT_THAT(Wrong<Color>("\"string\"", Texts({"kGreen"})), HasSubstr("x is not the name"));
  EXPECT_THAT(Wrong<int64_t>(colors), HasSubstr("is enum C there"));
}

TEST_F(PlanTest, Times) {
  const auto logical = [](std::string_view type, std::string_view name) {
    return "{\"type\":\"" + std::string(type) + "\",\"logicalType\":\"" + std::string(name) + "\"}";
  };
  const auto millis = [&](std::string_view type, std::string_view name, int64_t value) {
    return X<Timestamp>(logical(type, name), Longs({value}))->millis;
  };
  EXPECT_EQ(millis("long", "timestamp-millis", -5), -5);
  EXPECT_EQ(millis("long", "timestamp-micros", -5), -1);
  EXPECT_EQ(millis("long", "local-timestamp-micros", 5999), 5);
  EXPECT_EQ(millis("long", "timestamp-nanos", -1'000'000), -1);
  EXPECT_EQ(millis("int", "date", -2), -172'800'000);
  EXPECT_EQ(X<Duration>(logical("int", "time-millis"), Longs({7}))->millis, 7);
  EXPECT_EQ(X<Duration>(logical("long", "time-micros"), Longs({7999}))->millis, 7);
  EXPECT_EQ(*X<int64_t>(logical("long", "timestamp-micros"), Longs({7})), 7);
  EXPECT_THAT(Wrong<Timestamp>("\"long\""), HasSubstr("is long there"));
  EXPECT_THAT(Wrong<Timestamp>(logical("int", "time-millis")),
              HasSubstr("is int (time-millis) there"));
  EXPECT_THAT(Wrong<Timestamp>(logical("long", "timestamp-millis"), Longs({INT64_MAX})),
              HasSubstr("is a time that no Timestamp holds"));
}

TEST_F(PlanTest, Decimals) {
  const auto decimal = [](int scale) {
    return R"({"type":"bytes","logicalType":"decimal","precision":20,"scale":)" +
           std::to_string(scale) + "}";
  };
  const std::string fixed =
      R"({"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":4,"scale":2})";
  EXPECT_EQ(*X<std::string>(decimal(2), Texts({"\xFB\x2E"})), "-12.34");
  EXPECT_EQ(*X<std::string>(decimal(2), Texts({"\5"})), "0.05");
  EXPECT_EQ(*X<std::string>(decimal(0), Texts({""})), "0");
  EXPECT_EQ(*X<std::string>(fixed, "\x04\xD2"), "12.34");
  EXPECT_EQ(*X<double>(fixed, "\x04\xD2"), 12.34);
  EXPECT_EQ(X<Bytes>(fixed, "\x04\xD2")->data, "\x04\xD2");
  const std::string minus_one = std::string(16, '\xFF');
  EXPECT_EQ(*X<std::string>(decimal(0), Texts({minus_one})), "-1");
  EXPECT_EQ(*X<std::string>(decimal(0), Texts({"\x80" + std::string(15, '\0')})),
            "-170141183460469231731687303715884105728");
  EXPECT_THAT(Wrong<std::string>(decimal(0), Texts({minus_one + "\xFF"})),
              HasSubstr("x is a decimal of more than 16 bytes"));
  EXPECT_THAT(Wrong<uint64_t>(decimal(0), Texts({minus_one})), HasSubstr("x is -1, which"));
  EXPECT_THAT(Wrong<uint64_t>(decimal(2)), HasSubstr("is bytes (decimal) there"));
}

TEST_F(PlanTest, Unions) {
  EXPECT_EQ(*X<std::optional<int64_t>>(R"(["null","int"])", Longs({1, 5})), 5);
  EXPECT_EQ(*X<std::optional<int64_t>>(R"(["null","int"])", Longs({0})), std::nullopt);
  EXPECT_EQ(*X<std::optional<int64_t>>(R"(["long","null"])", Longs({1})), std::nullopt);
  EXPECT_EQ(*X<std::optional<int64_t>>(R"(["long","null"])", Longs({0, 5})), 5);
  EXPECT_EQ(*X<std::optional<int64_t>>("\"long\"", Longs({5})), 5);
  EXPECT_EQ(*X<std::optional<int64_t>>("\"null\"", ""), std::nullopt);
  EXPECT_EQ(*X<double>(R"(["int","double"])", Longs({0, 5})), 5);
  EXPECT_EQ(*X<double>(R"(["int","double"])", Longs({1}) + Raw(0.5)), 0.5);
  EXPECT_EQ(*X<std::optional<double>>(R"(["int","null","string"])", Longs({1})), std::nullopt);
  EXPECT_EQ(*X<int64_t>(R"(["null","long"])", Longs({1, 7})), 7);
  EXPECT_EQ(*X<int64_t>(R"(["long"])", Longs({0, 7})), 7);
  EXPECT_THAT(Wrong<int64_t>(R"(["null","long"])", Longs({0})),
              HasSubstr("x is null, and the row's field is no std::optional"));
  EXPECT_THAT(
      Wrong<std::optional<double>>(R"(["int","null","string"])", Longs({2}) + Texts({"text"})),
      HasSubstr("x is string, which the row's double cannot take"));
  EXPECT_THAT(Wrong<int64_t>(R"(["long","string"])", Longs({2})),
              HasSubstr("is of a branch that its union doesn't have"));
  EXPECT_THAT(Wrong<std::optional<int64_t>>(R"(["long","null"])", Longs({-1})),
              HasSubstr("is of a branch that its union doesn't have"));
  EXPECT_EQ(Wrong<std::optional<int64_t>>(R"(["null","string"])"),
            "the field \"x\" is null or string there, which the row's int64_t cannot take");
  EXPECT_THAT(Wrong<int64_t>("\"null\""), HasSubstr("is null there"));
}

TEST_F(PlanTest, ListsAndMaps) {
  const std::string longs = R"({"type":"array","items":"long"})";
  const std::string map = R"({"type":"map","values":"long"})";
  const std::string entries = R"({"type":"array","items":{"type":"record","name":"E","fields":[
      {"name":"value","type":"long"},{"name":"key","type":"string"}]}})";
  using Pairs = std::vector<KV<std::string, int64_t>>;
  // In parts, one of them with its size in bytes.
  const std::string parts = Longs({2, 7, 8, -1, 1, 9, 0});
  EXPECT_EQ(*X<std::vector<int64_t>>(longs, parts), (std::vector<int64_t>{7, 8, 9}));
  EXPECT_EQ(*X<std::set<int64_t>>(longs, parts), (std::set<int64_t>{7, 8, 9}));
  EXPECT_EQ(
      *X<std::vector<bool>>(R"({"type":"array","items":"boolean"})", std::string("\4\1\0\0", 4)),
      (std::vector<bool>{true, false}));
  const std::string pairs = Longs({2}) + Texts({"a"}) + Longs({1}) + Texts({"b"}) + Longs({2, 0});
  EXPECT_EQ((*X<std::map<std::string, int64_t>>(map, pairs)),
            (std::map<std::string, int64_t>{{"a", 1}, {"b", 2}}));
  EXPECT_EQ(*X<Pairs>(map, pairs), (Pairs{{"a", 1}, {"b", 2}}));
  const std::string swapped = Longs({1, 5}) + Texts({"a"}) + Longs({0});
  EXPECT_EQ((*X<std::map<std::string, int64_t>>(entries, swapped)),
            (std::map<std::string, int64_t>{{"a", 5}}));
  EXPECT_THAT((Wrong<std::map<int64_t, int64_t>>(map)), HasSubstr("is map of long there"));
  EXPECT_THAT(Wrong<std::vector<int64_t>>(map), HasSubstr("is map of long there"));
  EXPECT_THAT(Wrong<int64_t>(longs), HasSubstr("is array of long there"));

  // What claims more than there is takes no memory.
  EXPECT_THAT(Wrong<std::vector<int64_t>>(longs, Longs({INT64_MAX})), HasSubstr("too early"));
  EXPECT_THAT(Wrong<std::vector<int64_t>>(longs, Longs({INT64_MIN, 0})), HasSubstr("too early"));
  const std::string nulls = R"({"type":"array","items":"null"})";
  using Nothings = std::vector<std::optional<int64_t>>;
  EXPECT_EQ(X<Nothings>(nulls, Longs({1 << 20, 0}))->size(), 1 << 20);
  EXPECT_THAT(Wrong<Nothings>(nulls, Longs({1 << 20, 1, 0})),
              HasSubstr("elements that take no bytes"));
}

// Records in other orders, with fields of every type that nobody asked for.
TEST_F(PlanTest, FieldsGoByNameAndOthersArePassedOver) {
  const std::string inner = R"({"type":"record","name":"I","namespace":"n","fields":[
      {"name":"more","type":{"type":"map","values":["null","bytes",{"type":"array","items":"double"}]}},
      {"name":"x","type":"int"}]})";
  const std::string schema = R"({"type":"record","name":"n.R","fields":[
      {"name":"a","type":{"type":"fixed","name":"F","size":5}}, {"name":"b","type":"boolean"},
      {"name":"inners","type":{"type":"array","items":)" +
                             inner + R"(}},
      {"name":"c","type":"float"}, {"name":"d","type":"double"}, {"name":"e","type":"I"},
      {"name":"named","type":{"type":"map","values":"n.I"}}, {"name":"f","type":"long"},
      {"name":"name","type":"string"}, {"name":"inner","type":"I"},
      {"name":"g","type":["null","string"]},
      {"name":"h","type":{"type":"enum","name":"E","symbols":["A"]}},
      {"name":"i","type":{"type":"array","items":"I"}}]})";
  const auto one = [](int64_t x) {
    return Longs({3}) + Texts({"k"}) + Longs({0}) + Texts({"l"}) + Longs({1}) + Texts({"v"}) +
           Texts({"m"}) + Longs({2, 1}) + Raw(1.5) + Longs({0, 0, x});
  };
  std::string data;
  for (int64_t i = 0; i < 20; ++i) {
    data += "fixed\1" + Longs({2}) + one(i) + one(i + 1) + Longs({0}) + Raw(1.f) + Raw(2.0) +
            one(99) + Longs({1}) + Texts({"key"}) + one(i + 2) + Longs({0, 1 << 30}) +
            Texts({"name"}) + one(i + 3) + Longs({1}) + Texts({"g"}) + Longs({0});
    const std::string last = one(7);
    data += Longs({-1, static_cast<int64_t>(last.size())}) + last + Longs({1}) + last + Longs({0});
  }
  const auto rows = Rows<Outer>(schema, 20, data);
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  ASSERT_EQ(rows->size(), 20);
  for (int64_t i = 0; i < 20; ++i) {
    const Outer& row = (*rows)[static_cast<size_t>(i)];
    EXPECT_EQ(row.name, "name");
    EXPECT_EQ(row.inner.x, i + 3);
    EXPECT_FALSE(row.inner.z.has_value() || row.maybe.has_value());
    ASSERT_EQ(row.inners.size(), 2);
    EXPECT_EQ(row.inners[1].x, i + 1);
    EXPECT_EQ(row.named.at("key").x, i + 2);
  }
  // Cut anywhere, it is an error and nothing is read behind the end.
  for (size_t size = 0; size < data.size(); ++size) {
    const auto exact = std::make_unique<char[]>(size + Decoder::kSlack);
    std::copy_n(data.data(), size, exact.get());
    const auto parsed = WriterSchema::Parse(schema);
    const auto plan = Plan::Make(*parsed, ShapeOf<Outer>());
    ASSERT_TRUE(plan.ok());
    Decoder decoder;
    decoder.Begin({exact.get(), size});
    Outer row;
    int taken = 0;
    while (!decoder.at_end() && decoder.Take(*plan, &row)) ++taken;
    ASSERT_LT(taken, 20);
  }
}

TEST_F(PlanTest, MissingFields) {
  EXPECT_EQ(Rows<Outer>(
                R"({"type":"record","name":"R","fields":[{"name":"name","type":"string"}]})", 0, "")
                .status()
                .message(),
            path_ + ": the field \"inner\" is missing there, and the row's is no std::optional");
  const auto rows =
      Rows<Just<std::optional<int64_t>>>(R"({"type":"record","name":"R","fields":[]})", 3, "");
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 3);
  EXPECT_FALSE((*rows)[2].x.has_value());
  EXPECT_THAT(Rows<Point>("\"long\"", 0, "").status().message(),
              HasSubstr(": its records are of type long, and no rows"));
  EXPECT_THAT(Rows<Empty>(Record("\"null\""), int64_t{1} << 40, "").status().message(),
              HasSubstr("it claims 1099511627776 records"));
}

// A value that is wrong costs its record alone; damage what is left of the block.
TEST_F(PlanTest, BadValuesCostTheirRecord) {
  std::vector<BadRecord> bad;
  const std::string data = Longs({0, 5, 1, 0, 6}) + Longs({0, 7}) + Longs({9, 1, 2});
  const auto rows = Rows<Just<int64_t>>(Record(R"(["long","null"])"), 6, data, &bad);
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 3);
  EXPECT_EQ((*rows)[2].x, 7);
  ASSERT_EQ(bad.size(), 2);
  EXPECT_EQ(bad[0].reason,
            "record 2 of the block: x is null, and the row's field is no std::optional");
  EXPECT_EQ(bad[1].reason,
            "record 5 of the block: x is of a branch that its union doesn't have; 1 records behind "
            "it are lost");
}

TEST_F(PlanTest, SchemasThatAreRefused) {
  const auto refusal = [this](std::string_view schema) {
    const std::string message = Rows<Point>(schema, 0, "").status().message();
    return message.substr(std::min(message.size(), path_.size() + 2));
  };
  EXPECT_EQ(refusal("{"), "its schema is no JSON");
  EXPECT_EQ(refusal(Record(R"(["null","R"])")),
            "its type \"R\" contains itself, which a row cannot; read it with another tool");
  EXPECT_EQ(refusal(Record("\"Unknown\"")), "its schema is wrong: it has no type \"Unknown\"");
  EXPECT_THAT(refusal("7"), HasSubstr("neither a name, an object nor an array"));
  EXPECT_THAT(refusal("{}"), HasSubstr("a type without \"type\""));
  EXPECT_THAT(refusal(R"({"type":"record","name":"R"})"), HasSubstr("no array \"fields\""));
  EXPECT_THAT(refusal(R"({"type":"record","fields":[]})"), HasSubstr("without a name"));
  EXPECT_THAT(refusal(R"({"type":"record","name":"R","fields":[{"name":"x"}]})"),
              HasSubstr("has no name or no type"));
  EXPECT_THAT(refusal(R"({"type":"record","name":"R","fields":[{"name":"x","type":"int"},
                          {"name":"x","type":"int"}]})"),
              HasSubstr("\"R\" has \"x\" twice"));
  EXPECT_THAT(refusal(Record("[]")), HasSubstr("a union without branches"));
  EXPECT_THAT(refusal(Record(R"(["null",["int"]])")), HasSubstr("a union in a union"));
  EXPECT_THAT(refusal(Record(R"({"type":"array"})")), HasSubstr("an array without items"));
  EXPECT_THAT(refusal(Record(R"({"type":"enum","name":"E"})")), HasSubstr("no symbols"));
  EXPECT_THAT(refusal(Record(R"({"type":"fixed","name":"F","size":-1})")), HasSubstr("no size"));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += R"({"type":"array","items":)";
  deep += "\"int\"" + std::string(100'000, '}');
  EXPECT_THAT(refusal(deep), HasSubstr("nests values deeper than 64"));
  std::string wide = "[";
  for (int i = 0; i < 100'001; ++i) wide += "\"int\",";
  wide.back() = ']';
  EXPECT_THAT(refusal(wide), HasSubstr("more than 100000 types"));
  // Types of types of types, each twice in the next, are no more work than there are types.
  std::string doubled = R"("int")";
  std::string fields;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "T" + std::to_string(i);
    fields += R"({"name":")" + name + R"(","type":{"type":"record","name":")" + name +
              R"(","fields":[{"name":"a","type":)" + doubled + R"(},{"name":"b","type":)" +
              doubled + "}]}},";
    doubled = "\"" + name + "\"";
  }
  fields.back() = ' ';
  EXPECT_THAT(refusal(R"({"type":"record","name":"R","fields":[)" + fields + "]}"),
              HasSubstr("the field \"x\" is missing there"));
}

TEST_F(PlanTest, SchemaOfRows) {
  EXPECT_EQ(SchemaTextOf(ShapeOf<Outer>()),
            R"({"type":"record","name":"Outer","fields":[{"name":"name","type":"string"},)"
            R"({"name":"inner","type":{"type":"record","name":"Inner","fields":[)"
            R"({"name":"x","type":"long"},)"
            R"({"name":"z","type":["null","string"],"default":null}]}},)"
            R"({"name":"maybe","type":["null","Inner"],"default":null},)"
            R"({"name":"inners","type":{"type":"array","items":"Inner"}},)"
            R"({"name":"named","type":{"type":"map","values":"Inner"}}]})");
  EXPECT_TRUE(WriterSchema::Parse(SchemaTextOf(ShapeOf<Everything>())).ok());
}

TEST(NarrowingTest, ByValue) {
  const auto x = []<class F>(const F&, std::string_view type, std::string data) -> Result<F> {
    JOIST_ASSIGN_OR_RETURN(const WriterSchema schema, WriterSchema::Parse(Record(type)));
    JOIST_ASSIGN_OR_RETURN(const Plan plan,
                           Plan::Make(schema, ShapeOf<Just<F>>(), Narrowing::kByValue));
    const size_t size = data.size();
    data.resize(size + Decoder::kSlack);
    Decoder decoder;
    decoder.Begin(std::string_view(data).substr(0, size));
    Just<F> row;
    if (!decoder.Take(plan, &row)) return DataLoss(decoder.error());
    if (!decoder.refusal().empty()) return InvalidArgument(decoder.refusal());
    return row.x;
  };
  EXPECT_EQ(*x(int32_t(), R"("long")", Longs({INT32_MIN})), INT32_MIN);
  EXPECT_EQ(x(int32_t(), R"("long")", Longs({int64_t{INT32_MAX} + 1})).status().message(),
            "x is 2147483648, which the row's int cannot hold");
  EXPECT_EQ(*x(uint8_t(), R"("long")", Longs({255})), 255);
  EXPECT_FALSE(x(uint8_t(), R"("long")", Longs({-1})).ok());
  EXPECT_EQ(*x(float(), R"("double")", Raw(0.1)), 0.1F);
  EXPECT_FALSE(
      Plan::Make(*WriterSchema::Parse(Record(R"("long")")), ShapeOf<Just<int32_t>>()).ok());
}

}  // namespace
}  // namespace joist::avro
