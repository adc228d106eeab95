// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/live_view.h"

#include <chrono>

#include "joist/engine/status_table.h"
#include "joist/exec/wall_time.h"

namespace joist {
namespace {

constexpr std::chrono::milliseconds kBetweenTables{500};
constexpr std::chrono::seconds kBetweenLines{10};

}  // namespace

LiveView::LiveView(const JobWatch* watch, int file)
    : watch_(watch), before_(watch->Latest()), block_(file), thread_([this] { Show(); }) {}

LiveView::~LiveView() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void LiveView::Tell(std::string_view line) {
  const std::lock_guard lock(mutex_);
  block_.Tell(line);
}

void LiveView::Show() {
  std::unique_lock lock(mutex_);
  const auto pause =
      block_.is_terminal() ? std::chrono::milliseconds(kBetweenTables) : kBetweenLines;
  while (!changed_.wait_for(lock, pause, [this] { return ends_; })) Draw(watch_->Latest());
}

void LiveView::Draw(const JobStatus& status) {
  const Timestamp now = WallTime();
  if (!block_.is_terminal()) {
    block_.Tell("joist: " + StatusLine(status, before_.before(), now));
    before_ = RecentStatus(status);
    return;
  }
  const TerminalBlock::Size size = block_.size();
  block_.Draw(StatusBlock(status, before_.before(), now, size.columns, size.rows - 1));
  before_.Add(status);
}

}  // namespace joist
