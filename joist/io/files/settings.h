// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The names of the enumerators of compression.h and glob.h, for settings that travel to other
// processes and for options.

#ifndef JOIST_IO_FILES_SETTINGS_H_
#define JOIST_IO_FILES_SETTINGS_H_

#include "joist/io/files/compression.h"
#include "joist/io/files/glob.h"
#include "joist/model/fields.h"

namespace joist::files {
JOIST_ENUM(Compression, kAuto, kNone, kGzip, kZstd, kBzip2)
JOIST_ENUM(EmptyMatch, kRefuse, kAllow)
}  // namespace joist::files

#endif  // JOIST_IO_FILES_SETTINGS_H_
