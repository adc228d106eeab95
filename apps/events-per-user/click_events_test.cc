// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/events-per-user/click_events.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace events_per_user {
namespace {

std::vector<std::string> Lines(const ClickSettings& settings, int count) {
  ClickEvents events(settings);
  std::vector<std::string> lines(static_cast<size_t>(count));
  for (std::string& line : lines) events.Next(&line);
  return lines;
}

TEST(ClickEvents, AreTheSameForASeed) {
  const ClickSettings settings = {.late = 0.1, .duplicates = 0.1};
  EXPECT_EQ(Lines(settings, 5000), Lines(settings, 5000));
  ClickSettings other = settings;
  other.seed = 2;
  EXPECT_NE(Lines(settings, 100), Lines(other, 100));
  EXPECT_EQ(Lines({.start_micros = 1'700'000'000'000'000}, 1)[0],
            R"({"event_id":"000001-000000000000","event_name":"session_start",)"
            R"("event_timestamp":1700000000000000,"user_pseudo_id":"u00000007",)"
            R"("page":{"location":"https://shop.example/","title":"The shop"},)"
            R"("device":{"category":"desktop","language":"en"},"geo":{"country":"SE"}})");
}

TEST(ClickEvents, AreJsonOfAShop) {
  ClickEvents events({.users = 50});
  std::map<std::string, int> names;
  size_t bytes = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string line;
    const ClickEvent event = events.Next(&line);
    bytes += line.size();
    const nlohmann::json parsed = nlohmann::json::parse(line);
    ++names[parsed["event_name"]];
    ASSERT_EQ(parsed["user_pseudo_id"], ClickEvents::UserName(event.user));
    ASSERT_EQ(parsed["event_timestamp"], event.time_micros);
    ASSERT_EQ(parsed.contains("ecommerce"),
              parsed["event_name"] != "page_view" && parsed["event_name"] != "session_start");
  }
  EXPECT_EQ(names.size(), 6U);
  EXPECT_GT(names["page_view"], names["view_item"]);
  EXPECT_GT(names["view_item"], names["add_to_cart"]);
  EXPECT_GT(names["add_to_cart"], names["purchase"]);
  EXPECT_GT(names["purchase"], 100);
  EXPECT_GT(bytes / 20'000, 220U);
  EXPECT_LT(bytes / 20'000, 340U);
}

TEST(ClickEvents, HaveTheirShares) {
  constexpr int kEvents = 100'000;
  ClickEvents events({.start_micros = 1'000'000'000,
                      .late = 0.05,
                      .duplicates = 0.02,
                      .late_by_micros = 30'000'000});
  std::map<uint64_t, std::string> texts;
  int late = 0;
  int duplicates = 0;
  for (int i = 0; i < kEvents; ++i) {
    std::string line;
    const ClickEvent event = events.Next(&line);
    duplicates += event.is_duplicate ? 1 : 0;
    const auto [known, is_new] = texts.emplace(event.number, line);
    ASSERT_EQ(is_new, !event.is_duplicate);
    ASSERT_EQ(known->second, line);
    if (event.is_duplicate) continue;
    const int64_t on_time = 1'000'000'000 + i * 100;
    ASSERT_LE(event.time_micros, on_time);
    ASSERT_GE(event.time_micros, on_time - 30'000'000);
    ASSERT_EQ(event.is_late, event.time_micros < on_time);
    late += event.is_late ? 1 : 0;
  }
  EXPECT_NEAR(duplicates, 0.02 * kEvents, 250);
  EXPECT_NEAR(late, 0.05 * (kEvents - duplicates), 350);
  EXPECT_EQ(texts.rbegin()->first, texts.size() - 1) << "numbers without gaps";
}

TEST(Zipf, FollowsItsLaw) {
  constexpr int kDraws = 400'000;
  for (const double exponent : {0.0, 0.5, 1.0, 1.5}) {
    constexpr int64_t kMost = 100;
    const Zipf zipf(kMost, exponent);
    Random random(7);
    std::vector<int> counts(kMost + 1);
    for (int i = 0; i < kDraws; ++i) ++counts[static_cast<size_t>(zipf.Draw(&random))];
    double whole = 0;
    for (int k = 1; k <= kMost; ++k) whole += std::pow(k, -exponent);
    EXPECT_EQ(counts[0], 0);
    double chi_squared = 0;
    for (int k = 1; k <= kMost; ++k) {
      const double expected = kDraws * std::pow(k, -exponent) / whole;
      chi_squared += std::pow(counts[static_cast<size_t>(k)] - expected, 2) / expected;
    }
    EXPECT_LT(chi_squared, 160) << exponent;  // 99 degrees: one in 10,000 seeds has 162.
  }
  Random random(1);
  EXPECT_EQ(Zipf(1, 1.0).Draw(&random), 1);
  const Zipf large(1'000'000'000, 1.1);
  for (int i = 0; i < 1000; ++i) EXPECT_LE(large.Draw(&random), 1'000'000'000);
}

}  // namespace
}  // namespace events_per_user
