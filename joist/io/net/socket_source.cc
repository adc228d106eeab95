// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/socket_source.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "joist/io/net/tcp_stream.h"
#include "joist/model/offset_range.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"

namespace joist::net {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace socket_source_internal {

/// What was read and not given on.
class LineBuffer {
 public:
  /// The next line; null where more has to be read, or nothing comes any more.
  std::optional<std::string_view> Next(const TcpStream& stream) {
    const size_t end = bytes_.find('\n', searched_);
    if (end != std::string::npos) return std::string_view(bytes_).substr(begin_, end - begin_);
    searched_ = bytes_.size();
    // The last line needs no ending.
    if (!stream.is_open() && begin_ < bytes_.size()) {
      return std::string_view(bytes_).substr(begin_);
    }
    return std::nullopt;
  }
  /// The line that Next has given is done with.
  void Take(std::string_view line) {
    begin_ = std::min(begin_ + line.size() + 1, bytes_.size());
    searched_ = begin_;
  }
  /// For more.
  std::string* Room() {
    searched_ -= begin_;
    bytes_.erase(0, begin_);
    begin_ = 0;
    return &bytes_;
  }

 private:
  std::string bytes_;
  size_t begin_ = 0;     ///< Of the next line.
  size_t searched_ = 0;  ///< No line ends before it.
};

/// Position i is the i-th line since the job began.
struct ReadSocket {
  static constexpr bool kIsBounded = false;
  static constexpr Duration kPause = Duration::Millis(5);
  struct Connection {
    TcpStream stream;
    LineBuffer lines;
    bool was_open = false;
    int64_t failures = 0;
  };
  std::shared_ptr<Connection> connection;  ///< Each copy's own.

  void Setup() { connection = std::make_shared<Connection>(); }
  OffsetRange InitialRestriction(const SocketSettings&) const {
    return {0, std::numeric_limits<int64_t>::max()};
  }
  ProcessContinuation Process(const SocketSettings& settings,
                              RestrictionTracker<OffsetRange>& tracker, WallTimeWatermarkEstimator&,
                              Emit<std::string> emit) const {
    TcpStream& stream = connection->stream;
    if (!connection->was_open) {
      const Status status =
          stream.Connect(settings.host, std::to_string(settings.port), settings.timeout);
      connection->was_open = status.ok();
      if (!status.ok()) {
        const std::optional<Duration> delay =
            settings.retries.DelayAfter(++connection->failures, std::nullopt, /*chance=*/0.5);
        if (!delay.has_value()) ThrowIfError(status);
        return ProcessContinuation::Resume(*delay);
      }
    }
    LineBuffer& lines = connection->lines;
    for (int64_t next = tracker.restriction().from;;) {
      if (const std::optional<std::string_view> line = lines.Next(stream)) {
        if (!tracker.TryClaim(next++)) return ProcessContinuation::Stop();
        emit(*line, tracker.processing_time());
        lines.Take(*line);
        continue;
      }
      if (!stream.is_open()) {
        tracker.TryClaim(tracker.restriction().to);
        return ProcessContinuation::Stop();
      }
      std::string* const room = lines.Room();
      if (room->size() > ReadLines::kLongestLine) {
        throw StatusException(InvalidArgument(settings.Name() + " has sent a line of more than " +
                                              std::to_string(ReadLines::kLongestLine) + " bytes"));
      }
      const size_t before = room->size();
      if (const Status status = stream.ReadReady(room); !status.ok()) {
        throw StatusException(Status(status.code(), settings.Name() + ": " + status.message()));
      }
      if (room->size() == before && stream.is_open()) return ProcessContinuation::Resume(kPause);
    }
  }
};
constexpr FieldList<ReadSocket> JoistFields(const ReadSocket*) { return {"ReadSocket", {}}; }

}  // namespace socket_source_internal

PCollection<std::string> ReadLines::Expand(const Pipeline& pipeline) const {
  CheckSocket(settings_, pipeline.builder());
  return pipeline | "Server" >> Create<SocketSettings>({settings_}) |
         "Read" >> ParDo(socket_source_internal::ReadSocket());
}

}  // namespace joist::net
