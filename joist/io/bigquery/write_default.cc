// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Storage Write to the tables' default streams, at least once: a block is appended when it comes.

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "joist/io/bigquery/row_json.h"
#include "joist/io/bigquery/streams.h"
#include "joist/io/bigquery/write_methods.h"
#include "joist/sdk/par_do.h"

namespace joist::bigquery {

namespace write_internal {

struct AppendToDefault {
  /// A table that has just been made is not known everywhere at once.
  static constexpr int kTriesAfterMaking = 10;
  TableSettings settings;
  std::shared_ptr<AppendClient> client;  ///< Each copy's own.
  RowJson json;

  void Setup() {
    client = ConnectTo(settings);
    json = RowJson(settings.schema);
  }
  void Process(const KV<Lane, RowBlock>& block, Emit<std::string> emit,
               Emit<FailedRow, Failed> failed) const {
    std::vector<RefusedRow> refused;
    Status status = Append(block, &refused);
    if (status.code() == StatusCode::kNotFound &&
        settings.create == CreateDisposition::kCreateIfNeeded) {
      ThrowIfError(MakeTableOf(settings, block.key.table));
      for (int i = 0; i < kTriesAfterMaking && status.code() == StatusCode::kNotFound; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100 * i));
        refused.clear();
        status = Append(block, &refused);
      }
    }
    ThrowIfError(status);
    for (const RefusedRow& bad : refused) {
      failed(MakeFailedRow(json, block.key.table, bad.row, bad.error));
    }
    emit(block.key.table);
  }

 private:
  Status Append(const KV<Lane, RowBlock>& block, std::vector<RefusedRow>* refused) const {
    return client
        ->Append(block.key.table + "/streams/_default", std::nullopt, settings.descriptor.data,
                 block.value.bytes.view(), settings.with_failed_rows ? refused : nullptr)
        .status();
  }
};
constexpr FieldList<AppendToDefault, &AppendToDefault::settings> JoistFields(
    const AppendToDefault*) {
  return {"AppendToDefault", {"settings"}};
}

}  // namespace write_internal

WriteResult WriteToDefaultStreams(const Blocks& blocks, const TableSettings& settings) {
  const auto appended =
      blocks | "Append" >> ParDo(write_internal::AppendToDefault{settings, nullptr, RowJson()});
  return {appended.Get<Main>(), appended.Get<Failed>(), settings.with_failed_rows};
}

}  // namespace joist::bigquery
