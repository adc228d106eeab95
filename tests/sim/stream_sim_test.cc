// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Streams under a simulator: a seed decides in which order lanes work, how time passes, when
// checkpoints are begun and when they are on disk, what the disk does, and where the process dies.
// Whatever happens, what the sink has in the end is what the input adds up to, and nothing that it
// was given changes.
//
//   JOIST_TEST_SEEDS=10000 stream_sim_test      so many seeds (300)
//   JOIST_TEST_SEED=4711 stream_sim_test        that one, the same each time

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "joist/engine/checkpoint_store.h"
#include "joist/engine/file_checkpoints.h"
#include "joist/engine/stream_run.h"
#include "joist/exec/wall_time.h"
#include "joist/joist.h"
#include "joist/model/offset_range.h"
#include "tests/sim/sim_disk.h"

namespace joist {
namespace {

/// The process dies.
struct Crash : std::runtime_error {
  Crash() : std::runtime_error("crash") {}
};

constexpr int64_t kPartitions = 3;
constexpr int64_t kKeys = 7;

/// One run of the world; the pipeline's functions know it.
class World final : public Clocks, public LaneOrder {
 public:
  explicit World(uint64_t seed)
      : random_(seed), events(Below(1500) + 50), crash_rate(Below(3) == 0 ? 0.02 : 0.0005) {}

  uint64_t Below(uint64_t limit) { return random_() % limit; }
  bool Chance(double probability) {
    return std::uniform_real_distribution<double>()(random_) < probability;
  }
  /// Something has happened: the process may die here.
  void Step() {
    ++steps;
    if (!is_calm && Chance(crash_rate)) {
      has_crashed = true;
      throw Crash();
    }
  }

  // Time: a look at a clock takes some, and so does sleeping.
  Timestamp WallTime() override { return Timestamp::Millis(1'000'000 + Look() / 1000); }
  SteadyTimePoint SteadyTime() override {
    return SteadyTimePoint(std::chrono::microseconds(Look()));
  }
  void SleepFor(std::chrono::milliseconds duration) override {
    micros_ += duration.count() * 1000 + static_cast<int64_t>(Below(2000));
  }

  void Shuffle(std::vector<int>* lanes) override {
    std::shuffle(lanes->begin(), lanes->end(), random_);
  }

 private:
  int64_t Look() {
    return micros_ += static_cast<int64_t>(Below(3) == 0 ? Below(4000) : Below(20));
  }

  std::mt19937_64 random_;
  int64_t micros_ = 0;

