// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// File loads: each upload has a table of its own beside the destination, which it replaces, so it
// may be done again. When all are there, one job copies those of a destination into it.

#include <memory>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "joist/io/bigquery/rest_calls.h"
#include "joist/io/bigquery/row_json.h"
#include "joist/io/bigquery/streams.h"
#include "joist/io/bigquery/write_methods.h"
#include "joist/io/sink/element_id.h"
#include "joist/sdk/flatten.h"
#include "joist/sdk/group_by_key.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"

namespace joist::bigquery {
namespace {

using nlohmann::json;

/// What a job or a table may be called.
std::string IdOf(std::string_view element_id) {
  std::string id = "joist_" + std::string(element_id);
  for (char& letter : id) letter = letter == '-' ? '_' : letter;
  return id;
}

json ReferenceOf(const TableParts& parts) {
  return {{"projectId", parts.project}, {"datasetId", parts.dataset}, {"tableId", parts.table}};
}
/// The table for an upload.
TableParts Beside(TableParts destination, const std::string& id) {
  destination.table += "_" + id;
  return destination;
}
std::string PathOf(const TableParts& parts) {
  return "projects/" + parts.project + "/datasets/" + parts.dataset + "/tables/" + parts.table;
}

json LoadOf(const TableSettings& settings, const TableParts& into) {
  return {{"destinationTable", ReferenceOf(into)},
          {"schema", {{"fields", json::parse(settings.schema)}}},
          {"sourceFormat", "NEWLINE_DELIMITED_JSON"}};
}
void PutDispositions(const TableSettings& settings, json* job) {
  (*job)["createDisposition"] =
      settings.create == CreateDisposition::kCreateIfNeeded ? "CREATE_IF_NEEDED" : "CREATE_NEVER";
  (*job)["writeDisposition"] = settings.write == WriteDisposition::kAppend     ? "WRITE_APPEND"
                               : settings.write == WriteDisposition::kTruncate ? "WRITE_TRUNCATE"
                                                                               : "WRITE_EMPTY";
}
[[noreturn]] void FailToLoad(const std::string& table, const Status& status) {
  throw StatusException(
      Status(status.code(), "cannot load rows into " + table + ": " + status.message()));
}

}  // namespace

namespace write_internal {

/// A file on its way to a table of its own.
struct LoadFile {
  std::string table;  ///< The destination.
  std::string id;     ///< Of the table of its own.
  std::vector<RowBlock> blocks;
};
JOIST_ROW(LoadFile, table, id, blocks)

/// The tables that are to be copied into a destination.
struct CopyTables {
  std::string table;
  std::string id;                    ///< Of the job.
  std::vector<std::string> sources;  ///< Ids of tables; empty where there are no rows.
};
JOIST_ROW(CopyTables, table, id, sources)

/// Puts a lane's blocks together.
struct CutFiles {
  static constexpr size_t kFileBytes = 8 << 20;  ///< Of JSON that is about twice as much.
  struct Waiting {};
  using Bag = BagState<RowBlock, Waiting>;
  int64_t unused = 0;  ///< Of state nothing travels.
  sink::ElementIds ids;

  void Setup() { ids = {}; }
  void Process(const KV<Lane, RowBlock>& block, Bag waiting, Emit<LoadFile> emit) {
    waiting.Add(block.value);
    size_t bytes = 0;
    for (const RowBlock& one : waiting.Read()) bytes += one.bytes.size();
    if (bytes >= kFileBytes) GiveOut(block.key, waiting, emit);
  }
  void OnWindowExpiration(TimerKey<Lane> lane, Bag waiting, Emit<LoadFile> emit) {
    if (!waiting.IsEmpty()) GiveOut(*lane, waiting, emit);
  }

 private:
  void GiveOut(const Lane& lane, const Bag& waiting, const Emit<LoadFile>& emit) {
    emit(LoadFile{lane.table, IdOf(ids.Next()), waiting.Read()});
    waiting.Clear();
  }
};
constexpr FieldList<CutFiles, &CutFiles::unused> JoistFields(const CutFiles*) {
  return {"CutFiles", {"unused"}};
}

struct LoadFiles {
  static constexpr bool kRequiresStableInput = true;
  TableSettings settings;
  std::shared_ptr<ProjectClients> clients;  ///< Each copy's own.
  RowJson to_json;

