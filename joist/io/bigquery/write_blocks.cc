// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/write_blocks.h"

#include "joist/io/bigquery/columns.h"
#include "joist/io/bigquery/write_methods.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/window_into.h"

namespace joist::bigquery {

namespace write_internal {

/// Where nothing is refused that does not end the job.
struct NoneFailed {
  void Process(std::string_view, Emit<FailedRow>) const {}
};
constexpr FieldList<NoneFailed> JoistFields(const NoneFailed*) { return {"NoneFailed", {}}; }

}  // namespace write_internal

namespace {

/// The settings with the table's path. What is wrong with them is a fault.
TableSettings Checked(const Blocks& blocks, TableSettings settings, Duration wait) {
  PipelineBuilder& builder = blocks.builder();
  if (!settings.table.empty()) {
    if (Result<std::string> path = TablePath(settings.table); path.ok()) {
      settings.table = *std::move(path);
    } else {
      builder.AddFault("has a table that is none: " + path.status().message());
    }
  }
  if (wait <= Duration::Zero()) {
    builder.AddFault("has a buffering duration that is not positive");
  }
  const bool is_bounded = builder.graph().collections()[blocks.id()].is_bounded;
  if (settings.method == Method::kFileLoads && !is_bounded) {
    builder.AddFault("loads input without end, which is never complete; use another Method");
  }
  if (settings.write != WriteDisposition::kAppend && !is_bounded) {
    builder.AddFault(
        "writes input without end; that goes with WriteDisposition::kAppend alone, since there is "
        "no moment at which the table could be replaced");
  } else if (settings.write != WriteDisposition::kAppend && settings.method != Method::kFileLoads) {
    builder.AddFault(
        "has a WriteDisposition that takes WithMethod(Method::kFileLoads): streams only append");
  }
  if (settings.with_failed_rows && settings.method == Method::kFileLoads) {
    builder.AddFault("has no failed rows: a load is refused as a whole, which ends the job");
  }
  return settings;
}

WriteResult WithoutFailed(const PCollection<std::string>& written) {
  return {written, written | "NoneFailed" >> ParDo(write_internal::NoneFailed()), false};
}

}  // namespace

FailedRow MakeFailedRow(const RowJson& json, const std::string& table, std::string_view row,
                        const std::string& error) {
  FailedRow failed{table, "", error};
  // What is no UTF-8 is repaired: the row has failed already.
  (void)json.Append(row, &failed.row);
  return failed;
}

const PCollection<FailedRow>& WriteResult::failed_rows() const {
  if (!has_failed_) {
    failed_.builder().AddFault(
        "is asked for the failed rows of bigquery::WriteRows, which WithFailedRows() gives");
  }
  return failed_;
}

WriteResult WriteBlocks(const Blocks& blocks, const TableSettings& settings, Duration wait) {
  const TableSettings checked = Checked(blocks, settings, wait);
  const Blocks in = blocks | "AllWindows" >> WindowInto(GlobalWindows());
  switch (checked.method) {
    case Method::kStorageApiAtLeastOnce: return WriteToDefaultStreams(in, checked);
    case Method::kStreamingInserts: return WriteInserts(in, checked);
    case Method::kFileLoads: return WithoutFailed(WriteLoads(in, checked));
    case Method::kStorageWriteApi: break;
  }
  return checked.with_failed_rows ? WriteUnseen(in, checked, wait)
                                  : WithoutFailed(WriteAtStreamOffsets(in, checked, wait));
}

}  // namespace joist::bigquery