 public:
  const uint64_t events;  ///< Of each partition.
  const double crash_rate;
  bool is_calm = false;
  bool has_crashed = false;
  uint64_t steps = 0;
  /// The sink, which outlives the process: what it was given, by what that is.
  std::map<std::string, int64_t> sink;
  std::string fault;
};
World* world;

uint64_t Mix(uint64_t value) { return HashCombine(7, HashWord(value)); }

/// Event `i` of a partition: out of order by some seconds.
int64_t ValueOf(int64_t partition, int64_t i) {
  return static_cast<int64_t>(Mix(static_cast<uint64_t>(partition * 1'000'000 + i)) % 100);
}
int64_t KeyOf(int64_t partition, int64_t i) {
  return static_cast<int64_t>(Mix(static_cast<uint64_t>(i * 31 + partition)) % kKeys);
}
Timestamp TimeOf(int64_t partition, int64_t i) {
  const auto disorder = static_cast<int64_t>(Mix(static_cast<uint64_t>(i + partition)) % 5000);
  return Timestamp::Millis(i * 100 + disorder);
}

/// Gives some, then pauses, and for a while perhaps says nothing of time.
struct Events {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t) const { return {0, static_cast<int64_t>(world->events)}; }
  ProcessContinuation Process(int64_t partition, RestrictionTracker<OffsetRange>& tracker,
                              ManualWatermarkEstimator& watermark,
                              Emit<KV<int64_t, int64_t>> emit) const {
    const int64_t from = tracker.restriction().from;
    const auto some = static_cast<int64_t>(world->Below(60));
    const bool stalls = world->Below(10) == 0;
    for (int64_t i = from; i < from + some; ++i) {
      world->Step();
      if (!tracker.TryClaim(i)) return ProcessContinuation::Stop();
      emit(KV<int64_t, int64_t>{KeyOf(partition, i), ValueOf(partition, i)}, TimeOf(partition, i));
      if (!stalls) watermark.SetWatermark(Timestamp::Millis((i + 1) * 100));
    }
    return ProcessContinuation::Resume(Duration::Millis(static_cast<int64_t>(world->Below(50))));
  }
};

/// The sum of a key's elements in a window, said when it is over, and twice on the way.
struct SumInState {
  struct Sum {};
  struct Early {};
  struct Soon {};
  void Process(const KV<int64_t, int64_t>& event, Window window, ValueState<int64_t, Sum> sum,
               EventTimer<Early> early, ProcessingTimer<Soon> soon,
               Emit<KV<std::string, int64_t>>) const {
    world->Step();
    if (sum.IsEmpty()) {
      early.Set(window.start + Duration::Millis(5000));
      soon.SetRelative(Duration::Millis(30));
    }
    sum.Write(sum.ReadOr(0) + event.value);
  }
  void OnTimer(Early, ValueState<int64_t, Sum> sum) const { sum.Write(sum.ReadOr(0)); }
  void OnTimer(Soon, ValueState<int64_t, Sum> sum) const { sum.Write(sum.ReadOr(0)); }
  void OnWindowExpiration(TimerKey<int64_t> key, Window window, ValueState<int64_t, Sum> sum,
                          Emit<KV<std::string, int64_t>> emit) const {
    emit(KV<std::string, int64_t>{
        "state " + std::to_string(*key) + " " + std::to_string(window.start.millis),
        sum.ReadOr(0)});
  }
};

/// What it was given once it must be given the same again.
struct Sink {
  static constexpr bool kRequiresStableInput = true;
  void Process(const KV<std::string, int64_t>& result) const {
    world->Step();
    const auto [found, is_new] = world->sink.emplace(result.key, result.value);
    if (!is_new && found->second != result.value) {
      world->fault = result.key + " was " + std::to_string(found->second) + " and became " +
                     std::to_string(result.value);
    }
    world->Step();
  }
};

struct Name {
  const char* name;
  template <class V>
  KV<std::string, int64_t> operator()(const KV<int64_t, V>& of, Window window,
                                      PaneInfo pane) const {
    int64_t sum = 0;
    if constexpr (std::is_same_v<V, int64_t>) {
      sum = of.value;
    } else {
      for (const int64_t value : of.value) sum += value;
    }
    return {std::string(name) + " " + std::to_string(of.key) + " " +
                std::to_string(window.start.millis) + "-" + std::to_string(window.end.millis) +
                " " + std::to_string(pane.index),
            sum};
  }
};

void Build(Pipeline& p) {
  std::vector<int64_t> partitions;
  for (int64_t i = 0; i < kPartitions; ++i) partitions.push_back(i);
  const auto events = p | Create(partitions) | "Events" >> ParDo(Events());
  const Duration lateness = Duration::Hours(10);
  const auto on_time = events | "Minutes" >> WindowInto(FixedWindows(Duration::Seconds(10))) |
                       "Sum" >> Sum::PerKey() |
                       "OnTime" >> Map([](const KV<int64_t, int64_t>& sum, Window w,
                                          PaneInfo pane) { return Name{"sum"}(sum, w, pane); });
  const auto sessions = events |
                        "Sessions" >> WindowInto(Sessions(Duration::Seconds(3)))
                                          .Triggering(Trigger::AfterWatermark(
                                              Trigger::AfterProcessingTime(Duration::Millis(20)),
                                              Trigger::AfterCount(1)))
                                          .WithAllowedLateness(lateness)
                                          .DiscardingFiredPanes() |
                        "Group" >> GroupByKey() |
                        "Panes" >> Map([](const KV<int64_t, Iterable<int64_t>>& group, Window w,
                                          PaneInfo pane) { return Name{"group"}(group, w, pane); });
  const auto state = events | "TenSeconds" >> WindowInto(FixedWindows(Duration::Seconds(10))) |
                     "State" >> ParDo(SumInState());
  Flatten("All", on_time, sessions, state) | "Sink" >> ParDo(Sink());
}

/// Checkpoints at random moments, on disk some bundles later.
class SimCheckpoints final : public StreamCheckpoints {
 public:
  SimCheckpoints(CheckpointStore* store, uint64_t base) : store_(store), base_(base) {}
  bool IsDue() override {
    world->Step();
    return world->Below(4) == 0;
  }
  bool Keep(std::string run, std::vector<StepKeys> keys) override {
    run_ = std::move(run);
    keys_ = std::move(keys);
    wait_ = world->Below(5);
    return true;
  }
  bool IsSafe(bool waits) override {
    if (!waits && wait_-- > 0) return false;
    ThrowIfError(store_->Write(base_, 1, 0, run_, keys_));
    base_ = store_->next() - 1;
    world->Step();
    if (world->Below(3) == 0) ThrowIfError(store_->Tidy());
    return true;
  }

 private:
  CheckpointStore* store_;
  uint64_t base_;
  std::string run_;
  std::vector<StepKeys> keys_;
  uint64_t wait_ = 0;
};

/// Of one seed what happens is told.
template <class... A>
void Tell(const char* format, A... a) {
  if (std::getenv("JOIST_TEST_SEED") == nullptr) return;
  std::printf(format, a...);
  std::printf(" (%llu steps so far)\n", static_cast<unsigned long long>(world->steps));
}

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : world_(seed) {
    world = &world_;
    SetClocks(&world_);
    if (world_.Below(3) == 0) faults_.fails = 0.001;
    if (world_.Below(6) == 0) faults_.lies = 0.2;
    disk_ = std::make_unique<SimDisk>(seed, faults_, [this] { world_.Step(); });
    Build(pipeline_);
    Tell("%g of the disk's calls fail, %g of its syncs are lies", faults_.fails, faults_.lies);
  }
  ~Simulation() {
    SetClocks(nullptr);
    world = nullptr;
  }

