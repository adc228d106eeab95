// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ClickEvents: what visitors of a shop do, as events like those of Google Analytics 4. The same
// settings make the same events, whatever the machine. Belongs to one thread.

#ifndef JOIST_APPS_EVENTS_PER_USER_CLICK_EVENTS_H_
#define JOIST_APPS_EVENTS_PER_USER_CLICK_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/events-per-user/zipf.h"

namespace events_per_user {

struct ClickSettings {
  uint64_t seed = 1;
  int64_t users = 10'000;
  double zipf = 1.0;
  /// Event time between one event and the next, in microseconds.
  double step_micros = 100;
  int64_t start_micros = 0;
  /// Shares from 0 to 1.
  double late = 0;
  double duplicates = 0;
  /// A late event happened up to so long before it comes.
  int64_t late_by_micros = 60'000'000;
};

struct ClickEvent {
  /// Of the event among different ones, from 0 on. A duplicate has that of what it repeats.
  uint64_t number = 0;
  int64_t time_micros = 0;
  /// 1 to users; 1 is the busiest.
  int64_t user = 0;
  bool is_late = false;
  bool is_duplicate = false;
};

class ClickEvents {
 public:
  /// Among how many of the last events a duplicate finds what it repeats.
  static constexpr size_t kRemembered = 1000;

  explicit ClickEvents(const ClickSettings& settings);

  /// Appends the next event to `out`, as one line of JSON without its end.
  ClickEvent Next(std::string* out);

  /// What "user_pseudo_id" says.
  static std::string UserName(int64_t user);

 private:
  struct Remembered {
    ClickEvent event = {};
    std::string text = {};
  };

  void Write(const ClickEvent& event, std::string* out);

  const ClickSettings settings_;
  Random random_;
  Zipf zipf_;
  uint64_t position_ = 0;  ///< Events, duplicates included.
  uint64_t number_ = 0;
  std::vector<uint8_t> steps_;  ///< How far each user's session has come.
  std::vector<Remembered> remembered_;
};

}  // namespace events_per_user

#endif  // JOIST_APPS_EVENTS_PER_USER_CLICK_EVENTS_H_
