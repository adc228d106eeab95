// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupedValues: WindowGroups with an owner that keeps keys and values, for tests: it looks as
// NaiveGrouping does, and checks what WindowGroups promises its owner.

#ifndef JOIST_MODEL_GROUPED_VALUES_H_
#define JOIST_MODEL_GROUPED_VALUES_H_

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/naive_grouping.h"
#include "joist/model/window_groups.h"
#include "joist/model/wire.h"

namespace joist {

class GroupedValues : private WindowGroups::Owner {
 public:
  using Element = NaiveGrouping::Element;
  using Pane = NaiveGrouping::Pane;

  explicit GroupedValues(const WindowingStrategy& strategy) : strategy_(strategy) {
    groups_.emplace(strategy_, static_cast<WindowGroups::Owner*>(this));
  }

  /// `batch`: elements, once a window, of each call of Place.
  std::vector<Pane> Add(const std::vector<Element>& elements, size_t batch = SIZE_MAX) {
    std::vector<Timestamp> timestamps;
    std::vector<Window> windows;
    std::vector<uint32_t> keys;
    std::vector<int64_t> values;
    const auto place = [&] {
      // What is the same for all is said once.
      if (std::count(windows.begin(), windows.end(), windows[0]) == std::ssize(windows)) {
        windows.resize(1);
      }
      if (std::count(timestamps.begin(), timestamps.end(), timestamps[0]) ==
          std::ssize(timestamps)) {
        timestamps.resize(1);
      }
      std::vector<uint32_t> places(keys.size());
      groups_->Place(keys, timestamps, windows, places.data());
      for (size_t i = 0; i < keys.size(); ++i) {
        if (places[i] == WindowGroups::kDropped) continue;
        if (places[i] >= contents_.size()) contents_.resize(places[i] + 1);
        Contents& contents = contents_[places[i]];
        JOIST_CHECK(!contents.in_use || contents.key == keys[i]);
        contents.in_use = true;
        contents.key = keys[i];
        contents.values.push_back(values[i]);
      }
      for (auto* column : {&keys, &places}) column->clear();
      timestamps.clear();
      windows.clear();
      values.clear();
    };
    for (const Element& element : elements) {
      AssignWindows(strategy_.window_fn, element.timestamp, [&](const Window& window) {
        keys.push_back(NumberOf(element.key));
        timestamps.push_back(element.timestamp);
        windows.push_back(window);
        values.push_back(element.value);
        if (keys.size() >= batch) place();
      });
    }
    if (!keys.empty()) place();
    groups_->Settle();
    return std::exchange(panes_, {});
  }
  std::vector<Pane> AdvanceWatermark(Timestamp to) {
    groups_->AdvanceWatermark(to);
    return std::exchange(panes_, {});
  }
  std::vector<Pane> AdvanceProcessingTime(Timestamp to) {
    groups_->AdvanceProcessingTime(to);
    return std::exchange(panes_, {});
  }

  /// Forgets all but some bytes, and is as it was; false where the bytes say too little or too
  /// much.
  bool SaveAndRestore() {
    std::string bytes;
    groups_->SaveClocks(&bytes);
    for (const auto& [key, number] : numbers_) {
      groups_->SaveKey(number, &bytes, [&](uint32_t group) {
        const std::vector<int64_t>& values = contents_.at(group).values;
        PutVarint(values.size(), &bytes);
        for (const int64_t value : values) PutVarint(static_cast<uint64_t>(value), &bytes);
      });
    }
    contents_.clear();
    groups_.emplace(strategy_, static_cast<WindowGroups::Owner*>(this));
    ByteReader in(bytes);
    if (!groups_->RestoreClocks(&in)) return false;
    for (const auto& [key, number] : numbers_) {
      if (!groups_->RestoreKey(number, &in, [&](uint32_t group) {
            if (group >= contents_.size()) contents_.resize(group + 1);
            contents_[group] = {true, number, {}};
            uint64_t count, value;
            if (!in.TakeVarint(&count)) return false;
            for (; count > 0 && in.TakeVarint(&value); --count) {
              contents_[group].values.push_back(static_cast<int64_t>(value));
            }
            return count == 0;
          })) {
        return false;
      }
    }
    groups_->Settle();
    return in.remaining() == 0;
  }

  const WindowGroups& groups() const { return *groups_; }
  Timestamp output_watermark() const { return groups_->output_watermark(); }
  int64_t dropped_late() const { return groups_->dropped_late(); }
  int64_t dropped_closed() const { return groups_->dropped_closed(); }
  /// Nothing is known any more.
  bool empty() const {
    return numbers_.empty() && groups_->known_groups() == 0 &&
           std::none_of(contents_.begin(), contents_.end(),
                        [](const Contents& contents) { return contents.in_use; });
  }

 private:
  struct Contents {
    bool in_use = false;
    uint32_t key = 0;
    std::vector<int64_t> values;
  };

  uint32_t NumberOf(const std::string& key) {
    const auto found = numbers_.find(key);
    if (found != numbers_.end()) return found->second;
    if (free_.empty()) {
      free_.push_back(static_cast<uint32_t>(keys_.size()));
      keys_.emplace_back();
    }
    const uint32_t number = free_.back();
    free_.pop_back();
    keys_[number] = key;
    numbers_.emplace(key, number);
    return number;
  }

  void Merge(uint32_t to, std::span<const uint32_t> from) override {
    JOIST_CHECK(from.size() > 1 && std::find(from.begin(), from.end(), to) != from.end());
    std::vector<int64_t> values;
    for (const uint32_t group : from) {
      Contents& contents = contents_.at(group);
      JOIST_CHECK(contents.in_use && contents.key == contents_.at(to).key);
      values.insert(values.end(), contents.values.begin(), contents.values.end());
      if (group != to) contents = {};
    }
    contents_.at(to).values = std::move(values);
  }
  void Fire(const WindowGroups::Firing& firing) override {
    const Contents& contents = contents_.at(firing.group);
    JOIST_CHECK(contents.in_use && contents.key == firing.key);
    fired_ = firing.group;
    panes_.push_back(
        {keys_.at(firing.key), firing.window, firing.timestamp, contents.values, firing.pane});
  }
  void Clear(uint32_t group) override {
    JOIST_CHECK(!panes_.empty() && fired_ == group);
    contents_[group].values.clear();
  }
  void Free(uint32_t group) override {
    JOIST_CHECK(contents_.at(group).in_use);
    contents_[group] = {};
  }
  void KeyIsGone(uint32_t key) override {
    JOIST_CHECK(numbers_.erase(keys_.at(key)) == 1);
    free_.push_back(key);
  }

  const WindowingStrategy strategy_;
  std::optional<WindowGroups> groups_;
  std::map<std::string, uint32_t> numbers_;
  std::vector<std::string> keys_;
  std::vector<uint32_t> free_;
  std::vector<Contents> contents_;
  std::vector<Pane> panes_;  ///< Of the current call.
  uint32_t fired_ = 0;       ///< The group of the last one.
};

}  // namespace joist

#endif  // JOIST_MODEL_GROUPED_VALUES_H_
