// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/nexmark/generator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>

#include "bench/digest.h"

namespace joist::bench::nexmark {
namespace {

/// How far ids of persons and auctions may lie ahead of those that are there.
constexpr int64_t kIdLead = 10;
/// One in so many persons and auctions is hot.
constexpr int64_t kHotOneIn = 100;
constexpr size_t kLeastText = 3;

constexpr std::array<std::string_view, 6> kStates = {"AZ", "CA", "ID", "OR", "WA", "WY"};
constexpr std::array<std::string_view, 10> kCities = {
    "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
    "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
constexpr std::array<std::string_view, 11> kFirstNames = {
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"};
constexpr std::array<std::string_view, 9> kLastNames = {
    "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"};

/// Numbers, base 0, of the last person and the last auction up to event `number`; -1 where there
/// is none yet.
int64_t LastPerson(int64_t number) { return number / Generator::kProportionDenominator; }
int64_t LastAuction(int64_t number) {
  const int64_t offset = number % Generator::kProportionDenominator;
  const int64_t auctions = std::clamp<int64_t>(offset - Generator::kPersonProportion + 1, 0,
                                               Generator::kAuctionProportion);
  return number / Generator::kProportionDenominator * Generator::kAuctionProportion + auctions - 1;
}

/// The first of the hundred that `number` is in.
int64_t HotOf(int64_t number) { return std::max<int64_t>(number, 0) / kHotOneIn * kHotOneIn; }

template <class Row>
Row& As(Event& event) {
  if (!std::holds_alternative<Row>(event.what)) event.what.emplace<Row>();
  return std::get<Row>(event.what);
}

}  // namespace

/// One event's random numbers.
class Generator::Random {
 public:
  Random(uint64_t seed, int64_t number)
      : state_(SplitMix64(seed) ^ static_cast<uint64_t>(number) * 0x9E3779B97F4A7C15U) {}

  uint64_t Next() { return SplitMix64(state_++ * 0xD6E8FEB86659FD93U); }
  /// In [0, below).
  int64_t Below(int64_t below) {
    return static_cast<int64_t>((Next() >> 32) * static_cast<uint64_t>(below) >> 32);
  }
  template <size_t kSize>
  std::string_view OneOf(const std::array<std::string_view, kSize>& texts) {
    return texts[static_cast<size_t>(Below(kSize))];
  }
  /// From a dollar to a million dollars, each power of ten as often.
  int64_t Price() {
    const double exponent = static_cast<double>(Next() >> 11) * 0x1p-53 * 6;
    return std::llround(std::pow(10.0, exponent) * 100);
  }
  /// Letters, and now and then a space, none at the ends.
  void AppendText(int64_t longest, std::string& text) {
    const size_t begin = text.size();
    const auto size =
        kLeastText + static_cast<size_t>(Below(longest - static_cast<int64_t>(kLeastText)));
    while (text.size() < begin + size) {
      const bool space = text.size() > begin && Below(13) == 0;
      text += space ? ' ' : Letter(Next());
    }
    while (text.back() == ' ') text.pop_back();
  }
  /// Letters, so that an event that has `size` bytes already has `average` bytes on average.
  void SetExtra(int64_t size, int64_t average, std::string& text) {
    const int64_t rest = std::max<int64_t>(average - size, 0);
    const int64_t delta = (rest + 2) / 5;
    const auto length = static_cast<size_t>(rest - delta + (delta == 0 ? 0 : Below(2 * delta)));
    text.resize(length);
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
      const uint64_t letters = Letters(Next());
      std::memcpy(text.data() + i, &letters, 8);
    }
    if (i == length) return;
    const uint64_t letters = Letters(Next());
    std::memcpy(text.data() + i, &letters, length - i);
  }

 private:
  static char Letter(uint64_t random) {
    return static_cast<char>('a' + ((random & 0xFF) * 26 >> 8));
  }

  /// Letter of each of the eight bytes: every second one at once, in 16 bits.
  static uint64_t Letters(uint64_t random) {
    constexpr uint64_t kEverySecond = 0x00FF00FF00FF00FF;
    const uint64_t even = (random & kEverySecond) * 26 >> 8 & kEverySecond;
    const uint64_t odd = (random >> 8 & kEverySecond) * 26 & ~kEverySecond;
    return (even | odd) + 0x6161616161616161;
  }

  uint64_t state_;
};

void Generator::Make(int64_t i, Event& event) const {
  const int64_t number = NumberOf(i);
  const int64_t offset = number % kProportionDenominator;
  if (offset < kPersonProportion) {
    MakePerson(number, As<Person>(event));
  } else if (offset < kPersonProportion + kAuctionProportion) {
    MakeAuction(number, As<Auction>(event));
  } else {
    MakeBid(number, As<Bid>(event));
  }
}

/// One of the last `active_people`, or one of those who come next.
int64_t Generator::ActivePerson(int64_t number, Random& random) const {
  const int64_t people = LastPerson(number) + 1;
  const int64_t active = std::min(people, config_.active_people);
  return people - active + random.Below(active + kIdLead);
}

void Generator::MakePerson(int64_t number, Person& person) const {
  Random random(config_.seed, number);
  person.id = kFirstPersonId + LastPerson(number);
  person.name = random.OneOf(kFirstNames);
  person.name += ' ';
  person.name += random.OneOf(kLastNames);
  person.email_address.clear();
  random.AppendText(7, person.email_address);
  person.email_address += '@';
  random.AppendText(5, person.email_address);
  person.email_address += ".com";
  person.credit_card.clear();
  for (int group = 0; group < 4; ++group) {
    if (group > 0) person.credit_card += ' ';
    for (int digit = 0; digit < 4; ++digit) {
      person.credit_card += static_cast<char>('0' + random.Below(10));
    }
  }
  person.city = random.OneOf(kCities);
  person.state = random.OneOf(kStates);
  person.date_time = TimeOf(number);
  const size_t size = 8 + person.name.size() + person.email_address.size() +
                      person.credit_card.size() + person.city.size() + person.state.size();
  random.SetExtra(static_cast<int64_t>(size), config_.person_bytes, person.extra);
}

void Generator::MakeAuction(int64_t number, Auction& auction) const {
  Random random(config_.seed, number);
  auction.id = kFirstAuctionId + LastAuction(number);
  auction.seller =
      kFirstPersonId + (random.Below(config_.hot_sellers_ratio) > 0 ? HotOf(LastPerson(number))
                                                                    : ActivePerson(number, random));
  auction.category = kFirstCategoryId + random.Below(kCategories);
  auction.initial_bid = random.Price();
  auction.reserve = auction.initial_bid + random.Price();
  auction.date_time = TimeOf(number);
  // On average as long as it takes until so many others have opened.
  const Timestamp horizon =
      TimeOf(number + config_.in_flight_auctions * kProportionDenominator / kAuctionProportion);
  const int64_t twice = std::max<int64_t>(2 * (horizon - auction.date_time).millis, 1);
  auction.expires = auction.date_time + Duration::Millis(1 + random.Below(twice));
  auction.item_name.clear();
  random.AppendText(20, auction.item_name);
  auction.description.clear();
  random.AppendText(100, auction.description);
  const size_t size = 7 * 8 + auction.item_name.size() + auction.description.size();
  random.SetExtra(static_cast<int64_t>(size), config_.auction_bytes, auction.extra);
}

void Generator::MakeBid(int64_t number, Bid& bid) const {
  Random random(config_.seed, number);
  if (random.Below(config_.hot_auction_ratio) > 0) {
    bid.auction = HotOf(LastAuction(number));
  } else {
    const int64_t last = LastAuction(number);
    const int64_t first = std::max<int64_t>(last - config_.in_flight_auctions, 0);
    bid.auction = first + random.Below(last - first + 1 + kIdLead);
  }
  bid.auction += kFirstAuctionId;
  bid.bidder =
      kFirstPersonId + (random.Below(config_.hot_bidders_ratio) > 0 ? HotOf(LastPerson(number)) + 1
                                                                    : ActivePerson(number, random));
  bid.price = random.Price();
  bid.date_time = TimeOf(number);
  random.SetExtra(4 * 8, config_.bid_bytes, bid.extra);
}

std::vector<Event> MakeEvents(const GeneratorConfig& config) {
  const Generator generator(config);
  std::vector<Event> events(static_cast<size_t>(config.event_count));
  for (size_t i = 0; i < events.size(); ++i) generator.Make(static_cast<int64_t>(i), events[i]);
  return events;
}

Result<std::vector<SourceRange>> NexmarkSource::Split(int) const {
  return std::vector<SourceRange>{{0, 0, config.event_count, true}};
}

Status NexmarkSource::Read(RangeTracker& tracker, SourceOutput<Event>& out) const {
  // A multiple of the period of kinds, so that each slot mostly keeps its kind, and its memory.
  constexpr size_t kSlots = 4 * Generator::kProportionDenominator;
  const Generator generator(config);
  std::vector<Event> events(kSlots);
  std::vector<Timestamp> times(kSlots);
  int64_t begin, end;
  while (tracker.Claim(kSlots, &begin, &end)) {
    const auto count = static_cast<size_t>(end - begin);
    for (size_t i = 0; i < count; ++i) {
      generator.Make(begin + static_cast<int64_t>(i), events[i]);
      times[i] = events[i].date_time();
    }
    out.PushColumn(ColumnView<Event>(events.data()), times.data(), count);
  }
  return OkStatus();
}

}  // namespace joist::bench::nexmark