  /// What is wrong; empty if nothing is.
  std::string Run() {
    constexpr int kMostLives = 400;
    for (int life = 0;; ++life) {
      if (life == kMostLives) {
        world_.is_calm = true;  // It is to come to its end.
        disk_->Heal();
      }
      world_.has_crashed = false;
      Status status = OkStatus();
      try {
        status = Live();
      } catch (const Crash&) {
      } catch (const StatusException& failure) {
        status = failure.status();
      }
      if (faults_.lies > 0) world_.fault.clear();  // What was given is given again, otherwise.
      if (!world_.fault.empty()) return world_.fault;
      if (world_.has_crashed) {
        Tell("dies");
        disk_->Crash();
        continue;
      }
      if (!status.ok()) Tell("%s", status.message().c_str());
      if (status.ok()) return faults_.lies > 0 ? "" : Compare();
      if (status.message().find("none of the") == 0 && faults_.lies > 0) return "";  // It says so.
      if (life > kMostLives) return status.message();
      if (faults_.fails == 0 && faults_.lies == 0) return status.message();
    }
  }

 private:
  Status Live() {
    JOIST_ASSIGN_OR_RETURN(const auto store, CheckpointStore::Open("state", 3, disk_.get()));
    std::vector<std::string> warnings;
    JOIST_ASSIGN_OR_RETURN(auto latest, store->Latest(&warnings));
    if (!warnings.empty() && faults_.fails == 0 && faults_.lies == 0) {
      return Internal("a checkpoint is damaged: " + warnings[0]);
    }
    Tell("begins with checkpoint %.0f",
         latest.has_value() ? static_cast<double>(latest->header.number) : 0);
    std::optional<FileStream> from;
    if (latest.has_value()) from.emplace(store.get(), std::move(*latest));
    SimCheckpoints checkpoints(store.get(), from.has_value() ? from->header().number : 0);
    JobTables job;
    const int lanes = static_cast<int>(world_.Below(4)) + 1;
    MemoryBudget memory(int64_t{1} << 30, lanes, "/tmp");
    job.graph = &pipeline_.graph();
    job.memory = &memory;
    job.plan = MakePlan(*job.graph);
    job.stats.resize(job.graph->nodes().size());
    std::atomic<bool> stop{false};
    const std::atomic<bool> drain{false};
    const BundleLimits::Most bundle{static_cast<int64_t>(world_.Below(1000)) + 1,
                                    std::chrono::milliseconds(world_.Below(20) + 1),
                                    static_cast<int64_t>(world_.Below(100'000)) + 1};
    StreamRun run(&job, lanes, bundle, &stop, &drain, &checkpoints, /*cold=*/nullptr, &world_);
    return run.Run(from.has_value() ? &*from : nullptr, [this] { world_.Step(); });
  }

  /// What the input adds up to, by the kind of result.
  std::string Compare() const {
    int64_t truth = 0;
    std::map<std::string, int64_t> windows;
    for (int64_t partition = 0; partition < kPartitions; ++partition) {
      for (int64_t i = 0; i < static_cast<int64_t>(world_.events); ++i) {
        const int64_t value = ValueOf(partition, i);
        truth += value;
        const int64_t start = TimeOf(partition, i).millis / 10'000 * 10'000;
        windows["state " + std::to_string(KeyOf(partition, i)) + " " + std::to_string(start)] +=
            value;
      }
    }
    std::map<std::string, int64_t> sums;
    for (const auto& [id, value] : world_.sink) {
      sums[id.substr(0, id.find(' '))] += value;
      if (id.starts_with("state") && windows[id] != value) {
        return id + " is " + std::to_string(value) + ", not " + std::to_string(windows[id]);
      }
    }
    for (const char* const kind : {"sum", "group", "state"}) {
      if (sums[kind] != truth) {
        return std::string(kind) + " adds up to " + std::to_string(sums[kind]) + ", not " +
               std::to_string(truth);
      }
    }
    return "";
  }

  World world_;
  SimDiskFaults faults_;
  std::unique_ptr<SimDisk> disk_;
  Pipeline pipeline_;
};

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(StreamSimulation, IsExactWhateverHappens) {
  const char* const one = std::getenv("JOIST_TEST_SEED");
  const uint64_t first = one == nullptr ? 1 : NumberFrom("JOIST_TEST_SEED", 1);
  const uint64_t last = one == nullptr ? NumberFrom("JOIST_TEST_SEEDS", 300) : first;
  for (uint64_t seed = first; seed <= last; ++seed) {
    Simulation simulation(seed);
    const std::string wrong = simulation.Run();
    ASSERT_EQ(wrong, "") << "again with JOIST_TEST_SEED=" << seed;
  }
}

}  // namespace
}  // namespace joist
