// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TerminalBlock: lines at the end of a terminal that are redrawn in place, while lines of a log
// come to stand above them. Not thread-safe: its owner guards it, and all that is written there
// goes through it.

#ifndef JOIST_ENGINE_TERMINAL_BLOCK_H_
#define JOIST_ENGINE_TERMINAL_BLOCK_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace joist {

class TerminalBlock {
 public:
  struct Size {
    size_t columns = 0;
    size_t rows = 0;
  };

  /// `file`: a file descriptor, which need not be a terminal as long as nothing is drawn.
  explicit TerminalBlock(int file);
  /// Takes the lines away.
  ~TerminalBlock();
  TerminalBlock(const TerminalBlock&) = delete;
  TerminalBlock& operator=(const TerminalBlock&) = delete;

  bool is_terminal() const { return is_terminal_; }
  /// As it is now; 79 by 24 where it does not say.
  Size size() const;

  /// Instead of those that were drawn before. None may be longer than the terminal is wide, nor be
  /// as many as it has rows: the cursor stands below them.
  void Draw(const std::vector<std::string>& lines);
  /// Writes `text`, lines without the last one's end, above the lines, which are gone until they
  /// are drawn again.
  void Tell(std::string_view text);

 private:
  /// Moves to where the lines begin, and removes them.
  std::string Erase();
  void Write(std::string_view text) const;

  const int file_;
  const bool is_terminal_;
  size_t drawn_ = 0;  ///< Lines.
};

}  // namespace joist

#endif  // JOIST_ENGINE_TERMINAL_BLOCK_H_
