// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/bigquery/read_sessions.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

namespace joist::serve {

namespace {

using SessionJson = nlohmann::json;

/// Streams of a session that can still be split.
constexpr size_t kMostSplit = 10'000;
constexpr std::string_view kSuffix = ".json";

std::string SessionOfStream(const std::string& stream) {
  return stream.substr(0, stream.find("/streams/"));
}

std::string TextOfSession(const ReadSession& session) {
  SessionJson streams = SessionJson::object();
  for (const auto& [name, range] : session.streams) streams[name] = {range.begin, range.end};
  return SessionJson{{"name", session.name},       {"select", session.select},
                     {"where", session.where},     {"schema", tables::SchemaToJson(session.schema)},
                     {"view", session.is_view},    {"avro", session.avro},
                     {"created", session.created}, {"streams", std::move(streams)}}
      .dump();
}

/// Fails for what the server has not written to the end.
Result<ReadSession> SessionIn(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  try {
    const SessionJson json = SessionJson::parse(text);
    ReadSession session{.name = json.at("name"),
                        .select = json.at("select"),
                        .where = json.at("where"),
                        .is_view = json.at("view"),
                        .avro = json.at("avro"),
                        .created = json.at("created")};
    JOIST_ASSIGN_OR_RETURN(session.schema,
                           tables::SchemaFromJson(json.at("schema").get<std::string>()));
    for (const auto& [name, range] : json.at("streams").items()) {
      session.streams[name] = {range.at(0), range.at(1)};
    }
    return session;
  } catch (const SessionJson::exception& error) {
    return DataLoss(file.string() + " holds no session: " + error.what());
  }
}

}  // namespace

std::string ReadSession::Sql(const RowRange& range, int64_t offset) const {
  std::string sql = select + " WHERE " + where;
  if (!is_view) {
    sql += " AND rowid >= " + std::to_string(range.begin) + " AND rowid < " +
           std::to_string(range.end);
  }
  return offset == 0 ? sql : sql + " OFFSET " + std::to_string(offset);
}

ReadSessions::ReadSessions(std::string folder, Clock now)
    : folder_(std::move(folder)), now_(std::move(now)) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  std::vector<ReadSession> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    Result<ReadSession> session = SessionIn(entry.path());
    if (session.ok()) {
      found.push_back(*std::move(session));
    } else {
      std::filesystem::remove(entry.path(), error);
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.created < b.created; });
  for (ReadSession& session : found) {
    order_.push_back(session.name);
    sessions_[session.name] = std::move(session);
  }
  Forget();
}

std::string ReadSessions::FileOf(const std::string& name) const {
  return folder_ + "/" + name.substr(name.rfind('/') + 1) + std::string(kSuffix);
}

Status ReadSessions::Keep(const ReadSession& session) const {
  const std::string file = FileOf(session.name);
  const std::string before = file + ".new";
  std::ofstream out(before, std::ios::binary | std::ios::trunc);
  out << TextOfSession(session);
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(before, file, error);
  if (out && !error) return OkStatus();
  return {StatusCode::kUnavailable, "cannot write the read session to " + file};
}

void ReadSessions::Forget() {
  const int64_t oldest = now_() - kLongestMillis;
  while (!order_.empty() && (order_.size() > kMost || sessions_[order_.front()].created < oldest)) {
    std::error_code error;
    std::filesystem::remove(FileOf(order_.front()), error);
    sessions_.erase(order_.front());
    order_.pop_front();
  }
}

Status ReadSessions::Add(ReadSession session) {
  const std::scoped_lock lock(mutex_);
  session.created = now_();
  JOIST_RETURN_IF_ERROR(Keep(session));
  order_.push_back(session.name);
  const std::string name = session.name;
  sessions_[name] = std::move(session);
  Forget();
  return OkStatus();
}

Result<std::pair<ReadSession, RowRange>> ReadSessions::Find(const std::string& stream) {
  const std::scoped_lock lock(mutex_);
  Forget();
  const auto session = sessions_.find(SessionOfStream(stream));
  if (session != sessions_.end()) {
    const auto found = session->second.streams.find(stream);
    if (found != session->second.streams.end()) return std::pair(session->second, found->second);
  }
  return NotFound("the read stream " + stream + " isn't there, or has expired; make a session");
}

Result<std::pair<std::string, std::string>> ReadSessions::Split(const std::string& stream,
                                                                double fraction) {
  const std::pair<std::string, std::string> whole;
  const std::scoped_lock lock(mutex_);
  const auto session = sessions_.find(SessionOfStream(stream));
  if (session == sessions_.end()) return whole;
  auto& streams = session->second.streams;
  const auto found = streams.find(stream);
  if (found == streams.end() || session->second.is_view || streams.size() > kMostSplit) {
    return whole;
  }
  const RowRange range = found->second;
  const auto middle =
      range.begin + static_cast<int64_t>(static_cast<double>(range.end - range.begin) * fraction);
  if (middle <= range.begin || middle >= range.end) return whole;
  // The stream itself stays readable; the halves are new ones.
  const std::string base = session->first + "/streams/" + std::to_string(streams.size());
  streams[base + "a"] = {range.begin, middle};
  streams[base + "b"] = {middle, range.end};
  JOIST_RETURN_IF_ERROR(Keep(session->second));
  return std::pair(base + "a", base + "b");
}

}  // namespace joist::serve
