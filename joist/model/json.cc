// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/json.h"

#include <cmath>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "joist/model/describe.h"
#include "joist/model/standard_coder.h"
#include "joist/model/value.h"

namespace joist {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string ToBase64(std::string_view bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    for (size_t j = 0; j < 3; ++j) {
      word = word << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      text += i + j <= bytes.size() ? kBase64[word >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

bool FromBase64(std::string_view text, std::string* bytes) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return false;
  uint32_t word = 0;
  int bits = 0;
  for (char c : text) {
    // The alphabet for URLs is read too.
    const size_t digit = kBase64.find(c == '-' ? '+' : c == '_' ? '/' : c);
    if (digit == std::string_view::npos) return false;
    word = word << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes->push_back(static_cast<char>(word >> bits & 0xFF));
    }
  }
  return true;
}

bool HasTextKeys(const FieldType& map) {
  return map.parts[0].kind == FieldType::Kind::kAtomic &&
         map.parts[0].atomic == AtomicType::kString && !map.parts[0].nullable;
}

// ---- Writing -----------------------------------------------------------------------------------

Json FromFloat(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  return number;
}

Json FromRow(const Schema& schema, const Value& value);

// `value` is what StandardCoder gives for `type`.
Json FromValue(const FieldType& type, const Value& value) {
  if (value.is_null()) return nullptr;
  switch (type.kind) {
    case FieldType::Kind::kArray:
    case FieldType::Kind::kIterable: {
      Json array = Json::array();
      for (const Value& element : *value.As<Value::List>()) {
        array.push_back(FromValue(type.parts[0], element));
      }
      return array;
    }
    case FieldType::Kind::kMap: {
      const bool text_keys = HasTextKeys(type);
      Json entries = text_keys ? Json::object() : Json::array();
      for (const auto& [key, mapped] : value.As<Value::Map>()->entries) {
        Json json = FromValue(type.parts[1], mapped);
        if (text_keys) {
          entries[*key.As<std::string>()] = std::move(json);
        } else {
          entries.push_back({{"key", FromValue(type.parts[0], key)}, {"value", std::move(json)}});
        }
      }
      return entries;
    }
    case FieldType::Kind::kRow: return FromRow(type.row[0], value);
    case FieldType::Kind::kLogical:
      if (type.urn == kMillisInstantType) return value.As<Timestamp>()->ToString();
      if (type.urn == kDecimalType) return value.As<Decimal>()->ToString();
      if (type.urn == kUint64Type) return static_cast<uint64_t>(*value.As<int64_t>());
      return FromValue(type.parts[0], value);
    case FieldType::Kind::kAtomic: break;
  }
  if (const bool* held = value.As<bool>()) return *held;
  if (const int64_t* held = value.As<int64_t>()) return *held;
  if (const double* held = value.As<double>()) return FromFloat(*held);
  if (const std::string* held = value.As<std::string>()) return *held;
  if (const Bytes* held = value.As<Bytes>()) return ToBase64(held->data);
  const float number = *value.As<float>();
  if (!std::isfinite(number)) return FromFloat(number);
  // The shortest text that is this float, not the double next to it.
  return Json::parse(ToDescription(number));
}

Json FromRow(const Schema& schema, const Value& value) {
  Json object = Json::object();
  const auto& fields = value.As<Value::Record>()->fields;
  for (size_t i = 0; i < schema.fields.size(); ++i) {
    object[schema.fields[i].name] = FromValue(schema.fields[i].type, fields[i].second);
  }
  return object;
}

// ---- Reading -----------------------------------------------------------------------------------

// Whether brackets stand within brackets deeper than any schema has them. The parser would not
// mind, but what comes after it works by recursion.
bool IsTooDeep(std::string_view json) {
  constexpr int kMaxDepth = 200;
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

// Where in the input, for messages: a list on the stack of those who called.
struct Place {
  const Place* outer;
  std::string_view field;  // Or empty, and an index.
  size_t index = 0;

  std::string ToString() const {
    const std::string before = outer == nullptr ? "" : outer->ToString();
    if (field.empty()) return before + "[" + std::to_string(index) + "]";
    return before.empty() ? std::string(field) : before + "." + std::string(field);
  }
};

Status WrongJson(const Place& place, std::string_view wanted, const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 60) + "…";
  return InvalidArgument(place.ToString() + " must be " + std::string(wanted) + ", and is " + text);
}

Result<Value> ToRow(const Schema& schema, const Json& json, const Place* place);

Result<Value> ToInteger(const Json& json, int64_t least, int64_t most, const Place& place) {
  if (json.is_number_integer() &&
      (!json.is_number_unsigned() || json.get<uint64_t>() <= uint64_t{INT64_MAX})) {
    const int64_t number = json.get<int64_t>();
    if (number >= least && number <= most) return Value(number);
  }
  return WrongJson(
      place, "a whole number from " + std::to_string(least) + " to " + std::to_string(most), json);
}

Result<double> ToDouble(const Json& json, const Place& place) {
  if (json.is_number()) return json.get<double>();
  if (json == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (json == "Infinity") return std::numeric_limits<double>::infinity();
  if (json == "-Infinity") return -std::numeric_limits<double>::infinity();
  return WrongJson(place, "a number", json);
}

Result<Value> ToAtomic(AtomicType type, const Json& json, const Place& place) {
  switch (type) {
    case AtomicType::kByte: return ToInteger(json, INT8_MIN, INT8_MAX, place);
    case AtomicType::kInt16: return ToInteger(json, INT16_MIN, INT16_MAX, place);
    case AtomicType::kInt32: return ToInteger(json, INT32_MIN, INT32_MAX, place);
    case AtomicType::kInt64: return ToInteger(json, INT64_MIN, INT64_MAX, place);
    case AtomicType::kFloat: {
      JOIST_ASSIGN_OR_RETURN(const double number, ToDouble(json, place));
      return Value(static_cast<float>(number));
    }
    case AtomicType::kDouble: {
      JOIST_ASSIGN_OR_RETURN(const double number, ToDouble(json, place));
      return Value(number);
    }
    case AtomicType::kString:
      if (!json.is_string()) return WrongJson(place, "a text", json);
      return Value(json.get<std::string>());
    case AtomicType::kBoolean:
      if (!json.is_boolean()) return WrongJson(place, "true or false", json);
      return Value(json.get<bool>());
    case AtomicType::kBytes: {
      std::string bytes;
      if (!json.is_string() || !FromBase64(json.get_ref<const std::string&>(), &bytes)) {
        return WrongJson(place, "bytes in base64", json);
      }
      return Value(Bytes(std::move(bytes)));
    }
  }
  return WrongJson(place, "of a known type", json);
}

Result<Value> ToValue(const FieldType& type, const Json& json, const Place& place);

Result<Value> ToMap(const FieldType& type, const Json& json, const Place& place) {
  Value::Map map;
  if (HasTextKeys(type)) {
    if (!json.is_object()) return WrongJson(place, "an object", json);
    for (const auto& [key, mapped] : json.items()) {
      JOIST_ASSIGN_OR_RETURN(Value value, ToValue(type.parts[1], mapped, Place{&place, key}));
      map.entries.emplace_back(Value(key), std::move(value));
    }
    return Value(std::move(map));
  }
  if (!json.is_array()) return WrongJson(place, "an array of {key, value}", json);
  for (size_t i = 0; i < json.size(); ++i) {
    const Place entry{&place, {}, i};
    if (!json[i].is_object() || json[i].size() != 2 || !json[i].contains("key") ||
        !json[i].contains("value")) {
      return WrongJson(entry, "{key, value}", json[i]);
    }
    JOIST_ASSIGN_OR_RETURN(Value key, ToValue(type.parts[0], json[i]["key"], Place{&entry, "key"}));
    JOIST_ASSIGN_OR_RETURN(Value value,
                           ToValue(type.parts[1], json[i]["value"], Place{&entry, "value"}));
    map.entries.emplace_back(std::move(key), std::move(value));
  }
  return Value(std::move(map));
}

Result<Value> ToLogical(const FieldType& type, const Json& json, const Place& place) {
  if (type.urn == kMillisInstantType) {
    if (json.is_string()) {
      const Result<Timestamp> time = Timestamp::Parse(json.get_ref<const std::string&>());
      if (time.ok()) return Value(*time);
    }
    return WrongJson(place, "a time as \"2026-11-21T06:55:00Z\"", json);
  }
  if (type.urn == kDecimalType) {
    Result<Decimal> decimal = json.is_string() ? Decimal::Parse(json.get_ref<const std::string&>())
                              : json.is_number() ? Decimal::Parse(json.dump())
                                                 : Result<Decimal>(InvalidArgument(""));
    if (!decimal.ok()) return WrongJson(place, "a decimal number", json);
    return Value(std::move(*decimal));
  }
  if (type.urn == kUint64Type && json.is_number_unsigned()) {
    return Value(static_cast<int64_t>(json.get<uint64_t>()));
  }
  return ToValue(type.parts[0], json, place);
}

Result<Value> ToValue(const FieldType& type, const Json& json, const Place& place) {
  if (json.is_null()) {
    if (type.nullable) return Value();
    return InvalidArgument(place.ToString() + " must not be null");
  }
  switch (type.kind) {
    case FieldType::Kind::kAtomic: return ToAtomic(type.atomic, json, place);
    case FieldType::Kind::kArray:
    case FieldType::Kind::kIterable: {
      if (!json.is_array()) return WrongJson(place, "an array", json);
      Value::List list;
      for (size_t i = 0; i < json.size(); ++i) {
        JOIST_ASSIGN_OR_RETURN(Value element,
                               ToValue(type.parts[0], json[i], Place{&place, {}, i}));
        list.push_back(std::move(element));
      }
      return Value(std::move(list));
    }
    case FieldType::Kind::kMap: return ToMap(type, json, place);
    case FieldType::Kind::kRow: return ToRow(type.row[0], json, &place);
    case FieldType::Kind::kLogical: return ToLogical(type, json, place);
  }
  return WrongJson(place, "of a known type", json);
}

Result<Value> ToRow(const Schema& schema, const Json& json, const Place* place) {
  if (!json.is_object()) return WrongJson(place ? *place : Place{nullptr, "it"}, "an object", json);
  for (const auto& [name, value] : json.items()) {
    if (schema.IndexOf(name) < 0) {
      return InvalidArgument("there is no field " + Place{place, name}.ToString() +
                             "; the fields are " + schema.ToString());
    }
  }
  Value::Record record;
  for (const Field& field : schema.fields) {
    const Place here{place, field.name};
    const auto found = json.find(field.name);
    if (found == json.end() && !field.type.nullable) {
      return InvalidArgument("the field " + here.ToString() + " is missing");
    }
    JOIST_ASSIGN_OR_RETURN(Value value, found == json.end() ? Result<Value>(Value())
                                                            : ToValue(field.type, *found, here));
    record.fields.emplace_back(field.name, std::move(value));
  }
  return Value(std::move(record));
}

}  // namespace

Result<std::string> JsonFromRow(const Schema& schema, const Value& row) {
  // What can be encoded has the shape that is relied upon here.
  JOIST_ASSIGN_OR_RETURN(const StandardCoder coder, StandardCoder::ForSchema(schema));
  JOIST_RETURN_IF_ERROR(coder.EncodeToString(row).status());
  return FromRow(schema, row).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Value> RowFromJson(const Schema& schema, std::string_view json) {
  JOIST_RETURN_IF_ERROR(schema.Validate());
  if (IsTooDeep(json)) return InvalidArgument("this JSON has brackets within brackets too deep");
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded())
    return InvalidArgument("this is no JSON: " + std::string(json.substr(0, 80)));
  return ToRow(schema, parsed, nullptr);
}

namespace json_internal {

Result<std::string> JsonFromEncodedRow(const Schema& schema, std::string_view bytes) {
  JOIST_ASSIGN_OR_RETURN(const StandardCoder coder, StandardCoder::ForSchema(schema));
  JOIST_ASSIGN_OR_RETURN(const Value row, coder.DecodeFromString(bytes));
  return FromRow(schema, row).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> EncodedRowFromJson(const Schema& schema, std::string_view json) {
  JOIST_ASSIGN_OR_RETURN(const Value row, RowFromJson(schema, json));
  JOIST_ASSIGN_OR_RETURN(const StandardCoder coder, StandardCoder::ForSchema(schema));
  return coder.EncodeToString(row);
}

}  // namespace json_internal

}  // namespace joist
