// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_ENGINE_TESTING_TERMINAL_H_
#define JOIST_ENGINE_TESTING_TERMINAL_H_

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <string>

namespace joist {

/// A terminal, of which Until reads what is written to it.
class Terminal {
 public:
  Terminal(unsigned short columns, unsigned short rows) {
    const winsize size = {rows, columns, 0, 0};
    EXPECT_EQ(openpty(&screen_, &file_, nullptr, nullptr, &size), 0);
  }
  ~Terminal() {
    close(screen_);
    close(file_);
  }
  int file() const { return file_; }
  /// What has come, up to and with `text`, or in five seconds.
  std::string Until(const std::string& text) {
    std::string seen;
    pollfd ready = {screen_, POLLIN, 0};
    while (seen.find(text) == std::string::npos && poll(&ready, 1, 5000) == 1) {
      char c;
      if (read(screen_, &c, 1) != 1) break;
      seen += c;
    }
    return seen;
  }

 private:
  int screen_ = -1;
  int file_ = -1;
};

}  // namespace joist

#endif  // JOIST_ENGINE_TESTING_TERMINAL_H_
