// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The streams of TableStore. Rows of PENDING and BUFFERED streams wait in hidden tables, each with
// its offset, until they are moved.

#include <algorithm>
#include <charconv>
#include <random>
#include <utility>

#include "joist/store/tables/store_state.h"

namespace joist::tables {

namespace {

int64_t WholeOf(const std::string& text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// A name that no other stream has.
std::string NewStreamId() {
  std::random_device device;
  std::string id = "s";
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int i = 0; i < 4; ++i) {
    uint32_t bits = device();
    for (int j = 0; j < 8; ++j, bits >>= 4) id += kDigits[bits & 15];
  }
  return id;
}

std::string RowsTableOf(const StreamInfo& info) {
  if (info.type != StreamType::kPending && info.type != StreamType::kBuffered) return "";
  return "rows " + info.name.substr(info.name.rfind('/') + 1);
}

std::string StreamsTable() { return std::string(kHiddenSchema) + ".joist_streams"; }

std::string HiddenRows(const std::string& table) {
  return std::string(kHiddenSchema) + "." + Quoted(table);
}

std::string WhereStream(const std::string& name) { return " WHERE name = " + QuotedText(name); }

}  // namespace

Status TableStore::LoadStreams() {
  JOIST_ASSIGN_OR_RETURN(
      const auto rows,
      writer_->Texts("SELECT name, type::VARCHAR, next::VARCHAR, flushed::VARCHAR, "
                     "finalized::VARCHAR, committed::VARCHAR, created::VARCHAR FROM " +
                     StreamsTable()));
  for (const auto& row : rows) {
    auto stream = std::make_unique<Stream>();
    StreamInfo& info = stream->info;
    info.name = row[0];
    JOIST_ASSIGN_OR_RETURN(info.table, TableNameOfPath(info.name));
    info.type = static_cast<StreamType>(WholeOf(row[1]));
    info.next = stream->tentative = WholeOf(row[2]);
    info.flushed = WholeOf(row[3]);
    info.finalized = WholeOf(row[4]) != 0;
    info.committed = WholeOf(row[5]) != 0;
    info.created = WholeOf(row[6]);
    if (!info.committed) stream->rows_table = RowsTableOf(info);
    streams_[info.name] = std::move(stream);
  }
  return OkStatus();
}

Result<TableStore::Stream*> TableStore::FindStream(const std::string& name) {
  const auto found = streams_.find(name);
  if (found == streams_.end()) return NotFound("Requested entity was not found: stream " + name);
  return found->second.get();
}

Status TableStore::SaveStream(DuckConnection* connection, const Stream& stream) {
  const StreamInfo& info = stream.info;
  return connection->Execute(
      "UPDATE " + StreamsTable() + " SET next = " + std::to_string(info.next) +
      ", flushed = " + std::to_string(info.flushed) +
      ", finalized = " + std::to_string(static_cast<int>(info.finalized)) +
      ", committed = " + std::to_string(static_cast<int>(info.committed)) + WhereStream(info.name));
}

Result<StreamInfo> TableStore::CreateStream(const TableName& name, StreamType type) {
  constexpr size_t kMostStreams = 10'000;
  StreamInfo made;
  JOIST_RETURN_IF_ERROR(InWriter([&](DuckConnection* connection) -> Status {
    JOIST_ASSIGN_OR_RETURN(const auto entry, FindTable(name));
    if (entry->info.is_view) {
      return InvalidArgument(name.ToString() + " is a view, which has no streams");
    }
    if (streams_.size() >= kMostStreams) {
      return {StatusCode::kResourceExhausted,
              "there are 10000 streams; tables that are deleted take theirs with them"};
    }
    auto stream = std::make_unique<Stream>();
    StreamInfo& info = stream->info;
    info.table = entry->info.name;
    info.name = "projects/" + info.table.project + "/datasets/" + info.table.dataset + "/tables/" +
                info.table.table + "/streams/" + NewStreamId();
    info.type = type;
    info.created = NowMicroseconds();
    stream->rows_table = RowsTableOf(info);
    if (!stream->rows_table.empty()) {
      std::string columns;
      for (const Field& field : entry->info.schema->fields) columns += SqlColumnOf(field) + ", ";
      JOIST_RETURN_IF_ERROR(connection->Execute("CREATE TABLE " + HiddenRows(stream->rows_table) +
                                                " (" + columns + Quoted(kOffsetColumn) +
                                                " BIGINT)"));
    }
    JOIST_RETURN_IF_ERROR(
        connection->Execute("INSERT INTO " + StreamsTable() + " VALUES (" + QuotedText(info.name) +
                            ", " + std::to_string(static_cast<int>(type)) + ", 0, 0, 0, 0, " +
                            std::to_string(info.created) + ")"));
    made = info;
    streams_[info.name] = std::move(stream);
    return OkStatus();
  }));
  return made;
}

Result<StreamInfo> TableStore::GetStream(const std::string& name) {
  StreamInfo info;
  JOIST_RETURN_IF_ERROR(InWriter([&](DuckConnection*) -> Status {
    JOIST_ASSIGN_OR_RETURN(const Stream* stream, FindStream(name));
    info = stream->info;
    return OkStatus();
  }));
  return info;
}

Result<int64_t> TableStore::FinalizeStream(const std::string& name) {
  int64_t rows = 0;
  JOIST_RETURN_IF_ERROR(InWriter([&](DuckConnection* connection) -> Status {
    JOIST_ASSIGN_OR_RETURN(Stream * stream, FindStream(name));
    rows = stream->info.next;
    if (stream->info.finalized) return OkStatus();
    Stream after = *stream;
    after.info.finalized = true;
    JOIST_RETURN_IF_ERROR(SaveStream(connection, after));
    *stream = after;
    return OkStatus();
  }));
  return rows;
}

/// Moves the rows whose offsets lie in [begin, end).
Status TableStore::MoveRows(DuckConnection* connection, const Stream& stream, int64_t begin,
                            int64_t end) {
  JOIST_ASSIGN_OR_RETURN(const auto entry, FindTable(stream.info.table));
  std::string columns;
  for (const Field& field : entry->info.schema->fields) {
    if (!columns.empty()) columns += ", ";
    columns += Quoted(field.name);
  }
  const std::string where = " WHERE " + Quoted(kOffsetColumn) + " >= " + std::to_string(begin) +
                            " AND " + Quoted(kOffsetColumn) + " < " + std::to_string(end);
  return connection->Execute("INSERT INTO " + entry->info.name.Sql() + " (" + columns +
                             ") SELECT " + columns + " FROM " + HiddenRows(stream.rows_table) +
                             where);
}

Result<int64_t> TableStore::FlushStream(const std::string& name, int64_t offset) {
  int64_t flushed = 0;
  JOIST_RETURN_IF_ERROR(InWriter([&](DuckConnection* connection) -> Status {
    JOIST_ASSIGN_OR_RETURN(Stream * stream, FindStream(name));
    const StreamInfo& info = stream->info;
    if (info.type != StreamType::kBuffered) {
      return InvalidArgument("the stream " + name + " isn't BUFFERED; only those are flushed");
    }
    if (offset < 0 || offset >= info.next) {
      return {StatusCode::kOutOfRange, "the stream " + name + " has no row of the offset " +
                                           std::to_string(offset) + "; its next one is " +
                                           std::to_string(info.next)};
    }
    if (offset < info.flushed) {
      flushed = info.flushed - 1;
      return OkStatus();
    }
    Stream after = *stream;
    after.info.flushed = offset + 1;
    JOIST_RETURN_IF_ERROR(MoveRows(connection, *stream, info.flushed, offset + 1));
    JOIST_RETURN_IF_ERROR(connection->Execute("DELETE FROM " + HiddenRows(stream->rows_table) +
                                              " WHERE " + Quoted(kOffsetColumn) +
                                              " <= " + std::to_string(offset)));
    JOIST_RETURN_IF_ERROR(SaveStream(connection, after));
    *stream = after;
    flushed = offset;
    return OkStatus();
  }));
  return flushed;
}

Result<int64_t> TableStore::CommitStreams(const TableName& name,
                                          const std::vector<std::string>& streams,
                                          std::string* culprit) {
  const int64_t now = NowMicroseconds();
  JOIST_RETURN_IF_ERROR(InWriter([&](DuckConnection* connection) -> Status {
    std::vector<std::pair<Stream*, Stream>> changes;
    for (const std::string& stream_name : streams) {
      *culprit = stream_name;
      JOIST_ASSIGN_OR_RETURN(Stream * stream, FindStream(stream_name));
      const StreamInfo& info = stream->info;
      if (KeyOf(info.table) != KeyOf(name)) {
        return InvalidArgument("the stream " + stream_name + " is not of " + name.ToString());
      }
      if (info.type != StreamType::kPending) {
        return InvalidArgument("the stream " + stream_name + " isn't PENDING");
      }
      const bool twice = std::any_of(changes.begin(), changes.end(),
                                     [&](const auto& change) { return change.first == stream; });
      if (info.committed || twice) {
        return {StatusCode::kAlreadyExists, "the stream " + stream_name + " is already committed"};
      }
      if (!info.finalized) {
        return {StatusCode::kFailedPrecondition,
                "the stream " + stream_name + " isn't finalized; FinalizeWriteStream first"};
      }
      JOIST_RETURN_IF_ERROR(MoveRows(connection, *stream, 0, info.next));
      JOIST_RETURN_IF_ERROR(connection->Execute("DROP TABLE " + HiddenRows(stream->rows_table)));
      Stream after = *stream;
      after.info.committed = true;
      after.rows_table.clear();
      JOIST_RETURN_IF_ERROR(SaveStream(connection, after));
      changes.emplace_back(stream, std::move(after));
    }
    culprit->clear();
    for (auto& [stream, after] : changes) *stream = std::move(after);
    return OkStatus();
  }));
  return now;
}

Status TableStore::DropStreamsOf(DuckConnection* connection, const TableName& name) {
  for (auto at = streams_.begin(); at != streams_.end();) {
    const Stream& stream = *at->second;
    if (KeyOf(stream.info.table) != KeyOf(name)) {
      ++at;
      continue;
    }
    if (!stream.rows_table.empty()) {
      JOIST_RETURN_IF_ERROR(connection->Execute("DROP TABLE " + HiddenRows(stream.rows_table)));
    }
    JOIST_RETURN_IF_ERROR(
        connection->Execute("DELETE FROM " + StreamsTable() + WhereStream(stream.info.name)));
    at = streams_.erase(at);
  }
  return OkStatus();
}

}  // namespace joist::tables
