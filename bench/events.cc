// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/events.h"

#include <sys/stat.h>

#include <cstdio>
#include <fstream>

#include "joist/base/status.h"

namespace joist::bench {

std::string EventSequence::LineOf(uint64_t index) const {
  const uint64_t random = SplitMix64(index ^ 0x5851F42D4C957F2Du);
  char text[kLineBytes + 1];
  const int size = std::snprintf(
      text, sizeof text,
      R"({"time":%lld,"user":"user%llu","kind":"%s","session":"%016llx%016llx",)"
      R"("page":"https://shop.example/garden/tools/item-%llu?from=newsletter","status":%s,)"
      R"("agent":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",)"
      R"("screen":[%llu,1080],"load":%llu.%02llu,"consent":{"ads":false,"cookies":true},)"
      R"("note":")",
      static_cast<long long>(TimeOf(index)), static_cast<unsigned long long>(UserOf(index)),
      std::string(KindOf(index)).c_str(), static_cast<unsigned long long>(random),
      static_cast<unsigned long long>(SplitMix64(random)),
      static_cast<unsigned long long>(random % 20'000), random % 50 == 0 ? "404" : "200",
      static_cast<unsigned long long>(1024 + random % 5 * 256),
      static_cast<unsigned long long>(random >> 20 & 1023),
      static_cast<unsigned long long>((random >> 40) % 100));
  std::string line(text, static_cast<size_t>(size));
  static constexpr std::string_view kEnd = "\"}\n";
  JOIST_CHECK(line.size() + kEnd.size() <= kLineBytes);
  while (line.size() + kEnd.size() < kLineBytes) line += line.size() % 6 == 0 ? ' ' : 'n';
  return line.append(kEnd);
}

bool EventSequence::Write(const std::string& path) const {
  struct stat status;
  if (stat(path.c_str(), &status) == 0 &&
      static_cast<uint64_t>(status.st_size) == event_count * kLineBytes) {
    return true;
  }
  std::fprintf(stderr, "making %s\n", path.c_str());
  std::ofstream file(path, std::ios::binary);
  for (uint64_t i = 0; i < event_count; ++i) file << LineOf(i);
  if (file.flush()) return true;
  std::perror(path.c_str());
  return false;
}

}  // namespace joist::bench
