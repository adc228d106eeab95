// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/nexmark/reference.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <tuple>
#include <utility>

namespace joist::bench::nexmark::reference {
namespace {

std::vector<Bid> BidsOf(const Events& events) {
  std::vector<Bid> bids;
  for (const Event& event : events) {
    if (const Bid* bid = event.bid()) bids.push_back(*bid);
  }
  return bids;
}

std::vector<Auction> AuctionsOf(const Events& events) {
  std::vector<Auction> auctions;
  for (const Event& event : events) {
    if (const Auction* auction = event.auction()) auctions.push_back(*auction);
  }
  return auctions;
}

std::vector<Person> PersonsOf(const Events& events) {
  std::vector<Person> persons;
  for (const Event& event : events) {
    if (const Person* person = event.person()) persons.push_back(*person);
  }
  return persons;
}

/// All times here are after 1970.
Window FixedWindowOf(Timestamp time, Duration size) {
  const Timestamp start = Timestamp::Millis(time.millis / size.millis * size.millis);
  return {start, start + size};
}

std::vector<Window> SlidingWindowsOf(Timestamp time, Duration size, Duration period) {
  std::vector<Window> windows;
  for (Timestamp start = FixedWindowOf(time, period).start; start + size > time;
       start = start - period) {
    windows.push_back({start, start + size});
  }
  return windows;
}

using StartAndEnd = std::pair<int64_t, int64_t>;
StartAndEnd KeyOf(const Window& window) { return {window.start.millis, window.end.millis}; }
Window WindowOf(StartAndEnd key) {
  return {Timestamp::Millis(key.first), Timestamp::Millis(key.second)};
}

template <class Row>
InWindows<Row> InGlobalWindow(const std::vector<Row>& rows) {
  InWindows<Row> all;
  for (const Row& row : rows) all.push_back({Window::Global(), row});
  return all;
}

std::vector<AuctionBid> WinnersOf(const Events& events) {
  std::map<int64_t, std::vector<Bid>> bids_by_auction;
  for (const Bid& bid : BidsOf(events)) bids_by_auction[bid.auction].push_back(bid);
  std::vector<AuctionBid> winners;
  for (const Auction& auction : AuctionsOf(events)) {
    std::vector<Bid> valid;
    for (const Bid& bid : bids_by_auction[auction.id]) {
      if (bid.price >= auction.reserve && bid.date_time < auction.expires) valid.push_back(bid);
    }
    if (valid.empty()) continue;
    const auto rank = [](const Bid& bid) {
      return std::tuple(-bid.price, bid.date_time, bid.bidder, bid.extra);
    };
    std::sort(valid.begin(), valid.end(),
              [&](const Bid& a, const Bid& b) { return rank(a) < rank(b); });
    winners.push_back({auction, valid.front()});
  }
  return winners;
}

std::string LineOf(const Event& event) {
  const auto number = [](int64_t n) { return "\t" + std::to_string(n); };
  const auto time = [](Timestamp t) { return "\t" + std::to_string(t.millis); };
  if (const Person* p = event.person()) {
    return "0" + number(p->id) + "\t" + p->name + "\t" + p->email_address + "\t" + p->credit_card +
           "\t" + p->city + "\t" + p->state + time(p->date_time) + "\t" + p->extra;
  }
  if (const Auction* a = event.auction()) {
    return "1" + number(a->id) + "\t" + a->item_name + "\t" + a->description +
           number(a->initial_bid) + number(a->reserve) + time(a->date_time) + time(a->expires) +
           number(a->seller) + number(a->category) + "\t" + a->extra;
  }
  const Bid* b = event.bid();
  return "2" + number(b->auction) + number(b->bidder) + number(b->price) + time(b->date_time) +
         "\t" + b->extra;
}

int64_t RoundedMean(const std::vector<int64_t>& prices) {
  double sum = 0;
  for (const int64_t price : prices) sum += static_cast<double>(price);
  return std::llround(sum / static_cast<double>(prices.size()));
}

}  // namespace

InWindows<Event> Passthrough(const Events& events, const QueryConfig&) {
  return InGlobalWindow(events);
}

InWindows<Bid> CurrencyConversion(const Events& events, const QueryConfig&) {
  std::vector<Bid> bids = BidsOf(events);
  for (Bid& bid : bids) bid.price = bid.price * 89 / 100;
  return InGlobalWindow(bids);
}

InWindows<AuctionPrice> Selection(const Events& events, const QueryConfig& config) {
  std::vector<AuctionPrice> prices;
  for (const Bid& bid : BidsOf(events)) {
    if (bid.auction % config.auction_skip == 0) prices.push_back({bid.auction, bid.price});
  }
  return InGlobalWindow(prices);
}

InWindows<NameCityStateId> LocalItemSuggestion(const Events& events, const QueryConfig&) {
  std::map<int64_t, Person> persons;
  for (const Person& person : PersonsOf(events)) {
    if (std::set<std::string>{"OR", "ID", "CA"}.contains(person.state)) persons[person.id] = person;
  }
  std::vector<NameCityStateId> found;
  for (const Auction& auction : AuctionsOf(events)) {
    const auto person = persons.find(auction.seller);
    if (auction.category != 10 || person == persons.end()) continue;
    found.push_back({person->second.name, person->second.city, person->second.state, auction.id});
  }
  return InGlobalWindow(found);
}

InWindows<CategoryPrice> AveragePriceForCategory(const Events& events, const QueryConfig& config) {
  std::map<std::pair<StartAndEnd, int64_t>, std::vector<int64_t>> prices;
  for (const AuctionBid& won : WinnersOf(events)) {
    const Timestamp last = Timestamp::Millis(won.auction.expires.millis - 1);
    for (const Window& window : SlidingWindowsOf(last, config.window_size, config.window_period)) {
      prices[{KeyOf(window), won.auction.category}].push_back(won.bid.price);
    }
  }
  InWindows<CategoryPrice> means;
  for (const auto& [key, all] : prices) {
    means.push_back({WindowOf(key.first), {key.second, RoundedMean(all)}});
  }
  return means;
}

InWindows<AuctionCount> HotItems(const Events& events, const QueryConfig& config) {
  std::map<StartAndEnd, std::map<int64_t, int64_t>> counts;
  for (const Bid& bid : BidsOf(events)) {
    for (const Window& window :
         SlidingWindowsOf(bid.date_time, config.window_size, config.window_period)) {
      ++counts[KeyOf(window)][bid.auction];
    }
  }
  InWindows<AuctionCount> hot;
  for (const auto& [window, auctions] : counts) {
    int64_t most = 0;
    for (const auto& [auction, num] : auctions) most = std::max(most, num);
    for (const auto& [auction, num] : auctions) {
      if (num == most) hot.push_back({WindowOf(window), {auction, num}});
    }
  }
  return hot;
}

InWindows<SellerPrice> AverageSellingPriceBySeller(const Events& events, const QueryConfig&) {
  std::map<int64_t, std::vector<std::pair<Timestamp, int64_t>>> bids;
  for (const AuctionBid& won : WinnersOf(events)) {
    bids[won.auction.seller].push_back({won.bid.date_time, won.bid.price});
  }
  std::vector<SellerPrice> means;
  for (auto& [seller, all] : bids) {
    std::sort(all.begin(), all.end());
    std::vector<int64_t> last;
    for (size_t i = all.size() > 10 ? all.size() - 10 : 0; i < all.size(); ++i) {
      last.push_back(all[i].second);
    }
    means.push_back({seller, RoundedMean(last)});
  }
  return InGlobalWindow(means);
}

InWindows<Bid> HighestBid(const Events& events, const QueryConfig& config) {
  std::map<StartAndEnd, std::vector<Bid>> windows;
  for (const Bid& bid : BidsOf(events)) {
    windows[KeyOf(FixedWindowOf(bid.date_time, config.window_size))].push_back(bid);
  }
  InWindows<Bid> highest;
  for (const auto& [window, bids] : windows) {
    int64_t price = 0;
    for (const Bid& bid : bids) price = std::max(price, bid.price);
    for (const Bid& bid : bids) {
      if (bid.price == price) highest.push_back({WindowOf(window), bid});
    }
  }
  return highest;
}

InWindows<IdNameReserve> MonitorNewUsers(const Events& events, const QueryConfig& config) {
  std::map<int64_t, Person> persons;
  for (const Person& person : PersonsOf(events)) persons[person.id] = person;
  InWindows<IdNameReserve> found;
  for (const Auction& auction : AuctionsOf(events)) {
    const auto seller = persons.find(auction.seller);
    if (seller == persons.end()) continue;
    const Person& person = seller->second;
    const Window window = FixedWindowOf(person.date_time, config.window_size);
    if (FixedWindowOf(auction.date_time, config.window_size) != window) continue;
    found.push_back({window, {person.id, person.name, auction.reserve}});
  }
  return found;
}

InWindows<AuctionBid> WinningBids(const Events& events, const QueryConfig&) {
  InWindows<AuctionBid> winners;
  for (const AuctionBid& won : WinnersOf(events)) {
    winners.push_back({{won.auction.date_time, won.auction.expires}, won});
  }
  return winners;
}

std::map<std::string, std::vector<std::string>> LogToShardedFiles(const Events& events,
                                                                  const QueryConfig& config) {
  std::map<std::string, std::vector<std::string>> files;
  for (const Event& event : events) {
    int64_t id = 0;
    if (event.person() != nullptr) id = event.person()->id;
    if (event.auction() != nullptr) id = event.auction()->id;
    if (event.bid() != nullptr) id = event.bid()->bidder;
    const Window window = FixedWindowOf(event.date_time(), config.window_size);
    files[window.end.ToString() + "-" + std::to_string(id % config.log_shards)].push_back(
        LineOf(event));
  }
  for (auto& [name, lines] : files) std::sort(lines.begin(), lines.end());
  return files;
}

InWindows<BidsPerSession> UserSessions(const Events& events, const QueryConfig& config) {
  std::map<int64_t, std::vector<Timestamp>> times;
  for (const Bid& bid : BidsOf(events)) times[bid.bidder].push_back(bid.date_time);
  InWindows<BidsPerSession> sessions;
  for (auto& [bidder, all] : times) {
    std::sort(all.begin(), all.end());
    for (const Timestamp time : all) {
      const bool goes_on = !sessions.empty() && sessions.back().value.person == bidder &&
                           time < sessions.back().key.end;
      if (!goes_on) sessions.push_back({{time, time}, {bidder, 0}});
      sessions.back().key.end = time + config.window_size;
      ++sessions.back().value.bids;
    }
  }
  return sessions;
}

InWindows<BidsPerSession> ProcessingTimeWindows(const Events& events, const QueryConfig&) {
  std::map<int64_t, int64_t> counts;
  for (const Bid& bid : BidsOf(events)) ++counts[bid.bidder];
  std::vector<BidsPerSession> rows;
  for (const auto& [bidder, count] : counts) rows.push_back({bidder, count});
  return InGlobalWindow(rows);
}

InWindows<Bid> BoundedSideInputJoin(const Events& events, const QueryConfig& config) {
  std::vector<Bid> bids = BidsOf(events);
  for (Bid& bid : bids) bid.extra = std::to_string(bid.bidder % config.side_input_rows);
  return InGlobalWindow(bids);
}

InWindows<Bid> SessionSideInputJoin(const Events& events, const QueryConfig& config) {
  std::map<int64_t, std::vector<Bid>> bids;
  for (const Bid& bid : BidsOf(events)) bids[bid.bidder].push_back(bid);
  InWindows<Bid> joined;
  for (auto& [bidder, all] : bids) {
    std::sort(all.begin(), all.end(),
              [](const Bid& a, const Bid& b) { return a.date_time < b.date_time; });
    const std::string extra = std::to_string(bidder % config.side_input_rows);
    for (size_t first = 0, next = 0; first < all.size(); first = next) {
      for (next = first + 1; next < all.size(); ++next) {
        if (all[next].date_time >= all[next - 1].date_time + config.session_gap) break;
      }
      const Window session = {all[first].date_time, all[next - 1].date_time + config.session_gap};
      for (size_t i = first; i < next; ++i) {
        Bid bid = all[i];
        bid.extra = extra + ":" + session.start.ToString() + ":" + session.end.ToString();
        joined.push_back({session, bid});
      }
    }
  }
  return joined;
}

}  // namespace joist::bench::nexmark::reference
