// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/terminal_block.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace joist {

TerminalBlock::TerminalBlock(int file) : file_(file), is_terminal_(isatty(file) == 1) {}

TerminalBlock::~TerminalBlock() { Write(Erase()); }

TerminalBlock::Size TerminalBlock::size() const {
  winsize size = {};
  if (ioctl(file_, TIOCGWINSZ, &size) != 0) size = {};
  return {size.ws_col == 0 ? size_t{79} : size.ws_col, size.ws_row == 0 ? size_t{24} : size.ws_row};
}

void TerminalBlock::Draw(const std::vector<std::string>& lines) {
  std::string text = Erase();
  for (const std::string& line : lines) text.append(line).append("\n");
  drawn_ = lines.size();
  Write(text);
}

void TerminalBlock::Tell(std::string_view text) { Write(Erase().append(text) + "\n"); }

std::string TerminalBlock::Erase() {
  const size_t lines = std::exchange(drawn_, 0);
  return lines == 0 ? "" : "\033[" + std::to_string(lines) + "F\033[J";
}

void TerminalBlock::Write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t written = write(file_, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;  // The job goes on without being seen.
    text.remove_prefix(static_cast<size_t>(std::max<ssize_t>(written, 0)));
  }
}

}  // namespace joist
