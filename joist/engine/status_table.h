// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What a JobStatus looks like to people: a table for a terminal, and a line for a log. Pure
// functions.

#ifndef JOIST_ENGINE_STATUS_TABLE_H_
#define JOIST_ENGINE_STATUS_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/engine/job_status.h"

namespace joist {

/// Lines of at most `columns` (at least 79), at most `rows` of them (at least 5). What is said by
/// the second is from what came since `before`. `now`: on the wall.
std::vector<std::string> StatusTable(const JobStatus& status, const JobStatus& before,
                                     Timestamp now, size_t columns, size_t rows);

/// As much as there is room for: the table, or else the line, cut off. `rows` may be 1.
std::vector<std::string> StatusBlock(const JobStatus& status, const JobStatus& before,
                                     Timestamp now, size_t columns, size_t rows);

/// One line, without its end.
std::string StatusLine(const JobStatus& status, const JobStatus& before, Timestamp now);

/// `name` in `width` characters at most: what is too long loses its middle, and keeps more of its
/// end. What is no printable UTF-8 becomes "?".
std::string Shortened(std::string_view name, size_t width);

/// "950", "1.2k", "12k", "3.4M": five characters at most.
std::string ShortNumber(double number);
/// "250ms", "3.1s", "1m03s", "2h05m", "3d04h".
std::string ShortTime(Duration time);

}  // namespace joist

#endif  // JOIST_ENGINE_STATUS_TABLE_H_
