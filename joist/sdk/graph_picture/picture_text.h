// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Text in pictures: names and values come from users and may be long, or no text at all. Pure
// functions.

#ifndef JOIST_SDK_GRAPH_PICTURE_PICTURE_TEXT_H_
#define JOIST_SDK_GRAPH_PICTURE_PICTURE_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "joist/sdk/graph_picture/graph_picture.h"

namespace joist::picture_text {

/// On one line, in valid UTF-8: control characters as spaces, what is no UTF-8 as U+FFFD; of what
/// has more than `most` code points (at least 1) the beginning and "…".
std::string Clipped(std::string_view text, size_t most);

/// Code points.
size_t Width(std::string_view utf8);

/// `text`, valid UTF-8, within XML.
std::string ForXml(std::string_view text);

/// "2 stages", "1 stage".
std::string Counted(size_t count, std::string_view noun);

/// "ParDo ExtractWords".
std::string KindAndFunction(const GraphPicture::Step& step);

/// "File Pattern: /tmp/x".
std::string Described(const DisplayItem& item);

}  // namespace joist::picture_text

#endif  // JOIST_SDK_GRAPH_PICTURE_PICTURE_TEXT_H_
