// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// synth-clickstream: publishes made-up clicks of a shop, or a file of events, to an endpoint that
// takes JSON lines over HTTP, such as `joist serve`; and keeps the truth about what was accepted.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "apps/events-per-user/click_events.h"
#include "apps/events-per-user/event_source.h"
#include "apps/events-per-user/publisher.h"
#include "apps/events-per-user/truth.h"
#include "joist/cli/command_options.h"
#include "joist/io/net/url.h"
#include "joist/model/timestamp.h"
#include "joist/serve/token.h"

namespace {

using Clock = std::chrono::steady_clock;
using events_per_user::ClickSettings;
using events_per_user::EventBatch;
using events_per_user::EventKey;
using events_per_user::EventSource;
using events_per_user::Publisher;
using events_per_user::PublisherFigures;
using events_per_user::Truth;

constexpr const char* kTokenVariable = "JOIST_TOKEN";
/// Of event time, where events come as fast as possible.
constexpr double kUnpacedRate = 10'000;
/// A request waits no longer than so for its last event.
constexpr double kLongestBatchSeconds = 0.1;
constexpr int64_t kMostUsers = 100'000'000;

constexpr std::string_view kUsage =
    "Usage: synth-clickstream [--option=value …]\n\n"
    "Publishes made-up clicks of a shop's visitors over HTTP, each at least once: what is not\n"
    "accepted is sent again, with the same event_id. The same seed makes the same events.\n\n";
constexpr std::string_view kMore =
    "\nA bearer token is taken from --token_file, or the variable JOIST_TOKEN.\n"
    "Events of --file are JSON objects, one a line; --truth wants event_id, user_pseudo_id and\n"
    "event_timestamp in them.\n"
    "\nExamples:\n"
    "  synth-clickstream --rate=1000 --duration=1m\n"
    "  synth-clickstream --rate=0 --events=1000000 --truth=truth.jsonl "
    "--start=2026-01-01T00:00:00Z\n"
    "  synth-clickstream --late=0.05 --late_by=2m --duplicates=0.01 --truth=truth.jsonl\n"
    "  synth-clickstream --endpoint=- --events=1000 > clicks.jsonl\n"
    "  synth-clickstream --file=clicks.jsonl --rate=0\n"
    "\nExit codes: 0 done, 1 failed, 2 wrong options, 130 after Ctrl-C.\n";

struct Options {
  std::string endpoint = "http://127.0.0.1:8480/v1/topics/clicks";
  double rate = 1000;
  int64_t events = 0;
  joist::Duration duration = joist::Duration::Zero();
  int64_t users = 10'000;
  double zipf = 1.0;
  double late = 0;
  joist::Duration late_by = joist::Duration::Minutes(1);
  double duplicates = 0;
  uint64_t seed = 1;
  std::string start;
  std::string file;
  int64_t batch = 100;
  int connections = 4;
  std::string token_file;
  std::string truth;
  joist::Duration give_up_after = joist::Duration::Minutes(10);
};

joist::OptionFields FieldsOf(Options* o) {
  joist::OptionFields fields;
  fields.Add(o->endpoint, "endpoint", "Where events are POSTed; - prints them instead");
  fields.Add(o->rate, "rate", "Events a second; 0 is as fast as possible");
  fields.Add(o->events, "events", "Ends after so many; 0 is never");
  fields.Add(o->duration, "duration", "Ends after so long (10s, 5m); 0s is never");
  fields.Add(o->users, "users", "Different users");
  fields.Add(o->zipf, "zipf", "How uneven users are: the k-th comes as often as 1/k^zipf");
  fields.Add(o->late, "late", "Share of events (0 to 1) that come late");
  fields.Add(o->late_by, "late_by", "How late they are at most");
  fields.Add(o->duplicates, "duplicates",
             "Share of events (0 to 1) that repeat one of the last 1000");
  fields.Add(o->seed, "seed", "Chooses the events");
  fields.Add(o->start, "start", "Event time of the first (2026-01-01T00:00:00Z); now if not given");
  fields.Add(o->file, "file", "Publishes the lines of this file instead");
  fields.Add(o->batch, "batch", "The most events of a request");
  fields.Add(o->connections, "connections", "Requests at a time");
  fields.Add(o->token_file, "token_file",
             "File with the bearer token, readable by its owner alone");
  fields.Add(o->truth, "truth",
             "At the end writes how many accepted events each minute and user has, each event_id "
             "counted once");
  fields.Add(o->give_up_after, "give_up_after", "For how long a request is sent again");
  return fields;
}

joist::Status Check(const Options& o) {
  const auto wrong = [](const char* what) { return joist::InvalidArgument(what); };
  const auto is_share = [](double share) { return share >= 0 && share <= 1; };
  if (!(o.rate >= 0 && o.rate <= 1e9)) return wrong("option --rate must be 0 to 1e9");
  if (o.events < 0 || o.duration.millis < 0) return wrong("--events and --duration are from 0 on");
  if (o.users < 1 || o.users > kMostUsers) return wrong("option --users must be 1 to 100000000");
  if (!(o.zipf >= 0 && o.zipf <= 10)) return wrong("option --zipf must be 0 to 10");
  if (!is_share(o.late) || !is_share(o.duplicates)) {
    return wrong("options --late and --duplicates are shares from 0 to 1");
  }
  if (o.late_by.millis < 1) return wrong("option --late_by must be 1ms or more");
  if (o.batch < 1 || o.batch > 100'000) return wrong("option --batch must be 1 to 100000");
  if (o.connections < 1 || o.connections > 1000) {
    return wrong("option --connections must be 1 to 1000");
  }
  return joist::OkStatus();
}

volatile std::sig_atomic_t is_interrupted = 0;

void Interrupt(int) { is_interrupted = 1; }

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Of a terminal one line that changes; elsewhere a line now and then.
class Display {
 public:
  explicit Display(const Publisher* publisher) : publisher_(*publisher) {}

  void Show(bool is_last) {
    const double pause = is_terminal_ ? 0.2 : 5;
    if (!is_last && SecondsSince(shown_at_) < pause) return;
    const PublisherFigures now = publisher_.figures();
    const double seconds = std::max(SecondsSince(shown_at_), 1e-3);
    const double rate = static_cast<double>(now.accepted - shown_.accepted) / seconds;
    shown_at_ = Clock::now();
    shown_ = now;
    if (is_last && !is_terminal_) return;
    std::fprintf(stderr, "%s%9.0f events/s  sent %llu  accepted %llu  retries %llu  p99 %.1f ms%s",
                 is_terminal_ ? "\r\033[K" : "", rate, Wide(now.sent), Wide(now.accepted),
                 Wide(now.retries), publisher_.latencies().MillisAt(0.99),
                 is_terminal_ && !is_last ? "" : "\n");
    std::fflush(stderr);
  }

  static unsigned long long Wide(uint64_t number) { return number; }

 private:
  const Publisher& publisher_;
  const bool is_terminal_ = isatty(STDERR_FILENO) != 0;
  Clock::time_point shown_at_ = Clock::now();
  PublisherFigures shown_;
};

/// How many events there will be; the largest number where that is open.
int64_t MostEvents(const Options& options) {
  int64_t most = options.events > 0 ? options.events : std::numeric_limits<int64_t>::max();
  if (options.rate > 0 && options.duration.millis > 0) {
    const double in_time =
        std::ceil(options.rate * static_cast<double>(options.duration.millis) / 1000);
    most = std::min(most, static_cast<int64_t>(std::min(in_time, 9e18)));
  }
  return most;
}

int64_t BatchSize(const Options& options) {
  if (options.rate == 0) return options.batch;
  const auto soon = static_cast<int64_t>(options.rate * kLongestBatchSeconds);
  return std::clamp<int64_t>(soon, 1, options.batch);
}

/// Takes events from the source when they are due and hands batches on.
class Pacer {
 public:
  Pacer(const Options& options, EventSource* source) : options_(options), source_(*source) {}

  /// `hand_on` takes a batch, and is false to end; `between` is called now and then.
  template <class HandOn, class Between>
  joist::Status Run(HandOn hand_on, Between between) {
    const int64_t most = MostEvents(options_);
    const int64_t batch_size = BatchSize(options_);
    const bool ends_by_clock = options_.rate == 0 && options_.duration.millis > 0;
    int64_t taken = 0;
    bool has_more = true;
    while (has_more && taken < most && is_interrupted == 0) {
      if (ends_by_clock &&
          SecondsSince(start_) * 1000 >= static_cast<double>(options_.duration.millis)) {
        break;
      }
      EventBatch batch;
      while (has_more && taken < most && static_cast<int64_t>(batch.events.size()) < batch_size) {
        EventKey key;
        JOIST_ASSIGN_OR_RETURN(has_more, source_.Next(&batch.body, &key));
        if (!has_more) break;
        batch.events.push_back(key);
        ++taken;
      }
      WaitFor(taken, between);
      between();
      if (!batch.events.empty() && !hand_on(std::move(batch))) break;
    }
    return joist::OkStatus();
  }

 private:
  /// Until so many events are due.
  template <class Between>
  void WaitFor(int64_t events, Between between) {
    if (options_.rate == 0) return;
    while (is_interrupted == 0) {
      const double wait = static_cast<double>(events) / options_.rate - SecondsSince(start_);
      if (wait <= 0) return;
      std::this_thread::sleep_for(std::chrono::duration<double>(std::min(wait, 0.1)));
      between();
    }
  }

  const Options& options_;
  EventSource& source_;
  const Clock::time_point start_ = Clock::now();
};

joist::Result<std::unique_ptr<EventSource>> Source(const Options& options) {
  if (!options.file.empty()) {
    return events_per_user::ReadClicks(options.file, !options.truth.empty());
  }
  ClickSettings settings = {
      .seed = options.seed,
      .users = options.users,
      .zipf = options.zipf,
      .step_micros = 1e6 / (options.rate > 0 ? options.rate : kUnpacedRate),
      .start_micros = std::chrono::duration_cast<std::chrono::microseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count(),
      .late = options.late,
      .duplicates = options.duplicates,
      .late_by_micros = std::min<int64_t>(options.late_by.millis, INT64_MAX / 1000) * 1000};
  if (!options.start.empty()) {
    JOIST_ASSIGN_OR_RETURN(const joist::Timestamp start, joist::Timestamp::Parse(options.start));
    settings.start_micros = start.millis * 1000;
  }
  return events_per_user::MakeUpClicks(settings);
}

joist::Result<std::string> Token(const Options& options) {
  if (!options.token_file.empty()) return joist::serve::TokenFromFile(options.token_file);
  if (std::getenv(kTokenVariable) == nullptr) return std::string();
  return joist::serve::TokenFromEnvironment(kTokenVariable);
}

joist::Status Print(const Options& options, EventSource* source) {
  bool is_written = true;
  const auto print = [&](const EventBatch& batch) {
    is_written =
        std::fwrite(batch.body.data(), 1, batch.body.size(), stdout) == batch.body.size() &&
        std::fflush(stdout) == 0;
    return is_written;
  };
  JOIST_RETURN_IF_ERROR(Pacer(options, source).Run(print, [] {}));
  return is_written ? joist::OkStatus() : joist::FromErrno(errno, "cannot write events");
}

void Summarize(const Publisher& publisher, double seconds) {
  const PublisherFigures figures = publisher.figures();
  const auto& latencies = publisher.latencies();
  std::printf(
      "accepted %llu events in %.1f s (%.0f/s), %llu requests sent again; answers took p50 %.1f "
      "ms, "
      "p99 %.1f ms\n",
      Display::Wide(figures.accepted), seconds, static_cast<double>(figures.accepted) / seconds,
      Display::Wide(figures.retries), latencies.MillisAt(0.5), latencies.MillisAt(0.99));
  if (figures.undecided > 0) {
    std::printf("of %llu events nobody knows whether the server took them\n",
                Display::Wide(figures.undecided));
  }
}

joist::Status Send(const Options& options, EventSource* source) {
  events_per_user::PublisherSettings settings;
  JOIST_ASSIGN_OR_RETURN(settings.url, joist::net::ParseHttpUrl(options.endpoint));
  JOIST_ASSIGN_OR_RETURN(settings.token, Token(options));
  settings.connections = options.connections;
  settings.give_up_after = options.give_up_after;
  Truth truth;
  const bool with_truth = !options.truth.empty();
  Publisher publisher(settings, with_truth ? &truth : nullptr);
  Display display(&publisher);
  const Clock::time_point start = Clock::now();
  const joist::Status read =
      Pacer(options, source)
          .Run([&](EventBatch batch) { return publisher.Put(std::move(batch)); },
               [&] { display.Show(false); });
  if (is_interrupted != 0) publisher.GiveUp();
  const joist::Status published = publisher.Finish();
  display.Show(true);
  Summarize(publisher, SecondsSince(start));
  if (with_truth) {
    JOIST_RETURN_IF_ERROR(
        truth.Write(options.truth, [&](int64_t user) { return source->UserName(user); }));
    std::printf("the truth about %llu different events is in %s\n", Display::Wide(truth.count()),
                options.truth.c_str());
  }
  return read.ok() ? published : read;
}

int Refuse(const joist::Status& status, int exit_code) {
  std::fprintf(stderr, "synth-clickstream: %s\n", status.message().c_str());
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  Options options;
  const joist::OptionFields fields = FieldsOf(&options);
  if (joist::cli::AskForHelp(arguments)) {
    const std::string help =
        std::string(kUsage) + joist::cli::CommandOptionsHelp(fields) + std::string(kMore);
    return std::fputs(help.c_str(), stdout) >= 0 ? 0 : 1;
  }
  joist::Status status = joist::cli::ReadCommandOptions(arguments, fields);
  if (status.ok()) status = Check(options);
  if (!status.ok()) return Refuse(status, 2);
  auto source = Source(options);
  if (!source.ok()) return Refuse(source.status(), 2);
  struct sigaction action = {};
  action.sa_handler = Interrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  status = options.endpoint == "-" ? Print(options, source->get()) : Send(options, source->get());
  if (!status.ok()) return Refuse(status, 1);
  return is_interrupted != 0 ? 130 : 0;
}
