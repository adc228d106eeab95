// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/token.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace joist::serve {
namespace {

constexpr size_t kMostBytes = 4096;

/// Visible ASCII alone, as a header can bring it.
Result<std::string> Checked(std::string token, const std::string& where) {
  const bool is_visible =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (token.empty() || token.size() > kMostBytes || !is_visible) {
    return InvalidArgument("the token in " + where +
                           " must be one line of 1 to 4096 visible ASCII characters");
  }
  return token;
}

}  // namespace

Result<std::string> TokenFromFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return FromErrno(errno, "cannot open the token's file " + path);
  struct stat about = {};
  char text[kMostBytes + 2];
  ssize_t size = -1;
  if (fstat(file, &about) == 0) size = read(file, text, sizeof(text));
  const int error = errno;
  close(file);
  if (size < 0) return FromErrno(error, "cannot read the token's file " + path);
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Status(StatusCode::kPermissionDenied,
                  "others than its owner have access to the token's "
                  "file " +
                      path + "; do: chmod 600 " + path);
  }
  std::string_view token(text, static_cast<size_t>(size));
  while (token.ends_with('\n') || token.ends_with('\r')) token.remove_suffix(1);
  return Checked(std::string(token), path);
}

Result<std::string> TokenFromEnvironment(const std::string& variable) {
  const char* const value = std::getenv(variable.c_str());
  if (value == nullptr) return NotFound("the environment has no variable " + variable);
  return Checked(value, "the variable " + variable);
}

}  // namespace joist::serve
