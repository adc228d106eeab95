// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Queries 0, 1, 2 and 14, which look at one event at a time.

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "bench/nexmark/queries.h"

namespace joist::bench::nexmark {
namespace {

struct RoundTrip {
  std::string bytes;
  Event decoded;
  void Process(const Event& event, Emit<Event> emit) {
    bytes.clear();
    Coder<Event>::Encode(event, &bytes, /*nested=*/false);
    ByteReader in(bytes);
    if (!Coder<Event>::Decode(&in, &decoded, /*nested=*/false)) {
      throw std::runtime_error("an event that cannot be decoded");
    }
    emit(std::move(decoded));  // Which gets the memory of an older one for the next.
  }
};
JOIST_ROW(RoundTrip)

struct SkipAuctions {
  int64_t auction_skip = 1;
  void Process(const Event& event, Emit<AuctionPrice> emit) {
    const Bid* bid = event.bid();
    if (bid != nullptr && bid->auction % auction_skip == 0) {
      emit(AuctionPrice{bid->auction, bid->price});
    }
  }
};
JOIST_ROW(SkipAuctions, auction_skip)

TimeOfDay TimeOfDayOf(Timestamp time) {
  const int64_t hour = FloorMod(time.millis, Duration::Days(1).millis) / Duration::Hours(1).millis;
  if (hour >= 8 && hour <= 18) return TimeOfDay::kDay;
  if (hour <= 6 || hour >= 20) return TimeOfDay::kNight;
  return TimeOfDay::kOther;
}

}  // namespace

PCollection<Event> Passthrough(const PCollection<Event>& events) {
  return events | "Round trip" >> ParDo(RoundTrip());
}

PCollection<Bid> CurrencyConversion(const PCollection<Event>& events) {
  return events |
         "To euros" >> FlatMap([](const Event& event, Emit<Bid> emit) {
           const Bid* bid = event.bid();
           if (bid == nullptr) return;
           emit(Bid{bid->auction, bid->bidder, bid->price * 89 / 100, bid->date_time, bid->extra});
         });
}

PCollection<AuctionPrice> Selection(const PCollection<Event>& events, const QueryConfig& config) {
  return events | "Skip" >> ParDo(SkipAuctions{config.auction_skip});
}

PCollection<CalculatedBid> Calculation(const PCollection<Event>& events) {
  return events | "Calculate" >> FlatMap([](const Event& event, Emit<CalculatedBid> emit) {
                    const Bid* bid = event.bid();
                    if (bid == nullptr) return;
                    const int64_t price = bid->price * 908;
                    if (price <= 1'000'000'000 || price >= 50'000'000'000) return;
                    emit(CalculatedBid{bid->auction, bid->bidder, price,
                                       TimeOfDayOf(bid->date_time), bid->date_time, bid->extra,
                                       std::count(bid->extra.begin(), bid->extra.end(), 'c')});
                  });
}

}  // namespace joist::bench::nexmark
