// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/make_table.h"

#include <string>
#include <string_view>

#include "joist/io/bigquery/columns.h"
#include "joist/io/google/service_channel.h"
#include "joist/io/net/http_client.h"

namespace joist::bigquery {
namespace {

constexpr Duration kTimeout = Duration::Seconds(30);

/// The service's own words where they are short.
std::string ReasonOf(const net::HttpResponse& answer) {
  return std::to_string(answer.status) + " " +
         (answer.body.empty() || answer.body.size() > 500 ? answer.reason : answer.body);
}

/// OK where the thing was made, or is there.
Status MakeOne(const std::string& url, const std::string& body, const std::string& what,
               int* status) {
  JOIST_ASSIGN_OR_RETURN(net::HttpUrl parsed, net::ParseHttpUrl(url));
  net::HttpClient client(std::move(parsed), kTimeout);
  JOIST_ASSIGN_OR_RETURN(const net::HttpResponse answer,
                         client.Post("application/json", body, /*token=*/""));
  *status = answer.status;
  if (answer.status / 100 == 2 || answer.status == 409) return OkStatus();
  return Status(StatusCode::kUnavailable, "cannot make " + what + ": " + ReasonOf(answer));
}

}  // namespace

Status MakeTable(const TableSettings& settings) {
  std::string http = settings.http_endpoint;
  if (http.empty()) {
    JOIST_ASSIGN_OR_RETURN(http, google::HttpAddress(settings.endpoint));
  }
  const TableParts path = PartsOf(settings.table);
  const std::string datasets = http + "/bigquery/v2/projects/" + path.project + "/datasets";
  const std::string reference =
      "\"projectId\":\"" + path.project + "\",\"datasetId\":\"" + path.dataset + "\"";
  const std::string table = "{\"tableReference\":{" + reference + ",\"tableId\":\"" + path.table +
                            "\"},\"schema\":{\"fields\":" + settings.schema + "}}";
  const std::string tables = datasets + "/" + path.dataset + "/tables";
  int status = 0;
  Status made = MakeOne(tables, table, settings.table, &status);
  if (made.ok() || status != 404) return made;
  JOIST_RETURN_IF_ERROR(MakeOne(datasets, "{\"datasetReference\":{" + reference + "}}",
                                "the dataset " + path.dataset, &status));
  return MakeOne(tables, table, settings.table, &status);
}

}  // namespace joist::bigquery
