// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/harness.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

namespace joist::bench {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

double MonotonicSeconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Of this process and of the programs that it ran.
double CpuSeconds() {
  double seconds = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage;
    getrusage(who, &usage);
    seconds += Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  }
  return seconds;
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

double Least(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

/// What a child process tells its parent.
struct Report {
  bool complete;
  double seconds;
  double cpu_seconds;
  int64_t peak_bytes;
  Digest digest;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return std::move(content).str();
}

/// Runs `work` in a child process. The exact result, if wanted, is left in the file `exact_path`.
Report RunApart(const std::function<void(Measurement&)>& work, int threads, bool exact,
                const std::string& scratch, const std::string& exact_path) {
  void* shared =
      mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    std::perror("mmap");
    std::exit(1);
  }
  auto* report = new (shared) Report{};
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) {
    std::perror("fork");
    std::exit(1);
  }
  if (child == 0) {
    Measurement measurement(threads, exact, scratch);
    try {
      measurement.Start();
      work(measurement);
      if (measurement.seconds == 0) measurement.Stop();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "exception: %s\n", e.what());
      std::_Exit(1);
    }
    if (exact) {
      std::ofstream file(exact_path, std::ios::binary);
      file.write(measurement.exact.data(), static_cast<std::streamsize>(measurement.exact.size()));
      if (!file.flush()) {
        std::perror(exact_path.c_str());
        std::_Exit(1);
      }
    }
    *report = {true, measurement.seconds, measurement.cpu_seconds, measurement.peak_bytes,
               measurement.digest};
    std::fflush(nullptr);
    std::_Exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  Report result = *report;
  munmap(shared, sizeof(Report));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) result.complete = false;
  return result;
}

/// Touches so much memory, in a process of its own, which leaves it free and present.
void WarmMemory(size_t bytes) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) {
      madvise(memory, bytes, MADV_HUGEPAGE);
      for (size_t i = 0; i < bytes; i += 4096) static_cast<volatile char*>(memory)[i] = 1;
    }
    std::_Exit(0);
  }
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
}

struct Samples {
  std::vector<double> seconds;
  std::vector<double> cpu_seconds;
  std::vector<double> peak_bytes;
};

using Key = std::pair<size_t, int>;  // Variant, threads.

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

class Runner {
 public:
  Runner(const Benchmark& benchmark, const Settings& settings)
      : benchmark_(benchmark),
        settings_(settings),
        rounds_(settings.rounds > 0 ? settings.rounds
                : settings.quick    ? 1
                                    : benchmark.rounds),
        expected_path_(settings.scratch_dir + "/" + benchmark.name + ".expected"),
        found_path_(settings.scratch_dir + "/" + benchmark.name + ".found") {}

  bool Run() {
    if (benchmark_.prepare && !benchmark_.prepare()) return false;
    std::fprintf(stderr, "%s: checking", benchmark_.name.c_str());
    bool good = Check();
    std::remove(expected_path_.c_str());
    std::remove(found_path_.c_str());
    if (!good) return false;
    std::fprintf(stderr, ", measuring");
    for (int round = 0; round < rounds_ && good; ++round) {
      std::fprintf(stderr, ".");
      good = MeasureRound(round);
    }
    std::fprintf(stderr, "\n");
    return good;
  }

  void Print() const {
    std::printf("\n**%s** — %s", benchmark_.name.c_str(), benchmark_.title.c_str());
    std::printf(" (%d rounds)\n\n", rounds_);
    std::printf(
        "| %-34s | thr |  median s |     min s | %10s | ns/elem | ratio | by round | by min "
        "| by cpu | cores |     scaling | peak MB | goal |\n",
        "variant", benchmark_.unit.c_str());
    std::printf(
        "|%s|----:|----------:|----------:|-----------:|--------:|------:|---------:|-------:"
        "|-------:|------:|------------:|--------:|------|\n",
        std::string(36, '-').c_str());
    for (size_t variant = 0; variant < benchmark_.variants.size(); ++variant) {
      for (const int threads : benchmark_.variants[variant].threads) PrintRow(variant, threads);
    }
  }

