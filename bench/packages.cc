// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/packages.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace joist::bench {
namespace {

void RunProgram(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    execvp(arguments[0], arguments.data());
    std::perror(arguments[0]);
    std::_Exit(127);
  }
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error(command[1] + " failed");
  }
}

}  // namespace

Variant PackageVariant(const Settings& settings, const std::string& title, const std::string& name,
                       const std::string& input, std::vector<int> threads,
                       std::function<void(Measurement&)> collect,
                       const std::vector<std::string>& arguments) {
  Variant variant;
  variant.name = title;
  variant.threads = std::move(threads);
  variant.run = [python = settings.python, name, input, collect = std::move(collect),
                 arguments](Measurement& m) {
    std::vector<std::string> command = {python, "bench/packages/" + name + ".py", input,
                                        m.scratch(), std::to_string(m.threads())};
    command.insert(command.end(), arguments.begin(), arguments.end());
    m.Start();
    RunProgram(command);
    m.Stop();
    collect(m);
  };
  return variant;
}

}  // namespace joist::bench
