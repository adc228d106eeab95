// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/bigquery/rest.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <list>
#include <mutex>
#include <random>
#include <unordered_map>
#include <utility>

#include "joist/serve/bigquery/discovery.h"
#include "joist/serve/bigquery/insert_ids.h"
#include "joist/serve/bigquery/jobs.h"
#include "joist/serve/bigquery/rest_answers.h"
#include "joist/store/tables/column_reader.h"
#include "joist/store/tables/query.h"
#include "joist/store/tables/text_rows.h"

namespace joist::serve {

namespace {

using tables::DatasetName;
using tables::RowBatch;
using tables::Schema;
using tables::TableInfo;
using tables::TableName;

/// Bytes of a file that comes in pieces.
constexpr size_t kMostBody = size_t{256} << 20;
/// Rows in a page, where the client says nothing.
constexpr int64_t kRowsOfPage = 10'000;
/// Bytes after which a page has no more rows.
constexpr size_t kBytesOfPage = size_t{10} << 20;
/// Uploads that are under way.
constexpr size_t kMostUploads = 64;
/// Rows of insertAll.
constexpr size_t kMostInserted = 50'000;
/// The longest that a client waits for a query.
constexpr int64_t kLongestWait = 200'000;

/// The value of `boundary` in a content type.
std::string BoundaryOf(std::string_view content_type) {
  const size_t at = content_type.find("boundary=");
  if (at == std::string_view::npos) return "";
  std::string_view value = content_type.substr(at + 9);
  value = value.substr(0, value.find(';'));
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) {
    value = value.substr(1, value.size() - 2);
  }
  return std::string(value);
}

/// The bodies of a multipart message's parts.
std::vector<std::string_view> PartsOf(std::string_view body, const std::string& boundary) {
  std::vector<std::string_view> parts;
  const std::string line = "--" + boundary;
  size_t at = body.find(line);
  while (at != std::string_view::npos) {
    const size_t begin = at + line.size();
    const size_t end = body.find("\n" + line, begin);
    if (body.substr(begin).starts_with("--") || end == std::string_view::npos) break;
    std::string_view part = body.substr(begin, end - begin);
    const size_t crlf = part.find("\r\n\r\n");
    const size_t lf = part.find("\n\n");
    part.remove_prefix(std::min({crlf == std::string_view::npos ? part.size() : crlf + 4,
                                 lf == std::string_view::npos ? part.size() : lf + 2}));
    if (part.ends_with('\r')) part.remove_suffix(1);
    parts.push_back(part);
    at = end + 1;
  }
  return parts;
}

/// Where a page begins and how many rows it may have.
struct Page {
  int64_t begin = 0;
  int64_t most = kRowsOfPage;
};

Page PageOf(const HttpRequest& request) {
  Page page;
  const auto token = tables::ReadInteger(QueryParameter(request.query, "pageToken"));
  const auto start = tables::ReadInteger(QueryParameter(request.query, "startIndex"));
  const auto most = tables::ReadInteger(QueryParameter(request.query, "maxResults"));
  page.begin = std::max<int64_t>(0, token.value_or(start.value_or(0)));
  page.most = std::clamp<int64_t>(most.value_or(kRowsOfPage), 0, 100'000);
  return page;
}

/// `answer` with rows that are already JSON.
HttpAnswer WithRows(const Json& answer, const std::string& rows) {
  HttpAnswer http = BigQueryAnswer(answer);
  if (!rows.empty()) {
    http.body.pop_back();
    http.body += ",\"rows\":[" + rows + "]}";
  }
  return http;
}

/// Appends a page of a table's rows as JSON, of the columns in `schema`. Gives how many they are.
Status AppendRowsOfTable(tables::TableStore* store, const TableName& name, const Schema& schema,
                         const Page& page, bool int64_timestamps, std::string* text,
                         int64_t* taken) {
  std::string columns;
  for (const tables::Field& field : schema.fields) {
    columns += (columns.empty() ? "" : ", ") + tables::Quoted(field.name);
  }
  JOIST_ASSIGN_OR_RETURN(const auto rows, tables::QueryStream::Open(
                                              store, "SELECT " + columns + " FROM " + name.Sql() +
                                                         " LIMIT " + std::to_string(page.most) +
                                                         " OFFSET " + std::to_string(page.begin)));
  while (text->size() < kBytesOfPage) {
    JOIST_ASSIGN_OR_RETURN(const tables::Chunk chunk, rows->Next());
    if (chunk.rows() == 0) break;
    if (!text->empty()) *text += ',';
    tables::AppendJsonRows(schema, chunk, 0, chunk.rows(), {int64_timestamps}, text);
    *taken += static_cast<int64_t>(chunk.rows());
  }
  return OkStatus();
}

/// What a job's rows look like from a page on.
HttpAnswer ResultsAnswer(tables::TableStore* store, Job* job, std::string_view kind,
                         const Page& page, bool int64_timestamps) {
  const std::scoped_lock lock(job->mutex);
  Json answer = {
      {"kind", kind},
      {"jobReference", {{"projectId", job->project}, {"jobId", job->id}, {"location", "US"}}},
      {"jobComplete", job->done}};
  if (!job->done) return BigQueryAnswer(answer);
  if (!job->status.ok()) {
    HttpAnswer error = BigQueryError(job->status);
    if (job->status.code() == StatusCode::kInvalidArgument) {
      Json body = Json::parse(error.body);
      body["error"]["errors"][0]["reason"] = "invalidQuery";
      error.body = body.dump();
    }
    return error;
  }
  const tables::QueryResult& result = job->result;
  answer["cacheHit"] = false;
  answer["totalBytesProcessed"] = "0";
  answer["totalRows"] = std::to_string(result.rows);
  answer["schema"] = SchemaResource(result.schema);
  if (result.affected >= 0) answer["numDmlAffectedRows"] = std::to_string(result.affected);
  std::string rows;
  int64_t at = 0;
  int64_t taken = 0;
  if (job->rows_table) {
    const Status status = AppendRowsOfTable(store, *job->rows_table, result.schema, page,
                                            int64_timestamps, &rows, &taken);
    if (!status.ok()) return BigQueryError(status);
  }
  for (const tables::Chunk& chunk : result.chunks) {
    const auto size = static_cast<int64_t>(chunk.rows());
    const int64_t begin = std::max<int64_t>(page.begin - at, 0);
    const int64_t end = std::min(size, begin + page.most - taken);
    if (begin < end && rows.size() < kBytesOfPage) {
      if (!rows.empty()) rows += ',';
      tables::AppendJsonRows(result.schema, chunk, static_cast<size_t>(begin),
                             static_cast<size_t>(end), {int64_timestamps}, &rows);
      taken += end - begin;
    }
    at += size;
  }
  if (page.begin + taken < result.rows) answer["pageToken"] = std::to_string(page.begin + taken);
  return WithRows(answer, rows);
}

class RestService final : public RestApi {
 public:
  explicit RestService(tables::TableStore* store) : store_(store), jobs_(store) {}
  ~RestService() override { threads_.join(); }

  void Handle(const HttpRequest& request, const HttpReply& reply) override {
    std::vector<std::string> parts = PathParts(request.path);
    const auto starts = [&parts](const std::vector<std::string>& with) {
      return parts.size() >= with.size() && std::equal(with.begin(), with.end(), parts.begin());
    };
    if (starts({"$discovery", "rest"}) ||
        starts({"discovery", "v1", "apis", "bigquery", "v2", "rest"})) {
      HttpAnswer answer;
      answer.body = DiscoveryDocument(request.Header("host"));
      return reply(std::move(answer));
    }
    bool upload = false;
    for (const auto& prefix : {std::vector<std::string>{"resumable", "upload"}, {"upload"}}) {
      if (!upload && starts(prefix)) {
        upload = true;
        parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(prefix.size()));
      }
    }
    if (starts({"bigquery", "v2"})) {
      parts.erase(parts.begin(), parts.begin() + 2);
    }
    if (parts.size() == 1 && parts[0] == "projects" && request.method == "GET") {
      return reply(BigQueryAnswer({{"kind", "bigquery#projectList"}, {"totalItems", 0}}));
    }
    if (parts.size() < 3 || parts[0] != "projects") return reply(NoSuchPath(request));
    Route(request, parts, upload, reply);
  }

 private:
  /// A file that comes in pieces.
  struct Upload {
    std::string project = {};
    Json job = {};
    std::string media = {};
  };

  static HttpAnswer NoSuchPath(const HttpRequest& request) {
    return BigQueryError(
        NotFound("Not found: " + std::string(request.method) + " " + std::string(request.path)));
  }

  static HttpAnswer AnswerOf(const Result<Json>& result) {
    return result.ok() ? BigQueryAnswer(*result) : BigQueryError(result.status());
  }
  static HttpAnswer AnswerOf(const Status& status) {
    if (!status.ok()) return BigQueryError(status);
    HttpAnswer answer;
    answer.status = 204;
    return answer;
  }

  /// What waits for the disk is done by threads of its own, with a copy of the request.
  void Later(const HttpRequest& request, const HttpReply& reply,
             std::function<HttpAnswer(const HttpRequest&)> work) {
    struct Kept {
      std::string method;
      std::string path;
      std::string query;
      std::string body;
      std::vector<std::pair<std::string, std::string>> headers;
    };
    auto kept = std::make_shared<Kept>();
    kept->method = request.method;
    kept->path = request.path;
    kept->query = request.query;
    kept->body = request.body;
    for (const auto& [name, value] : request.headers) kept->headers.emplace_back(name, value);
    boost::asio::post(threads_, [kept, reply, work = std::move(work)] {
      HttpRequest copy;
      copy.method = kept->method;
      copy.path = kept->path;
      copy.query = kept->query;
      copy.body = kept->body;
      for (const auto& [name, value] : kept->headers) copy.headers.emplace_back(name, value);
      reply(work(copy));
    });
  }

  void Route(const HttpRequest& request, const std::vector<std::string>& parts, bool upload,
             const HttpReply& reply) {
    const std::string& project = parts[1];
    const std::string& kind = parts[2];
    if (upload && kind == "jobs") return TakeUpload(request, project, reply);
    if (kind == "jobs" || kind == "queries") return RouteJobs(request, parts, reply);
    if (kind != "datasets") return reply(NoSuchPath(request));
    Later(request, reply, [this, parts, project](const HttpRequest& copy) {
      if (parts.size() <= 4) return Datasets(copy, parts, project);
      if (parts[4] != "tables") return NoneOf(copy, parts);
      return Tables(copy, parts, project);
    });
  }

  /// What a dataset has none of: the list is empty.
  static HttpAnswer NoneOf(const HttpRequest& request, const std::vector<std::string>& parts) {
    if (parts[4] != "routines" && parts[4] != "models") return NoSuchPath(request);
    if (request.method == "GET") {
      if (parts.size() == 5) return BigQueryAnswer(Json::object());
      return BigQueryError(NotFound("Not found: " + parts[5] + " among the " + parts[4] + " of " +
                                    parts[3] + "; joist serve has none"));
    }
    return BigQueryError({StatusCode::kUnimplemented, "joist serve has no " + parts[4]});
  }

  /// Whether what is updated is still what the client has seen, where it asks for that.
  static Status CheckEtag(const HttpRequest& request, const Json& resource) {
    const std::string_view seen = request.Header("if-match");
    if (seen.empty() || seen == "*" || seen == TextAt(resource, "etag")) return OkStatus();
    return {StatusCode::kAborted, "Precondition check failed: the etag is another one now"};
  }

  // Datasets.

  HttpAnswer Datasets(const HttpRequest& request, const std::vector<std::string>& parts,
                      const std::string& project) {
    if (parts.size() == 3 && request.method == "GET") return ListDatasets(request, project);
    if (parts.size() == 3 && request.method == "POST")
      return AnswerOf(InsertDataset(request, project));
    if (parts.size() < 4) return NoSuchPath(request);
    const DatasetName name{project, parts[3]};
    if (request.method == "GET") return AnswerOf(GetDataset(name));
    if (request.method == "DELETE") {
      return AnswerOf(store_->DeleteDataset(
          name, tables::SameName(QueryParameter(request.query, "deleteContents"), "true")));
    }
    const bool patches =
        request.method == "PATCH" || request.Header("x-http-method-override") == "PATCH";
    if (patches || request.method == "PUT") return AnswerOf(UpdateDataset(request, name, patches));
    return NoSuchPath(request);
  }

  HttpAnswer ListDatasets(const HttpRequest& request, const std::string& project) {
    auto datasets = store_->ListDatasets(project);
    std::erase_if(datasets, [](const tables::DatasetInfo& info) {
      return info.name.dataset == ResultTables::kDataset;
    });
    const Page page = PageOf(request);
    const auto total = static_cast<int64_t>(datasets.size());
    const int64_t end = std::min(total, page.begin + page.most);
    Json list = Json::array();
    for (int64_t i = page.begin; i < end; ++i) {
      const Json resource = DatasetResource(datasets[static_cast<size_t>(i)]);
      list.push_back({{"kind", "bigquery#dataset"},
                      {"id", resource["id"]},
                      {"datasetReference", resource["datasetReference"]},
                      {"labels", PartAt(resource, "labels")},
                      {"location", resource["location"]}});
    }
    Json answer = {{"kind", "bigquery#datasetList"}};
    if (!list.empty()) answer["datasets"] = std::move(list);
    if (end < total) answer["nextPageToken"] = std::to_string(end);
    return BigQueryAnswer(answer);
  }

  Result<Json> GetDataset(const DatasetName& name) {
    JOIST_ASSIGN_OR_RETURN(const tables::DatasetInfo info, store_->GetDataset(name));
    return DatasetResource(info);
  }

  Result<Json> InsertDataset(const HttpRequest& request, const std::string& project) {
    JOIST_ASSIGN_OR_RETURN(const Json body, ReadObject(request.body));
    const DatasetName name{project, TextAt(PartAt(body, "datasetReference"), "datasetId")};
    JOIST_RETURN_IF_ERROR(store_->CreateDataset(name, body.dump()));
    return GetDataset(name);
  }

  Result<Json> UpdateDataset(const HttpRequest& request, const DatasetName& name, bool patches) {
    JOIST_ASSIGN_OR_RETURN(const Json body, ReadObject(request.body));
    JOIST_ASSIGN_OR_RETURN(const tables::DatasetInfo info, store_->GetDataset(name));
    JOIST_RETURN_IF_ERROR(CheckEtag(request, DatasetResource(info)));
    Json resource = patches ? Json::parse(info.resource) : Json::object();
    resource.merge_patch(body);
    JOIST_RETURN_IF_ERROR(store_->UpdateDataset(name, resource.dump()));
    return GetDataset(name);
  }

  // Tables.

  HttpAnswer Tables(const HttpRequest& request, const std::vector<std::string>& parts,
                    const std::string& project) {
    const DatasetName dataset{project, parts[3]};
    if (parts.size() == 5 && request.method == "GET") return ListTables(request, dataset);
    if (parts.size() == 5 && request.method == "POST")
      return AnswerOf(InsertTable(request, dataset));
    if (parts.size() < 6) return NoSuchPath(request);
    for (const auto& [sign, what] :
         {std::pair("$", "partitions of tables, which are not kept apart"),
          std::pair(":", "IAM policies")}) {
      if (parts[5].find(sign) == std::string::npos) continue;
      return BigQueryError({StatusCode::kUnimplemented, std::string("joist serve has no ") + what});
    }
    const TableName name{project, parts[3], parts[5]};
    if (parts.size() == 7 && parts[6] == "insertAll" && request.method == "POST") {
      return AnswerOf(InsertAll(request, name));
    }
    if (parts.size() == 7 && parts[6] == "data" && request.method == "GET") {
      return ListRows(request, name);
    }
    if (parts.size() != 6) return NoSuchPath(request);
    if (request.method == "GET") return AnswerOf(GetTable(name));
    if (request.method == "DELETE") return AnswerOf(store_->DeleteTable(name));
    const bool patches =
        request.method == "PATCH" || request.Header("x-http-method-override") == "PATCH";
    if (patches || request.method == "PUT") return AnswerOf(UpdateTable(request, name, patches));
    return NoSuchPath(request);
  }

  HttpAnswer ListTables(const HttpRequest& request, const DatasetName& dataset) {
    const auto tables = store_->ListTables(dataset);
    if (!tables.ok()) return BigQueryError(tables.status());
    const Page page = PageOf(request);
    const auto total = static_cast<int64_t>(tables->size());
    const int64_t end = std::min(total, page.begin + page.most);
    Json list = Json::array();
    for (int64_t i = page.begin; i < end; ++i) {
      const Json resource = TableResource((*tables)[static_cast<size_t>(i)]);
      list.push_back({{"kind", "bigquery#table"},
                      {"id", resource["id"]},
                      {"tableReference", resource["tableReference"]},
                      {"type", resource["type"]},
                      {"creationTime", resource["creationTime"]}});
    }
    Json answer = {{"kind", "bigquery#tableList"}, {"totalItems", total}};
    if (!list.empty()) answer["tables"] = std::move(list);
    if (end < total) answer["nextPageToken"] = std::to_string(end);
    return BigQueryAnswer(answer);
  }

  Result<Json> GetTable(const TableName& name) {
    JOIST_ASSIGN_OR_RETURN(const TableInfo info, store_->GetTable(name));
    Json resource = TableResource(info);
    if (const auto size = store_->SizeOf(name); size.ok() && !info.is_view) {
      resource["numRows"] = std::to_string(size->rows);
    }
    return resource;
  }

  Result<Json> InsertTable(const HttpRequest& request, const DatasetName& dataset) {
    JOIST_ASSIGN_OR_RETURN(const Json body, ReadObject(request.body));
    const TableName name{dataset.project, dataset.dataset,
                         TextAt(PartAt(body, "tableReference"), "tableId")};
    if (const Json& view = PartAt(body, "view"); !view.empty()) {
      if (store_->GetTable(name).ok()) {
        return Status{StatusCode::kAlreadyExists, "Already Exists: Table " + name.ToString()};
      }
      tables::QueryRequest query;
      query.project = name.project;
      query.sql = "CREATE VIEW `" + name.project + "`.`" + name.dataset + "`.`" + name.table +
                  "` AS " + TextAt(view, "query");
      JOIST_RETURN_IF_ERROR(tables::RunQuery(store_, query).status());
      JOIST_ASSIGN_OR_RETURN(const TableInfo made, store_->GetTable(name));
      JOIST_RETURN_IF_ERROR(store_->UpdateTable(name, *made.schema, body.dump()));
      return GetTable(name);
    }
    Schema schema;
    if (body.contains("schema")) {
      JOIST_ASSIGN_OR_RETURN(schema, tables::SchemaFromJson(PartAt(body, "schema").dump()));
    }
    JOIST_RETURN_IF_ERROR(store_->CreateTable(name, schema, WithoutSchema(body)));
    return GetTable(name);
  }

  static std::string WithoutSchema(Json resource) {
    resource.erase("schema");
    return resource.dump();
  }

  Result<Json> UpdateTable(const HttpRequest& request, const TableName& name, bool patches) {
    JOIST_ASSIGN_OR_RETURN(const Json body, ReadObject(request.body));
    JOIST_ASSIGN_OR_RETURN(const TableInfo info, store_->GetTable(name));
    JOIST_RETURN_IF_ERROR(CheckEtag(request, TableResource(info)));
    Json resource = patches ? Json::parse(info.resource) : Json::object();
    resource.merge_patch(body);
    Schema schema = *info.schema;
    if (body.contains("schema") && !body["schema"].is_null()) {
      JOIST_ASSIGN_OR_RETURN(schema, tables::SchemaFromJson(body["schema"].dump()));
    }
    JOIST_RETURN_IF_ERROR(store_->UpdateTable(name, schema, WithoutSchema(resource)));
    return GetTable(name);
  }

  HttpAnswer ListRows(const HttpRequest& request, const TableName& name) {
    const auto info = store_->GetTable(name);
    if (!info.ok()) return BigQueryError(info.status());
    const auto size = store_->SizeOf(name);
    if (!size.ok()) return BigQueryError(size.status());
    const Page page = PageOf(request);
    Schema schema;
    const std::string selected =
        "," + tables::Lower(QueryParameter(request.query, "selectedFields")) + ",";
    for (const tables::Field& field : info->schema->fields) {
      if (selected != ",," &&
          selected.find("," + tables::Lower(field.name) + ",") == std::string::npos) {
        continue;
      }
      schema.fields.push_back(field);
    }
    const bool int64_timestamps =
        tables::SameName(QueryParameter(request.query, "formatOptions.useInt64Timestamp"), "true");
    std::string text;
    int64_t taken = 0;
    const Status status =
        AppendRowsOfTable(store_, info->name, schema, page, int64_timestamps, &text, &taken);
    if (!status.ok()) return BigQueryError(status);
    Json answer = {{"kind", "bigquery#tableDataList"}, {"totalRows", std::to_string(size->rows)}};
    if (taken > 0 && page.begin + taken < size->rows) {
      answer["pageToken"] = std::to_string(page.begin + taken);
    }
    return WithRows(answer, text);
  }

  Result<Json> InsertAll(const HttpRequest& request, const TableName& name) {
    JOIST_ASSIGN_OR_RETURN(const Json body, ReadObject(request.body));
    JOIST_ASSIGN_OR_RETURN(const TableInfo info, store_->GetTable(name));
    const Json& rows = PartAt(body, "rows");
    if (!rows.is_array() || rows.empty()) return InvalidArgument("No rows present in the request.");
    if (rows.size() > kMostInserted) return InvalidArgument("too many rows in one request (50000)");
    const bool ignore_unknown = FlagAt(body, "ignoreUnknownValues");
    auto batch = std::make_shared<RowBatch>(info.schema);
    Json faults = Json::array();
    std::vector<std::string> ids;
    for (size_t i = 0; i < rows.size(); ++i) {
      const std::string id = TextAt(rows[i], "insertId");
      const std::string key = id.empty() ? "" : name.ToString() + " " + id;
      if (!key.empty() && !inserted_.Add(key)) continue;
      tables::FieldFault fault;
      if (tables::AddJsonRow(PartAt(rows[i], "json"), ignore_unknown, batch.get(), &fault)) {
        if (!key.empty()) ids.push_back(key);
        continue;
      }
      inserted_.Remove(key);
      faults.push_back({{"index", i},
                        {"errors", Json::array({{{"reason", "invalid"},
                                                 {"location", fault.location},
                                                 {"debugInfo", ""},
                                                 {"message", fault.message}}})}});
    }
    batch->AddBytes(request.body.size());
    const bool stops = !faults.empty() && !FlagAt(body, "skipInvalidRows");
    Status status;
    if (!stops && batch->rows() > 0) status = store_->AppendAndWait(name, batch).status;
    if (stops || !status.ok()) {
      for (const std::string& id : ids) inserted_.Remove(id);
    }
    JOIST_RETURN_IF_ERROR(status);
    if (stops) AddStopped(rows.size(), &faults);
    Json answer = {{"kind", "bigquery#tableDataInsertAllResponse"}};
    if (!faults.empty()) answer["insertErrors"] = std::move(faults);
    return answer;
  }

  /// The good rows of a request that has a bad one weren't written, either.
  static void AddStopped(size_t count, Json* faults) {
    std::vector<bool> bad(count);
    for (const Json& fault : *faults) bad[fault["index"].get<size_t>()] = true;
    for (size_t i = 0; i < count; ++i) {
      if (bad[i]) continue;
      faults->push_back(
          {{"index", i},
           {"errors",
            Json::array(
                {{{"reason", "stopped"}, {"location", ""}, {"debugInfo", ""}, {"message", ""}}})}});
    }
  }

  // Jobs.

  void RouteJobs(const HttpRequest& request, const std::vector<std::string>& parts,
                 const HttpReply& reply) {
    const std::string& project = parts[1];
    const bool queries = parts[2] == "queries";
    if (parts.size() == 3 && request.method == "POST") {
      return queries ? QueryNow(request, project, reply) : InsertJob(request, project, reply);
    }
    if (parts.size() == 3 && !queries && request.method == "GET")
      return reply(ListJobs(request, project));
    if (parts.size() < 4) return reply(NoSuchPath(request));
    const auto job = jobs_.Find(project, parts[3]);
    if (!job.ok()) return reply(BigQueryError(job.status()));
    if (queries && request.method == "GET") {
      const Page page = PageOf(request);
      const bool int64_timestamps = tables::SameName(
          QueryParameter(request.query, "formatOptions.useInt64Timestamp"), "true");
      return AnswerWhenDone(*job, WaitOf(QueryParameter(request.query, "timeoutMs")),
                            "bigquery#getQueryResultsResponse", page, int64_timestamps, reply);
    }
    if (parts.size() == 5 && parts[4] == "cancel" && request.method == "POST") {
      *(*job)->cancelled = true;
      return reply(BigQueryAnswer(
          {{"kind", "bigquery#jobCancelResponse"}, {"job", JobResource(job->get())}}));
    }
    if (parts.size() == 5 && parts[4] == "delete" && request.method == "DELETE") {
      return reply(AnswerOf(jobs_.Remove(*job)));
    }
    if (request.method != "GET") return reply(NoSuchPath(request));
    reply(BigQueryAnswer(JobResource(job->get())));
  }

  static int64_t WaitOf(const std::string& text) {
    return std::clamp<int64_t>(tables::ReadInteger(text).value_or(10'000), 0, kLongestWait);
  }

  void AnswerWhenDone(const JobPtr& job, int64_t milliseconds, std::string_view kind,
                      const Page& page, bool int64_timestamps, const HttpReply& reply) {
    jobs_.WaitFor(job, milliseconds, [=, store = store_, kind = std::string(kind)] {
      reply(ResultsAnswer(store, job.get(), kind, page, int64_timestamps));
    });
  }

  HttpAnswer ListJobs(const HttpRequest& request, const std::string& project) {
    const Page page = PageOf(request);
    std::vector<JobPtr> jobs = jobs_.List(project);
    const std::string state = tables::Lower(QueryParameter(request.query, "stateFilter"));
    const auto from = tables::ReadInteger(QueryParameter(request.query, "minCreationTime"));
    const auto to = tables::ReadInteger(QueryParameter(request.query, "maxCreationTime"));
    std::erase_if(jobs, [&](const JobPtr& job) {
      const std::scoped_lock lock(job->mutex);
      return (!state.empty() && state != (job->done ? "done" : "running")) ||
             job->created < from.value_or(INT64_MIN) || job->created > to.value_or(INT64_MAX);
    });
    Json list = Json::array();
    const auto total = static_cast<int64_t>(jobs.size());
    const int64_t end = std::min(total, page.begin + std::min<int64_t>(page.most, 1000));
    for (int64_t i = page.begin; i < end; ++i) {
      Json job = JobResource(jobs[static_cast<size_t>(i)].get());
      job["state"] = job["status"]["state"];
      list.push_back(std::move(job));
    }
    Json answer = {{"kind", "bigquery#jobList"}};
    if (!list.empty()) answer["jobs"] = std::move(list);
    if (end < total) answer["nextPageToken"] = std::to_string(end);
    return BigQueryAnswer(answer);
  }

  /// jobs.query.
  void QueryNow(const HttpRequest& request, const std::string& project, const HttpReply& reply) {
    Result<Json> body = ReadObject(request.body);
    if (!body.ok()) return reply(BigQueryError(body.status()));
    Json query = {{"query", TextAt(*body, "query")}};
    for (const char* key : {"defaultDataset", "queryParameters", "parameterMode"}) {
      if (body->contains(key)) query[key] = (*body)[key];
    }
    Json configuration = {{"query", std::move(query)}, {"dryRun", FlagAt(*body, "dryRun")}};
    if (const auto limit = IntegerAt(*body, "jobTimeoutMs")) configuration["jobTimeoutMs"] = *limit;
    const auto job = jobs_.Start(project, "", std::move(configuration), "", RowsOfQuery::kInMemory);
    if (!job.ok()) return reply(BigQueryError(job.status()));
    Page page;
    page.most =
        std::clamp<int64_t>(IntegerAt(*body, "maxResults").value_or(kRowsOfPage), 0, 100'000);
    const int64_t wait =
        std::clamp<int64_t>(IntegerAt(*body, "timeoutMs").value_or(10'000), 0, kLongestWait);
    AnswerWhenDone(*job, wait, "bigquery#queryResponse", page,
                   FlagAt(PartAt(*body, "formatOptions"), "useInt64Timestamp"), reply);
  }

  void InsertJob(const HttpRequest& request, const std::string& project, const HttpReply& reply) {
    Result<Json> body = ReadObject(request.body);
    if (!body.ok()) return reply(BigQueryError(body.status()));
    StartJob(*body, project, "", reply);
  }

  void StartJob(const Json& resource, const std::string& project, std::string media,
                const HttpReply& reply) {
    const auto job =
        jobs_.Start(project, TextAt(PartAt(resource, "jobReference"), "jobId"),
                    PartAt(resource, "configuration"), std::move(media), RowsOfQuery::kInTable);
    if (!job.ok()) return reply(BigQueryError(job.status()));
    // Most are done in a moment, and the client then needs not ask again.
    const int64_t moment = FlagAt((*job)->configuration, "dryRun") ? kLongestWait : 50;
    jobs_.WaitFor(*job, moment, [job = *job, reply] {
      Json answer = JobResource(job.get());
      const bool dry = FlagAt(job->configuration, "dryRun");
      if (dry && answer["status"].contains("errorResult")) {
        const std::scoped_lock lock(job->mutex);
        return reply(BigQueryError(job->status));
      }
      reply(BigQueryAnswer(answer));
    });
  }

  // Uploads.

  void TakeUpload(const HttpRequest& request, const std::string& project, const HttpReply& reply) {
    const std::string type = QueryParameter(request.query, "uploadType");
    const std::string id = QueryParameter(request.query, "upload_id");
    if (type == "multipart") {
      const auto parts = PartsOf(request.body, BoundaryOf(request.Header("content-type")));
      const Result<Json> resource =
          parts.size() == 2 ? ReadObject(parts[0])
                            : InvalidArgument("an upload has two parts: the job and its file");
      if (!resource.ok()) return reply(BigQueryError(resource.status()));
      return StartJob(*resource, project, std::string(parts[1]), reply);
    }
    if (type != "resumable") return reply(BigQueryError(InvalidArgument("uploadType is missing")));
    if (id.empty()) return BeginUpload(request, project, reply);
    ContinueUpload(request, id, reply);
  }

  void BeginUpload(const HttpRequest& request, const std::string& project, const HttpReply& reply) {
    Result<Json> resource = ReadObject(request.body);
    if (!resource.ok()) return reply(BigQueryError(resource.status()));
    std::string id;
    {
      const std::scoped_lock lock(uploads_mutex_);
      if (upload_order_.size() >= kMostUploads) {  // The oldest was given up.
        uploads_.erase(upload_order_.front());
        upload_order_.pop_front();
      }
      id = "u" + std::to_string(next_upload_++) + "-" + std::to_string(std::random_device()());
      uploads_[id] = {project, *std::move(resource), ""};
      upload_order_.push_back(id);
    }
    HttpAnswer answer = BigQueryAnswer(Json::object());
    answer.headers.emplace_back("Location", "http://" + std::string(request.Header("host")) +
                                                std::string(request.path) +
                                                "?uploadType=resumable&upload_id=" + id);
    answer.headers.emplace_back("X-GUploader-UploadID", id);
    reply(std::move(answer));
  }

  void ContinueUpload(const HttpRequest& request, const std::string& id, const HttpReply& reply) {
    // bytes 0-524287/2000000, bytes 0-5/*, bytes */6.
    std::string_view range = request.Header("content-range");
    if (range.starts_with("bytes ")) range.remove_prefix(6);
    const size_t slash = range.find('/');
    const auto total = slash == std::string_view::npos
                           ? std::nullopt
                           : tables::ReadInteger(range.substr(slash + 1));
    const auto begin = tables::ReadInteger(range.substr(0, range.find('-')));
    Upload finished;
    {
      const std::scoped_lock lock(uploads_mutex_);
      const auto upload = uploads_.find(id);
      if (upload == uploads_.end())
        return reply(BigQueryError(NotFound("Not found: upload " + id)));
      std::string& media = upload->second.media;
      if (media.size() + request.body.size() > kMostBody) {
        return reply(
            BigQueryError(InvalidArgument("the file has more than 256 MiB; load it in parts")));
      }
      // A piece that was already taken is sent again where the answer was lost.
      if (!begin || *begin == static_cast<int64_t>(media.size())) media += request.body;
      const bool complete =
          range.empty() || (total && static_cast<int64_t>(media.size()) >= *total);
      if (!complete) {
        HttpAnswer answer = BigQueryAnswer(Json::object());
        answer.status = 308;
        if (!media.empty()) {
          answer.headers.emplace_back("Range", "bytes=0-" + std::to_string(media.size() - 1));
        }
        return reply(std::move(answer));
      }
      finished = std::move(upload->second);
      uploads_.erase(upload);
      upload_order_.remove(id);
    }
    StartJob(finished.job, finished.project, std::move(finished.media), reply);
  }

  tables::TableStore* const store_;
  InsertIds inserted_;
  std::mutex uploads_mutex_;
  std::unordered_map<std::string, Upload> uploads_;
  std::list<std::string> upload_order_;
  uint64_t next_upload_ = 0;
  Jobs jobs_;
  boost::asio::thread_pool threads_{4};
};

}  // namespace

std::shared_ptr<RestApi> MakeRest(tables::TableStore* store) {
  return std::make_shared<RestService>(store);
}

}  // namespace joist::serve
