// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/prometheus_text.h"

#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <utility>

#include "joist/base/utf8.h"

namespace joist {
namespace {

struct Label {
  std::string_view name;
  std::string_view value;
};

double Seconds(int64_t millis) { return static_cast<double>(millis) / 1000; }

class Writer {
 public:
  explicit Writer(std::string_view job) { AppendLabel({"job", job}, &job_); }

  /// What follows is of this metric, until the next call.
  void Metric(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
    out_.append(name).append(" ").append(type).append("\n");
  }
  void Sample(double value, std::initializer_list<Label> labels = {}) { Sample("", value, labels); }
  /// `suffix`: behind the metric's name.
  void Sample(std::string_view suffix, double value, std::initializer_list<Label> labels) {
    out_.append(name_).append(suffix).append("{").append(job_);
    for (const Label& label : labels) {
      out_ += ',';
      AppendLabel(label, &out_);
    }
    out_ += "} ";
    AppendNumber(value);
    out_ += '\n';
  }
  std::string Take() { return std::move(out_); }

 private:
  static void AppendLabel(const Label& label, std::string* out) {
    out->append(label.name).append("=\"");
    for (std::string_view rest = label.value; !rest.empty();) {
      const size_t size = Utf8Size(rest);
      switch (rest[0]) {
        case '\\': *out += "\\\\"; break;
        case '"': *out += "\\\""; break;
        case '\n': *out += "\\n"; break;
        default: out->append(size == 0 ? "\xEF\xBF\xBD" : rest.substr(0, size));
      }
      rest.remove_prefix(size == 0 ? 1 : size);
    }
    *out += '"';
  }
  void AppendNumber(double value) {
    if (std::isinf(value)) {
      out_ += value < 0 ? "-Inf" : "+Inf";
      return;
    }
    char text[40];
    const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
    out_.append(text, end);
  }

