// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: Prometheus' text format read strictly: more is wrong here than a scraper minds.

#ifndef JOIST_ENGINE_PROMETHEUS_SAMPLES_H_
#define JOIST_ENGINE_PROMETHEUS_SAMPLES_H_

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

namespace joist {

/// By name and labels, as they stand there.
using PrometheusSamples = std::map<std::string, double>;

/// Throws std::invalid_argument with the first line that is wrong.
inline PrometheusSamples ReadPrometheus(const std::string& text) {
  static const std::regex kHelp("# HELP ([a-z_]+) [^\n\\\\]+");
  static const std::regex kType("# TYPE ([a-z_]+) (counter|gauge|summary)");
  static const std::regex kSample(
      R"re(([a-z_]+)\{([a-z_]+="([^"\\\n]|\\["\\n])*")(,[a-z_]+="([^"\\\n]|\\["\\n])*")*\} (\+Inf|-Inf|-?[0-9.]+(e[-+][0-9]+)?))re");
  PrometheusSamples samples;
  std::set<std::string> named;
  std::string name;
  std::string type;
  const auto check = [](bool is_right, const std::string& line) {
    if (!is_right) throw std::invalid_argument(line);
  };
  check(!text.empty() && text.back() == '\n', "the last line has no end");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kHelp)) {
      name = match[1];
      type.clear();
      check(named.insert(name).second, line);
    } else if (std::regex_match(line, match, kType)) {
      check(match[1] == name && type.empty(), line);
      type = match[2];
      check((type == "counter") == name.ends_with("_total"), line);
    } else {
      check(std::regex_match(line, match, kSample) && !type.empty(), line);
      const std::string of = match[1];
      check(type == "summary" ? of == name + "_sum" || of == name + "_count" : of == name, line);
      const double value = std::stod(match[6]);
      check(type != "counter" || value >= 0, line);
      check(samples.emplace(line.substr(0, line.rfind(' ')), value).second, line);
    }
  }
  return samples;
}

}  // namespace joist

#endif  // JOIST_ENGINE_PROMETHEUS_SAMPLES_H_
