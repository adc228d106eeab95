// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The elements of Nexmark: an auction house's persons, auctions and bids, and Event, one of the
// three. Money is in cents. `extra` is text without a meaning that brings an event to its size.
// Pure values.

#ifndef JOIST_BENCH_NEXMARK_MODEL_H_
#define JOIST_BENCH_NEXMARK_MODEL_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "joist/joist.h"

namespace joist::bench::nexmark {

struct Person {
  int64_t id = 0;
  std::string name;
  std::string email_address;
  std::string credit_card;
  std::string city;
  std::string state;
  Timestamp date_time;
  std::string extra;

  friend bool operator==(const Person&, const Person&) = default;
};
JOIST_ROW(Person, id, name, email_address, credit_card, city, state, date_time, extra)

struct Auction {
  int64_t id = 0;
  std::string item_name;
  std::string description;
  int64_t initial_bid = 0;
  int64_t reserve = 0;  ///< The least price that wins.
  Timestamp date_time;  ///< When it opens.
  Timestamp expires;    ///< Bids from then on don't count.
  int64_t seller = 0;   ///< A Person's id.
  int64_t category = 0;
  std::string extra;

  friend bool operator==(const Auction&, const Auction&) = default;
};
JOIST_ROW(Auction, id, item_name, description, initial_bid, reserve, date_time, expires, seller,
          category, extra)

struct Bid {
  int64_t auction = 0;
  int64_t bidder = 0;  ///< A Person's id.
  int64_t price = 0;
  Timestamp date_time;
  std::string extra;

  friend bool operator==(const Bid&, const Bid&) = default;
};
JOIST_ROW(Bid, auction, bidder, price, date_time, extra)

/// A new person, a new auction, or a bid.
struct Event {
  std::variant<Person, Auction, Bid> what;

  const Person* person() const { return std::get_if<Person>(&what); }
  const Auction* auction() const { return std::get_if<Auction>(&what); }
  const Bid* bid() const { return std::get_if<Bid>(&what); }
  Timestamp date_time() const {
    return std::visit([](const auto& event) { return event.date_time; }, what);
  }
  std::string ToString() const {
    return std::visit([](const auto& event) { return ToDescription(event); }, what);
  }

  friend bool operator==(const Event&, const Event&) = default;
};

}  // namespace joist::bench::nexmark

namespace joist {

/// A byte that says which of the three it is, and its row.
template <>
struct Coder<bench::nexmark::Event> {
  using Event = bench::nexmark::Event;
  static constexpr bool kDeterministic = true;

  static CoderSpec Spec() { return MakeCoderSpec("joist:bench:nexmark_event:v1"); }
  static void Encode(const Event& event, std::string* out, bool nested) {
    *out += static_cast<char>(event.what.index());
    std::visit([&]<class Row>(const Row& row) { Coder<Row>::Encode(row, out, nested); },
               event.what);
  }
  static bool Decode(ByteReader* in, Event* event, bool nested) {
    std::string_view kind;
    if (!in->Take(1, &kind)) return false;
    switch (kind[0]) {
      case 0: return DecodeAs<bench::nexmark::Person>(in, event, nested);
      case 1: return DecodeAs<bench::nexmark::Auction>(in, event, nested);
      case 2: return DecodeAs<bench::nexmark::Bid>(in, event, nested);
      default: return in->Fail("an event of no kind");
    }
  }

 private:
  template <class Row>
  static bool DecodeAs(ByteReader* in, Event* event, bool nested) {
    if (!std::holds_alternative<Row>(event->what)) event->what.emplace<Row>();
    return Coder<Row>::Decode(in, &std::get<Row>(event->what), nested);
  }
};

}  // namespace joist

#endif  // JOIST_BENCH_NEXMARK_MODEL_H_
