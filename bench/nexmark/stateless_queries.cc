// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Queries 0, 1 and 2, which look at one event at a time.

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

}  // namespace joist::bench::nexmark
