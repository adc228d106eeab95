// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/job_screen.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "joist/base/one_line.h"
#include "joist/engine/status_table.h"
#include "joist/exec/wall_time.h"

namespace joist::cli {
namespace {

constexpr std::chrono::milliseconds kBetweenTables{500};

/// The first `most` lines of `text`, without the last one's end, and how many there are besides.
std::string FirstLines(std::string_view text, size_t most) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  size_t end = 0;
  for (size_t lines = 0; lines < most; ++lines) {
    end = text.find('\n', end);
    if (end == text.npos) return std::string(text);
    ++end;
  }
  const auto more =
      std::count(text.begin() + static_cast<std::ptrdiff_t>(end), text.end(), '\n') + 1;
  return std::string(text.substr(0, end)) + "… and " + std::to_string(more) + " more lines";
}

}  // namespace

JobScreen::JobScreen(int file) : block_(file), thread_([this] { Run(); }) {}

JobScreen::~JobScreen() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void JobScreen::Tell(std::string_view line) {
  const std::lock_guard lock(mutex_);
  block_.Tell(line);
}

void JobScreen::ShowGraph(const std::string& /*job*/, std::string_view picture) {
  const std::lock_guard lock(mutex_);
  block_.Tell(FirstLines(picture, kMostGraphLines));
}

void JobScreen::ShowProgress(const std::string& job, const JobStatus& status) {
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = jobs_.try_emplace(job, Shown{status, RecentStatus(status)});
  if (!is_new) at->second.latest = status;
}

void JobScreen::TakeAway(const std::string& job) {
  const std::lock_guard lock(mutex_);
  jobs_.erase(job);
}

void JobScreen::ShowMessage(const std::string& job, std::string_view text) {
  // Users' text may have what moves cursors.
  constexpr size_t kMostLetters = 1000;
  Tell("job " + job + ": " + Shortened(OneLine(text), kMostLetters));
}

void JobScreen::Run() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kBetweenTables, [this] { return ends_; })) Draw();
}

void JobScreen::Draw() {
  block_.Draw(Lines());
  for (auto& [job, shown] : jobs_) shown.recent.Add(shown.latest);
}

std::vector<std::string> JobScreen::Lines() const {
  std::vector<std::string> lines;
  const TerminalBlock::Size size = block_.size();
  // The cursor stands below, which takes a row as well.
  size_t rows = size.rows - 1;
  size_t jobs = jobs_.size();
  const Timestamp now = WallTime();
  for (const auto& [job, shown] : jobs_) {
    if (rows == 1 && jobs > 1) {
      lines.push_back("… and " + std::to_string(jobs) + " more jobs");
      break;
    }
    // What one does not need is for those that follow.
    const std::vector<std::string> block =
        StatusBlock(shown.latest, shown.recent.before(), now, size.columns, rows / jobs);
    lines.insert(lines.end(), block.begin(), block.end());
    rows -= std::min(rows, block.size());
    --jobs;
  }
  return lines;
}

}  // namespace joist::cli
