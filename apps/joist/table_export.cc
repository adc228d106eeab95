// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/joist/table_export.h"

#include <nlohmann/json.hpp>

#include <charconv>
#include <string_view>
#include <system_error>

#include "joist/model/timestamp.h"

namespace joist::apps {
namespace {

using nlohmann::json;

/// Rows of a page; the server gives fewer where they are large.
constexpr int kRowsOfPage = 10'000;

/// Three digits.
std::string Digits(int64_t number) { return std::to_string(1000 + number).substr(1); }

/// Microseconds since 1970 as RFC 3339 has them; other texts as they are.
std::string TimeText(const std::string& micros) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(micros.data(), micros.data() + micros.size(), value);
  if (error != std::errc() || end != micros.data() + micros.size()) return micros;
  // A Timestamp has three of the six digits.
  const int64_t rest = FloorMod(value, 1000);
  std::string text = Timestamp::Millis((value - rest) / 1000).ToString();
  if (rest != 0 && text.ends_with('Z')) text.replace(text.size() - 1, 1, Digits(rest) + "Z");
  return text;
}

std::string TypeOf(const json& field) { return field.value("type", ""); }
bool IsRecord(const json& field) { return TypeOf(field) == "RECORD" || TypeOf(field) == "STRUCT"; }
bool IsRepeated(const json& field) { return field.value("mode", "") == "REPEATED"; }
bool IsTime(const json& field) { return TypeOf(field) == "TIMESTAMP"; }

/// A value that is neither null nor repeated nor a record, as JSON.
std::string JsonScalar(const json& field, const std::string& text) {
  const std::string type = TypeOf(field);
  // Some floats are no numbers in JSON: NaN, Infinity.
  const bool is_number =
      type == "INTEGER" || type == "INT64" || type == "FLOAT" || type == "FLOAT64";
  if (is_number || type == "BOOLEAN" || type == "BOOL" || type == "JSON") {
    if (json::accept(text)) return text;
  }
  return json(IsTime(field) ? TimeText(text) : text).dump();
}

std::string JsonRow(const json& fields, const json& row);

/// `cell` is {"v": …}, as the API has values.
std::string JsonCell(const json& field, const json& cell, bool is_element) {
  const json& value = cell.at("v");
  if (IsRepeated(field) && !is_element) {
    std::string out = "[";
    if (value.is_array()) {
      for (const json& element : value) {
        out += (out.size() > 1 ? "," : "") + JsonCell(field, element, true);
      }
    }
    return out + "]";
  }
  if (value.is_null()) return "null";
  if (IsRecord(field)) return JsonRow(field.at("fields"), value);
  return JsonScalar(field, value.is_string() ? value.get<std::string>() : value.dump());
}

/// `row` is {"f": [cell, …]}.
std::string JsonRow(const json& fields, const json& row) {
  std::string out = "{";
  for (size_t i = 0; i < fields.size(); ++i) {
    out += (i == 0 ? "" : ",") + json(fields[i].value("name", "")).dump() + ":" +
           JsonCell(fields[i], row.at("f").at(i), false);
  }
  return out + "}";
}

std::string CsvRow(const json& fields, const json& row) {
  std::string out;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += ',';
    const json& value = row.at("f").at(i).at("v");
    if (value.is_null()) continue;
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    // Nothing at all is null.
    out += text.empty() ? "\"\"" : CsvField(IsTime(fields[i]) ? TimeText(text) : text);
  }
  return out + "\r\n";
}

Result<std::string> CsvNames(const json& fields) {
  std::string out;
  for (const json& field : fields) {
    const std::string name = field.value("name", "");
    if (IsRecord(field) || IsRepeated(field)) {
      return InvalidArgument("the column " + name +
                             " is repeated or a record, which CSV has none of; use --format=json");
    }
    out += (out.empty() ? "" : ",") + CsvField(name);
  }
  return out + "\r\n";
}

Status WriteText(const std::string& text, std::FILE* out) {
  if (std::fwrite(text.data(), 1, text.size(), out) == text.size()) return OkStatus();
  return {StatusCode::kInternal, "cannot write the rows"};
}

}  // namespace

Result<int64_t> ExportTable(const bigquery::RestClient& client, const std::string& dataset,
                            const std::string& table, RowFormat format, std::FILE* out) {
  const std::string path = "datasets/" + dataset + "/tables/" + table;
  JOIST_ASSIGN_OR_RETURN(const json resource, client.Request("GET", path));
  const json fields = resource.value("schema", json::object()).value("fields", json::array());
  const bool is_csv = format == RowFormat::kCsv;
  if (is_csv) {
    JOIST_ASSIGN_OR_RETURN(const std::string names, CsvNames(fields));
    JOIST_RETURN_IF_ERROR(WriteText(names, out));
  }
  int64_t rows = 0;
  std::string token;
  do {
    JOIST_ASSIGN_OR_RETURN(
        const json page,
        client.Request("GET", path + "/data?formatOptions.useInt64Timestamp=true&maxResults=" +
                                  std::to_string(kRowsOfPage) +
                                  (token.empty() ? "" : "&pageToken=" + token)));
    std::string text;
    try {
      for (const json& row : page.value("rows", json::array())) {
        text += is_csv ? CsvRow(fields, row) : JsonRow(fields, row) + "\n";
        ++rows;
      }
      token = page.value("pageToken", "");
    } catch (const json::exception&) {
      return Status{StatusCode::kInternal, "the server's rows do not fit the table's schema"};
    }
    JOIST_RETURN_IF_ERROR(WriteText(text, out));
  } while (!token.empty());
  return rows;
}

}  // namespace joist::apps