 private:
  bool Failed(const std::string& who, int threads, const std::string& why) const {
    std::fprintf(stderr, "\n%s: %s on %d thread(s): %s\n", benchmark_.name.c_str(), who.c_str(),
                 threads, why.c_str());
    return false;
  }

  std::string ScratchName(size_t variant, int threads) const {
    return settings_.scratch_dir + "/" + benchmark_.name + "." + std::to_string(variant) + "." +
           std::to_string(threads);
  }

  /// Compares everybody's whole result with the reference's, byte by byte in canonical form.
  bool Check() {
    const Report reference =
        RunApart(benchmark_.reference, 1, true,
                 settings_.scratch_dir + "/" + benchmark_.name + ".reference", expected_path_);
    if (!reference.complete) return Failed("the reference", 1, "failed");
    const std::string expected = ReadFile(expected_path_);
    for (size_t variant = 0; variant < benchmark_.variants.size(); ++variant) {
      const Variant& who = benchmark_.variants[variant];
      for (const int threads : who.threads) {
        const Report report =
            RunApart(who.run, threads, true, ScratchName(variant, threads), found_path_);
        if (!report.complete) return Failed(who.name, threads, "failed");
        if (!(report.digest == reference.digest) && expected.empty()) {
          return Failed(who.name, threads, DigestsDiffer(reference.digest, report.digest));
        }
        if (expected.empty()) continue;
        const std::string found = ReadFile(found_path_);
        if (found == expected) continue;
        const auto differ =
            std::mismatch(expected.begin(), expected.end(), found.begin(), found.end());
        const auto offset = static_cast<size_t>(differ.first - expected.begin());
        return Failed(who.name, threads,
                      "the result differs from the reference's:\n" +
                          benchmark_.explain(expected, found, offset));
      }
    }
    return true;
  }

  static std::string DigestsDiffer(const Digest& expected, const Digest& found) {
    return "the result differs: " + std::to_string(found.entries) + " entries of digest " +
           std::to_string(found.sum) + " instead of " + std::to_string(expected.entries) + " of " +
           std::to_string(expected.sum);
  }

