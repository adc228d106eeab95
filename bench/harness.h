// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The harness of ./dev bench. A benchmark is one piece of work that several variants do: the rival
// written by hand, Joist, other ways by hand. Variants alternate within each round, so that what
// else the machine does hits all alike, and each measurement is a process of its own, forked from
// one that has done nothing yet, so that its peak memory is its own. Every result is compared.
//
// The harness itself is single-threaded; a variant may start what threads it likes.

#ifndef JOIST_BENCH_HARNESS_H_
#define JOIST_BENCH_HARNESS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/digest.h"

namespace joist::bench {

/// The sizes of a run and where its files lie.
struct Settings {
  bool quick = false;
  int rounds = 0;           // 0: as many as the benchmark thinks right.
  std::string data_dir;     // Generated inputs, kept from run to run.
  std::string scratch_dir;  // Outputs; emptied by whoever made them.
  uint64_t events = 0;      // Of the benchmarks of windows; 0: as many as they think right.
  int64_t checkpoint_interval = 100;  // Milliseconds.
  std::string python;  // An interpreter that has the rivals' packages; empty: without them.
};

/// One measurement, in the process that makes it. A variant does its work between Start and Stop
/// (without calls to them, the whole of its Run is measured), and leaves a digest of its result.
class Measurement {
 public:
  Measurement(int threads, bool exact, std::string scratch)
      : threads_(threads), exact_(exact), scratch_(std::move(scratch)) {}

  int threads() const { return threads_; }
  /// Whether this is a checking round, which is not timed and wants the whole result in `exact`.
  bool wants_exact() const { return exact_; }
  /// A file name of this measurement's own, to which suffixes may be added.
  const std::string& scratch() const { return scratch_; }

  void Start();
  void Stop();

  Digest digest;
  /// The whole result in the benchmark's canonical form: the same bytes for the same content.
  std::string exact;

  double seconds = 0;
  double cpu_seconds = 0;
  int64_t peak_bytes = 0;

 private:
  int threads_;
  bool exact_;
  std::string scratch_;
  double started_ = 0;
  double cpu_started_ = 0;
};

struct Variant {
  std::string name;
  std::function<void(Measurement&)> run;
  /// Numbers of threads to run it with.
  std::vector<int> threads = {1, 2};
  /// Least ratio to the rival that Joist must reach, on two threads if it runs with two. 0: none.
  double goal = 0;
  /// Further variants, by name, whose speed this one's is also given as a multiple of.
  std::vector<std::string> beside = {};
  /// Most nanoseconds an element, on one thread. 0: none.
  double goal_ns = 0;
};

struct Benchmark {
  std::string name;
  std::string title;
  /// What one round works through, and its unit: elements, or bytes when the unit is "MB/s".
  double amount = 0;
  std::string unit;
  int rounds = 7;
  /// About the most memory that a variant needs. So much is touched and freed before each
  /// measurement: a virtual machine's host takes back what is idle, and giving it again costs more
  /// than the work that is measured.
  size_t memory_bytes = 64 << 20;
  /// The first variant is the rival: everybody's speed is given as a share of its.
  std::vector<Variant> variants;
  /// Makes what is needed before the first round (input files). False, after a message: skip.
  std::function<bool()> prepare;
  /// A slow, simple and separate way to the same result, for checking. It sets digest and exact.
  std::function<void(Measurement&)> reference;
  /// Says what lies around `offset` of two exact results that differ there.
  std::function<std::string(const std::string& expected, const std::string& found, size_t offset)>
      explain;
};

/// Runs benchmarks and prints their table to standard output, in Markdown; progress goes to
/// standard error. Returns the exit code: 0, or 1 when results differ or a variant failed.
int RunBenchmarks(const std::vector<Benchmark>& benchmarks, const Settings& settings);

}  // namespace joist::bench

#endif  // JOIST_BENCH_HARNESS_H_
