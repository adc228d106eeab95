// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: services that live in the files of a folder, so that they outlive a process, and a
// failure at whichever of their actions. What they do is done as a whole, also where the process is
// killed. What a service never should see (an id with another element, a block cut in another way)
// is a line of the file "wrong".

#ifndef JOIST_IO_SINK_TESTING_FAKE_SERVICE_H_
#define JOIST_IO_SINK_TESTING_FAKE_SERVICE_H_

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "joist/io/sink/offset_addressed.h"
#include "joist/joist.h"
#include "joist/model/offset_range.h"

namespace joist::sink {

using Lines = std::vector<std::string>;

inline std::string Join(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}
inline std::string ContentOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}
inline Lines LinesOf(const std::string& path) {
  std::ifstream in(path);
  Lines lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// A folder of services, and their failure. Its functions may be called by several threads.
struct ServiceFolder {
  std::string path;

  void Create() const {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  /// Action number `action` is to fail, once.
  void FailAt(int action) const { Put("fail_at", std::to_string(action)); }
  /// Whether it has.
  bool HasFailed() const { return !std::filesystem::exists(path + "/fail_at"); }
  void Act() const {
    const std::lock_guard lock(Mutex());
    const std::string fail_at = ContentOf(path + "/fail_at");
    if (fail_at.empty()) return;
    const std::string actions = ContentOf(path + "/actions");
    const int action = actions.empty() ? 0 : std::stoi(actions);
    Put("actions", std::to_string(action + 1));
    if (action != std::stoi(fail_at)) return;
    std::filesystem::remove(path + "/fail_at");
    throw std::runtime_error("injected");
  }

  void Put(const std::string& name, const std::string& content) const {
    static std::atomic<int> parts{0};
    const std::string to = path + "/" + name;
    const std::string part =
        path + "/part." + std::to_string(getpid()) + "." + std::to_string(parts++);
    std::filesystem::create_directories(std::filesystem::path(to).parent_path());
    std::ofstream(part) << content;
    std::filesystem::rename(part, to);
  }
  /// False if it was there.
  bool PutOnce(const std::string& name, const std::string& content) const {
    if (!std::filesystem::exists(path + "/" + name)) {
      Put(name, content);
      return true;
    }
    if (const std::string was = ContentOf(path + "/" + name); was != content) {
      std::ofstream(path + "/wrong", std::ios::app) << name << ": " << was << "/" << content;
    }
    return false;
  }
  std::string Wrong() const { return ContentOf(path + "/wrong"); }
  std::vector<std::string> FilesIn(const std::string& folder) const {
    std::vector<std::string> files;
    if (!std::filesystem::exists(path + "/" + folder)) return files;
    for (const auto& entry : std::filesystem::directory_iterator(path + "/" + folder)) {
      files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
  /// Of all files in a folder, by name.
  Lines LinesIn(const std::string& folder) const {
    Lines lines;
    for (const std::string& file : FilesIn(folder)) {
      for (std::string& line : LinesOf(file)) lines.push_back(std::move(line));
    }
    return lines;
  }

 private:
  static std::mutex& Mutex() {
    static std::mutex mutex;
    return mutex;
  }
};
JOIST_ROW(ServiceFolder, path)

/// Streams are folders, blocks files that are named by their offsets.
struct AppendLog {
  using Element = std::string;
  ServiceFolder folder;

  AppendAnswer Append(const std::string& stream, int64_t offset, const Lines& block) const {
    folder.Act();
    const AppendAnswer answer = Put(stream, offset, block);
    folder.Act();
    return answer;
  }
  int64_t EndOf(const std::string& stream) const {
    return static_cast<int64_t>(folder.LinesIn("log-" + stream).size());
  }

 private:
  AppendAnswer Put(const std::string& stream, int64_t offset, const Lines& block) const {
    if (offset > EndOf(stream)) return AppendAnswer::kOutOfRange;
    char name[32];
    std::snprintf(name, sizeof(name), "%012lld", static_cast<long long>(offset));
    const std::string file = "log-" + stream + "/" + name;
    if (offset < EndOf(stream) && !std::filesystem::exists(folder.path + "/" + file)) {
      std::ofstream(folder.path + "/wrong", std::ios::app) << file << " is cut elsewhere\n";
    }
    return folder.PutOnce(file, Join(block)) ? AppendAnswer::kAppended
                                             : AppendAnswer::kAlreadyExists;
  }
};
JOIST_ROW(AppendLog, folder)

/// Numbers below an element, each in a bundle of its own.
struct OneByOne {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  ProcessContinuation Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
                              MonotonicallyIncreasingWatermarkEstimator&,
                              Emit<int64_t> emit) const {
    const int64_t next = tracker.restriction().from;
    if (!tracker.TryClaim(next)) return ProcessContinuation::Stop();
    emit(next, Timestamp::Millis(next));
    return ProcessContinuation::Resume(Duration::Millis(1));
  }
};

/// Has a folder, and a stream with checkpoints.
class SinkTest : public testing::Test {
 protected:
  void SetUp() override { folder_.Create(); }
  void TearDown() override { std::filesystem::remove_all(folder_.path); }

  /// Calls run() with a failure at the first action, at the second, … until there is none such, and
  /// check() after each.
  template <class Run, class Check>
  void FailAtEachAction(Run run, Check check) {
    int actions = 0;
    for (bool failed = true; failed && !HasFailure(); ++actions) {
      SCOPED_TRACE("failure at action " + std::to_string(actions));
      folder_.Create();
      folder_.FailAt(actions);
      run();
      failed = folder_.HasFailed();
      check();
      EXPECT_EQ(folder_.Wrong(), "");
    }
    EXPECT_GT(actions, 4) << "nothing was tried";
  }
  /// A stream that goes on from checkpoints; `build` is given numbers below `n`.
  template <class Build>
  Status RunStream(int64_t n, Build build) {
    const std::string directory = "--checkpoint_dir=" + folder_.path + "/checkpoints";
    const char* const arguments[] = {"job", directory.c_str(), "--checkpoint_interval=2ms",
                                     "--max_num_workers=2"};
    Pipeline p(4, arguments);
    build(p | Create<int64_t>({n}) | "Numbers" >> ParDo(OneByOne()));
    return p.Run().WaitUntilFinish().status();
  }

  const ServiceFolder folder_{testing::TempDir() + "joist_sink_" + std::to_string(getpid()) + "_" +
                              testing::UnitTest::GetInstance()->current_test_info()->name()};
};

}  // namespace joist::sink

#endif  // JOIST_IO_SINK_TESTING_FAKE_SERVICE_H_