  bool MeasureRound(int round) {
    // Forwards and backwards in turn: nobody is always the one who runs after the hungriest.
    std::vector<Key> order;
    for (size_t variant = 0; variant < benchmark_.variants.size(); ++variant) {
      for (const int threads : benchmark_.variants[variant].threads) {
        order.emplace_back(variant, threads);
      }
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const Key& a, const Key& b) { return a.second < b.second; });
    if (round % 2 == 1) std::reverse(order.begin(), order.end());
    for (const auto& [variant, threads] : order) {
      const Variant& who = benchmark_.variants[variant];
      WarmMemory(benchmark_.memory_bytes);
      const Report report = RunApart(who.run, threads, false, ScratchName(variant, threads), "");
      if (!report.complete) return Failed(who.name, threads, "failed");
      if (!have_measured_) {
        measured_ = report.digest;
        have_measured_ = true;
      } else if (!(report.digest == measured_)) {
        return Failed(who.name, threads, DigestsDiffer(measured_, report.digest));
      }
      Samples& samples = samples_[{variant, threads}];
      samples.seconds.push_back(report.seconds);
      samples.cpu_seconds.push_back(report.cpu_seconds);
      samples.peak_bytes.push_back(static_cast<double>(report.peak_bytes));
    }
    return true;
  }

  void PrintRow(size_t variant, int threads) const {
    const Variant& who = benchmark_.variants[variant];
    const Samples& mine = samples_.at({variant, threads});
    const double median = Median(mine.seconds), least = Least(mine.seconds);
    const bool bytes = benchmark_.unit == "MB/s";
    const std::string speed = Format("%.1f", benchmark_.amount / median * 1e-6);
    const std::string each = bytes ? "" : Format("%.2f", median / benchmark_.amount * 1e9);

    std::string ratio, by_round, by_min, by_cpu, scaling, goal;
    const auto rival = samples_.find({0, threads});
    double ratio_value = 0;
    if (rival != samples_.end() && variant > 0) {
      const Samples& theirs = rival->second;
      std::vector<double> ratios;
      for (size_t i = 0; i < std::min(mine.seconds.size(), theirs.seconds.size()); ++i) {
        ratios.push_back(theirs.seconds[i] / mine.seconds[i]);
      }
      ratio_value = Median(theirs.seconds) / median;
      ratio = Format("%.2f", ratio_value);
      by_round = Format("%.2f", Median(ratios));
      by_min = Format("%.2f", Least(theirs.seconds) / least);
      by_cpu = Format("%.2f", Median(theirs.cpu_seconds) / Median(mine.cpu_seconds));
    }
    const auto alone = samples_.find({variant, 1});
    if (threads > 1 && alone != samples_.end()) {
      const double value = Median(alone->second.seconds) / median;
      scaling = Format("%.2f", value);
      const auto rival_alone = samples_.find({0, 1});
      if (variant > 0 && rival != samples_.end() && rival_alone != samples_.end()) {
        const double theirs = Median(rival_alone->second.seconds) / Median(rival->second.seconds);
        scaling += Format(" (%.2f)", value / theirs);
      }
    }
    const int goal_threads = *std::max_element(who.threads.begin(), who.threads.end());
    if (who.goal > 0 && threads == goal_threads) {
      goal = Format("≥ %.2f ", who.goal) + (ratio_value >= who.goal ? "met" : "MISSED");
    }
    for (size_t other = 0; other < benchmark_.variants.size(); ++other) {
      const std::string& name = benchmark_.variants[other].name;
      const auto theirs = samples_.find({other, threads});
      if (theirs == samples_.end() || std::count(who.beside.begin(), who.beside.end(), name) == 0) {
        continue;
      }
      if (!goal.empty()) goal += "; ";
      goal += Format("%.2f × ", Median(theirs->second.seconds) / median) + name;
    }
    if (who.goal_ns > 0 && threads == 1) {
      // Of processor time, which others on the machine don't lengthen as they do the time that
      // passes.
      const double ns = Median(mine.cpu_seconds) / benchmark_.amount * 1e9;
      goal = Format("≤ %.1f ns ", who.goal_ns) + (ns <= who.goal_ns ? "met" : "MISSED") +
             Format(" (%.2f of CPU)", ns);
    }
    std::printf(
        "| %-34s | %3d | %9.4f | %9.4f | %10s | %7s | %5s | %8s | %6s | %6s | %5.2f | %11s | %7.0f "
        "| %s |\n",
        who.name.c_str(), threads, median, least, speed.c_str(), each.c_str(), ratio.c_str(),
        by_round.c_str(), by_min.c_str(), by_cpu.c_str(), Median(mine.cpu_seconds) / median,
        scaling.c_str(), Median(mine.peak_bytes) * 1e-6, goal.c_str());
  }

  const Benchmark& benchmark_;
  const Settings& settings_;
  int rounds_;
  std::string expected_path_, found_path_;
  bool have_measured_ = false;
  Digest measured_;
  std::map<Key, Samples> samples_;
};

}  // namespace

void Measurement::Start() {
  cpu_started_ = CpuSeconds();
  started_ = MonotonicSeconds();
}

void Measurement::Stop() {
  seconds = MonotonicSeconds() - started_;
  cpu_seconds = CpuSeconds() - cpu_started_;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage;
    getrusage(who, &usage);
    peak_bytes = std::max(peak_bytes, static_cast<int64_t>(usage.ru_maxrss) * 1024);
  }
}

int RunBenchmarks(const std::vector<Benchmark>& benchmarks, const Settings& settings) {
  int code = 0;
  for (const Benchmark& benchmark : benchmarks) {
    Runner runner(benchmark, settings);
    if (!runner.Run()) {
      code = 1;
      continue;
    }
    runner.Print();
    std::fflush(stdout);
  }
  return code;
}

}  // namespace joist::bench
