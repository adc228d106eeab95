// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Files prefix-SSSSS-of-NNNNN that appear when all of them are complete. They are written piece by
// piece in a hidden folder beside their places; in the end the pieces become files and get their
// names. A run that fails or is cancelled leaves nothing, one that succeeds replaces files of the
// same names.
//
// With destinations, each has files of its own: it follows the prefix in their names, so those of
// "fr" are called prefixfr-SSSSS-of-NNNNN.

#ifndef JOIST_IO_FILES_SHARDS_H_
#define JOIST_IO_FILES_SHARDS_H_

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/io/files/compression.h"
#include "joist/io/files/settings.h"
#include "joist/model/fields.h"
#include "joist/sdk/pcollection.h"

namespace joist::files {

/// How files are written.
struct WriteSettings {
  std::string prefix;
  std::string suffix;
  std::string header;
  std::string footer;
  Compression compression = Compression::kAuto;
  /// 0: as many as come of themselves; of a destination, or of a window's pane, one.
  int32_t shards = 0;
  bool without_sharding = false;
  bool as_lines = true;   ///< Whether a newline follows each record, the header and the footer.
  bool by_key = false;    ///< Whether a destination follows the prefix.
  bool windowed = false;  ///< Whether each pane has files of its own (windowed_files.h).
  std::string empty;      ///< What a file holds that no piece belongs to.
  std::string id;         ///< Of the run; names its hidden folder.
};
JOIST_ROW(WriteSettings, prefix, suffix, header, footer, compression, shards, without_sharding,
          as_lines, by_key, windowed, empty, id)

/// A file in the hidden folder that is a shard or a piece of one.
struct ShardPiece {
  std::string destination;
  int32_t shard = 0;
  std::string path;
  friend auto operator<=>(const ShardPiece&, const ShardPiece&) = default;
};
JOIST_ROW(ShardPiece, destination, shard, path)

/// The settings with an id and a local prefix; what is wrong with them becomes a fault of the
/// pipeline. Registers the removal of what a failed run leaves.
WriteSettings PrepareShards(PipelineBuilder& builder, WriteSettings settings, bool validate,
                            const std::source_location& where);

/// How the files are compressed.
Compression CompressionOf(const WriteSettings& settings);

/// What the names end with: the suffix, and that of the compression unless it is a part of it.
std::string SuffixOf(const WriteSettings& settings);

/// The path of a new piece, in the hidden folder, which is made. Throws.
std::string NewPiecePath(const WriteSettings& settings);

/// OK if a destination may be part of a file's name: it is not empty, does not begin with "/", has
/// no part that is empty, "." or "..", no NUL byte, and at most 1,024 bytes.
Status CheckDestination(std::string_view destination, const std::string& prefix);

/// Makes shards of the pieces and gives them their names, which the result holds. The pieces of a
/// shard are put behind each other, with header and footer around them unless they have those.
PCollection<std::string> PublishShards(const PCollection<ShardPiece>& pieces,
                                       const WriteSettings& settings);

}  // namespace joist::files

#endif  // JOIST_IO_FILES_SHARDS_H_
