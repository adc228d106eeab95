// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What writing by REST has in common: calls that are tried again, jobs that run once, and a client
// for each project.

#ifndef JOIST_IO_BIGQUERY_REST_CALLS_H_
#define JOIST_IO_BIGQUERY_REST_CALLS_H_

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <map>
#include <string>

#include "joist/base/status.h"
#include "joist/io/bigquery/rest_client.h"
#include "joist/io/bigquery/write_blocks.h"

namespace joist::bigquery {

/// Calls until it succeeds, fails for good, or has failed for about ten seconds, which is then
/// kUnavailable.
Result<nlohmann::json> UntilAnswered(const std::function<Result<nlohmann::json>()>& call);

/// Runs a job of `configuration` to its end; the job. Work that is done again finds it by `name`.
/// It runs where `dataset` is. A load has a file, `content`.
Result<nlohmann::json> RunJob(const RestClient& client, const nlohmann::json& configuration,
                              const std::string& name, const std::string& dataset,
                              const std::string* content = nullptr);

/// Belongs to one thread.
class ProjectClients {
 public:
  explicit ProjectClients(TableSettings settings) : settings_(std::move(settings)) {}
  /// Throws where there is no such service.
  const RestClient& Of(const std::string& project);

 private:
  const TableSettings settings_;
  std::map<std::string, RestClient> clients_;
};

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_REST_CALLS_H_
