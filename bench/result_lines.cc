// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/result_lines.h"

#include <glob.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

namespace joist::bench {
namespace {

std::string LineAround(const std::string& text, size_t offset) {
  if (offset >= text.size()) return "(nothing)";
  const size_t before = text.rfind('\n', offset);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  return text.substr(begin, text.find('\n', offset) - begin);
}

}  // namespace

void ResultLines::Add(std::string_view line) {
  measurement_.digest.Add(DigestBytes(line));
  if (measurement_.wants_exact()) lines_.emplace_back(line);
}

ResultLines::~ResultLines() {
  std::sort(lines_.begin(), lines_.end());
  for (const std::string& line : lines_) measurement_.exact.append(line).append(1, '\n');
}

void CollectLines(Measurement& m) {
  ResultLines lines(m);
  glob_t found = {};
  glob((m.scratch() + "*").c_str(), 0, nullptr, &found);
  for (size_t i = 0; i < found.gl_pathc; ++i) {
    std::ifstream file(found.gl_pathv[i], std::ios::binary);
    std::string line;
    while (std::getline(file, line)) lines.Add(line);
    std::remove(found.gl_pathv[i]);
  }
  globfree(&found);
}

std::string ExplainLines(const std::string& expected, const std::string& found, size_t offset) {
  return "  expected \"" + LineAround(expected, offset) + "\", found \"" +
         LineAround(found, offset) + "\"";
}

}  // namespace joist::bench
