// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Files of windows, which WithWindowedWrites() asks for: each pane of a window has files of its own
// that appear, each as a whole, when the pane is complete. They are called
//
//   prefix-WINDOW-PANE-SSSSS-of-NNNNN
//
//   WINDOW  its start and its end, "2026-11-21T06:55:00.000Z-2026-11-21T06:56:00.000Z", or
//           "GlobalWindow"
//   PANE    "pane-" and its index; then "-late" if it is late, and "-last" if no other follows
//
// which is Beam's default for windowed writes, but for the dash behind the prefix: there the prefix
// has to end with one. Equal window, pane and shard are an equal name: what is written again
// replaces what was there.

#ifndef JOIST_IO_FILES_WINDOWED_FILES_H_
#define JOIST_IO_FILES_WINDOWED_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "joist/io/files/shards.h"
#include "joist/model/fields.h"
#include "joist/model/pane.h"
#include "joist/model/window.h"
#include "joist/sdk/pcollection.h"

namespace joist::files {

/// A complete file in the hidden folder, and the name that it is to get.
struct CompleteFile {
  std::string path;
  std::string name;
};
JOIST_ROW(CompleteFile, path, name)

/// The name of a destination's ("" where there are none) shard of a pane.
std::string WindowedShardName(const WriteSettings& settings, std::string_view destination,
                              const Window& window, const PaneInfo& pane, int32_t shard);

/// Gives the files their names, which the result holds, in their windows. A batch has written all
/// of them before the first gets its name; a stream gives each its name at once.
PCollection<std::string> PublishFiles(const PCollection<CompleteFile>& files);

}  // namespace joist::files

#endif  // JOIST_IO_FILES_WINDOWED_FILES_H_
