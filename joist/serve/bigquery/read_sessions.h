// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ReadSessions: the sessions of Storage Read, a file each, so that readers go on after the server
// was restarted. Bounded, and forgotten six hours after they were made. Any number of threads.

#ifndef JOIST_SERVE_BIGQUERY_READ_SESSIONS_H_
#define JOIST_SERVE_BIGQUERY_READ_SESSIONS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "joist/base/status.h"
#include "joist/store/tables/schema.h"
#include "joist/store/tables/store_state.h"

namespace joist::serve {

/// Row ids of [begin, end).
struct RowRange {
  int64_t begin = 0;
  int64_t end = 0;
};

/// What a session reads. Its streams are added to by splitting.
struct ReadSession {
  std::string name = {};
  /// SELECT … FROM …; a restriction is in `where`.
  std::string select = {};
  std::string where = {};
  /// The modes are the table's own, as a query doesn't know them.
  tables::Schema schema = {};
  bool is_view = false;
  bool avro = false;
  int64_t created = 0;  ///< Milliseconds since 1970.
  std::map<std::string, RowRange> streams = {};

  std::string Sql(const RowRange& range, int64_t offset) const;
};

class ReadSessions {
 public:
  static constexpr int64_t kLongestMillis = int64_t{6} * 3'600'000;

  /// Milliseconds since 1970.
  using Clock = std::function<int64_t()>;
  /// Sessions that are remembered.
  static constexpr size_t kMost = 1000;

  /// Those in the folder, which is made if it isn't there.
  explicit ReadSessions(std::string folder, Clock now = tables::NowMilliseconds);
  ReadSessions(const ReadSessions&) = delete;
  ReadSessions& operator=(const ReadSessions&) = delete;

  /// Fails where it cannot be kept.
  Status Add(ReadSession session);
  /// A copy of the stream's session, and its rows. NOT_FOUND where it isn't there or has expired.
  Result<std::pair<ReadSession, RowRange>> Find(const std::string& stream);
  /// Halves, of which neither is empty; nothing where that cannot be.
  Result<std::pair<std::string, std::string>> Split(const std::string& stream, double fraction);

 private:
  std::string FileOf(const std::string& name) const;
  Status Keep(const ReadSession& session) const;
  /// The oldest go, where there are too many, and those that have expired.
  void Forget();

  const std::string folder_;
  const Clock now_;
  std::mutex mutex_;
  std::map<std::string, ReadSession> sessions_;
  std::deque<std::string> order_;  ///< The oldest first.
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_READ_SESSIONS_H_
