// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Queries 3, 8 and 13, which join: by state, by a grouping, by a side input.

#include <string>
#include <utility>
#include <vector>

#include "bench/nexmark/queries.h"

namespace joist::bench::nexmark {
namespace {

bool IsLocal(const Person& person) {
  return person.state == "OR" || person.state == "ID" || person.state == "CA";
}

/// Keeps a person for the auctions to come, and auctions until their person comes; both until
/// nothing has come for the waiting time. Of input that ends, time goes on when a key has no more
/// elements: nothing waits in vain there.
struct JoinAuctionsWithPerson {
  struct Expiry {};
  Duration max_waiting_time;

  void Process(const KV<int64_t, Event>& element, ValueState<Person> seller,
               BagState<int64_t> pending, EventTimer<Expiry> expiry, Emit<NameCityStateId> emit) {
    expiry.Set(element.value.date_time() + max_waiting_time);
    if (const Person* person = element.value.person()) {
      for (const int64_t auction : pending.Read()) EmitPair(*person, auction, emit);
      pending.Clear();
      seller.Write(*person);
    } else if (const Auction* auction = element.value.auction()) {
      if (const Person* known = seller.Read()) {
        EmitPair(*known, auction->id, emit);
      } else {
        pending.Add(auction->id);
      }
    }
  }
  void OnTimer(Expiry, ValueState<Person> seller, BagState<int64_t> pending,
               Emit<NameCityStateId>) {
    seller.Clear();
    pending.Clear();
  }

 private:
  static void EmitPair(const Person& person, int64_t auction, Emit<NameCityStateId> emit) {
    emit(NameCityStateId{person.name, person.city, person.state, auction});
  }
};
JOIST_ROW(JoinAuctionsWithPerson, max_waiting_time)

struct EnrichBid {
  int64_t rows = 1;
  void Process(const Event& event, SideInput<MapView<int64_t, std::string>> side, Emit<Bid> emit) {
    const Bid* bid = event.bid();
    if (bid == nullptr) return;
    emit(Bid{bid->auction, bid->bidder, bid->price, bid->date_time,
             std::string(side->At(bid->bidder % rows))});
  }
};
JOIST_ROW(EnrichBid, rows)

struct EnrichSession {
  int64_t rows = 1;
  void Process(const KV<int64_t, Iterable<Bid>>& session, Window window,
               SideInput<MapView<int64_t, std::string>> side, Emit<Bid> emit) {
    const std::string extra = std::string(side->At(session.key % rows)) + ":" +
                              window.start.ToString() + ":" + window.end.ToString();
    for (const Bid& bid : session.value) {
      emit(Bid{bid.auction, bid.bidder, bid.price, bid.date_time, extra});
    }
  }
};
JOIST_ROW(EnrichSession, rows)

}  // namespace

PCollection<NameCityStateId> LocalItemSuggestion(const PCollection<Event>& events,
                                                 const QueryConfig& config) {
  const auto auctions =
      events | "Auctions" >> FlatMap([](const Event& event, Emit<KV<int64_t, Event>> emit) {
                 const Auction* auction = event.auction();
                 if (auction != nullptr && auction->category == 10) {
                   emit(KV<int64_t, Event>{auction->seller, event});
                 }
               });
  const auto persons =
      events | "Persons" >> FlatMap([](const Event& event, Emit<KV<int64_t, Event>> emit) {
                 const Person* person = event.person();
                 if (person != nullptr && IsLocal(*person))
                   emit(KV<int64_t, Event>{person->id, event});
               });
  return Flatten("Both", auctions, persons) |
         "Join" >> ParDo(JoinAuctionsWithPerson{config.max_auctions_waiting_time});
}

PCollection<IdNameReserve> MonitorNewUsers(const PCollection<Event>& events,
                                           const QueryConfig& config) {
  const auto windowed = events | "Windows" >> WindowInto(FixedWindows(config.window_size));
  const auto persons =
      windowed | "Persons" >> FlatMap([](const Event& event, Emit<KV<int64_t, std::string>> emit) {
                   if (const Person* person = event.person()) {
                     emit(KV<int64_t, std::string>{person->id, person->name});
                   }
                 });
  const auto auctions =
      windowed | "Auctions" >> FlatMap([](const Event& event, Emit<KV<int64_t, int64_t>> emit) {
                   if (const Auction* auction = event.auction()) {
                     emit(KV<int64_t, int64_t>{auction->seller, auction->reserve});
                   }
                 });
  return CoGroupByKey("By person", persons, auctions) |
         "Select" >> FlatMap([](const KV<int64_t, CoGbkResult<std::string, int64_t>>& group,
                                Emit<IdNameReserve> emit) {
           const auto& [names, reserves] = group.value;
           for (const std::string_view name : names) {  // One, or none.
             for (const int64_t reserve : reserves) {
               emit(IdNameReserve{group.key, std::string(name), reserve});
             }
           }
         });
}

PCollection<Bid> BoundedSideInputJoin(const PCollection<Event>& events,
                                      const PCollection<KV<int64_t, std::string>>& side_input,
                                      const QueryConfig& config) {
  return events | "Enrich" >> ParDo(EnrichBid{config.side_input_rows}, AsMap(side_input));
}

PCollection<Bid> SessionSideInputJoin(const PCollection<Event>& events,
                                      const PCollection<KV<int64_t, std::string>>& side_input,
                                      const QueryConfig& config) {
  return events | "By bidder" >> FlatMap([](const Event& event, Emit<KV<int64_t, Bid>> emit) {
                    if (const Bid* bid = event.bid())
                      emit(KV<int64_t, const Bid&>{bid->bidder, *bid});
                  }) |
         "Sessions" >> WindowInto(Sessions(config.session_gap)) | "Group" >> GroupByKey() |
         "Enrich" >> ParDo(EnrichSession{config.side_input_rows}, AsMap(side_input));
}

PCollection<KV<int64_t, std::string>> SideInputOf(const Pipeline& pipeline,
                                                  const QueryConfig& config) {
  std::vector<KV<int64_t, std::string>> rows;
  for (int64_t i = 0; i < config.side_input_rows; ++i) rows.push_back({i, std::to_string(i)});
  return pipeline | "Side input" >> Create(std::move(rows));
}

}  // namespace joist::bench::nexmark
