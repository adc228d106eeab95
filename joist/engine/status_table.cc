// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/status_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "joist/base/utf8.h"

namespace joist {
namespace {

/// As printf does.
template <class... A>
std::string Format(const char* format, A... arguments) {
  char text[64];
  std::snprintf(text, sizeof(text), format, arguments...);
  return text;
}

std::vector<std::string_view> Letters(std::string_view text) {
  std::vector<std::string_view> letters;
  while (!text.empty()) {
    const size_t size = Utf8Size(text);
    const auto first = static_cast<unsigned char>(text[0]);
    // C1 controls are 0xC2 and then 0x80 to 0x9F.
    const bool is_control =
        first < 0x20 || first == 0x7F || (first == 0xC2 && size == 2 && (text[1] & 0x60) == 0);
    letters.push_back(size == 0 || is_control ? "?" : text.substr(0, size));
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return letters;
}

enum class Side : uint8_t { kLeft, kRight };

/// `text` in exactly `width` letters, behind a blank.
void Cell(std::string_view text, size_t width, Side side, std::string* line) {
  const std::string shown = Shortened(text, width);
  const std::string blanks(width - Letters(shown).size(), ' ');
  *line += ' ';
  *line += side == Side::kLeft ? shown + blanks : blanks + shown;
}

std::string_view BriefHolds(OperatorStatus::Holds holds) {
  if (holds == OperatorStatus::Holds::kSideInput) return "side in";
  if (holds == OperatorStatus::Holds::kCheckpoint) return "checkpt";
  return HoldsName(holds);
}

std::string LagOf(const StepStatus& step) {
  if (step.lag.has_value()) return ShortTime(*step.lag);
  return step.watermark == Timestamp::Max()   ? "end"
         : step.watermark == Timestamp::Min() ? "?"
                                              : "-";
}

/// Nothing for zero, so that what is something is seen.
std::string NumberOrNothing(uint64_t number) {
  return number == 0 ? "" : ShortNumber(static_cast<double>(number));
}

/// Nothing where there is none.
std::string CheckpointText(const JobStatus& status, Timestamp now) {
  if (!status.checkpoint.has_value()) return "";
  const CheckpointStatus& last = *status.checkpoint;
  std::string text = "checkpoint " + std::to_string(last.number) + ", " +
                     ShortTime(std::max(now - last.made_at, Duration::Zero())) +
                     " ago: " + ShortNumber(static_cast<double>(last.bytes)) + "B";
  if (last.took.has_value()) text += " in " + ShortTime(*last.took);
  return text;
}

/// How far input that ends is: "[2/3] 48 %", with a bar where there is room for it.
std::string StagesText(const JobStatus& status, bool has_bar) {
  constexpr int kWidth = 12;
  const double progress = std::clamp(status.stage_progress, 0.0, 1.0);
  std::string text =
      "[" + std::to_string(status.stage) + "/" + std::to_string(status.stages) + "] ";
  for (int i = 0; has_bar && i < kWidth; ++i) text += i < progress * kWidth ? "█" : "░";
  return text + Format(has_bar ? " %.0f %%" : "%.0f %%", progress * 100);
}

std::string Headline(const JobStatus& status, Timestamp now, bool has_bar) {
  // The clock runs on while the figures stand still.
  const Duration age = std::max(now - status.gathered_at, Duration::Zero());
  std::string line = Shortened(status.job, 24) + "  " + ShortTime(status.run_time + age) + "  ";
  if (status.is_stream) {
    line += std::to_string(status.lanes) + (status.lanes == 1 ? " lane" : " lanes");
  } else {
    line += StagesText(status, has_bar);
  }
  if (status.is_stream || status.bundles > 0) {
    line += ", " + ShortNumber(static_cast<double>(status.bundles)) +
            (status.bundles == 1 ? " bundle" : " bundles");
  }
  if (status.memory_bytes > 0) {
    line += ", " + ShortNumber(static_cast<double>(status.memory_bytes)) + "B of memory";
  }
  if (status.failures > 0) line += ", " + std::to_string(status.failures) + " failures";
  return line;
}

class Rates {
 public:
  Rates(const JobStatus& status, const JobStatus& before)
      : seconds_(static_cast<double>((status.gathered_at - before.gathered_at).millis) / 1000),
        lanes_(std::max(status.lanes, 1)) {}
  /// "?" where it is not known yet.
  std::string BySecond(uint64_t now, uint64_t before) const {
    if (seconds_ <= 0) return "?";
    return ShortNumber(static_cast<double>(now - before) / seconds_);
  }
  /// Of the time of all lanes.
  std::string Percent(double now, double before) const {
    if (seconds_ <= 0) return "?";
    return Format("%.0f%%", std::clamp((now - before) / seconds_ / lanes_ * 100, 0.0, 100.0));
  }

 private:
  const double seconds_;
  const double lanes_;
};

struct Column {
  std::string_view head;
  size_t width;
  Side side;
  std::string (*text)(const StepStatus& step, const StepStatus& earlier, const Rates& rates);
};

std::string InBySecond(const StepStatus& step, const StepStatus& earlier, const Rates& rates) {
  return rates.BySecond(step.elements_in, earlier.elements_in);
}
std::string OutBySecond(const StepStatus& step, const StepStatus& earlier, const Rates& rates) {
  return rates.BySecond(step.elements_out, earlier.elements_out);
}
std::string Waiting(const StepStatus& step, const StepStatus& /*earlier*/, const Rates& /*rates*/) {
  return NumberOrNothing(step.holds.waiting);
}
std::string Late(const StepStatus& step, const StepStatus& /*earlier*/, const Rates& /*rates*/) {
  return NumberOrNothing(step.dropped_late);
}

const std::vector<Column>& StreamColumns() {
  using Step = StepStatus;
  static const std::vector<Column> columns = {
      {"IN/S", 5, Side::kRight, InBySecond},
      {"OUT/S", 5, Side::kRight, OutBySecond},
      {"LAG", 6, Side::kRight, [](const Step& s, const Step&, const Rates&) { return LagOf(s); }},
      {"HELD BY", 10, Side::kLeft,
       [](const Step& s, const Step&, const Rates&) {
         return s.held_by.has_value() ? std::to_string(s.held_by->step + 1) + " " +
                                            std::string(BriefHolds(s.held_by->holds))
                                      : "";
       }},
      {"WAIT", 5, Side::kRight, Waiting},
      {"STATE", 5, Side::kRight,
       [](const Step& s, const Step&, const Rates&) {
         return NumberOrNothing(std::max(s.holds.cells, s.holds.keys));
       }},
      {"LATE", 5, Side::kRight, Late},
      {"BUSY", 4, Side::kRight,
       [](const Step& s, const Step& earlier, const Rates& rates) {
         return rates.Percent(s.busy_seconds, earlier.busy_seconds);
       }},
      {"BLKD", 4, Side::kRight, [](const Step& s, const Step& earlier, const Rates& rates) {
         return rates.Percent(s.blocked_seconds, earlier.blocked_seconds);
       }}};
  return columns;
}

/// Of input that ends, of which it counts how much there was.
const std::vector<Column>& BatchColumns() {
  using Step = StepStatus;
  static const std::vector<Column> columns = {
      {"IN", 5, Side::kRight,
       [](const Step& s, const Step&, const Rates&) {
         return ShortNumber(static_cast<double>(s.elements_in));
       }},
      {"OUT", 5, Side::kRight,
       [](const Step& s, const Step&, const Rates&) {
         return ShortNumber(static_cast<double>(s.elements_out));
       }},
      {"IN/S", 5, Side::kRight, InBySecond},
      {"OUT/S", 5, Side::kRight, OutBySecond},
      {"WAIT", 5, Side::kRight, Waiting},
      {"LATE", 5, Side::kRight, Late}};
  return columns;
}

}  // namespace

std::string Shortened(std::string_view name, size_t width) {
  const std::vector<std::string_view> letters = Letters(name);
  std::string out;
  if (letters.size() <= width) {
    for (const std::string_view letter : letters) out += letter;
    return out;
  }
  if (width == 0) return out;
  const size_t left = (width - 1) / 3;
  for (size_t i = 0; i < left; ++i) out += letters[i];
  out += "…";
  for (size_t i = letters.size() - (width - 1 - left); i < letters.size(); ++i) out += letters[i];
  return out;
}

std::string ShortNumber(double number) {
  static constexpr const char* kUnits[] = {"", "k", "M", "G", "T", "P", "E"};
  size_t unit = 0;
  // What would be rounded to 1000 is of the next unit.
  while (number >= 999.5 && unit + 1 < std::size(kUnits)) {
    number /= 1000;
    ++unit;
  }
  const bool has_point = unit > 0 && number < 9.95;
  return Format(has_point ? "%.1f%s" : "%.0f%s", number, kUnits[unit]);
}

std::string ShortTime(Duration time) {
  if (time < Duration::Zero()) return "ahead";
  const auto ms = static_cast<long long>(time.millis);
  const long long s = ms / 1000;
  if (ms < 1000) return Format("%lldms", ms);
  if (s < 60) return Format("%lld.%llds", s, ms % 1000 / 100);
  if (s < 3600) return Format("%lldm%02llds", s / 60, s % 60);
  if (s < 86'400) return Format("%lldh%02lldm", s / 3600, s / 60 % 60);
  if (s < 100 * 86'400) return Format("%lldd%02lldh", s / 86'400, s / 3600 % 24);
  return Format("%lldd", s / 86'400);
}

std::vector<std::string> StatusTable(const JobStatus& status, const JobStatus& before,
                                     Timestamp now, size_t columns, size_t rows) {
  const std::vector<Column>& shown = status.is_stream ? StreamColumns() : BatchColumns();
  size_t others = 3;  // What all but the names takes.
  for (const Column& column : shown) others += column.width + 1;
  size_t names = 4;
  for (const StepStatus& step : status.steps) names = std::max(names, Letters(step.name).size());
  names = std::min(names, columns - others);

  std::vector<std::string> lines = {Shortened(Headline(status, now, /*has_bar=*/true), columns)};
  if (status.checkpoint.has_value()) lines.push_back(CheckpointText(status, now));
  const Duration age = now - status.gathered_at;
  if (status.is_paused) {
    lines.push_back("failed " + ShortTime(std::max(age, Duration::Zero())) +
                    " ago, and waits before it is tried again");
  } else if (age > Duration::Seconds(1)) {
    lines.push_back("figures of " + ShortTime(age) + " ago: a step is long at work on a bundle");
  }
  const auto begin_row = [&](std::string_view number, std::string_view name) {
    std::string line(number);
    line.insert(0, 2 - std::min<size_t>(number.size(), 2), ' ');
    Cell(name, names, Side::kLeft, &line);
    return line;
  };
  std::string heads = begin_row("", "STEP");
  for (const Column& column : shown) Cell(column.head, column.width, column.side, &heads);
  lines.push_back(std::move(heads));
  const Rates rates(status, before);
  for (size_t i = 0; i < status.steps.size(); ++i) {
    if (lines.size() + 1 >= rows && i + 1 < status.steps.size()) {
      lines.push_back("   … and " + std::to_string(status.steps.size() - i) + " more steps");
      break;
    }
    const StepStatus& step = status.steps[i];
    const StepStatus& earlier = i < before.steps.size() ? before.steps[i] : step;
    std::string line = begin_row(std::to_string(i + 1), step.name);
    for (const Column& column : shown) {
      Cell(column.text(step, earlier, rates), column.width, column.side, &line);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> StatusBlock(const JobStatus& status, const JobStatus& before,
                                     Timestamp now, size_t columns, size_t rows) {
  constexpr size_t kLeastColumns = 79;
  constexpr size_t kLeastRows = 5;
  // In a terminal too narrow for the table lines would break, and it could not be erased.
  if (columns < kLeastColumns || rows < kLeastRows) {
    return {Shortened(StatusLine(status, before, now), columns)};
  }
  return StatusTable(status, before, now, columns, rows);
}

std::string StatusLine(const JobStatus& status, const JobStatus& before, Timestamp now) {
  std::string line = Headline(status, now, /*has_bar=*/false);
  if (status.checkpoint.has_value()) line += "; " + CheckpointText(status, now);
  uint64_t in = 0;
  uint64_t in_before = 0;
  uint64_t late = 0;
  const StepStatus* slowest = nullptr;
  const StepStatus* busiest = nullptr;
  double most = 0;
  for (size_t i = 0; i < status.steps.size(); ++i) {
    const StepStatus& step = status.steps[i];
    const StepStatus& earlier = i < before.steps.size() ? before.steps[i] : step;
    in += step.elements_in;
    in_before += earlier.elements_in;
    late += step.dropped_late;
    if (step.lag.has_value() && (slowest == nullptr || *step.lag > *slowest->lag)) slowest = &step;
    if (const double busy = step.busy_seconds - earlier.busy_seconds; busy > most) {
      most = busy;
      busiest = &step;
    }
  }
  const Rates rates(status, before);
  line += "; ";
  if (!status.is_stream) line += ShortNumber(static_cast<double>(in)) + " elements, ";
  line += rates.BySecond(in, in_before) + " elements/s into steps";
  if (busiest != nullptr) line += ", most time in \"" + Shortened(busiest->name, 60) + "\"";
  if (slowest != nullptr) {
    line += "; lag " + ShortTime(*slowest->lag);
    if (slowest->held_by.has_value()) {
      line += ", held by \"" + Shortened(status.steps[slowest->held_by->step].name, 60) + "\" (" +
              std::string(HoldsName(slowest->held_by->holds)) + ")";
    }
  }
  if (late > 0) line += "; " + std::to_string(late) + " late";
  return line;
}

}  // namespace joist
