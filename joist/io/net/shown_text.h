// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ShownText: what a peer has said, as a part of a message. Pure.

#ifndef JOIST_IO_NET_SHOWN_TEXT_H_
#define JOIST_IO_NET_SHOWN_TEXT_H_

#include <initializer_list>
#include <string>
#include <string_view>

namespace joist::net {

/// At most 200 bytes in one line, in which none of the secrets is, whatever the peer repeats.
std::string ShownText(std::string text, std::initializer_list<std::string_view> secrets);

}  // namespace joist::net

#endif  // JOIST_IO_NET_SHOWN_TEXT_H_
