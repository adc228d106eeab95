// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Streaming inserts (tabledata.insertAll): rows get their insertIds before a checkpoint has both,
// so what is sent again has the same.

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "joist/io/bigquery/rest_calls.h"
#include "joist/io/bigquery/row_json.h"
#include "joist/io/bigquery/streams.h"
#include "joist/io/bigquery/write_methods.h"
#include "joist/io/sink/element_id.h"
#include "joist/sdk/par_do.h"

namespace joist::bigquery {

namespace {
using nlohmann::json;
}  // namespace

namespace write_internal {

/// Rows of a request. A row's insertId is `id` with its number.
struct Insert {
  std::string table;
  std::string id;
  std::vector<Bytes> rows;  ///< As EncodeRow makes them.
};
JOIST_ROW(Insert, table, id, rows)

struct CutInserts {
  /// What Google recommends, and half of what it takes; of JSON that is up to three times as much.
  static constexpr size_t kMostRows = 500;
  static constexpr size_t kMostBytes = 1 << 20;
  int64_t unused = 0;  ///< Of state nothing travels.
  sink::ElementIds ids;

  void Setup() { ids = {}; }
  void Process(const KV<Lane, RowBlock>& block, Emit<Insert> emit) {
    Insert insert{block.key.table, "", {}};
    size_t bytes = 0;
    const auto give_out = [&] {
      if (insert.rows.empty()) return;
      insert.id = ids.Next();
      emit(Insert{insert.table, insert.id, std::exchange(insert.rows, {})});
      bytes = 0;
    };
    for (const std::string_view row : RowsOf(block.value)) {
      if (insert.rows.size() == kMostRows || bytes + row.size() > kMostBytes) give_out();
      insert.rows.emplace_back(row);
      bytes += row.size();
    }
    give_out();
  }
};
constexpr FieldList<CutInserts, &CutInserts::unused> JoistFields(const CutInserts*) {
  return {"CutInserts", {"unused"}};
}

struct SendInserts {
  static constexpr bool kRequiresStableInput = true;
  /// As UntilAnswered: tables that have just been made, and rows that fail for the moment.
  static constexpr int kTries = 10;
  TableSettings settings;
  std::shared_ptr<ProjectClients> clients;  ///< Each copy's own.
  RowJson to_json;

  void Setup() {
    clients = std::make_shared<ProjectClients>(settings);
    to_json = RowJson(settings.schema);
  }

  void Process(const Insert& insert, Emit<std::string> emit, Emit<FailedRow, Failed> failed) const {
    const auto refuse = [&](size_t at, const std::string& error) {
      if (!settings.with_failed_rows) {
        throw StatusException(
            InvalidArgument("cannot insert into " + insert.table + ": a row: " + error));
      }
      failed(MakeFailedRow(to_json, insert.table, insert.rows[at].view(), error));
    };
    std::vector<std::pair<size_t, json>> left;  // With their numbers.
    for (size_t i = 0; i < insert.rows.size(); ++i) {
      std::string text;
      if (const Status status = to_json.Append(insert.rows[i].view(), &text); status.ok()) {
        left.emplace_back(i, json::parse(text));
      } else {
        refuse(i, status.message());
      }
    }
    for (int attempt = 1; !left.empty(); ++attempt) {
      const json answer = Send(insert, left);
      std::vector<std::pair<size_t, json>> again;
      std::string reason;
      for (const json& error : answer.value("insertErrors", json::array())) {
        auto& row = left.at(error.value("index", size_t{0}));
        if (IsForGood(error, &reason)) {
          refuse(row.first, reason);
        } else {
          again.push_back(std::move(row));
        }
      }
      left = std::move(again);
      if (left.empty()) break;
      if (attempt == kTries) {
        throw StatusException(
            Status(StatusCode::kUnavailable, "cannot insert into " + insert.table + ": " + reason));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100 * attempt));
    }
    emit(insert.table);
  }

 private:
  /// Whether a row would be refused again; `reason` is what is wrong with it.
  static bool IsForGood(const json& error, std::string* reason) {
    constexpr std::string_view kForGood[] = {"invalid", "invalidQuery", "notImplemented",
                                             "row-too-large", "parseError"};
    bool is_for_good = false;
    for (const json& one : error.value("errors", json::array())) {
      const std::string location = one.value("location", "");
      *reason = (location.empty() ? "" : location + ": ") + one.value("message", "refused");
      if (std::find(std::begin(kForGood), std::end(kForGood), one.value("reason", "")) !=
          std::end(kForGood)) {
        is_for_good = true;
        break;
      }
    }
    return is_for_good;
  }

  /// The answer; makes the table where the settings say so.
  json Send(const Insert& insert, const std::vector<std::pair<size_t, json>>& rows) const {
    const TableParts parts = PartsOf(insert.table);
    json body = {{"skipInvalidRows", settings.with_failed_rows}, {"rows", json::array()}};
    for (const auto& [at, row] : rows) {
      body["rows"].push_back({{"insertId", insert.id + "-" + std::to_string(at)}, {"json", row}});
    }
    const std::string path = "datasets/" + parts.dataset + "/tables/" + parts.table + "/insertAll";
    const RestClient& client = clients->Of(parts.project);
    const auto call = [&] {
      return UntilAnswered([&] { return client.Request("POST", path, &body); });
    };
    Result<json> answer = call();
    if (answer.status().code() == StatusCode::kNotFound &&
        settings.create == CreateDisposition::kCreateIfNeeded) {
      ThrowIfError(MakeTableOf(settings, insert.table));
      for (int i = 0; i < kTries && answer.status().code() == StatusCode::kNotFound; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100 * i));
        answer = call();
      }
    }
    if (!answer.ok()) {
      throw StatusException(Status(answer.status().code(), "cannot insert into " + insert.table +
                                                               ": " + answer.status().message()));
    }
    return *std::move(answer);
  }
};
constexpr FieldList<SendInserts, &SendInserts::settings> JoistFields(const SendInserts*) {
  return {"SendInserts", {"settings"}};
}

}  // namespace write_internal

WriteResult WriteInserts(const Blocks& blocks, const TableSettings& settings) {
  const auto sent = blocks | "Cut" >> ParDo(write_internal::CutInserts()) |
                    "Send" >> ParDo(write_internal::SendInserts{settings, nullptr, RowJson()});
  return {sent.Get<Main>(), sent.Get<Failed>(), settings.with_failed_rows};
}

}  // namespace joist::bigquery
