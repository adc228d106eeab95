// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/joist/actions.h"

#include <cstdio>

namespace joist::apps {

int Refuse(const std::string& title, const std::string& why, int exit_code) {
  std::fprintf(stderr, "%s: %s\n", title.c_str(), why.c_str());
  return exit_code;
}

Status CheckWords(size_t words, size_t least, size_t most) {
  if (words >= least && words <= most) return OkStatus();
  if (most == 0) return InvalidArgument("takes no names");
  if (words == 0 && least == 1) return InvalidArgument("which one? give its name");
  return InvalidArgument("takes " + std::to_string(least) + (least == 1 ? " word" : " words") +
                         (most > least ? " or more" : "") + "; --help has examples");
}

int Finish(const std::string& title, const Status& done, const std::string& out) {
  const bool is_written =
      std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0;
  if (done.code() == StatusCode::kUnavailable) {
    return Refuse(title, done.message() + "; does `joist serve` run? --server says where", 1);
  }
  if (!done.ok()) return Refuse(title, done.message(), 1);
  return is_written ? 0 : Refuse(title, "cannot write", 1);
}

}  // namespace joist::apps
