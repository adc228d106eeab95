// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/bigquery/rest_answers.h"

#include "joist/store/tables/text_rows.h"

namespace joist::serve {

std::pair<int, std::string> ReasonOf(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk: return {200, ""};
    case StatusCode::kNotFound: return {404, "notFound"};
    case StatusCode::kAlreadyExists: return {409, "duplicate"};
    case StatusCode::kFailedPrecondition: return {400, "resourceInUse"};
    case StatusCode::kAborted: return {412, "conditionNotMet"};
    case StatusCode::kResourceExhausted: return {403, "responseTooLarge"};
    case StatusCode::kDeadlineExceeded: return {400, "timeout"};
    case StatusCode::kCancelled: return {499, "stopped"};
    case StatusCode::kUnavailable: return {503, "backendError"};
    case StatusCode::kUnimplemented: return {501, "notImplemented"};
    case StatusCode::kInvalidArgument: return {400, "invalid"};
    default: return {500, "internalError"};
  }
}

Json ErrorProto(const Status& status) {
  return {{"reason", ReasonOf(status).second}, {"message", status.message()}};
}

HttpAnswer BigQueryError(const Status& status) {
  const auto [code, reason] = ReasonOf(status);
  const Json error = {
      {"code", code},
      {"message", status.message()},
      {"errors",
       Json::array({{{"message", status.message()}, {"domain", "global"}, {"reason", reason}}})},
      {"status", StatusCodeName(status.code())}};
  HttpAnswer answer = BigQueryAnswer({{"error", error}});
  answer.status = code;
  return answer;
}

HttpAnswer BigQueryAnswer(const Json& resource) {
  HttpAnswer answer;
  answer.body = resource.dump(-1, ' ', false, Json::error_handler_t::replace);
  answer.content_type = "application/json; charset=UTF-8";
  return answer;
}

Result<Json> ReadObject(std::string_view body) {
  if (body.empty()) return Json::object();
  if (!tables::IsShallowJson(body)) return InvalidArgument("the body lies too deep for JSON (100)");
  Json object = Json::parse(body, nullptr, false);
  if (!object.is_object()) return InvalidArgument("Parse Error: the body is no JSON object");
  return object;
}

std::string TextAt(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const Json& PartAt(const Json& object, std::string_view key) {
  static const Json kNothing = Json::object();
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? kNothing : *found;
}

std::optional<int64_t> IntegerAt(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  if (found->is_number_integer()) return found->get<int64_t>();
  if (!found->is_string()) return std::nullopt;
  return tables::ReadInteger(found->get_ref<const std::string&>());
}

bool FlagAt(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end()) return false;
  return found->is_boolean() ? found->get<bool>()
                             : found->is_string() && found->get<std::string>() == "true";
}

Result<tables::TableName> TableAt(const Json& object, const std::string& project) {
  tables::TableName name{TextAt(object, "projectId"), TextAt(object, "datasetId"),
                         TextAt(object, "tableId")};
  if (name.project.empty()) name.project = project;
  if (name.dataset.empty() || name.table.empty()) {
    return InvalidArgument("Required parameter is missing: datasetId or tableId");
  }
  return name;
}

Json Reference(const tables::TableName& name) {
  return {{"projectId", name.project}, {"datasetId", name.dataset}, {"tableId", name.table}};
}

Json Reference(const tables::DatasetName& name) {
  return {{"datasetId", name.dataset}, {"projectId", name.project}};
}

Json DatasetResource(const tables::DatasetInfo& info) {
  Json resource = Json::parse(info.resource, nullptr, false);
  if (!resource.is_object()) resource = Json::object();
  resource["kind"] = "bigquery#dataset";
  resource["id"] = info.name.project + ":" + info.name.dataset;
  resource["datasetReference"] = Reference(info.name);
  resource["creationTime"] = std::to_string(info.created);
  resource["lastModifiedTime"] = std::to_string(info.modified);
  resource["etag"] = std::to_string(info.modified);
  if (!resource.contains("location")) resource["location"] = "US";
  return resource;
}

Json TableResource(const tables::TableInfo& info) {
  Json resource = Json::parse(info.resource, nullptr, false);
  if (!resource.is_object()) resource = Json::object();
  resource["kind"] = "bigquery#table";
  resource["id"] = info.name.ToString();
  resource["tableReference"] = Reference(info.name);
  resource["schema"] = SchemaResource(*info.schema);
  resource["type"] = info.is_view ? "VIEW" : "TABLE";
  resource["creationTime"] = std::to_string(info.created);
  resource["lastModifiedTime"] = std::to_string(info.modified);
  resource["etag"] = std::to_string(info.modified);
  resource["location"] = "US";
  return resource;
}

Json SchemaResource(const tables::Schema& schema) {
  return Json::parse(tables::SchemaToJson(schema));
}

}  // namespace joist::serve
