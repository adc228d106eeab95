// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/progress.h"

#include <cstdio>
#include <string>

namespace joist {

ProgressLine::~ProgressLine() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void ProgressLine::Update(size_t stage, size_t stages, std::string_view step, double fraction) {
  const Clock::time_point now = Clock::now();
  if (!shown_ || now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  drawn_ = true;
  constexpr int kWidth = 24;
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < fraction * kWidth ? "█" : "░";
  std::fprintf(stderr, "\r\033[K[%zu/%zu] %s %3.0f %%  %.*s  %.1f s", stage, stages, bar.c_str(),
               fraction * 100, static_cast<int>(step.size()), step.data(),
               std::chrono::duration<double>(now - start_).count());
  std::fflush(stderr);
}

void ProgressLine::Tell(std::string_view line) const {
  std::fprintf(stderr, "%s%.*s\n", shown_ ? "\r\033[K" : "", static_cast<int>(line.size()),
               line.data());
}

}  // namespace joist
