// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RowStream: a part of a table's rows that can be read from any row on, the same each time.
// RowsFrom: the restriction of who reads one; it is gone on with, and not shared out, since nobody
// knows how many rows a stream has. Values.

#ifndef JOIST_IO_BIGQUERY_ROW_STREAM_H_
#define JOIST_IO_BIGQUERY_ROW_STREAM_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "joist/base/status.h"
#include "joist/model/fields.h"

namespace joist::bigquery {

struct RowStream {
  std::string what = {};           ///< The table or the query's job, for messages.
  std::string stream = {};         ///< Of a session; "" where `job` has pages.
  std::string job = {};            ///< Its id, with its location.
  std::string project = {};        ///< Of the job.
  std::string schema = {};         ///< Avro's, of the rows.
  std::string endpoint = {};       ///< As joist::google::Connect takes it.
  std::string http_endpoint = {};  ///< "http://HOST:PORT"; "" as `endpoint` says.
};
JOIST_ROW(RowStream, what, stream, job, project, schema, endpoint, http_endpoint)

class RowsTracker;

/// The rows of a stream from the number `from` on.
struct RowsFrom {
  using Tracker = RowsTracker;
  static constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();
  int64_t from = 0;
};
JOIST_ROW(RowsFrom, from)

/// Belongs to one thread. A position is the number behind the rows that are claimed, or kEnd.
class RowsTracker {
 public:
  using Position = int64_t;
  explicit RowsTracker(RowsFrom rows) : rows_(rows), claimed_(rows.from) {}

  /// False behind a split.
  bool TryClaim(int64_t behind) {
    if (!is_over_) claimed_ = behind;
    return !is_over_;
  }
  /// All that is to come, for 0; else nothing.
  std::optional<RowsFrom> TrySplit(double fraction) {
    if (fraction > 0 || is_over_ || claimed_ == RowsFrom::kEnd) return std::nullopt;
    is_over_ = true;
    return RowsFrom{claimed_};
  }
  Status CheckDone() const {
    if (is_over_ || claimed_ == RowsFrom::kEnd) return OkStatus();
    return Internal("rows behind " + std::to_string(claimed_) + " were not claimed");
  }
  const RowsFrom& restriction() const { return rows_; }

 private:
  RowsFrom rows_;
  int64_t claimed_;
  bool is_over_ = false;
};

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_ROW_STREAM_H_
