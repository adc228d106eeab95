// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/bigquery/jobs.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <random>

#include "joist/serve/gunzip.h"
#include "joist/store/tables/text_rows.h"

namespace joist::serve {

namespace {

using tables::FieldMode;
using tables::QueryRequest;
using tables::RowBatch;
using tables::Schema;
using tables::TableName;

/// Jobs that are remembered.
constexpr size_t kMostJobs = 1000;
/// Rows of their results.
constexpr int64_t kMostRowsKept = 5'000'000;
/// Jobs that wait or are at work.
constexpr size_t kMostActive = 256;
/// Bytes of a file that came compressed.
constexpr size_t kMostUnpacked = size_t{256} << 20;

int64_t Milliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::optional<std::string> ScalarText(const Json& value) {
  const Json& text = PartAt(value, "value");
  if (text.is_string()) return text.get<std::string>();
  return std::nullopt;
}

Result<tables::QueryParameter> ParameterOf(const Json& object) {
  tables::QueryParameter parameter;
  parameter.name = TextAt(object, "name");
  const Json& type = PartAt(object, "parameterType");
  const Json& value = PartAt(object, "parameterValue");
  const bool is_array = TextAt(type, "type") == "ARRAY";
  const Json& element = is_array ? PartAt(type, "arrayType") : type;
  JOIST_ASSIGN_OR_RETURN(parameter.type.type, tables::FieldTypeOf(TextAt(element, "type")));
  if (!is_array) {
    parameter.values.push_back(ScalarText(value));
    return parameter;
  }
  parameter.type.mode = FieldMode::kRepeated;
  for (const Json& part : PartAt(value, "arrayValues"))
    parameter.values.push_back(ScalarText(part));
  return parameter;
}

/// What createDisposition and writeDisposition allow.
Status CheckDispositions(tables::TableStore* store, const Json& part, const TableName& table) {
  const auto known = store->GetTable(table);
  if (!known.ok()) {
    JOIST_RETURN_IF_ERROR(store->GetDataset(table.Dataset()).status());
    return TextAt(part, "createDisposition") == "CREATE_NEVER" ? known.status() : OkStatus();
  }
  if (TextAt(part, "writeDisposition") != "WRITE_EMPTY") return OkStatus();
  JOIST_ASSIGN_OR_RETURN(const tables::TableSize size, store->SizeOf(table));
  if (size.rows == 0) return OkStatus();
  return {StatusCode::kAlreadyExists, "Already Exists: Table " + table.ToString()};
}

}  // namespace

Jobs::~Jobs() {
  {
    const std::scoped_lock lock(mutex_);
    for (const JobPtr& job : order_) *job->cancelled = true;
  }
  threads_.join();
  timers_.stop();
  timers_.join();
}

Result<JobPtr> Jobs::Start(const std::string& project, const std::string& id, Json configuration,
                           std::string media, RowsOfQuery rows) {
  if (configuration.contains("extract")) {
    return Status{StatusCode::kUnimplemented,
                  "joist serve has no extract jobs, since it writes no files for clients; joist "
                  "table export does, and the Storage Read API gives rows"};
  }
  auto job = std::make_shared<Job>();
  job->project = project;
  job->configuration = std::move(configuration);
  const std::string type = job->configuration.contains("query")  ? "QUERY"
                           : job->configuration.contains("load") ? "LOAD"
                           : job->configuration.contains("copy") ? "COPY"
                                                                 : "";
  if (type.empty()) return InvalidArgument("a job must be a query, a load or a copy");
  job->configuration["jobType"] = type;
  job->created = Milliseconds();
  {
    const std::scoped_lock lock(mutex_);
    job->id = id;
    if (id.empty()) {
      std::random_device random;
      job->id = "job_" + std::to_string(random()) + "_" + std::to_string(next_id_++);
    }
    if (job->id.size() > 1024) return InvalidArgument("a job's ID has at most 1024 characters");
    if (jobs_.contains({project, job->id})) {
      return Status{StatusCode::kAlreadyExists, "Already Exists: Job " + project + ":" + job->id};
    }
    const auto active = std::count_if(order_.begin(), order_.end(), [](const JobPtr& other) {
      const std::scoped_lock other_lock(other->mutex);
      return !other->done;
    });
    if (static_cast<size_t>(active) >= kMostActive) {
      return Status{StatusCode::kUnavailable, "too many jobs wait; try again"};
    }
    jobs_[{project, job->id}] = job;
    order_.push_back(job);
    Forget();
  }
  boost::asio::post(threads_,
                    [this, job, media = std::move(media), rows] { Run(job, media, rows); });
  return job;
}

/// The oldest that are done go, once there are too many of them or of their rows.
void Jobs::Forget() {
  int64_t rows = 0;
  for (const JobPtr& job : order_) {
    const std::scoped_lock lock(job->mutex);
    rows += job->done && !job->rows_table ? job->result.rows : 0;
  }
  while (order_.size() > kMostJobs || (rows > kMostRowsKept && order_.size() > 1)) {
    const JobPtr oldest = order_.front();
    {
      const std::scoped_lock lock(oldest->mutex);
      if (!oldest->done) return;
      rows -= oldest->rows_table ? 0 : oldest->result.rows;
    }
    jobs_.erase({oldest->project, oldest->id});
    order_.pop_front();
  }
}

Result<JobPtr> Jobs::Find(const std::string& project, const std::string& id) {
  const std::scoped_lock lock(mutex_);
  const auto found = jobs_.find({project, id});
  if (found == jobs_.end()) return NotFound("Not found: Job " + project + ":" + id);
  return found->second;
}

Status Jobs::Remove(const JobPtr& job) {
  const std::scoped_lock lock(mutex_);
  {
    const std::scoped_lock job_lock(job->mutex);
    if (!job->done) {
      return {StatusCode::kFailedPrecondition, "Job " + job->id + " is still at work; cancel it"};
    }
  }
  jobs_.erase({job->project, job->id});
  std::erase(order_, job);
  return OkStatus();
}

std::vector<JobPtr> Jobs::List(const std::string& project) {
  std::vector<JobPtr> jobs;
  const std::scoped_lock lock(mutex_);
  for (auto job = order_.rbegin(); job != order_.rend(); ++job) {
    if ((*job)->project == project) jobs.push_back(*job);
  }
  return jobs;
}

void Jobs::WaitFor(const JobPtr& job, int64_t milliseconds, std::function<void()> then) {
  // Whichever comes first.
  auto once = [told = std::make_shared<std::atomic<bool>>(false), then = std::move(then)] {
    if (!told->exchange(true)) then();
  };
  auto timer = std::make_shared<boost::asio::steady_timer>(timers_.get_executor());
  {
    const std::scoped_lock lock(job->mutex);
    if (!job->done) {
      job->waiting.push_back([once, timer, this] {
        boost::asio::post(timers_, [timer] { timer->cancel(); });
        once();
      });
      timer->expires_after(std::chrono::milliseconds(milliseconds));
      timer->async_wait([once, timer](const boost::system::error_code&) { once(); });
      return;
    }
  }
  once();
}

void Jobs::Run(const JobPtr& job, const std::string& media, RowsOfQuery rows) {
  Status status;
  if (*job->cancelled) {
    status = {StatusCode::kCancelled, "Job execution was cancelled: User requested cancellation"};
  } else if (job->configuration.contains("query")) {
    status = RunQueryJob(job.get(), rows);
  } else if (job->configuration.contains("load")) {
    status = RunLoad(job.get(), media);
  } else {
    status = RunCopy(job.get());
  }
  std::vector<std::function<void()>> waiting;
  {
    const std::scoped_lock lock(job->mutex);
    job->status = std::move(status);
    job->ended = Milliseconds();
    job->done = true;
    waiting.swap(job->waiting);
  }
  for (const auto& told : waiting) told();
}

Status Jobs::RunQueryJob(Job* job, RowsOfQuery rows) {
  const Json& query = PartAt(job->configuration, "query");
  QueryRequest request;
  request.sql = TextAt(query, "query");
  request.project = job->project;
  const Json& dataset = PartAt(query, "defaultDataset");
  if (const std::string name = TextAt(dataset, "datasetId"); !name.empty()) {
    request.dataset = name;
    if (const std::string project = TextAt(dataset, "projectId"); !project.empty()) {
      request.project = project;
    }
  }
  for (const Json& parameter : PartAt(query, "queryParameters")) {
    JOIST_ASSIGN_OR_RETURN(tables::QueryParameter read, ParameterOf(parameter));
    request.parameters.push_back(std::move(read));
  }
  if (query.contains("destinationTable")) {
    JOIST_ASSIGN_OR_RETURN(request.destination,
                           TableAt(PartAt(query, "destinationTable"), job->project));
    Json dispositions = query;
    if (!dispositions.contains("writeDisposition"))
      dispositions["writeDisposition"] = "WRITE_EMPTY";
    JOIST_RETURN_IF_ERROR(CheckDispositions(store_, dispositions, *request.destination));
    request.truncate = TextAt(dispositions, "writeDisposition") == "WRITE_TRUNCATE";
  }
  request.dry_run = FlagAt(job->configuration, "dryRun");
  if (!request.destination && rows == RowsOfQuery::kInTable && !request.dry_run) {
    JOIST_ASSIGN_OR_RETURN(request.new_table, result_tables_.NewName(job->project));
  }
  request.milliseconds = IntegerAt(job->configuration, "jobTimeoutMs").value_or(0);
  request.cancelled = job->cancelled;
  JOIST_ASSIGN_OR_RETURN(tables::QueryResult result, tables::RunQuery(store_, request));
  const bool made = request.new_table && store_->GetTable(*request.new_table).ok();
  if (made) result_tables_.Add(*request.new_table, result.rows);
  const std::scoped_lock lock(job->mutex);
  if (made) job->rows_table = request.new_table;
  job->result = std::move(result);
  return OkStatus();
}

Status Jobs::RunLoad(Job* job, const std::string& media) {
  const Json& load = PartAt(job->configuration, "load");
  if (!PartAt(load, "sourceUris").empty()) {
    return InvalidArgument("files are loaded as they are uploaded; sourceUris aren't read");
  }
  JOIST_ASSIGN_OR_RETURN(const TableName table,
                         TableAt(PartAt(load, "destinationTable"), job->project));
  JOIST_RETURN_IF_ERROR(CheckDispositions(store_, load, table));
  tables::LoadFormat format;
  const std::string source = TextAt(load, "sourceFormat");
  format.csv = source.empty() || source == "CSV";
  if (!format.csv && source != "NEWLINE_DELIMITED_JSON") {
    return InvalidArgument("sourceFormat must be CSV or NEWLINE_DELIMITED_JSON, not " + source);
  }
  const std::string delimiter = TextAt(load, "fieldDelimiter");
  if (!delimiter.empty()) format.delimiter = delimiter == "\\t" ? '\t' : delimiter[0];
  format.skip_rows = IntegerAt(load, "skipLeadingRows").value_or(0);
  format.null_marker = TextAt(load, "nullMarker");
  format.ignore_unknown = FlagAt(load, "ignoreUnknownValues");
  format.most_bad_rows = IntegerAt(load, "maxBadRecords").value_or(0);
  std::string unpacked;
  std::string_view file = media;
  if (file.starts_with("\x1f\x8b")) {
    JOIST_ASSIGN_OR_RETURN(unpacked, Gunzip(media, kMostUnpacked));
    file = unpacked;
  }
  const auto known = store_->GetTable(table);
  const bool truncate = TextAt(load, "writeDisposition") == "WRITE_TRUNCATE";
  Schema schema;
  if (load.contains("schema")) {
    JOIST_ASSIGN_OR_RETURN(schema, tables::SchemaFromJson(PartAt(load, "schema").dump()));
  } else if (known.ok()) {
    schema = *known->schema;
  } else if (FlagAt(load, "autodetect")) {
    JOIST_ASSIGN_OR_RETURN(schema, tables::DetectSchema(file, format));
  } else {
    return InvalidArgument("the load makes a table; give a schema, or let it be detected");
  }
  if (format.csv && FlagAt(load, "autodetect") && !load.contains("skipLeadingRows")) {
    format.skip_rows = 1;
  }
  if (!known.ok()) {
    JOIST_RETURN_IF_ERROR(store_->CreateTable(table, schema, "{}"));
  } else if (load.contains("schema") && known->schema->fields.size() < schema.fields.size()) {
    JOIST_RETURN_IF_ERROR(store_->UpdateTable(table, schema, known->resource));
  }
  auto rows = std::make_shared<RowBatch>(std::make_shared<const Schema>(std::move(schema)));
  JOIST_RETURN_IF_ERROR(tables::AddRows(file, format, rows.get()).status());
  const auto count = static_cast<int64_t>(rows->rows());
  if (truncate) {
    JOIST_RETURN_IF_ERROR(store_->Replace(table, std::move(rows)));
  } else {
    JOIST_RETURN_IF_ERROR(store_->AppendAndWait(table, std::move(rows)).status);
  }
  const std::scoped_lock lock(job->mutex);
  job->loaded_rows = count;
  return OkStatus();
}

Status Jobs::RunCopy(Job* job) {
  const Json& copy = PartAt(job->configuration, "copy");
  const Json sources = copy.contains("sourceTables") ? PartAt(copy, "sourceTables")
                                                     : Json::array({PartAt(copy, "sourceTable")});
  QueryRequest request;
  request.project = job->project;
  JOIST_ASSIGN_OR_RETURN(request.destination,
                         TableAt(PartAt(copy, "destinationTable"), job->project));
  Json dispositions = copy;
  if (!dispositions.contains("writeDisposition")) dispositions["writeDisposition"] = "WRITE_EMPTY";
  JOIST_RETURN_IF_ERROR(CheckDispositions(store_, dispositions, *request.destination));
  request.truncate = TextAt(dispositions, "writeDisposition") == "WRITE_TRUNCATE";
  for (const Json& source : sources) {
    JOIST_ASSIGN_OR_RETURN(const TableName table, TableAt(source, job->project));
    JOIST_RETURN_IF_ERROR(store_->GetTable(table).status());
    if (!request.sql.empty()) request.sql += " UNION ALL ";
    request.sql +=
        "SELECT * FROM `" + table.project + "`.`" + table.dataset + "`.`" + table.table + "`";
  }
  const TableName& made = *request.destination;
  if (store_->GetTable(made).ok()) return tables::RunQuery(store_, request).status();
  // What a query makes would be without modes and descriptions.
  JOIST_ASSIGN_OR_RETURN(const TableName first,
                         TableAt(sources.empty() ? Json::object() : sources[0], job->project));
  JOIST_ASSIGN_OR_RETURN(const tables::TableInfo like, store_->GetTable(first));
  if (like.is_view) return InvalidArgument(first.ToString() + " is a view; tables are copied");
  request.truncate = false;
  JOIST_RETURN_IF_ERROR(store_->CreateTable(made, *like.schema, like.resource));
  const Status copied = tables::RunQuery(store_, request).status();
  if (!copied.ok()) static_cast<void>(store_->DeleteTable(made));
  return copied;
}

Json JobResource(Job* job) {
  const std::scoped_lock lock(job->mutex);
  Json resource = {
      {"kind", "bigquery#job"},
      {"id", job->project + ":US." + job->id},
      {"jobReference", {{"projectId", job->project}, {"jobId", job->id}, {"location", "US"}}},
      {"configuration", job->configuration},
      {"status", {{"state", job->done ? "DONE" : "RUNNING"}}},
      {"statistics",
       {{"creationTime", std::to_string(job->created)},
        {"startTime", std::to_string(job->created)}}}};
  if (!job->done) return resource;
  if (job->rows_table) {
    resource["configuration"]["query"]["destinationTable"] = Reference(*job->rows_table);
  }
  Json& statistics = resource["statistics"];
  statistics["endTime"] = std::to_string(job->ended);
  if (!job->status.ok()) {
    Json error = ErrorProto(job->status);
    if (error["reason"] == "invalid" && job->configuration.contains("query")) {
      error["reason"] = "invalidQuery";
    }
    resource["status"]["errorResult"] = error;
    resource["status"]["errors"] = Json::array({error});
  }
  if (job->configuration.contains("load")) {
    statistics["load"] = {{"outputRows", std::to_string(job->loaded_rows)}};
  }
  if (job->configuration.contains("query")) {
    Json query = {{"statementType", job->result.statement_type},
                  {"totalBytesProcessed", "0"},
                  {"cacheHit", false}};
    if (job->result.affected >= 0) {
      query["numDmlAffectedRows"] = std::to_string(job->result.affected);
    }
    if (!job->result.schema.fields.empty()) query["schema"] = SchemaResource(job->result.schema);
    statistics["query"] = std::move(query);
    statistics["totalBytesProcessed"] = "0";
  }
  return resource;
}

}  // namespace joist::serve