  std::string job_;
  std::string name_;
  std::string out_;
};

/// Calls sample(step) for each.
template <class Sample>
void OfSteps(const JobStatus& status, Writer& to, std::string_view name, std::string_view type,
             std::string_view help, Sample sample) {
  to.Metric(name, type, help);
  for (const StepStatus& step : status.steps) sample(step);
}

void WriteSteps(const JobStatus& status, Writer& to) {
  OfSteps(status, to, "joist_step_elements_total", "counter",
          "Elements that a step has taken in and given out.", [&](const StepStatus& step) {
            to.Sample(static_cast<double>(step.elements_in),
                      {{"step", step.name}, {"direction", "in"}});
            to.Sample(static_cast<double>(step.elements_out),
                      {{"step", step.name}, {"direction", "out"}});
          });
  OfSteps(status, to, "joist_step_bytes_total", "counter",
          "What the elements that a step has taken in are encoded in, estimated from a few.",
          [&](const StepStatus& step) {
            if (step.bytes_in > 0) to.Sample(step.bytes_in, {{"step", step.name}});
          });
  const auto count = [&](std::string_view name, std::string_view type, std::string_view help,
                         auto value) {
    OfSteps(status, to, name, type, help, [&](const StepStatus& step) {
      to.Sample(static_cast<double>(value(step)), {{"step", step.name}});
    });
  };
  count("joist_step_busy_seconds_total", "counter",
        "Time at work in the step, summed over threads.",
        [](const StepStatus& step) { return step.busy_seconds; });
  count("joist_step_dropped_late_total", "counter",
        "Elements dropped because they came too late for their window.",
        [](const StepStatus& step) { return step.dropped_late; });
  if (!status.is_stream) return;
  count("joist_step_blocked_seconds_total", "counter",
        "Time that lanes have waited for another lane that was at work in the step.",
        [](const StepStatus& step) { return step.blocked_seconds; });
  count("joist_step_idle_seconds_total", "counter",
        "Time of all lanes in which the step had nothing to do.",
        [](const StepStatus& step) { return step.idle_seconds; });
  count("joist_step_waiting_elements", "gauge",
        "Elements, or pieces of work, that wait in the step.",
        [](const StepStatus& step) { return step.holds.waiting; });
  OfSteps(status, to, "joist_step_backlog_positions", "gauge",
          "What a splittable function has left of its restrictions, where they have an end.",
          [&](const StepStatus& step) {
            if (!step.holds.backlog.has_value()) return;
            to.Sample(static_cast<double>(*step.holds.backlog), {{"step", step.name}});
          });
  count("joist_step_state_keys", "gauge", "Keys of which a grouping knows something.",
        [](const StepStatus& step) { return step.holds.keys; });
  count("joist_step_state_cells", "gauge", "Keys by window that the step keeps something of.",
        [](const StepStatus& step) { return step.holds.cells; });
  count("joist_step_state_bytes", "gauge", "Bytes of state, where they are counted.",
        [](const StepStatus& step) { return step.holds.bytes; });
  OfSteps(status, to, "joist_step_watermark_timestamp_seconds", "gauge",
          "Watermark of the step's output; infinite at the beginning and the end of time.",
          [&](const StepStatus& step) {
            constexpr double kInfinity = std::numeric_limits<double>::infinity();
            to.Sample(step.watermark == Timestamp::Min()   ? -kInfinity
                      : step.watermark == Timestamp::Max() ? kInfinity
                                                           : Seconds(step.watermark.millis),
                      {{"step", step.name}});
          });
  OfSteps(status, to, "joist_step_watermark_lag_seconds", "gauge",
          "How far the watermark of the step's output is behind the clock.",
          [&](const StepStatus& step) {
            if (step.lag.has_value()) to.Sample(Seconds(step.lag->millis), {{"step", step.name}});
          });
  OfSteps(status, to, "joist_step_watermark_held", "gauge",
          "1 for the step that holds back the watermark of this one, with what it waits for.",
          [&](const StepStatus& step) {
            if (!step.held_by.has_value()) return;
            to.Sample(1, {{"step", step.name},
                          {"by", status.steps[step.held_by->step].name},
                          {"reason", HoldsName(step.held_by->holds)}});
          });
}

void WriteMetrics(const JobStatus& status, Writer& to) {
  const auto each = [&](MetricKind kind, std::string_view name, std::string_view type,
                        std::string_view help, auto sample) {
    bool is_first = true;
    for (const StepMetric& metric : status.metrics) {
      if (metric.name.kind != kind) continue;
      if (is_first) to.Metric(name, type, help);
      is_first = false;
      const auto write = [&](std::string_view suffix, int64_t value) {
        to.Sample(
            suffix, static_cast<double>(value),
            {{"step", metric.step}, {"namespace", metric.name.space}, {"name", metric.name.name}});
      };
      sample(metric.value, write);
    }
  };
  each(MetricKind::kCounter, "joist_user_counter", "gauge", "Counters of the pipeline.",
       [](const MetricCell& cell, auto write) { write("", cell.sum); });
  each(MetricKind::kGauge, "joist_user_gauge", "gauge", "Gauges of the pipeline.",
       [](const MetricCell& cell, auto write) { write("", cell.latest); });
  each(MetricKind::kDistribution, "joist_user_distribution", "summary",
       "Distributions of the pipeline.", [](const MetricCell& cell, auto write) {
         write("_sum", cell.sum);
         write("_count", cell.count);
       });
  each(MetricKind::kDistribution, "joist_user_distribution_min", "gauge",
       "Least values of distributions of the pipeline.",
       [](const MetricCell& cell, auto write) { write("", cell.min); });
  each(MetricKind::kDistribution, "joist_user_distribution_max", "gauge",
       "Greatest values of distributions of the pipeline.",
       [](const MetricCell& cell, auto write) { write("", cell.max); });
  each(MetricKind::kStringSet, "joist_user_string_set_size", "gauge",
       "How many texts the string sets of the pipeline have.",
       [](const MetricCell& cell, auto write) {
         write("", static_cast<int64_t>(cell.strings.size()));
       });
}

}  // namespace

std::string PrometheusText(const JobStatus& status, Timestamp now) {
  Writer to(status.job);
  const auto one = [&](std::string_view name, std::string_view type, std::string_view help,
                       double value) {
    to.Metric(name, type, help);
    to.Sample(value);
  };
  one("joist_job_start_timestamp_seconds", "gauge", "When the job began.",
      Seconds(status.started_at.millis));
  one("joist_job_figures_age_seconds", "gauge",
      "How old these figures are: they are gathered between bundles.",
      Seconds((now - status.gathered_at).millis));
  one("joist_job_failures_total", "counter", "Failures after which something was tried again.",
      static_cast<double>(status.failures));
  one("joist_job_memory_bytes", "gauge", "Memory that groups, tables and side inputs take.",
      static_cast<double>(status.memory_bytes));
  one("joist_job_memory_limit_bytes", "gauge", "What they may take (--memory).",
      static_cast<double>(status.memory_limit));
  one("joist_job_spilled_bytes_total", "counter", "Bytes written to temporary files.",
      static_cast<double>(status.spilled_bytes));
  if (status.is_stream) {
    one("joist_job_lanes", "gauge", "Threads that work on the stream.",
        static_cast<double>(status.lanes));
    one("joist_job_bundles_total", "counter", "Bundles worked on.",
        static_cast<double>(status.bundles));
    one("joist_job_checkpoints_total", "counter", "Checkpoints made.",
        static_cast<double>(status.checkpoints));
  } else {
    one("joist_job_stage", "gauge", "The stage at work, from 1.",
        static_cast<double>(status.stage));
    one("joist_job_stages", "gauge", "Stages of the job.", static_cast<double>(status.stages));
    one("joist_job_stage_progress_ratio", "gauge", "How far the stage is.", status.stage_progress);
  }
  if (status.checkpoint.has_value()) {
    one("joist_checkpoint_last_number", "gauge", "Number of the last checkpoint.",
        static_cast<double>(status.checkpoint->number));
    one("joist_checkpoint_last_timestamp_seconds", "gauge", "When it was safe.",
        Seconds(status.checkpoint->made_at.millis));
    one("joist_checkpoint_last_bytes", "gauge", "Its state, before compression.",
        static_cast<double>(status.checkpoint->bytes));
    if (status.checkpoint->took.has_value()) {
      one("joist_checkpoint_last_duration_seconds", "gauge", "How long it took until it was safe.",
          Seconds(status.checkpoint->took->millis));
    }
  }
  WriteSteps(status, to);
  WriteMetrics(status, to);
  return to.Take();
}

}  // namespace joist
