// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/result_pages.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "joist/io/avro/decoder.h"
#include "joist/io/bigquery/block_source.h"
#include "joist/io/bigquery/rest_calls.h"
#include "joist/model/timestamp.h"

namespace joist::bigquery {
namespace {

using Json = nlohmann::json;

constexpr int kRowsOfPage = 20'000;
/// Records in records; BigQuery's own bound.
constexpr int kDeepestRecord = 15;

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// The names of types by which the REST API calls one.
enum class RestType : uint8_t {
  kText,
  kBytes,
  kInteger,
  kFloat,
  kBoolean,
  kTimestamp,
  kNumeric,
  kDate,
  kTime,
  kRecord
};

std::optional<RestType> RestTypeOf(std::string_view name) {
  constexpr std::pair<std::string_view, RestType> kNames[] = {
      {"STRING", RestType::kText},     {"JSON", RestType::kText},
      {"DATETIME", RestType::kText},   {"GEOGRAPHY", RestType::kText},
      {"BYTES", RestType::kBytes},     {"INTEGER", RestType::kInteger},
      {"INT64", RestType::kInteger},   {"FLOAT", RestType::kFloat},
      {"FLOAT64", RestType::kFloat},   {"BOOLEAN", RestType::kBoolean},
      {"BOOL", RestType::kBoolean},    {"TIMESTAMP", RestType::kTimestamp},
      {"NUMERIC", RestType::kNumeric}, {"DATE", RestType::kDate},
      {"TIME", RestType::kTime},       {"RECORD", RestType::kRecord},
      {"STRUCT", RestType::kRecord},
  };
  for (const auto& [known, type] : kNames) {
    if (known == name) return type;
  }
  return std::nullopt;
}

Result<Json> AvroFieldsOf(const Json& fields, int depth, int* records);

Result<Json> AvroTypeOf(const Json& field, int depth, int* records) {
  const std::string name = TextOf(field, "type");
  const std::optional<RestType> type = RestTypeOf(name);
  if (!type.has_value()) {
    return InvalidArgument("the column \"" + TextOf(field, "name") + "\" is of the type " + name +
                           ", which is not read; CAST it in the query");
  }
  switch (*type) {
    case RestType::kText: return Json("string");
    case RestType::kBytes: return Json("bytes");
    case RestType::kInteger: return Json("long");
    case RestType::kFloat: return Json("double");
    case RestType::kBoolean: return Json("boolean");
    case RestType::kTimestamp: return Json{{"type", "long"}, {"logicalType", "timestamp-micros"}};
    case RestType::kNumeric:
      return Json{{"type", "bytes"}, {"logicalType", "decimal"}, {"precision", 38}, {"scale", 9}};
    case RestType::kDate: return Json{{"type", "int"}, {"logicalType", "date"}};
    case RestType::kTime: return Json{{"type", "long"}, {"logicalType", "time-micros"}};
    case RestType::kRecord: break;
  }
  const std::string record = "R" + std::to_string((*records)++);
  JOIST_ASSIGN_OR_RETURN(Json parts,
                         AvroFieldsOf(field.value("fields", Json::array()), depth + 1, records));
  return Json{{"type", "record"}, {"name", record}, {"fields", std::move(parts)}};
}

Result<Json> AvroFieldsOf(const Json& fields, int depth, int* records) {
  if (depth > kDeepestRecord) return InvalidArgument("its records lie too deep in one another");
  Json parts = Json::array();
  for (const Json& field : fields) {
    JOIST_ASSIGN_OR_RETURN(Json type, AvroTypeOf(field, depth, records));
    const std::string mode = TextOf(field, "mode");
    if (mode == "REPEATED") {
      type = Json{{"type", "array"}, {"items", std::move(type)}};
    } else if (mode != "REQUIRED") {
      type = Json::array({"null", std::move(type)});
    }
    parts.push_back({{"name", TextOf(field, "name")}, {"type", std::move(type)}});
  }
  return parts;
}

/// Null where it is none.
std::optional<std::string> FromBase64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  uint32_t word = 0;
  int bits = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    word = word << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(word >> bits);
  }
  return bytes;
}

void AppendLong(int64_t value, std::string* out) {
  auto word = static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
  for (; word >= 0x80; word >>= 7) *out += static_cast<char>(word | 0x80);
  *out += static_cast<char>(word);
}

