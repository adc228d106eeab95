// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PrometheusText: a job's status in Prometheus' text format, version 0.0.4. A pure function.
//
// Names are those of docs/guide/watching.md. Users' counters are gauges here: Beam lets them be
// decremented, and they go back with a stream that goes back to its checkpoint.

#ifndef JOIST_ENGINE_PROMETHEUS_TEXT_H_
#define JOIST_ENGINE_PROMETHEUS_TEXT_H_

#include <string>

#include "joist/engine/job_status.h"

namespace joist {

/// `now`: on the wall.
std::string PrometheusText(const JobStatus& status, Timestamp now);

}  // namespace joist

#endif  // JOIST_ENGINE_PROMETHEUS_TEXT_H_
