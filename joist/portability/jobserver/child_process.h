// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ChildProcess: a program that was started, with the processes that it starts itself (its group),
// and the end of what it printed. Thread-safe.

#ifndef JOIST_PORTABILITY_JOBSERVER_CHILD_PROCESS_H_
#define JOIST_PORTABILITY_JOBSERVER_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "joist/base/status.h"

namespace joist::portability {

class ChildProcess {
 public:
  /// Starts `command`, whose first word is a path or is looked for in PATH, without a shell.
  /// `environment` ("NAME=value") comes on top of this process's.
  static Result<std::unique_ptr<ChildProcess>> Start(const std::vector<std::string>& command,
                                                     const std::vector<std::string>& environment);
  /// Ends the group: SIGTERM, and SIGKILL where that has not helped after three seconds.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// OK while it runs; else how it has ended, with the last lines that it printed.
  Status status() const;

 private:
  ChildProcess(std::string name, pid_t process, int output, int wake);
  void ReadOutput();

  const std::string name_;
  const pid_t process_;
  const int output_;  ///< What it prints.
  const int wake_;    ///< An eventfd that ends the thread.
  mutable std::mutex mutex_;
  std::string tail_;  ///< Of what it printed.
  std::thread reader_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_CHILD_PROCESS_H_
