// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/nexmark/loops.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace joist::bench::nexmark {
namespace {

/// Calls function(consumer) for each of them, on a thread of its own; with one, on this one. What
/// threads write to shares no cache line.
template <class Function>
void OnThreads(RowConsumers& consumers, Function function) {
  const auto run = [&](RowConsumer& consumer) {
    RowConsumer own = std::move(consumer);
    function(own);
    consumer = std::move(own);
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < consumers.size(); ++i) {
    threads.emplace_back([&, i] { run(consumers[i]); });
  }
  run(consumers[0]);
  for (std::thread& thread : threads) thread.join();
}

/// Calls function(i, consumer) for each i below `count`, a piece of them after the other on
/// whichever thread is free.
template <class Function>
void ForEachIndex(size_t count, size_t piece, RowConsumers& consumers, Function function) {
  std::atomic<size_t> next = 0;
  OnThreads(consumers, [&](RowConsumer& consumer) {
    for (size_t begin; (begin = next.fetch_add(piece)) < count;) {
      const size_t end = std::min(count, begin + piece);
      for (size_t i = begin; i < end; ++i) function(i, consumer);
    }
  });
}

constexpr size_t kEventsOfPiece = 16 << 10;

/// An event as bytes: which of the three it is, then its fields, of texts the size before.
class EventBytes {
 public:
  void Write(const Event& event) {
    std::visit([this](const auto& row) { WriteRow(row); }, event.what);
    kind_ = event.what.index();
  }
  void Read(Event& event) const {
    switch (kind_) {
      case 0: return ReadRow<Person>(event);
      case 1: return ReadRow<Auction>(event);
      default: return ReadRow<Bid>(event);
    }
  }

 private:
  template <class Row>
  void WriteRow(const Row& row) {
    size_t size = 0;
    RowTraits<Row>::ForEachField(row, [&size](const auto& field) {
      size += 8;
      if constexpr (requires { field.size(); }) size += field.size();
    });
    if (bytes_.size() < size) bytes_.resize(size);
    char* at = bytes_.data();
    RowTraits<Row>::ForEachField(row, [&at](const auto& field) {
      if constexpr (requires { field.size(); }) {
        const size_t length = field.size();
        at = Put(at, &length, sizeof(length));
        at = Put(at, field.data(), length);
      } else {
        at = Put(at, &field, sizeof(field));
      }
    });
  }
  template <class Row>
  void ReadRow(Event& event) const {
    if (!std::holds_alternative<Row>(event.what)) event.what.emplace<Row>();
    const char* at = bytes_.data();
    RowTraits<Row>::ForEachField(std::get<Row>(event.what), [&at](auto& field) {
      if constexpr (requires { field.size(); }) {
        size_t length;
        std::memcpy(&length, at, sizeof(length));
        field.assign(at + sizeof(length), length);
        at += sizeof(length) + length;
      } else {
        std::memcpy(&field, at, sizeof(field));
        at += sizeof(field);
      }
    });
  }
  static char* Put(char* at, const void* data, size_t size) {
    std::memcpy(at, data, size);
    return at + size;
  }

  size_t kind_ = 0;
  std::vector<char> bytes_;
};

/// The index of the first event at `time` or after it.
size_t FirstEventAt(const std::vector<Event>& events, Timestamp time) {
  const auto at = std::partition_point(
      events.begin(), events.end(), [&](const Event& event) { return event.date_time() < time; });
  return static_cast<size_t>(at - events.begin());
}

/// Pieces of time of `size`, from the one with the first event to the one with the last.
struct Pieces {
  Timestamp begin;
  size_t count = 0;
};
Pieces PiecesOf(const std::vector<Event>& events, Duration size) {
  if (events.empty()) return {};
  const int64_t first = events.front().date_time().millis / size.millis;
  const int64_t last = events.back().date_time().millis / size.millis;
  return {Timestamp::Millis(first * size.millis), static_cast<size_t>(last - first + 1)};
}

/// Counts by auction, of auctions with ids that are near to each other.
struct AuctionCounts {
  int64_t first = 0;
  std::vector<uint32_t> counts;

  void Add(int64_t auction) {
    if (counts.empty()) first = auction;
    if (auction < first) {
      const int64_t before = first - auction + 1024;
      counts.insert(counts.begin(), static_cast<size_t>(before), 0);
      first -= before;
    }
    const auto at = static_cast<size_t>(auction - first);
    if (at >= counts.size()) counts.resize(at + 1024);
    ++counts[at];
  }
};

}  // namespace

void GenerateByHand(const GeneratorConfig& config, RowConsumers& consumers) {
  const Generator generator(config);
  std::atomic<int64_t> next = 0;
  OnThreads(consumers, [&](RowConsumer& consumer) {
    // Each slot keeps its kind, and its memory.
    std::vector<Event> slots(Generator::kProportionDenominator);
    const int64_t piece = 100 * Generator::kProportionDenominator;
    for (int64_t begin; (begin = next.fetch_add(piece)) < config.event_count;) {
      const int64_t end = std::min(config.event_count, begin + piece);
      for (int64_t i = begin; i < end; ++i) {
        Event& event = slots[static_cast<size_t>(i % Generator::kProportionDenominator)];
        generator.Make(i, event);
        consumer.Add(Window::Global(), event);
      }
    }
  });
}

