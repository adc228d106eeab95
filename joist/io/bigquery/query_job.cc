// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string_view>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "joist/io/bigquery/read.h"
#include "joist/io/bigquery/rest_calls.h"
#include "joist/io/bigquery/rest_client.h"
#include "joist/io/bigquery/result_pages.h"
#include "joist/sdk/group_by_key.h"

namespace joist::bigquery::read_internal {
namespace {

using Json = nlohmann::json;

/// Between two questions whether a job is done.
constexpr std::chrono::milliseconds kShortestPause{20};
constexpr std::chrono::milliseconds kLongestPause{2'000};

Json DatasetOf(const QueryToRead& query) {
  const size_t dot = query.default_dataset.rfind('.');
  if (dot == std::string::npos) {
    return {{"projectId", query.project}, {"datasetId", query.default_dataset}};
  }
  return {{"projectId", query.default_dataset.substr(0, dot)},
          {"datasetId", query.default_dataset.substr(dot + 1)}};
}

Json JobOf(const QueryToRead& query) {
  Json wanted = {{"query", query.query}, {"useLegacySql", false}};
  if (!query.default_dataset.empty()) wanted["defaultDataset"] = DatasetOf(query);
  if (!query.values.empty()) wanted["parameterMode"] = "NAMED";
  for (const QueryValue& value : query.values) {
    wanted["queryParameters"].push_back({{"name", value.name},
                                         {"parameterType", {{"type", value.type}}},
                                         {"parameterValue", {{"value", value.value}}}});
  }
  Json reference = {{"projectId", query.project}, {"jobId", query.job}};
  if (!query.location.empty()) reference["location"] = query.location;
  return {{"jobReference", std::move(reference)},
          {"configuration", {{"query", std::move(wanted)}}}};
}

/// The id with what else the job is found by, as it follows "jobs/" and "queries/".
std::string PathOfJob(const QueryToRead& query) {
  return query.job + (query.location.empty() ? "" : "?location=" + query.location);
}

/// What the member says; {} where there is none.
Json Member(const Json& object, const char* name) {
  return object.is_object() ? object.value(name, Json::object()) : Json::object();
}

/// What jobs.get says of the job when it is done. It is started by whoever comes first.
Result<Json> RunQueryJob(const RestClient& client, const QueryToRead& query) {
  const Json body = JobOf(query);
  const auto get = [&] { return client.Request("GET", "jobs/" + PathOfJob(query)); };
  Result<Json> job = UntilAnswered([&] { return client.Request("POST", "jobs", &body); });
  if (job.status().code() == StatusCode::kAlreadyExists) job = UntilAnswered(get);
  auto pause = kShortestPause;
  while (job.ok()) {
    const Json status = Member(*job, "status");
    if (status.value("state", "") == "DONE") {
      const Json error = Member(status, "errorResult");
      if (error.empty()) return job;
      return InvalidArgument(error.value("message", "the service gives no reason"));
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
    job = UntilAnswered(get);
  }
  return job;
}

/// "" where the rows are in no table.
std::string DestinationOf(const Json& job) {
  const Json query = Member(Member(job, "configuration"), "query");
  const Json table = Member(query, "destinationTable");
  const std::string name = table.value("tableId", "");
  if (name.empty()) return "";
  return "projects/" + table.value("projectId", "") + "/datasets/" + table.value("datasetId", "") +
         "/tables/" + name;
}

}  // namespace

std::vector<RowStream> StreamsOf(const QueryToRead& query, const avro::FieldShape& row) {
  const Result<RestClient> client =
      RestClient::Connect(query.endpoint, query.http_endpoint, query.project);
  ThrowIfError(client.status());
  const Result<Json> job = RunQueryJob(*client, query);
  if (!job.ok()) {
    throw StatusException({job.status().code(), "the query failed: " + job.status().message()});
  }
  const Json statistics = Member(Member(*job, "statistics"), "query");
  if (const std::string type = statistics.value("statementType", "SELECT"); type != "SELECT") {
    throw StatusException(InvalidArgument("the query is a " + type + "; it takes a SELECT"));
  }
  if (const std::string table = DestinationOf(*job); !table.empty()) {
    return StreamsOf(
        TableToRead{.table = table, .project = query.project, .endpoint = query.endpoint}, row);
  }
  RowStream pages{.what = "the query's job " + query.job,
                  .job = PathOfJob(query),
                  .project = query.project,
                  .endpoint = query.endpoint,
                  .http_endpoint = query.http_endpoint};
  Result<std::string> schema = SchemaOfPages(*client, pages);
  ThrowIfError(schema.status());
  pages.schema = *std::move(schema);
  ThrowIfError(PlanOfRows(pages.schema, row, pages.what).status());
  return {pages};
}

/// Adds the id. In no unnamed namespace: it is found by its name.
struct NameJob {
  QueryToRead operator()(const QueryToRead& query) const {
    std::random_device random;
    QueryToRead named = query;
    named.job = "joist_read";
    for (int i = 0; i < 4; ++i) named.job += "_" + std::to_string(random());
    return named;
  }
};
constexpr FieldList<NameJob> JoistFields(const NameJob*) { return {"NameJob", {}}; }

PCollection<QueryToRead> NameJobs(const PCollection<QueryToRead>& queries) {
  return queries | "Job" >> Map(NameJob()) | "Once" >> Reshuffle();
}

QueryToRead Checked(QueryToRead query, PipelineBuilder* builder) {
  const char* const project = std::getenv("GOOGLE_CLOUD_PROJECT");
  if (query.project.empty() && project != nullptr) query.project = project;
  if (query.project.empty()) {
    builder->AddFault("has no project: say WithProject(), or set GOOGLE_CLOUD_PROJECT");
  }
  if (query.query.empty()) builder->AddFault("has an empty query");
  return query;
}

}  // namespace joist::bigquery::read_internal
