// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/events-per-user/click_events.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace events_per_user {
namespace {

/// A session goes from one step to the next or falls back; percent of events that go on.
struct Step {
  std::string_view name;
  uint64_t goes_on_percent;
};
constexpr std::array<Step, 6> kSteps = {{{"session_start", 100},
                                         {"page_view", 45},
                                         {"view_item", 30},
                                         {"add_to_cart", 50},
                                         {"begin_checkout", 60},
                                         {"purchase", 0}}};
constexpr int kPageView = 1;
constexpr int kViewItem = 2;
constexpr uint64_t kNewSessionPercent = 3;
constexpr std::array<std::string_view, 3> kDevices = {"mobile", "desktop", "tablet"};
constexpr std::array<std::string_view, 8> kCountries = {"DE", "US", "FR", "GB",
                                                        "JP", "BR", "IN", "SE"};
constexpr std::array<std::string_view, 5> kPages = {"", "search", "offers", "account", "help"};
constexpr uint64_t kProducts = 5000;

void AppendNumber(int64_t number, std::string* out) {
  char text[24];
  out->append(text, std::to_chars(text, text + sizeof(text), number).ptr);
}

void AppendPadded(uint64_t number, size_t digits, std::string* out) {
  char text[24];
  const auto size =
      static_cast<size_t>(std::to_chars(text, text + sizeof(text), number).ptr - text);
  if (size < digits) out->append(digits - size, '0');
  out->append(text, size);
}

void AppendUser(int64_t user, std::string* out) {
  out->append("u");
  AppendPadded(static_cast<uint64_t>(user), 8, out);
}

}  // namespace

ClickEvents::ClickEvents(const ClickSettings& settings)
    : settings_(settings),
      random_(settings.seed),
      zipf_(settings.users, settings.zipf),
      steps_(static_cast<size_t>(settings.users)) {}

std::string ClickEvents::UserName(int64_t user) {
  std::string name;
  AppendUser(user, &name);
  return name;
}

ClickEvent ClickEvents::Next(std::string* out) {
  const bool repeats = random_.NextShare() < settings_.duplicates && !remembered_.empty();
  const auto now = settings_.start_micros +
                   static_cast<int64_t>(static_cast<double>(position_++) * settings_.step_micros);
  if (repeats) {
    const Remembered& earlier = remembered_[random_.NextBelow(remembered_.size())];
    out->append(earlier.text);
    ClickEvent event = earlier.event;
    event.is_duplicate = true;
    return event;
  }
  ClickEvent event;
  event.number = number_++;
  event.user = zipf_.Draw(&random_);
  event.time_micros = now;
  event.is_late = random_.NextShare() < settings_.late;
  if (event.is_late) {
    const auto most = static_cast<uint64_t>(std::max<int64_t>(settings_.late_by_micros, 1));
    event.time_micros -= static_cast<int64_t>(1 + random_.NextBelow(most));
  }
  const size_t begin = out->size();
  Write(event, out);
  if (settings_.duplicates > 0) {
    if (remembered_.size() < kRemembered) remembered_.emplace_back();
    Remembered& kept = remembered_[event.number % kRemembered];
    kept.event = event;
    kept.text.assign(*out, begin);
  }
  return event;
}

void ClickEvents::Write(const ClickEvent& event, std::string* out) {
  uint8_t& step = steps_[static_cast<size_t>(event.user - 1)];
  const uint64_t draw = random_.Next();
  const auto user = static_cast<uint64_t>(event.user);
  out->append("{\"event_id\":\"");
  AppendPadded(settings_.seed, 6, out);
  out->append("-");
  AppendPadded(event.number, 12, out);
  out->append("\",\"event_name\":\"").append(kSteps[step].name);
  out->append("\",\"event_timestamp\":");
  AppendNumber(event.time_micros, out);
  out->append(",\"user_pseudo_id\":\"");
  AppendUser(event.user, out);
  out->append("\",\"page\":{\"location\":\"https://shop.example/");
  if (step < kViewItem) {
    out->append(kPages[draw % kPages.size()]);
    out->append("\",\"title\":\"The shop\"}");
  } else {
    out->append("p/");
    AppendNumber(static_cast<int64_t>(draw % kProducts), out);
    out->append("\",\"title\":\"Product ");
    AppendNumber(static_cast<int64_t>(draw % kProducts), out);
    out->append("\"}");
  }
  out->append(",\"device\":{\"category\":\"").append(kDevices[user % kDevices.size()]);
  out->append("\",\"language\":\"en\"},\"geo\":{\"country\":\"");
  out->append(kCountries[user % kCountries.size()]).append("\"}");
  if (step >= kViewItem) {
    out->append(",\"ecommerce\":{\"currency\":\"EUR\",\"value\":");
    AppendNumber(static_cast<int64_t>(1 + draw / 7 % 200), out);
    out->append(".");
    AppendPadded(draw / 1400 % 100, 2, out);
    out->append(",\"items\":");
    AppendNumber(static_cast<int64_t>(1 + draw / 140'000 % 5), out);
    out->append("}");
  }
  out->append("}");
  const uint64_t percent = draw >> 32 & 0xFFFF;
  if (percent % 100 < kSteps[step].goes_on_percent) {
    ++step;
  } else {
    step = percent / 100 % 100 < kNewSessionPercent ? 0 : kPageView;
  }
}

}  // namespace events_per_user
