// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/stop_signals.h"

namespace joist::cli {
namespace {

/// As that of programs that end by SIGINT.
constexpr int kInterrupted = 130;

}  // namespace

StopSignals::StopSignals() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

int StopSignals::Wait() {
  int signal = 0;
  while (sigwait(&signals_, &signal) != 0) {
  }
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  return signal == SIGINT ? kInterrupted : 0;
}

}  // namespace joist::cli
