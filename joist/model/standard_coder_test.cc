// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StandardCoder and Value, and every example of Beam's own standard_coders.yaml.

#include "joist/model/standard_coder.h"

#include <cstdlib>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "joist/model/coder.h"
#include "joist/model/describe.h"
#include "joist/model/row.h"

namespace joist {
namespace {

using ::testing::HasSubstr;

// ---- Beam's examples ---------------------------------------------------------------------------

// YAML's text is UTF-8; the file means one byte by each code point up to U+00FF.
std::string Latin1(const std::string& utf8) {
  std::string bytes;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const uint8_t first = static_cast<uint8_t>(utf8[i]);
    if (first < 0x80) {
      bytes += utf8[i];
    } else {
      EXPECT_TRUE(first == 0xC2 || first == 0xC3) << "beyond U+00FF in " << utf8;
      bytes += static_cast<char>((first & 3) << 6 | (static_cast<uint8_t>(utf8.at(++i)) & 0x3F));
    }
  }
  return bytes;
}

CoderSpec SpecOf(const YAML::Node& yaml) {
  CoderSpec spec;
  spec.urn = yaml["urn"].as<std::string>();
  if (yaml["payload"]) spec.payload = Latin1(yaml["payload"].as<std::string>());
  for (const auto& component : yaml["components"]) spec.components.push_back(SpecOf(component));
  return spec;
}

double NumberOf(const YAML::Node& yaml) {
  const std::string text = yaml.as<std::string>();
  return std::strtod(text.c_str(), nullptr);
}

PaneInfo PaneOf(const YAML::Node& yaml) {
  PaneInfo pane;
  const std::string timing = yaml["timing"].as<std::string>();
  pane.timing = timing == "EARLY"     ? PaneTiming::kEarly
                : timing == "ON_TIME" ? PaneTiming::kOnTime
                : timing == "LATE"    ? PaneTiming::kLate
                                      : PaneTiming::kUnknown;
  pane.is_first = yaml["is_first"].as<bool>();
  pane.is_last = yaml["is_last"].as<bool>();
  pane.index = yaml["index"].as<int64_t>();
  pane.on_time_index = yaml["on_time_index"].as<int64_t>();
  return pane;
}

Value RowOf(const Schema& schema, const YAML::Node& yaml);

Value FieldOf(const FieldType& type, const YAML::Node& yaml) {
  if (yaml.IsNull()) return {};
  switch (type.kind) {
    case FieldType::Kind::kArray:
    case FieldType::Kind::kIterable: {
      Value::List list;
      for (const auto& element : yaml) list.push_back(FieldOf(type.parts[0], element));
      return list;
    }
    case FieldType::Kind::kMap: {
      Value::Map map;
      for (const auto& entry : yaml) {
        map.entries.emplace_back(FieldOf(type.parts[0], entry.first),
                                 FieldOf(type.parts[1], entry.second));
      }
      return map;
    }
    case FieldType::Kind::kRow: return RowOf(type.row[0], yaml);
    case FieldType::Kind::kLogical:
      // The file gives the representation: for millis_instant the eight bytes as one number.
      if (type.urn == kMillisInstantType) {
        return Timestamp{
            static_cast<int64_t>(static_cast<uint64_t>(yaml.as<int64_t>()) ^ uint64_t{1} << 63)};
      }
      if (type.urn == kDecimalType) return Decimal::Parse(yaml.as<std::string>()).value();
      return FieldOf(type.parts[0], yaml);
    case FieldType::Kind::kAtomic: break;
  }
  switch (type.atomic) {
    case AtomicType::kByte:
    case AtomicType::kInt16:
    case AtomicType::kInt32:
    case AtomicType::kInt64: return yaml.as<int64_t>();
    case AtomicType::kFloat: return static_cast<float>(NumberOf(yaml));
    case AtomicType::kDouble: return NumberOf(yaml);
    case AtomicType::kString: return yaml.as<std::string>();
    case AtomicType::kBoolean: return yaml.as<bool>();
    case AtomicType::kBytes: return Bytes(yaml.as<std::string>());
  }
  return {};
}

Value RowOf(const Schema& schema, const YAML::Node& yaml) {
  Value::Record record;
  EXPECT_EQ(yaml.size(), schema.fields.size());
  for (const Field& field : schema.fields) {
    record.fields.emplace_back(field.name, FieldOf(field.type, yaml[field.name]));
  }
  return record;
}

Value ValueOf(const CoderSpec& spec, const YAML::Node& yaml) {
  const auto list_of = [](const CoderSpec& element, const YAML::Node& node) {
    Value::List list;
    for (const auto& one : node) list.push_back(ValueOf(element, one));
    return list;
  };
  const auto record = [](std::vector<std::pair<std::string, Value>> fields) {
    return Value::Record{std::move(fields)};
  };
  const auto time = [](const YAML::Node& node) { return Timestamp{node.as<int64_t>()}; };
  if (spec.urn == kBytesCoder) return Bytes(yaml.as<std::string>());
  if (spec.urn == kBoolCoder) return yaml.as<bool>();
  if (spec.urn == kStringCoder) return yaml.as<std::string>();
  if (spec.urn == kVarintCoder) return yaml.as<int64_t>();
  if (spec.urn == kDoubleCoder) return NumberOf(yaml);
  if (spec.urn == kGlobalWindowCoder) return Window::Global();
  if (spec.urn == kIntervalWindowCoder) {
    const int64_t end = yaml["end"].as<int64_t>();
    return Window{{end - yaml["span"].as<int64_t>()}, {end}};
  }
  if (spec.urn == kCustomWindowCoder) return ValueOf(spec.components[0], yaml["window"]);
  if (spec.urn == kNullableCoder) {
    return yaml.IsNull() ? Value() : ValueOf(spec.components[0], yaml);
  }
  if (spec.urn == kKvCoder) {
    return KvValue(ValueOf(spec.components[0], yaml["key"]),
                   ValueOf(spec.components[1], yaml["value"]));
  }
  if (spec.urn == kIterableCoder || spec.urn == kStateBackedIterableCoder) {
    return list_of(spec.components[0], yaml);
  }
  if (spec.urn == kShardedKeyCoder) {
    return record({{"shardId", Bytes(yaml["shardId"].as<std::string>())},
                   {"key", ValueOf(spec.components[0], yaml["key"])}});
  }
  if (spec.urn == kWindowedValueCoder || spec.urn == kParamWindowedValueCoder) {
    return record({{"value", ValueOf(spec.components[0], yaml["value"])},
                   {"timestamp", time(yaml["timestamp"])},
                   {"windows", list_of(spec.components[1], yaml["windows"])},
                   {"pane", PaneOf(yaml["pane"])}});
  }
  if (spec.urn == kTimerCoder) {
    const bool clear = yaml["clearBit"].as<bool>();
    Value::Record timer = record({{"userKey", ValueOf(spec.components[0], yaml["userKey"])},
                                  {"dynamicTimerTag", yaml["dynamicTimerTag"].as<std::string>()},
                                  {"windows", list_of(spec.components[1], yaml["windows"])},
                                  {"clearBit", clear}});
    if (!clear) {
      timer.fields.emplace_back("fireTimestamp", time(yaml["fireTimestamp"]));
      timer.fields.emplace_back("holdTimestamp", time(yaml["holdTimestamp"]));
      timer.fields.emplace_back("pane", PaneOf(yaml["pane"]));
    }
    return timer;
  }
  if (spec.urn == kRowCoder) return RowOf(Schema::Parse(spec.payload).value(), yaml);
  ADD_FAILURE() << "the test does not know the coder " << spec.urn;
  return {};
}

TEST(StandardCoders, EveryExampleOfBeam) {
  int sections = 0;
  int examples = 0;
  int checks = 0;
  std::set<std::string> urns;
  for (const YAML::Node& section : YAML::LoadAllFromFile(JOIST_STANDARD_CODERS_YAML)) {
    const CoderSpec spec = SpecOf(section["coder"]);
    SCOPED_TRACE("section " + std::to_string(++sections) + ", " + spec.ToString());
    urns.insert(spec.urn);
    const Result<StandardCoder> coder = StandardCoder::Make(spec);
    ASSERT_TRUE(coder.ok()) << coder.status().message();
    const bool only_decode =
        section["coder"]["non_deterministic"] && section["coder"]["non_deterministic"].as<bool>();
    std::vector<bool> contexts = {true, false};
    if (section["nested"]) contexts = {section["nested"].as<bool>()};
    const StandardCoder::StateReader state =
        [&section](std::string_view token) -> Result<std::string> {
      const YAML::Node found = section["coder"]["state"][std::string(token)];
      if (!found) return NotFound("no state " + std::string(token));
      return Latin1(found.as<std::string>());
    };
    for (const auto& example : section["examples"]) {
      ++examples;
      const std::string bytes = Latin1(example.first.as<std::string>());
      const Value value = ValueOf(spec, example.second);
      for (const bool nested : contexts) {
        ++checks;
        const Result<Value> decoded = coder->DecodeFromString(bytes, nested, state);
        ASSERT_TRUE(decoded.ok()) << decoded.status().message();
        EXPECT_EQ(decoded->ToString(), value.ToString());
        EXPECT_TRUE(*decoded == value);
        if (only_decode) continue;
        const Result<std::string> encoded = coder->EncodeToString(value, nested);
        ASSERT_TRUE(encoded.ok()) << encoded.status().message();
        EXPECT_EQ(ToDescription(Bytes(*encoded)), ToDescription(Bytes(bytes)));
      }
    }
  }
  // Of apache-beam 2.77.0. A newer file has other numbers; none may be checked by nothing.
  EXPECT_EQ(sections, 45);
  EXPECT_EQ(examples, 124);
  EXPECT_EQ(checks, 227);
  // length_prefix is in the standard set, too, but not in the file.
  for (const std::string_view urn : StandardCoder::Urns()) {
    if (urn.starts_with("beam:") && urn != kLengthPrefixCoder && urn != kTupleCoder) {
      EXPECT_EQ(urns.count(std::string(urn)), 1u) << urn;
    }
  }
}

// ---- What the file leaves out ------------------------------------------------------------------

StandardCoder MakeCoder(const CoderSpec& spec) {
  Result<StandardCoder> coder = StandardCoder::Make(spec);
  EXPECT_TRUE(coder.ok()) << coder.status().message();
  return std::move(coder).value();
}

CoderSpec Spec(std::string_view urn, std::vector<CoderSpec> components = {}) {
  return MakeCoderSpec(urn, std::move(components));
}

TEST(StandardCoder, LengthPrefix) {
  const StandardCoder coder = MakeCoder(Spec(kLengthPrefixCoder, {Spec(kStringCoder)}));
  EXPECT_EQ(coder.EncodeToString(std::string("abc")).value(), "\3abc");
  EXPECT_EQ(coder.DecodeFromString("\3abc").value(), Value(std::string("abc")));
  EXPECT_THAT(MakeCoder(Spec(kLengthPrefixCoder, {Spec(kBoolCoder)}))
                  .DecodeFromString(std::string("\2\1\1"))
                  .status()
                  .message(),
              HasSubstr("shorter than its length prefix"));
}

TEST(StandardCoder, WhatIsBehindALengthNeedNotBeKnown) {
  const CoderSpec unknown = Spec("example:coder:v1");
  const StandardCoder coder =
      MakeCoder(Spec(kKvCoder, {Spec(kLengthPrefixCoder, {unknown}), Spec(kVarintCoder)}));
  const Value value = coder.DecodeFromString("\2\xff\xfe\7").value();
  EXPECT_EQ(value.ToString(), "{key: b\"\\xff\\xfe\", value: 7}");
  EXPECT_EQ(coder.EncodeToString(value).value(), "\2\xff\xfe\7");
  EXPECT_EQ(StandardCoder::Make(unknown).status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(StandardCoder::Make(unknown).status().message(),
            "Joist does not know the coder example:coder:v1");
}

TEST(StandardCoder, RefusesWrongSpecs) {
  EXPECT_EQ(StandardCoder::Make(Spec(kKvCoder, {Spec(kBytesCoder)})).status().message(),
            "the coder beam:coder:kv:v1 has 1 components instead of 2");
  CoderSpec row = Spec(kRowCoder);
  row.payload = "\xff";
  EXPECT_EQ(StandardCoder::Make(row).status().message(), "a row coder's payload is not a schema");
  CoderSpec deep = Spec(kBytesCoder);
  for (int i = 0; i < 100; ++i) deep = Spec(kIterableCoder, {deep});
  EXPECT_EQ(StandardCoder::Make(deep).status().message(), "a coder is made of coders too deep");
  EXPECT_FALSE(
      StandardCoder::Make(Spec(kParamWindowedValueCoder, {Spec(kBytesCoder), Spec(kBytesCoder)}))
          .ok());
}

TEST(StandardCoder, RefusesWrongValues) {
  EXPECT_EQ(MakeCoder(Spec(kVarintCoder)).EncodeToString(std::string("a")).status().message(),
            "cannot encode \"a\": it is not a whole number");
  EXPECT_FALSE(MakeCoder(Spec(kGlobalWindowCoder)).EncodeToString(Window{}).ok());
  EXPECT_FALSE(MakeCoder(Spec(kBytesCoder)).EncodeToString(Value()).ok());
  EXPECT_FALSE(
      MakeCoder(Spec(kKvCoder, {Spec(kBytesCoder), Spec(kBytesCoder)})).EncodeToString(true).ok());
}

TEST(StandardCoder, FewBytesCannotMeanManyParts) {
  const std::string many("\x7f\xff\xff\xff", 4);
  for (const std::string_view urn : {kGlobalWindowCoder, kVoidCoder}) {
    const Result<Value> value = MakeCoder(Spec(kIterableCoder, {Spec(urn)})).DecodeFromString(many);
    EXPECT_THAT(value.status().message(), HasSubstr("more parts than its bytes can mean"));
  }
  // Lists of lists of nothing, each of which could be large.
  std::string nested("\0\0\0\4", 4);
  for (int i = 0; i < 4; ++i) nested += std::string("\0\3\xff\xff", 4);
  EXPECT_FALSE(MakeCoder(Spec(kIterableCoder, {Spec(kIterableCoder, {Spec(kVoidCoder)})}))
                   .DecodeFromString(nested)
                   .ok());
  EXPECT_FALSE(MakeCoder(Spec(kBytesCoder)).DecodeFromString("\xff\xff\xff\x7f", true).ok());
}

TEST(StandardCoder, StateIsNeededAndItsErrorKept) {
  const StandardCoder coder = MakeCoder(Spec(kStateBackedIterableCoder, {Spec(kVarintCoder)}));
  const std::string bytes = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01t";
  EXPECT_THAT(coder.DecodeFromString(bytes).status().message(), HasSubstr("runner's state"));
  const auto gone = [](std::string_view token) -> Result<std::string> {
    return NotFound("no state for " + std::string(token));
  };
  EXPECT_EQ(coder.DecodeFromString(bytes, false, gone).status(), NotFound("no state for t"));
}

TEST(StandardCoder, TakesValuesOneByOne) {
  const StandardCoder coder = MakeCoder(Spec(kStringCoder));
  std::string_view bytes = "\1a\2bc";
  EXPECT_EQ(coder.DecodeFront(&bytes).value(), Value(std::string("a")));
  EXPECT_EQ(coder.DecodeFront(&bytes).value(), Value(std::string("bc")));
  EXPECT_EQ(bytes, "");
  EXPECT_FALSE(coder.DecodeFront(&bytes).ok());
}

// The dynamic coders and the typed ones write the same.
struct Part {
  std::string name;
  std::optional<int16_t> size;
};
JOIST_ROW(Part, name, size)

TEST(StandardCoder, AgreesWithTypedCoders) {
  const auto check = []<class T>(const T& value) {
    const StandardCoder coder = MakeCoder(Coder<T>::Spec());
    EXPECT_EQ(coder.deterministic(), Coder<T>::kDeterministic);
    for (const bool nested : {false, true}) {
      std::string bytes;
      Coder<T>::Encode(value, &bytes, nested);
      const Result<Value> decoded = coder.DecodeFromString(bytes, nested);
      ASSERT_TRUE(decoded.ok()) << TypeName<T>() << ": " << decoded.status().message();
      EXPECT_EQ(coder.EncodeToString(*decoded, nested).value(), bytes) << TypeName<T>();
    }
  };
  check(true);
  check(int8_t{-7});
  check(uint64_t{UINT64_MAX});
  check(2.5f);
  check(-0.0);
  check(std::string("text"));
  check(Bytes("\xff"));
  check(Void{});
  check(Timestamp{-5});
  check(Duration{99});
  check(Window::Global());
  check(PaneInfo{PaneTiming::kLate, false, true, 7, 3});
  check(KV{std::string("k"), std::vector<int>{1, 2}});
  check(std::pair<std::string, double>("k", 1));
  check(std::tuple<std::string, std::string, int>("a", "b", 3));
  check(std::optional<std::string>());
  check(std::optional<std::string>("x"));
  check(std::vector<std::string>{"a", ""});
  check(std::map<std::string, int>{{"a", 1}, {"b", 2}});
  check(std::set<int>{5, 6});
  check(Part{"bolt", 8});
  check(std::vector<Part>{{"nut", {}}, {"bolt", 8}});
}

// ---- Rows --------------------------------------------------------------------------------------

TEST(StandardCoder, NullBitsOfManyFields) {
  Schema schema;
  Value::Record row;
  for (int i = 0; i < 10; ++i) {
    const std::string name = "f" + std::to_string(i);
    schema.fields.push_back({name, FieldType::Atomic(AtomicType::kInt64).Nullable()});
    const bool null = i == 0 || i == 4 || i == 7 || i == 9;
    row.fields.emplace_back(name, null ? Value() : Value(int64_t{0}));
  }
  const StandardCoder coder = std::move(StandardCoder::ForSchema(schema)).value();
  // The example of Beam's proto: [NULL, 0, 0, 0, NULL, 0, 0, NULL, 0, NULL].
  const std::string bytes("\x0a\x02\x91\x02\0\0\0\0\0\0", 10);
  EXPECT_EQ(coder.EncodeToString(row).value(), bytes);
  EXPECT_TRUE(coder.DecodeFromString(bytes).value() == Value(row));
  // Java leaves out the zeros at the end.
  EXPECT_TRUE(coder.DecodeFromString(std::string("\x0a\x01\x91\0\0\0\0\0\0\0", 10)).ok());
}

TEST(StandardCoder, FixedTextIsFilledAndBounded) {
  Schema schema;
  FieldType type = FieldType::Logical(kFixedCharType, FieldType::Atomic(AtomicType::kString));
  type.logical_argument = "\x0a\x02\x18\x03";
  schema.fields.push_back({"f", type});
  const StandardCoder coder = std::move(StandardCoder::ForSchema(schema)).value();
  const auto encode = [&coder](const char* text) {
    return coder.EncodeToString(Value::Record{{{"f", std::string(text)}}});
  };
  EXPECT_EQ(encode("ab").value(), std::string("\1\0\3ab ", 6));
  EXPECT_EQ(encode("äöü").value(), std::string("\1\0\6äöü", 9));
  EXPECT_EQ(encode("abcd").status().message(),
            "cannot encode \"abcd\": it is not within 3 characters");
}

// ---- Values ------------------------------------------------------------------------------------

TEST(Decimal, TextAndBack) {
  for (const char* text : {"0", "0.0", "1.0", "-100.123", "3.1415", "-0.001", "127", "128", "-128",
                           "-129", "255", "256", "123456789012345678901234567890.123456789",
                           "-99999999999999999999999999999999999999", "5e+3", "7e-5000"}) {
    EXPECT_EQ(Decimal::Parse(text).value().ToString(), text);
  }
  EXPECT_EQ(Decimal::Parse("-1").value().unscaled, "\xff");
  EXPECT_EQ(Decimal::Parse("128").value().unscaled, std::string("\0\x80", 2));
  EXPECT_EQ(Decimal::Parse("1.5e2").value().ToString(), "15e+1");
  for (const char* text : {"", "-", ".", "1.2.3", "1e", "x", "1 "}) {
    EXPECT_FALSE(Decimal::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(Decimal::Parse(std::string(Decimal::kMostDigits + 1, '9')).ok());
  EXPECT_TRUE(Decimal::Parse(std::string(Decimal::kMostDigits, '9')).ok());
}

TEST(Value, PrintsAndCompares) {
  const Value value = Value::Record{
      {{"a", Value::List{Value(), true, int64_t{-1}, 0.5, 0.5f, std::string("x\n"), Bytes("\1")}},
       {"b", Value::Map{{{Value(std::string("k")), Value(Timestamp{0})}}}}}};
  EXPECT_EQ(
      value.ToString(),
      R"({a: [null, true, -1, 0.5, 0.5, "x\n", b"\x01"], b: {"k": 1970-01-01T00:00:00.000Z}})");
  EXPECT_TRUE(value == Value(value));
  EXPECT_FALSE(Value(0.0) == Value(-0.0));
  EXPECT_FALSE(Value(0.5) == Value(0.5f));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(Value(nan) == Value(nan));
}

}  // namespace
}  // namespace joist