  void Setup() {
    clients = std::make_shared<ProjectClients>(settings);
    to_json = RowJson(settings.schema);
  }
  void Process(const LoadFile& file, Emit<KV<std::string, std::string>> emit) const {
    std::string lines;
    for (const RowBlock& block : file.blocks) {
      for (const std::string_view row : RowsOf(block)) {
        const Status status = to_json.Append(row, &lines);
        if (!status.ok()) FailToLoad(file.table, status);
        lines += '\n';
      }
    }
    const TableParts destination = PartsOf(file.table);
    const TableParts own = Beside(destination, file.id);
    json load = LoadOf(settings, own);
    load["createDisposition"] = "CREATE_IF_NEEDED";
    load["writeDisposition"] = "WRITE_TRUNCATE";
    const RestClient& client = clients->Of(destination.project);
    const auto run = [&] {
      return RunJob(client, {{"load", load}}, file.id, destination.dataset, &lines).status();
    };
    Status status = run();
    if (status.code() == StatusCode::kNotFound &&
        settings.create == CreateDisposition::kCreateIfNeeded) {
      ThrowIfError(MakeTableOf(settings, PathOf(own)));  // And so the dataset.
      status = run();
    }
    if (!status.ok()) FailToLoad(file.table, status);
    emit(KV<std::string, std::string>{file.table, file.id});
  }
};
constexpr FieldList<LoadFiles, &LoadFiles::settings> JoistFields(const LoadFiles*) {
  return {"LoadFiles", {"settings"}};
}

/// A destination that is known before there are rows is made, or emptied, without any.
struct BeginTable {
  std::string table;
  KV<std::string, std::string> operator()(const Bytes&) const { return {table, ""}; }
};
JOIST_ROW(BeginTable, table)

struct PlanCopies {
  /// Of one job, as Google has it.
  static constexpr size_t kMostSources = 1200;
  int64_t unused = 0;  ///< Of state nothing travels.
  sink::ElementIds ids;

  void Setup() { ids = {}; }
  void Process(const KV<std::string, Iterable<std::string>>& files, Emit<CopyTables> emit) {
    CopyTables copy{std::string(files.key), IdOf(ids.Next()), {}};
    for (const std::string_view id : files.value) {
      if (!id.empty()) copy.sources.emplace_back(id);
    }
    if (copy.sources.size() > kMostSources) {
      FailToLoad(copy.table, InvalidArgument("they take " + std::to_string(copy.sources.size()) +
                                             " uploads, and 1200 may be copied at once; write "
                                             "through Method::kStorageWriteApi"));
    }
    emit(std::move(copy));
  }
};
constexpr FieldList<PlanCopies, &PlanCopies::unused> JoistFields(const PlanCopies*) {
  return {"PlanCopies", {"unused"}};
}

struct CopyIntoTable {
  static constexpr bool kRequiresStableInput = true;
  TableSettings settings;
  std::shared_ptr<ProjectClients> clients;  ///< Each copy's own.

  void Setup() { clients = std::make_shared<ProjectClients>(settings); }
  void Process(const CopyTables& copy, Emit<std::string> emit) const {
    const TableParts destination = PartsOf(copy.table);
    const RestClient& client = clients->Of(destination.project);
    const Status status = copy.sources.empty() ? LoadNothing(client, copy, destination)
                                               : Copy(client, copy, destination);
    if (!status.ok()) FailToLoad(copy.table, status);
    for (const std::string& source : copy.sources) {
      const std::string path =
          "datasets/" + destination.dataset + "/tables/" + Beside(destination, source).table;
      const Status gone = UntilAnswered([&] { return client.Request("DELETE", path); }).status();
      if (!gone.ok() && gone.code() != StatusCode::kNotFound) FailToLoad(copy.table, gone);
    }
    emit(copy.table);
  }

 private:
  Status Copy(const RestClient& client, const CopyTables& copy,
              const TableParts& destination) const {
    json sources = json::array();
    for (const std::string& source : copy.sources) {
      sources.push_back(ReferenceOf(Beside(destination, source)));
    }
    json job = {{"sourceTables", sources}, {"destinationTable", ReferenceOf(destination)}};
    PutDispositions(settings, &job);
    return RunJob(client, {{"copy", job}}, copy.id, destination.dataset).status();
  }

  Status LoadNothing(const RestClient& client, const CopyTables& copy,
                     const TableParts& destination) const {
    json load = LoadOf(settings, destination);
    PutDispositions(settings, &load);
    const std::string nothing;
    const auto run = [&] {
      return RunJob(client, {{"load", load}}, copy.id, destination.dataset, &nothing).status();
    };
    Status status = run();
    if (status.code() != StatusCode::kNotFound ||
        settings.create != CreateDisposition::kCreateIfNeeded) {
      return status;
    }
    JOIST_RETURN_IF_ERROR(MakeTableOf(settings, copy.table));
    return run();
  }
};
constexpr FieldList<CopyIntoTable, &CopyIntoTable::settings> JoistFields(const CopyIntoTable*) {
  return {"CopyIntoTable", {"settings"}};
}

}  // namespace write_internal

PCollection<std::string> WriteLoads(const Blocks& blocks, const TableSettings& settings) {
  using KeyedId = KV<std::string, std::string>;
  std::vector<PCollection<KeyedId>> loaded = {
      blocks | "Cut" >> ParDo(write_internal::CutFiles()) |
      "Load" >> ParDo(write_internal::LoadFiles{settings, nullptr, RowJson()})};
  if (!settings.table.empty()) {
    loaded.push_back(AddImpulse(blocks.builder()) |
                     "Begin" >> Map(write_internal::BeginTable{settings.table}));
  }
  return Flatten("All", loaded) | "Group" >> GroupByKey() |
         "Plan" >> ParDo(write_internal::PlanCopies()) |
         "Copy" >> ParDo(write_internal::CopyIntoTable{settings, nullptr});
}

}  // namespace joist::bigquery
