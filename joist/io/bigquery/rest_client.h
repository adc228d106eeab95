// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_IO_BIGQUERY_REST_CLIENT_H_
#define JOIST_IO_BIGQUERY_REST_CLIENT_H_

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/net/retry.h"
#include "joist/io/net/url.h"

namespace joist::google {
class Credentials;
}  // namespace joist::google

namespace joist::bigquery {

/// A few methods of BigQuery's REST API v2, one request after the other over a connection that is
/// kept. Belongs to one thread.
///
/// What failed is tried again as `retries` has it, where that is safe: whatever did not reach the
/// service, or was refused for its rate (429; rateLimitExceeded, jobRateLimitExceeded); and what
/// may have taken effect (no answer, 502, 503, 504, backendError) if it may be repeated, which are
/// GET, PUT, DELETE, Make, and jobs with an id of their own.
///
/// Errors are the service's words, as kNotFound (404), kAlreadyExists (409), kUnauthenticated
/// (401), kPermissionDenied (403), kResourceExhausted (429, and what was refused for its rate),
/// kUnavailable (502, 503, 504), kInternal (500), kInvalidArgument. kUnavailable is also that there
/// was no answer.
class RestClient {
 public:
  /// Of a server that asks for no credentials. Nothing is tried again.
  RestClient(net::HttpUrl server, std::string project);
  /// With a token of `credentials`; the server has to be one to which nobody listens.
  RestClient(net::HttpUrl server, std::string project,
             std::shared_ptr<google::Credentials> credentials, net::RetryPolicy retries);
  RestClient(RestClient&& other) noexcept;
  ~RestClient();

  /// Of the service that `endpoint` names (joist/io/google/service_channel.h); `http_endpoint`, an
  /// URL, says where its REST API is if it is elsewhere. "google" takes application default
  /// credentials (joist/io/google/credentials.h), which go to https and to this machine alone.
  static Result<RestClient> Connect(const std::string& endpoint, const std::string& http_endpoint,
                                    std::string project);

  /// `path` follows "/bigquery/v2/projects/PROJECT/". The answer is an object, empty where there is
  /// none, of 256 MB at the most.
  Result<nlohmann::json> Request(std::string_view method, const std::string& path,
                                 const nlohmann::json* body = nullptr) const;
  /// All pages of a list: the elements of the member `name` of each.
  Result<std::vector<nlohmann::json>> List(const std::string& path, const char* name) const;
  /// POSTs what has a name of its own in `path`, such as a table; OK as well where it is there.
  Status Make(const std::string& path, const nlohmann::json& body) const;
  /// Starts a load job with the file `content`: the job, as the service then has it.
  Result<nlohmann::json> Upload(const nlohmann::json& job, std::string_view content) const;
  /// Loads a file of the format ("CSV", "NEWLINE_DELIMITED_JSON") into a table that is there, and
  /// waits for it; how many rows.
  Result<std::string> Load(const std::string& dataset, const std::string& table,
                           const std::string& format, std::string_view content) const;

  const std::string& project() const;

 private:
  struct Connection;
  enum class Repeating : uint8_t;

  Result<nlohmann::json> Send(std::string_view method, const std::string& target,
                              std::string_view content_type,
                              const std::vector<std::string_view>& body, Repeating repeating) const;
  std::string Root() const;

  std::unique_ptr<Connection> connection_;
};

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_REST_CLIENT_H_
