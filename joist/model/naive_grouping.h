// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// NaiveGrouping: GroupByKey of one worker in event time, as plainly as it can be written: elements,
// watermark and processing time go in, panes come out. The oracle that engines are compared with.
// Where Beam's guide is silent it does what Beam's Java runners do.

#ifndef JOIST_MODEL_NAIVE_GROUPING_H_
#define JOIST_MODEL_NAIVE_GROUPING_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "joist/model/pane.h"
#include "joist/model/timestamp.h"
#include "joist/model/trigger_machine.h"
#include "joist/model/window.h"
#include "joist/model/windowing.h"

namespace joist {

class NaiveGrouping {
 public:
  struct Element {
    std::string key;
    int64_t value = 0;
    Timestamp timestamp;
  };
  struct Pane {
    std::string key;
    Window window;
    Timestamp timestamp;
    std::vector<int64_t> values;  ///< In the order of their arrival.
    PaneInfo info;
  };

  /// `strategy` is valid, and its windows are of time.
  explicit NaiveGrouping(const WindowingStrategy& strategy);

  /// Elements that arrive together: windows fire when all of them are in. They merge when the next
  /// `batch` elements are known, before these are added.
  std::vector<Pane> Add(const std::vector<Element>& elements, size_t batch = SIZE_MAX);
  std::vector<Pane> AdvanceWatermark(Timestamp to);
  std::vector<Pane> AdvanceProcessingTime(Timestamp to);

  /// What is behind may rely on: nothing on time comes before it.
  Timestamp output_watermark() const;

  /// Elements, once a window, that came after their window's allowed lateness.
  int64_t dropped_late() const { return dropped_late_; }
  /// And that came to a window whose trigger had finished.
  int64_t dropped_closed() const { return dropped_closed_; }

 private:
  /// What is known of a window of a key whose trigger has not finished.
  struct Group {
    std::vector<TriggerMachine::Part> trigger;
    std::vector<int64_t> values;
    bool is_empty = true;  ///< No element since the last pane.
    std::optional<PaneInfo> last_pane;
    std::optional<Timestamp> element_hold;  ///< Of the watermark of what is behind.
    std::optional<Timestamp> window_hold;
  };
  /// Windows of a key.
  struct Windows {
    std::map<Window, Group> open;
    std::set<Window> closed;  ///< Until they expire.
  };
  struct Timer {
    Timestamp time;
    std::string key;
    Window window;
    friend auto operator<=>(const Timer&, const Timer&) = default;
  };

  Timestamp Expiry(const Window& window) const;
  TriggerClock ClockOf(const Window& window) const;
  void AddToKey(const std::string& key, const std::vector<Element>& elements);
  /// Merges the key's windows with `fresh`; tells for each of the latter what it became.
  std::map<Window, Window> Merge(const std::string& key, const std::set<Window>& fresh);
  void MergeInto(const std::string& key, const std::vector<Window>& from, const Window& to);
  /// Before it has ended, for its end; else for its expiry.
  void SetTimer(const std::string& key, const Window& window);
  void AddToWindow(const Element& element, const Window& window, Group* group);
  void Hold(const Element& element, const Window& window, Group* group);
  void Fire(const std::string& key, const Window& window, std::vector<Pane>* panes);
  void Expire(const std::string& key, const Window& window, std::vector<Pane>* panes);
  void Emit(const std::string& key, const Window& window, bool finished, Group* group,
            std::vector<Pane>* panes);
  PaneInfo NextPane(const Window& window, const Group& group, bool finished) const;

  WindowingStrategy strategy_;
  TriggerMachine trigger_;
  std::map<std::string, Windows> keys_;
  std::set<std::pair<std::string, Window>> touched_;  ///< Have elements that came in this call.
  std::set<Timer> timers_;  ///< In event time: a window's end, then its expiry.
  Timestamp watermark_ = Timestamp::Min();
  Timestamp output_watermark_ = Timestamp::Min();  ///< As the current call found it.
  Timestamp processing_time_ = Timestamp::Min();
  int64_t dropped_late_ = 0;
  int64_t dropped_closed_ = 0;
};

}  // namespace joist

#endif  // JOIST_MODEL_NAIVE_GROUPING_H_
