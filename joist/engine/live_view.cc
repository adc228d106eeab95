// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/live_view.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "joist/engine/status_table.h"
#include "joist/exec/wall_time.h"

namespace joist {
namespace {

constexpr std::chrono::milliseconds kBetweenTables{500};
constexpr std::chrono::seconds kBetweenLines{10};
constexpr size_t kLeastColumns = 79;
constexpr size_t kLeastRows = 5;

}  // namespace

LiveView::LiveView(const JobWatch* watch, int file)
    : watch_(watch),
      file_(file),
      is_terminal_(isatty(file) == 1),
      before_(watch->Latest()),
      between_(before_),
      thread_([this] { Show(); }) {}

LiveView::~LiveView() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
  Write(Erase());
}

void LiveView::Tell(std::string_view line) {
  const std::lock_guard lock(mutex_);
  Write(Erase().append(line) + "\n");
}

void LiveView::Show() {
  std::unique_lock lock(mutex_);
  const auto pause = is_terminal_ ? std::chrono::milliseconds(kBetweenTables) : kBetweenLines;
  while (!changed_.wait_for(lock, pause, [this] { return ends_; })) Draw(watch_->Latest());
}

void LiveView::Draw(const JobStatus& status) {
  const Timestamp now = WallTime();
  if (!is_terminal_) {
    Write("joist: " + StatusLine(status, before_, now) + "\n");
    before_ = status;
    return;
  }
  winsize size = {};
  if (ioctl(file_, TIOCGWINSZ, &size) != 0) size = {};
  const size_t columns = size.ws_col == 0 ? kLeastColumns : size.ws_col;
  const size_t rows = size.ws_row == 0 ? 24 : size.ws_row;
  std::string text = Erase();
  // The cursor stands below the table, which takes a row as well. In a terminal too narrow for the
  // table lines would break, and it could not be erased.
  std::vector<std::string> lines = {Shortened(StatusLine(status, before_, now), columns)};
  if (columns >= kLeastColumns && rows > kLeastRows) {
    lines = StatusTable(status, before_, now, columns, rows - 1);
  }
  for (const std::string& line : lines) text.append(line).append("\n");
  drawn_ = lines.size();
  Write(text);
  if (status.gathered_at - between_.gathered_at >= Duration::Seconds(1)) {
    before_ = std::exchange(between_, status);
  }
}

std::string LiveView::Erase() {
  const size_t lines = std::exchange(drawn_, 0);
  return lines == 0 ? "" : "\033[" + std::to_string(lines) + "F\033[J";
}

void LiveView::Write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t written = write(file_, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;  // The job goes on without being seen.
    text.remove_prefix(static_cast<size_t>(std::max<ssize_t>(written, 0)));
  }
}

}  // namespace joist
