// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Storage Write with failed rows. Which rows of a block the service refuses is known when it is
// appended; so a block has no offset before. Rows go to buffered streams, where nobody sees them,
// and a checkpoint has together: how far a stream is good, and the rows that were refused. Then the
// stream is shown so far.
//
// Invariant: what lies in a stream below the end that the state has is what the state stands for.
// What lies there beyond was appended by work that was done again; then the stream is left as it
// is, and its lane goes on in another.

#include <memory>
#include <vector>

#include "joist/io/bigquery/row_json.h"
#include "joist/io/bigquery/streams.h"
#include "joist/io/bigquery/write_methods.h"
#include "joist/sdk/par_do.h"

namespace joist::bigquery {

namespace write_internal {

/// So much of a stream is to be seen.
struct StreamEnd {
  std::string stream;
  int64_t end = 0;
};
JOIST_ROW(StreamEnd, stream, end)

struct AppendUnseen {
  static constexpr size_t kBlocks = 8;
  /// Streams that may turn out to have more rows than the state knows of: a new one does so where
  /// the answer to its first append is lost.
  static constexpr int kMostOthers = 5;
  struct Waiting {};
  struct Stream {};
  struct End {};
  struct Limit {};
  using Bag = BagState<RowBlock, Waiting>;
  using StreamState = ValueState<std::string, Stream>;
  using EndState = ValueState<int64_t, End>;
  TableSettings settings;
  int64_t most_millis = 0;
  std::shared_ptr<AppendClient> client;  ///< Each copy's own.
  RowJson json;

  void Setup() {
    client = ConnectTo(settings);
    json = RowJson(settings.schema);
  }
  void Process(const KV<Lane, RowBlock>& block, Bag waiting, StreamState stream, EndState end,
               ProcessingTimer<Limit> limit, Emit<StreamEnd> emit,
               Emit<FailedRow, Failed> failed) const {
    waiting.Add(block.value);
    if (waiting.size() == 1) limit.SetRelative(Duration::Millis(most_millis));
    if (waiting.size() < kBlocks) return;
    limit.Clear();
    Append(block.key, waiting, stream, end, emit, failed);
  }
  void OnTimer(Limit, TimerKey<Lane> lane, Bag waiting, StreamState stream, EndState end,
               Emit<StreamEnd> emit, Emit<FailedRow, Failed> failed) const {
    Append(*lane, waiting, stream, end, emit, failed);
  }
  void OnWindowExpiration(TimerKey<Lane> lane, Bag waiting, StreamState stream, EndState end,
                          Emit<StreamEnd> emit, Emit<FailedRow, Failed> failed) const {
    Append(*lane, waiting, stream, end, emit, failed);
  }

 private:
  void Append(const Lane& lane, const Bag& waiting, const StreamState& stream, const EndState& end,
              const Emit<StreamEnd>& emit, const Emit<FailedRow, Failed>& failed) const {
    if (waiting.IsEmpty()) return;
    RowBlock rows;
    for (const RowBlock& block : waiting.Read()) {
      rows.rows += block.rows;
      rows.bytes.data += block.bytes.view();
    }
    waiting.Clear();
    std::vector<RefusedRow> refused;
    for (int others = 0; !TryAppend(lane, rows, stream, end, &refused); ++others) {
      if (others == kMostOthers) {
        throw StatusException(Status(StatusCode::kUnavailable,
                                     *stream.Read() + " has rows that nobody appended, as the "
                                                      "streams before it"));
      }
      stream.Clear();
      end.Clear();
      refused.clear();
    }
    for (const RefusedRow& bad : refused) {
      failed(MakeFailedRow(json, lane.table, bad.row, bad.error));
    }
    const int64_t appended = rows.rows - static_cast<int64_t>(refused.size());
    if (appended == 0) return;
    end.Write(end.ReadOr(0) + appended);
    emit(StreamEnd{stream.ReadOr(""), end.ReadOr(0)});
  }

  /// False where the stream has more rows than the state knows of.
  bool TryAppend(const Lane& lane, const RowBlock& rows, const StreamState& stream,
                 const EndState& end, std::vector<RefusedRow>* refused) const {
    if (stream.IsEmpty()) {
      stream.Write(MakeStream(client.get(), settings, lane.table, StreamType::kBuffered));
    }
    const auto answer = client->Append(*stream.Read(), end.ReadOr(0), settings.descriptor.data,
                                       rows.bytes.view(), refused);
    ThrowIfError(answer.status());
    if (*answer == sink::AppendAnswer::kOutOfRange) {
      throw StatusException(
          Status(StatusCode::kOutOfRange, "stream \"" + *stream.Read() + "\" ends before offset " +
                                              std::to_string(end.ReadOr(0)) +
                                              ": what was appended there is gone"));
    }
    return *answer == sink::AppendAnswer::kAppended;
  }
};
constexpr FieldList<AppendUnseen, &AppendUnseen::settings, &AppendUnseen::most_millis> JoistFields(
    const AppendUnseen*) {
  return {"AppendUnseen", {"settings", "most_millis"}};
}

struct ShowRows {
  static constexpr bool kRequiresStableInput = true;
  TableSettings settings;
  std::shared_ptr<AppendClient> client;  ///< Each copy's own.

  void Setup() { client = ConnectTo(settings); }
  void Process(const StreamEnd& end, Emit<std::string> emit) const {
    ThrowIfError(client->Flush(end.stream, end.end));
    emit(TableOfStream(end.stream));
  }
};
constexpr FieldList<ShowRows, &ShowRows::settings> JoistFields(const ShowRows*) {
  return {"ShowRows", {"settings"}};
}

}  // namespace write_internal

WriteResult WriteUnseen(const Blocks& blocks, const TableSettings& settings, Duration wait) {
  const auto appended = blocks | "Append" >> ParDo(write_internal::AppendUnseen{
                                                 settings, wait.millis, nullptr, RowJson()});
  return {appended.Get<Main>() | "Show" >> ParDo(write_internal::ShowRows{settings, nullptr}),
          appended.Get<Failed>(), true};
}

}  // namespace joist::bigquery
