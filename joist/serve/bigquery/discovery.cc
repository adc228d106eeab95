// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/bigquery/discovery.h"

#include <nlohmann/json.hpp>

namespace joist::serve {

namespace {

using Json = nlohmann::ordered_json;

/// A method of the API; names in braces are parameters of its path.
struct Method {
  std::string_view resource;
  std::string_view name;
  std::string_view verb;
  std::string_view path;
};

constexpr Method kMethods[] = {
    {"datasets", "delete", "DELETE", "projects/{+projectId}/datasets/{+datasetId}"},
    {"datasets", "get", "GET", "projects/{+projectId}/datasets/{+datasetId}"},
    {"datasets", "insert", "POST", "projects/{+projectId}/datasets"},
    {"datasets", "list", "GET", "projects/{+projectId}/datasets"},
    {"datasets", "patch", "PATCH", "projects/{+projectId}/datasets/{+datasetId}"},
    {"datasets", "update", "PUT", "projects/{+projectId}/datasets/{+datasetId}"},
    {"jobs", "cancel", "POST", "projects/{+projectId}/jobs/{+jobId}/cancel"},
    {"jobs", "get", "GET", "projects/{+projectId}/jobs/{+jobId}"},
    {"jobs", "getQueryResults", "GET", "projects/{+projectId}/queries/{+jobId}"},
    {"jobs", "insert", "POST", "projects/{+projectId}/jobs"},
    {"jobs", "list", "GET", "projects/{+projectId}/jobs"},
    {"jobs", "query", "POST", "projects/{+projectId}/queries"},
    {"projects", "list", "GET", "projects"},
    {"tabledata", "insertAll", "POST",
     "projects/{+projectId}/datasets/{+datasetId}/tables/{+tableId}/insertAll"},
    {"tabledata", "list", "GET",
     "projects/{+projectId}/datasets/{+datasetId}/tables/{+tableId}/data"},
    {"tables", "delete", "DELETE", "projects/{+projectId}/datasets/{+datasetId}/tables/{+tableId}"},
    {"tables", "get", "GET", "projects/{+projectId}/datasets/{+datasetId}/tables/{+tableId}"},
    {"tables", "insert", "POST", "projects/{+projectId}/datasets/{+datasetId}/tables"},
    {"tables", "list", "GET", "projects/{+projectId}/datasets/{+datasetId}/tables"},
    {"tables", "patch", "PATCH", "projects/{+projectId}/datasets/{+datasetId}/tables/{+tableId}"},
    {"tables", "update", "PUT", "projects/{+projectId}/datasets/{+datasetId}/tables/{+tableId}"},
};

/// Parameters of queries; any method takes any of them, and heeds those that it knows.
constexpr std::string_view kQueryParameters[] = {"all",
                                                 "allUsers",
                                                 "accessPolicyVersion",
                                                 "autodetect_schema",
                                                 "datasetView",
                                                 "deleteContents",
                                                 "filter",
                                                 "formatOptions.timestampOutputFormat",
                                                 "formatOptions.useInt64Timestamp",
                                                 "location",
                                                 "maxCreationTime",
                                                 "maxResults",
                                                 "minCreationTime",
                                                 "pageToken",
                                                 "parentJobId",
                                                 "projection",
                                                 "selectedFields",
                                                 "startIndex",
                                                 "stateFilter",
                                                 "timeoutMs",
                                                 "updateMode",
                                                 "view"};

Json ParametersOf(std::string_view path, Json* order) {
  Json parameters = Json::object();
  for (size_t at = path.find("{+"); at != std::string_view::npos; at = path.find("{+", at + 1)) {
    const std::string name(path.substr(at + 2, path.find('}', at) - at - 2));
    parameters[name] = {{"type", "string"}, {"location", "path"}, {"required", true}};
    order->push_back(name);
  }
  for (const std::string_view name : kQueryParameters) {
    parameters[std::string(name)] = {{"type", "string"}, {"location", "query"}};
    if (name == "stateFilter") parameters["stateFilter"]["repeated"] = true;
  }
  return parameters;
}

}  // namespace

std::string DiscoveryDocument(std::string_view host) {
  const std::string root = "http://" + std::string(host) + "/";
  Json resources = Json::object();
  for (const Method& method : kMethods) {
    Json order = Json::array();
    const std::string path = "bigquery/v2/" + std::string(method.path);
    Json entry = {
        {"id", "bigquery." + std::string(method.resource) + "." + std::string(method.name)},
        {"httpMethod", method.verb},
        {"path", path},
        {"flatPath", path},
        {"parameters", ParametersOf(method.path, &order)},
        {"parameterOrder", order},
        {"response", {{"$ref", "Resource"}}}};
    const bool sends = method.verb != "GET" && method.verb != "DELETE";
    if (sends) entry["request"] = {{"$ref", "Resource"}};
    if (method.resource == "jobs" && method.name == "insert") {
      entry["supportsMediaUpload"] = true;
      entry["mediaUpload"] = {
          {"accept", {"*/*"}},
          {"protocols",
           {{"simple", {{"multipart", true}, {"path", "/upload/" + path}}},
            {"resumable", {{"multipart", true}, {"path", "/resumable/upload/" + path}}}}}};
    }
    resources[std::string(method.resource)]["methods"][std::string(method.name)] = std::move(entry);
  }
  return Json{{"kind", "discovery#restDescription"},
              {"discoveryVersion", "v1"},
              {"id", "bigquery:v2"},
              {"name", "bigquery"},
              {"version", "v2"},
              {"title", "BigQuery API"},
              {"protocol", "rest"},
              {"rootUrl", root},
              {"servicePath", ""},
              {"baseUrl", root},
              {"basePath", ""},
              {"batchPath", "batch/bigquery/v2"},
              {"parameters",
               {{"alt", {{"type", "string"}, {"location", "query"}}},
                {"fields", {{"type", "string"}, {"location", "query"}}},
                {"key", {{"type", "string"}, {"location", "query"}}},
                {"prettyPrint", {{"type", "boolean"}, {"location", "query"}}},
                {"quotaUser", {{"type", "string"}, {"location", "query"}}}}},
              {"schemas", {{"Resource", {{"id", "Resource"}, {"type", "object"}}}}},
              {"resources", resources}}
      .dump();
}

}  // namespace joist::serve
