// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/events-per-user/publisher.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <utility>

#include "apps/events-per-user/zipf.h"
#include "joist/io/net/http_client.h"
#include "joist/io/net/retry.h"

namespace events_per_user {
namespace {

using Clock = std::chrono::steady_clock;
using joist::Duration;

constexpr size_t kShownBytes = 300;

int64_t MicrosSince(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
}

joist::Timestamp WallTime() {
  return joist::Timestamp::Millis(std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::system_clock::now().time_since_epoch())
                                      .count());
}

/// Whether the same request may be accepted later.
bool MayComeAgain(int status) { return status == 408 || status == 429 || status >= 500; }

std::string FirstBytes(std::string text) {
  text.resize(std::min(text.size(), kShownBytes));
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

void Latencies::Add(int64_t micros) {
  const auto value = static_cast<uint64_t>(std::max<int64_t>(micros, 8));
  const auto power = static_cast<size_t>(std::bit_width(value)) - 4;  // Three more bits follow.
  const size_t index = power * 8 + (value >> power & 7);
  counts_[std::min(index, counts_.size() - 1)].fetch_add(1, std::memory_order_relaxed);
}

double Latencies::MillisAt(double share) const {
  uint64_t whole = 0;
  for (const auto& count : counts_) whole += count.load(std::memory_order_relaxed);
  const double wanted = share * static_cast<double>(whole);
  uint64_t below = 0;
  for (size_t i = 0; i < counts_.size() && whole > 0; ++i) {
    below += counts_[i].load(std::memory_order_relaxed);
    if (static_cast<double>(below) < wanted || below == 0) continue;
    return static_cast<double>((9 + i % 8) << (i / 8)) / 1000;
  }
  return 0;
}

/// What one connection's attempts have in common. Belongs to one thread.
class Attempts {
 public:
  Attempts(const PublisherSettings& settings, int number)
      : client_(settings.url, settings.timeout), random_(static_cast<uint64_t>(number)) {}

  joist::net::HttpClient& client() { return client_; }
  double NextChance() { return random_.NextShare(); }

 private:
  joist::net::HttpClient client_;
  Random random_;
};

Publisher::Publisher(PublisherSettings settings, Truth* truth)
    : settings_(std::move(settings)), truth_(truth) {
  for (int i = 0; i < settings_.connections; ++i) {
    threads_.emplace_back([this, i] { Work(i); });
  }
}

Publisher::~Publisher() {
  GiveUp();
  (void)Finish();
}

bool Publisher::Put(EventBatch batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    return gives_up_ || waiting_.size() < static_cast<size_t>(settings_.connections);
  });
  if (gives_up_) return false;
  waiting_.push_back(std::move(batch));
  changed_.notify_all();
  return true;
}

joist::Status Publisher::Finish() {
  {
    const std::lock_guard lock(mutex_);
    is_complete_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Publisher::GiveUp() {
  const std::lock_guard lock(mutex_);
  gives_up_ = true;
  changed_.notify_all();
}

PublisherFigures Publisher::figures() const {
  return {sent_.load(), accepted_.load(), retries_.load(), undecided_.load()};
}

void Publisher::Work(int number) {
  Attempts attempts(settings_, number);
  while (true) {
    EventBatch batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return gives_up_ || is_complete_ || !waiting_.empty(); });
      if (gives_up_ || waiting_.empty()) return;
      batch = std::move(waiting_.front());
      waiting_.pop_front();
      changed_.notify_all();
    }
    if (!Publish(&attempts, batch)) return;
  }
}

bool Publisher::Publish(Attempts* attempts, const EventBatch& batch) {
  const Clock::time_point begin = Clock::now();
  const joist::net::RetryPolicy policy = {.attempts = INT64_MAX,
                                          .first_delay = settings_.first_delay,
                                          .longest_delay = settings_.longest_delay};
  for (int64_t failures = 1;; ++failures) {
    const Clock::time_point start = Clock::now();
    sent_ += batch.events.size();
    const joist::Result<joist::net::HttpResponse> answer =
        attempts->client().Post("application/x-ndjson", batch.body, settings_.token);
    if (answer.ok() && answer->status >= 200 && answer->status < 300) {
      latencies_.Add(MicrosSince(start));
      accepted_ += batch.events.size();
      if (truth_ != nullptr) truth_->Accept(batch.events);
      return true;
    }
    const std::string why = answer.ok() ? "HTTP " + std::to_string(answer->status) + " " +
                                              answer->reason + ": " + FirstBytes(answer->body)
                                        : answer.status().message();
    if (answer.ok() && !MayComeAgain(answer->status)) {
      return Fail(settings_.url.ToString() + " does not accept events: " + why);
    }
    // Its fate is open from here on: the server may have taken it before the answer was lost.
    std::optional<Duration> asked;
    if (answer.ok()) asked = joist::net::ParseRetryAfter(answer->Header("Retry-After"), WallTime());
    if (asked) asked = std::min(*asked, settings_.longest_delay);
    const std::optional<Duration> delay =
        policy.DelayAfter(std::min<int64_t>(failures, 60), asked, attempts->NextChance());
    const Duration so_far = Duration::Millis(MicrosSince(begin) / 1000);
    if (so_far > settings_.give_up_after || !delay) {
      undecided_ += batch.events.size();
      return Fail("gave up after " + so_far.ToString() + ": " + why);
    }
    if (!Wait(*delay)) {
      undecided_ += batch.events.size();
      return false;
    }
    ++retries_;
  }
}

bool Publisher::Wait(Duration delay) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, std::chrono::milliseconds(delay.millis),
                            [this] { return gives_up_; });
}

bool Publisher::Fail(std::string why) {
  const std::lock_guard lock(mutex_);
  if (failure_.ok()) failure_ = {joist::StatusCode::kUnavailable, std::move(why)};
  gives_up_ = true;
  changed_.notify_all();
  return false;
}

}  // namespace events_per_user