void PassthroughByHand(const std::vector<Event>& events, const QueryConfig&,
                       RowConsumers& consumers) {
  std::atomic<size_t> next = 0;
  OnThreads(consumers, [&](RowConsumer& consumer) {
    EventBytes bytes;
    std::vector<Event> slots(Generator::kProportionDenominator);
    for (size_t begin; (begin = next.fetch_add(kEventsOfPiece)) < events.size();) {
      const size_t end = std::min(events.size(), begin + kEventsOfPiece);
      for (size_t i = begin; i < end; ++i) {
        Event& event = slots[i % slots.size()];
        bytes.Write(events[i]);
        bytes.Read(event);
        consumer.Add(Window::Global(), event);
      }
    }
  });
}

void CurrencyConversionByHand(const std::vector<Event>& events, const QueryConfig&,
                              RowConsumers& consumers) {
  ForEachIndex(events.size(), kEventsOfPiece, consumers, [&](size_t i, RowConsumer& consumer) {
    const Bid* bid = events[i].bid();
    if (bid == nullptr) return;
    consumer.AddBid(Window::Global(), bid->auction, bid->bidder, bid->price * 89 / 100,
                    bid->date_time, bid->extra);
  });
}

void SelectionByHand(const std::vector<Event>& events, const QueryConfig& config,
                     RowConsumers& consumers) {
  ForEachIndex(events.size(), kEventsOfPiece, consumers, [&](size_t i, RowConsumer& consumer) {
    const Bid* bid = events[i].bid();
    if (bid == nullptr || bid->auction % config.auction_skip != 0) return;
    consumer.Add(Window::Global(), AuctionPrice{bid->auction, bid->price});
  });
}

void HotItemsByHand(const std::vector<Event>& events, const QueryConfig& config,
                    RowConsumers& consumers) {
  const Duration period = config.window_period;
  const auto [begin, count] = PiecesOf(events, period);
  const auto start_of = [begin = begin, period](int64_t piece) { return begin + period * piece; };
  std::vector<AuctionCounts> pieces(count);
  ForEachIndex(count, 1, consumers, [&](size_t i, RowConsumer&) {
    const auto piece = static_cast<int64_t>(i);
    const size_t end = FirstEventAt(events, start_of(piece + 1));
    for (size_t at = FirstEventAt(events, start_of(piece)); at < end; ++at) {
      if (const Bid* bid = events[at].bid()) pieces[i].Add(bid->auction);
    }
  });
  // Window i ends with piece i.
  const auto pieces_of_window = static_cast<size_t>(config.window_size.millis / period.millis);
  ForEachIndex(count + pieces_of_window - 1, 1, consumers, [&](size_t i, RowConsumer& consumer) {
    const auto first =
        pieces.begin() + static_cast<ptrdiff_t>(i + 1 - std::min(i + 1, pieces_of_window));
    const auto last = pieces.begin() + static_cast<ptrdiff_t>(std::min(i + 1, count));
    int64_t least = INT64_MAX, most = 0;
    for (auto piece = first; piece != last; ++piece) {
      if (piece->counts.empty()) continue;
      least = std::min(least, piece->first);
      most = std::max(most, piece->first + static_cast<int64_t>(piece->counts.size()));
    }
    if (most == 0) return;
    std::vector<uint32_t> sums(static_cast<size_t>(most - least));
    for (auto piece = first; piece != last; ++piece) {
      for (size_t j = 0; j < piece->counts.size(); ++j) {
        sums[static_cast<size_t>(piece->first - least) + j] += piece->counts[j];
      }
    }
    const uint32_t top = *std::max_element(sums.begin(), sums.end());
    if (top == 0) return;
    const Timestamp end = start_of(static_cast<int64_t>(i) + 1);
    for (size_t j = 0; j < sums.size(); ++j) {
      if (sums[j] != top) continue;
      consumer.Add(Window{end - config.window_size, end},
                   AuctionCount{least + static_cast<int64_t>(j), top});
    }
  });
}

void MonitorNewUsersByHand(const std::vector<Event>& events, const QueryConfig& config,
                           RowConsumers& consumers) {
  const Duration size = config.window_size;
  const auto [begin, count] = PiecesOf(events, size);
  ForEachIndex(count, 1, consumers, [&, begin = begin](size_t i, RowConsumer& consumer) {
    const Timestamp start = begin + size * static_cast<int64_t>(i);
    const size_t end = FirstEventAt(events, start + size);
    std::vector<const Person*> persons;  // Their ids have no gaps.
    std::vector<const Auction*> auctions;
    for (size_t at = FirstEventAt(events, start); at < end; ++at) {
      if (const Person* person = events[at].person()) persons.push_back(person);
      if (const Auction* auction = events[at].auction()) auctions.push_back(auction);
    }
    if (persons.empty()) return;
    for (const Auction* auction : auctions) {
      const auto at = static_cast<size_t>(auction->seller - persons.front()->id);
      if (at >= persons.size()) continue;  // One before the first is beyond the last, too.
      consumer.Add(Window{start, start + size},
                   IdNameReserve{persons[at]->id, persons[at]->name, auction->reserve});
    }
  });
}

}  // namespace joist::bench::nexmark
