// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/joist/job_server_command.h"

#include <unistd.h>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "joist/cli/job_server.h"

namespace joist::apps {
namespace {

int RunJobServer(const std::string& program, std::span<const std::string_view> arguments) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string other = (self.parent_path() / "joist-job-server").string();
  std::vector<std::string> texts = {other};
  for (const std::string_view argument : arguments) texts.emplace_back(argument);
  std::vector<char*> argv;
  for (std::string& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  if (!error) execv(other.c_str(), argv.data());
  return cli::kJobServerCommand.run(program, arguments);
}

}  // namespace

cli::Command JobServerCommand() {
  cli::Command command = cli::kJobServerCommand;
  command.run = RunJobServer;
  return command;
}

}  // namespace joist::apps
