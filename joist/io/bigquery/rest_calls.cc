// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/rest_calls.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "joist/io/google/service_channel.h"

namespace joist::bigquery {
namespace {

using nlohmann::json;

constexpr int kCalls = 8;
/// Runs of a job whose failure was the service's.
constexpr int kRuns = 4;

void PauseAfter(int attempt) {
  std::this_thread::sleep_for(std::chrono::milliseconds(std::min(50 << attempt, 5'000)));
}

/// Whether a job that failed so may succeed when it is run again.
bool IsOfTheService(const std::string& reason) {
  constexpr std::string_view kReasons[] = {"backendError",      "internalError",
                                           "jobBackendError",   "jobInternalError",
                                           "rateLimitExceeded", "tableUnavailable"};
  return std::find(std::begin(kReasons), std::end(kReasons), reason) != std::end(kReasons);
}

/// The job when it is done.
Result<json> Finished(const RestClient& client, const std::string& path, Result<json> job) {
  for (int attempt = 0; job.ok() && (*job)["status"].value("state", "") != "DONE"; ++attempt) {
    PauseAfter(std::min(attempt, 4));
    job = UntilAnswered([&] { return client.Request("GET", path); });
  }
  return job;
}

}  // namespace

Result<json> UntilAnswered(const std::function<Result<json>()>& call) {
  for (int attempt = 1;; ++attempt) {
    Result<json> answer = call();
    if (answer.ok() || !google::MayBeTriedAgain(answer.status().code())) return answer;
    if (attempt == kCalls) return Status(StatusCode::kUnavailable, answer.status().message());
    PauseAfter(attempt);
  }
}

Result<json> RunJob(const RestClient& client, const json& configuration, const std::string& name,
                    const std::string& dataset, const std::string* content) {
  JOIST_ASSIGN_OR_RETURN(const json place, UntilAnswered([&] {
                           return client.Request("GET", "datasets/" + dataset);
                         }));
  const std::string location = place.value("location", "US");
  for (int run = 1;; ++run) {
    const std::string id = name + "_" + std::to_string(run);
    const std::string path = "jobs/" + id + "?location=" + location;
    const json job = {
        {"jobReference", {{"projectId", client.project()}, {"jobId", id}, {"location", location}}},
        {"configuration", configuration}};
    Result<json> started = UntilAnswered([&] {
      return content == nullptr ? client.Request("POST", "jobs", &job)
                                : client.Upload(job, *content);
    });
    if (started.status().code() == StatusCode::kAlreadyExists) {
      started = UntilAnswered([&] { return client.Request("GET", path); });
    }
    JOIST_ASSIGN_OR_RETURN(json done, Finished(client, path, std::move(started)));
    if (!done["status"].contains("errorResult")) return done;
    const json& error = done["status"]["errorResult"];
    if (run == kRuns || !IsOfTheService(error.value("reason", ""))) {
      return InvalidArgument(error.value("message", "the job " + id + " failed"));
    }
  }
}

const RestClient& ProjectClients::Of(const std::string& project) {
  auto client = clients_.find(project);
  if (client == clients_.end()) {
    Result<RestClient> made =
        RestClient::Connect(settings_.endpoint, settings_.http_endpoint, project);
    ThrowIfError(made.status());
    client = clients_.emplace(project, *std::move(made)).first;
  }
  return client->second;
}

}  // namespace joist::bigquery
