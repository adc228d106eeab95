// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/metrics_text.h"

#include <gtest/gtest.h>

#include "joist/serve/server_log.h"

namespace joist::serve {
namespace {

TEST(MetricsText, IsWhatPrometheusReads) {
  MetricsText text;
  text.Begin("a_total", "counter", "How many.");
  text.Sample(12345678, "name", "x\"\\\ny");
  text.Sample(0.5);
  text.Gauge("b", "Now.", -1);
  EXPECT_EQ(text.text(),
            "# HELP a_total How many.\n# TYPE a_total counter\na_total{name=\"x\\\"\\\\\\ny\"} "
            "12345678\na_total 0.5\n# HELP b Now.\n# TYPE b gauge\nb -1\n");
}

TEST(ServerLog, SaysOneLine) {
  EXPECT_EQ(
      ServerLog(LogFormat::kJson).Line("now", Severity::kWarning, "a \"word\"\n", {{"port", "80"}}),
      "{\"time\":\"now\",\"severity\":\"WARNING\",\"message\":\"a \\\"word\\\"\\u000a\","
      "\"port\":\"80\"}");
  EXPECT_EQ(ServerLog(LogFormat::kText).Line("now", Severity::kInfo, "listens", {{"port", "80"}}),
            "now INFO listens port=\"80\"");
}

}  // namespace
}  // namespace joist::serve
