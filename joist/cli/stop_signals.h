// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_CLI_STOP_SIGNALS_H_
#define JOIST_CLI_STOP_SIGNALS_H_

#include <csignal>

namespace joist::cli {

/// SIGINT and SIGTERM as what a server waits for. Made before there are threads, which inherit that
/// the signals wait.
class StopSignals {
 public:
  StopSignals();
  /// Until one comes; a second one ends the process at once. Gives the program's exit code.
  int Wait();

 private:
  sigset_t signals_;
};

}  // namespace joist::cli

#endif  // JOIST_CLI_STOP_SIGNALS_H_
