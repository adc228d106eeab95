// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_IO_BIGQUERY_REST_CLIENT_H_
#define JOIST_IO_BIGQUERY_REST_CLIENT_H_

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/net/url.h"

namespace joist::bigquery {

/// A few methods of BigQuery's REST API v2, one request after the other. Belongs to one thread.
class RestClient {
 public:
  RestClient(net::HttpUrl server, std::string project)
      : server_(std::move(server)), project_(std::move(project)) {}

  /// Of the service that `endpoint` names (joist/io/google/service_channel.h); `http_endpoint`, an
  /// URL, says where its REST API is if it is elsewhere.
  static Result<RestClient> Connect(const std::string& endpoint, const std::string& http_endpoint,
                                    std::string project);

  /// `path` follows "/bigquery/v2/projects/PROJECT/". The answer is an object, empty where there is
  /// none. Errors are what the server says, or kUnavailable where it does not.
  Result<nlohmann::json> Request(std::string_view method, const std::string& path,
                                 const nlohmann::json* body = nullptr) const;
  /// All pages of a list: the elements of the member `name` of each.
  Result<std::vector<nlohmann::json>> List(const std::string& path, const char* name) const;
  /// Starts a load job with the file `content`: the job, as the service then has it.
  Result<nlohmann::json> Upload(const nlohmann::json& job, std::string_view content) const;
  /// Loads a file of the format ("CSV", "NEWLINE_DELIMITED_JSON") into a table that is there, and
  /// waits for it; how many rows.
  Result<std::string> Load(const std::string& dataset, const std::string& table,
                           const std::string& format, std::string_view content) const;

  const std::string& project() const { return project_; }

 private:
  Result<nlohmann::json> Send(std::string_view method, const std::string& target,
                              const std::string& content_type, std::string body) const;

  const net::HttpUrl server_;
  const std::string project_;
};

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_REST_CLIENT_H_