template <class T>
std::optional<T> NumberIn(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Microseconds; of servers that know no other form seconds with a fraction.
std::optional<int64_t> MicrosOf(std::string_view text) {
  constexpr double kMicros = 1e6;
  if (text.find_first_of(".eE") == std::string_view::npos) return NumberIn<int64_t>(text);
  const std::optional<double> seconds = NumberIn<double>(text);
  if (!seconds.has_value() || !(std::abs(*seconds) < 1e12)) return std::nullopt;
  return std::llround(*seconds * kMicros);
}

/// Of "2026-11-23" and "06:55:00.25".
std::optional<int64_t> DaysOf(const std::string& text) {
  const Result<Timestamp> day = Timestamp::Parse(text + "T00:00:00Z");
  if (!day.ok()) return std::nullopt;
  return day->millis / 86'400'000;
}
std::optional<int64_t> MicrosOfDay(const std::string& text) {
  const Result<Timestamp> time = Timestamp::Parse("1970-01-01T" + text + "Z");
  if (!time.ok()) return std::nullopt;
  return time->millis * 1000;
}

/// The digits as a number of billionths, in 16 bytes, the highest first.
std::optional<std::string> DecimalOf(std::string_view text) {
  constexpr int kScale = 9;
  constexpr int kMostDigits = 38;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  __int128 value = 0;
  int digits = 0;
  int behind = -1;  // Digits behind the point.
  for (const char c : text) {
    if (c == '.' && behind < 0) {
      behind = 0;
    } else if (c >= '0' && c <= '9' && behind < kScale && ++digits <= kMostDigits) {
      value = value * 10 + (c - '0');
      if (behind >= 0) ++behind;
    } else {
      return std::nullopt;
    }
  }
  if (digits == 0 || digits - std::max(behind, 0) > kMostDigits - kScale) return std::nullopt;
  for (int i = std::max(behind, 0); i < kScale; ++i) value *= 10;
  if (negative) value = -value;
  std::string bytes;
  for (int shift = 120; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

void AppendBytes(std::string_view bytes, std::string* out) {
  AppendLong(static_cast<int64_t>(bytes.size()), out);
  out->append(bytes);
}

/// False where the text is no such value.
bool AppendScalar(RestType type, const std::string& text, std::string* out) {
  const auto put_long = [out](std::optional<int64_t> value) {
    if (value.has_value()) AppendLong(*value, out);
    return value.has_value();
  };
  const auto put_bytes = [out](const std::optional<std::string>& bytes) {
    if (bytes.has_value()) AppendBytes(*bytes, out);
    return bytes.has_value();
  };
  switch (type) {
    case RestType::kText: AppendBytes(text, out); return true;
    case RestType::kBytes: return put_bytes(FromBase64(text));
    case RestType::kInteger: return put_long(NumberIn<int64_t>(text));
    case RestType::kTimestamp: return put_long(MicrosOf(text));
    case RestType::kDate: return put_long(DaysOf(text));
    case RestType::kTime: return put_long(MicrosOfDay(text));
    case RestType::kNumeric: return put_bytes(DecimalOf(text));
    case RestType::kBoolean:
      *out += static_cast<char>(text == "true" || text == "True");
      return text == "true" || text == "false" || text == "True" || text == "False";
    case RestType::kFloat: {
      const std::optional<double> value = NumberIn<double>(text);
      char bytes[sizeof(double)];
      if (value.has_value()) std::memcpy(bytes, &*value, sizeof(bytes));
      if (value.has_value()) out->append(bytes, sizeof(bytes));
      return value.has_value();
    }
    case RestType::kRecord: break;
  }
  return false;
}

Status AppendFields(const Json& fields, const Json& row, std::string* out);

Status AppendValue(const Json& field, const Json& value, std::string* out) {
  const std::optional<RestType> type = RestTypeOf(TextOf(field, "type"));
  if (type == RestType::kRecord)
    return AppendFields(field.value("fields", Json::array()), value, out);
  // Some servers give numbers and booleans as such.
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (type.has_value() && !value.is_null() && AppendScalar(*type, text, out)) return OkStatus();
  return DataLoss("the column \"" + TextOf(field, "name") + "\" has the value " +
                  text.substr(0, 100) + ", which is no " + TextOf(field, "type"));
}

Status AppendFields(const Json& fields, const Json& row, std::string* out) {
  const Json cells = row.is_object() ? row.value("f", Json()) : Json();
  if (!cells.is_array() || cells.size() != fields.size()) {
    return DataLoss("a row does not have the columns of its schema");
  }
  for (size_t i = 0; i < cells.size(); ++i) {
    const Json& field = fields[i];
    const Json value = cells[i].is_object() ? cells[i].value("v", Json()) : Json();
    const std::string mode = TextOf(field, "mode");
    if (mode == "REPEATED") {
      if (value.is_array() && !value.empty()) {
        AppendLong(static_cast<int64_t>(value.size()), out);
        for (const Json& element : value) {
          const Json part = element.is_object() ? element.value("v", Json()) : Json();
          JOIST_RETURN_IF_ERROR(AppendValue(field, part, out));
        }
      }
      AppendLong(0, out);
    } else if (mode == "REQUIRED") {
      JOIST_RETURN_IF_ERROR(AppendValue(field, value, out));
    } else {
      AppendLong(value.is_null() ? 0 : 1, out);
      if (!value.is_null()) JOIST_RETURN_IF_ERROR(AppendValue(field, value, out));
    }
  }
  return OkStatus();
}

/// A page of `rows` from the number `offset` on, with the schema.
Result<Json> PageOf(const RestClient& client, const RowStream& stream, int64_t offset, int rows) {
  const std::string path =
      "queries/" + stream.job + (stream.job.find('?') == std::string::npos ? "?" : "&") +
      "formatOptions.useInt64Timestamp=true&startIndex=" + std::to_string(offset) +
      "&maxResults=" + std::to_string(rows);
  return UntilAnswered([&]() -> Result<Json> {
    Result<Json> page = client.Request("GET", path);
    if (!page.ok() || page->value("jobComplete", true)) return page;
    return Status(StatusCode::kUnavailable, stream.what + " is not done");
  });
}

class ResultPages final : public BlockSource {
 public:
  ResultPages(RestClient client, RowStream stream, int64_t offset)
      : client_(std::move(client)), stream_(std::move(stream)), offset_(offset) {}

  Result<bool> Next(AvroBlock* block) override {
    JOIST_ASSIGN_OR_RETURN(const Json page, PageOf(client_, stream_, offset_, kRowsOfPage));
    const Json rows = page.value("rows", Json::array());
    if (!rows.is_array() || rows.empty()) return false;
    const Json schema = page.value("schema", Json::object());
    block->bytes.clear();
    for (const Json& row : rows) {
      const Status status = AppendAvroRow(schema, row, &block->bytes);
      if (!status.ok()) return Status(status.code(), stream_.what + ": " + status.message());
    }
    block->rows = static_cast<int64_t>(rows.size());
    block->size = block->bytes.size();
    block->bytes.resize(block->size + avro::Decoder::kSlack);
    offset_ += block->rows;
    return true;
  }

 private:
  const RestClient client_;
  const RowStream stream_;
  int64_t offset_;
};

}  // namespace

Result<std::string> AvroSchemaOf(const Json& schema) {
  int records = 0;
  JOIST_ASSIGN_OR_RETURN(Json fields,
                         AvroFieldsOf(schema.value("fields", Json::array()), 1, &records));
  return Json{{"type", "record"}, {"name", "Row"}, {"fields", std::move(fields)}}.dump();
}

Status AppendAvroRow(const Json& schema, const Json& row, std::string* out) {
  return AppendFields(schema.value("fields", Json::array()), row, out);
}

Result<std::string> SchemaOfPages(const RestClient& client, const RowStream& stream) {
  JOIST_ASSIGN_OR_RETURN(const Json page, PageOf(client, stream, 0, 0));
  const Json schema = page.value("schema", Json::object());
  if (!schema.is_object() || !schema.contains("fields")) {
    return InvalidArgument(stream.what + " gives no rows: it takes a SELECT");
  }
  return AvroSchemaOf(schema);
}

Result<std::unique_ptr<BlockSource>> OpenResultPages(const RowStream& stream, int64_t offset) {
  JOIST_ASSIGN_OR_RETURN(
      RestClient client,
      RestClient::Connect(stream.endpoint, stream.http_endpoint, stream.project));
  return std::unique_ptr<BlockSource>(
      std::make_unique<ResultPages>(std::move(client), stream, offset));
}

}  // namespace joist::bigquery
