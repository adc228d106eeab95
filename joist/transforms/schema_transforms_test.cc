// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The transforms of rows by their fields: Select, Convert, Where, RenameFields, DropFields,
// AddFields, GroupByFields, JoinByFields. One file, so that what they share is compiled once.

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "joist/transforms/join.h"  // First: its names must not clash with those of group_by_fields.h.

#include "joist/sdk/testing/test_pipeline.h"
#include "joist/transforms/add_fields.h"
#include "joist/transforms/drop_fields.h"
#include "joist/transforms/group_by_fields.h"
#include "joist/transforms/join_by_fields.h"
#include "joist/transforms/rename_fields.h"
#include "joist/transforms/select.h"
#include "joist/transforms/top.h"
#include "joist/transforms/where.h"

namespace joist {
namespace {

struct Address {
  std::string city;
  int32_t zip = 0;
};
JOIST_ROW(Address, city, zip)

struct Order {
  std::string user;
  int32_t cents = 0;
  std::optional<int32_t> discount;
  Address address;
};
JOIST_ROW(Order, user, cents, discount, address)

using UserField = RowField<"user", std::string>;
using CentsField = RowField<"cents", int32_t>;

std::vector<Order> Some() {
  return {{"ann", 300, {}, {"Bern", 3000}},
          {"bob", 500, 50, {"Basel", 4000}},
          {"ann", 100, 10, {"Bern", 3001}}};
}

TEST(RowTest, SchemaAndAccess) {
  Row<UserField, CentsField> row("ann", 3);
  EXPECT_EQ(row.get<"user">(), "ann");
  row.get<"cents">() = 4;
  auto& [user, cents] = row;
  EXPECT_EQ(user, "ann");
  EXPECT_EQ(cents, 4);
  EXPECT_EQ((SchemaOf<Row<UserField, CentsField>>().ToString()), "user STRING, cents INT32");
  EXPECT_EQ(row, (Row<UserField, CentsField>("ann", 4)));
  EXPECT_EQ(DecodeFromString<decltype(row)>(EncodeToString(row)).value(), row);
  EXPECT_TRUE((std::is_trivially_copyable_v<Row<CentsField, RowField<"x", double>>>));
  EXPECT_EQ(Row<>(), Row<>());
}

struct Sale {
  int64_t cents = 0;
  std::optional<std::string> user;
};
JOIST_ROW(Sale, cents, user)

TEST(Select, Example) {
  TestPipeline p;
  auto orders = p | Create(Some());
  // [example]
  auto cities = orders | joist::Select<"user", "address.city">();
  auto sums = orders | joist::Select<&Order::user, &Order::cents>() |
              joist::Map([](const joist::Selected<&Order::user, &Order::cents>& order) {
                return order.get<"user">() + ":" + std::to_string(order.get<"cents">());
              });
  auto sales = orders | joist::Select<Sale>();
  // [example]
  PAssert::That(cities).ContainsInAnyOrder({{"ann", "Bern"}, {"bob", "Basel"}, {"ann", "Bern"}});
  PAssert::That(sums).ContainsInAnyOrder({"ann:300", "bob:500", "ann:100"});
  PAssert::That(sales).ContainsInAnyOrder({{300, "ann"}, {500, "bob"}, {100, "ann"}});
  EXPECT_TRUE(p.RunOk());
}

struct WideAddress {
  int64_t zip = 0;
  std::string city;
};
JOIST_ROW(WideAddress, zip, city)
struct WideOrder {
  std::optional<WideAddress> address;
  std::optional<int64_t> discount;
  double cents = 0;
  std::string user;
};
JOIST_ROW(WideOrder, address, discount, cents, user)

TEST(Select, ConvertWidensAndNests) {
  TestPipeline p;
  PAssert::That(p | Create(Some()) | Convert<WideOrder>())
      .ContainsInAnyOrder({{WideAddress{3000, "Bern"}, {}, 300, "ann"},
                           {WideAddress{4000, "Basel"}, 50, 500, "bob"},
                           {WideAddress{3001, "Bern"}, 10, 100, "ann"}});
  EXPECT_TRUE(p.RunOk());
}

TEST(Where, Example) {
  TestPipeline p;
  auto orders = p | Create(Some());
  // [example]
  auto large = orders | joist::Where<"cents">([](int32_t cents) { return cents > 200; });
  auto of_ann =
      orders | joist::Where<&Order::user, &Order::cents>([](std::string_view user, int32_t cents) {
        return user == "ann" && cents > 200;
      });
  // [example]
  PAssert::That(large | "LargeUsers" >> Select<"user">())
      .ContainsInAnyOrder({Row<UserField>("ann"), Row<UserField>("bob")});
  PAssert::That(of_ann | "Cents" >> Select<"cents">()).ContainsInAnyOrder({Row<CentsField>(300)});
  PAssert::That(orders |
                "Captures" >> Where<"address.zip">([](int32_t zip) { return zip > 3999; }) |
                "Users" >> Select<"user">())
      .ContainsInAnyOrder({Row<UserField>("bob")});
  EXPECT_TRUE(p.RunOk());
}

TEST(RenameDropAddFields, Example) {
  TestPipeline p;
  auto orders = p | Create(Some());
  // [example]
  auto renamed =
      orders | joist::RenameFields().Rename<"user", "customer">().Rename<&Order::cents, "amount">();
  auto small = orders | joist::DropFields<"discount", "address">();
  auto more =
      small | joist::AddFields()
                  .Field<"euros">([](const joist::Selected<&Order::user, &Order::cents>& o) {
                    return o.get<"cents">() / 100.0;
                  })
                  .Field<"country">("CH");
  // [example]
  using Renamed = Row<RowField<"customer", std::string>, RowField<"amount", int32_t>,
                      RowField<"discount", std::optional<int32_t>>, RowField<"address", Address>>;
  std::vector<Renamed> want;
  for (const Order& o : Some()) want.emplace_back(o.user, o.cents, o.discount, o.address);
  PAssert::That(renamed).ContainsInAnyOrder(want);
  PAssert::That(small).ContainsInAnyOrder({{"ann", 300}, {"bob", 500}, {"ann", 100}});
  PAssert::That(more).ContainsInAnyOrder(
      {{"ann", 300, 3.0, "CH"}, {"bob", 500, 5.0, "CH"}, {"ann", 100, 1.0, "CH"}});
  using More = decltype(more)::Element;
  EXPECT_EQ(SchemaOf<More>().ToString(), "user STRING, cents INT32, euros DOUBLE, country STRING");
  EXPECT_TRUE(p.RunOk());
}

TEST(GroupByFields, Example) {
  TestPipeline p;
  auto orders = p | Create(Some());
  // [example]
  auto by_user = orders | joist::GroupByFields<"user">()
                              .Sum<"cents", "total">()
                              .Max<&Order::cents, "largest">()
                              .Count<"orders">()
                              .Aggregate<"cents", "best">(joist::TopFn<int32_t>{1, {}});
  auto all_of_city = orders | joist::GroupByFields<"user", "address.city">();
  // [example]
  PAssert::That(by_user).ContainsInAnyOrder(
      {{"ann", 400, 300, 2, {300}}, {"bob", 500, 500, 1, {500}}});
  using Key = Row<UserField, RowField<"city", std::string>>;
  PAssert::That(all_of_city | Map([](const KV<Key, Iterable<Order>>& group) {
                  return group.key.get<"city">() + std::to_string(group.value.size());
                }))
      .ContainsInAnyOrder({"Bern2", "Basel1"});
  EXPECT_TRUE(p.RunOk());
}

// Groups of several keys, with optional values, as a loop makes them.
TEST(GroupByFields, AgreesWithNaive) {
  std::mt19937_64 random(5);
  std::vector<Order> all;
  struct Sums {
    int64_t cents = 0, count = 0, discounts = 0;
    std::optional<int64_t> discount;
    std::optional<int32_t> least;
    std::string last;
    double mean() const { return static_cast<double>(cents) / static_cast<double>(count); }
  };
  std::map<std::pair<std::string, int32_t>, Sums> naive;
  for (int i = 0; i < 20'000; ++i) {
    Order o{"user" + std::to_string(random() % 30), static_cast<int32_t>(random() % 1000), {}, {}};
    o.address = {"c" + std::to_string(random() % 50), static_cast<int32_t>(random() % 40)};
    if (random() % 40 == 0) o.discount = static_cast<int32_t>(random() % 100);
    Sums& sums = naive[{o.user, o.address.zip}];
    sums.cents += o.cents;
    ++sums.count;
    if (o.discount.has_value()) {
      ++sums.discounts;
      sums.discount = sums.discount.value_or(0) + *o.discount;
      sums.least = std::min(sums.least.value_or(*o.discount), *o.discount);
    }
    sums.last = std::max(sums.last, o.address.city);
    all.push_back(std::move(o));
  }
  using Out =
      Row<RowField<"zip", int32_t>, UserField, RowField<"cents", int64_t>,
          RowField<"rows", int64_t>, RowField<"discounts", int64_t>,
          RowField<"discount", std::optional<int64_t>>, RowField<"least", std::optional<int32_t>>,
          RowField<"last", std::string>, RowField<"mean", double>>;
  std::vector<Out> want;
  for (const auto& [key, sums] : naive) {
    want.emplace_back(key.second, key.first, sums.cents, sums.count, sums.discounts, sums.discount,
                      sums.least, sums.last, sums.mean());
  }
  TestPipeline p;
  p.set_threads(4);
  PAssert::That(p | Create(all) |
                GroupByFields<"address.zip", "user">()
                    .Sum<"cents", "cents">()
                    .Count<"rows">()
                    .Count<"discount", "discounts">()
                    .Sum<"discount", "discount">()
                    .Min<"discount", "least">()
                    .Max<"address.city", "last">()
                    .Mean<"cents", "mean">())
      .ContainsInAnyOrder(want);
  EXPECT_TRUE(p.RunOk());
}

struct User {
  std::string name;
  std::string city;
};
JOIST_ROW(User, name, city)

TEST(JoinByFields, Example) {
  TestPipeline p;
  auto orders = p | Create(Some());
  auto users = p | Create<User>({{"ann", "Bern"}, {"eve", "Biel"}, {"ann", "Brig"}});
  // [example]
  auto pairs = orders | joist::JoinByFields(users).On<"user", "name">() |
               joist::Select<"lhs.cents", "rhs.city">();
  auto all = orders | "All" >> joist::JoinByFields(users)
                                   .On<&Order::user, &User::name>()
                                   .On<"address.city", "city">()
                                   .FullOuter();
  // [example]
  PAssert::That(pairs).ContainsInAnyOrder(
      {{300, "Bern"}, {300, "Brig"}, {100, "Bern"}, {100, "Brig"}});
  PAssert::That(all | Map([](const decltype(all)::Element& pair) {
                  const auto& [order, user] = pair;
                  return (order.has_value() ? order->user + std::to_string(order->cents) : "none") +
                         "+" + (user.has_value() ? user->name + user->city : "none");
                }))
      .ContainsInAnyOrder(
          {"ann300+annBern", "ann100+annBern", "bob500+none", "none+eveBiel", "none+annBrig"});
  EXPECT_TRUE(p.RunOk());
}

// On random rows with many equal keys, as nested loops make them.
TEST(JoinByFields, AgreesWithNaive) {
  std::mt19937_64 random(8);
  std::vector<Address> left, right;
  for (int i = 0; i < 300; ++i) {
    left.push_back({std::to_string(i), static_cast<int32_t>(random() % 100)});
    right.push_back({"r" + std::to_string(i), static_cast<int32_t>(random() % 100)});
  }
  using Pair =
      Row<RowField<"lhs", std::optional<Address>>, RowField<"rhs", std::optional<Address>>>;
  std::vector<Pair> want;
  std::vector<bool> has_left(right.size());
  for (const Address& l : left) {
    bool alone = true;
    for (size_t r = 0; r < right.size(); ++r) {
      if (l.zip != right[r].zip) continue;
      alone = false;
      has_left[r] = true;
      want.emplace_back(l, right[r]);
    }
    if (alone) want.emplace_back(l, std::nullopt);
  }
  for (size_t r = 0; r < right.size(); ++r) {
    if (!has_left[r]) want.emplace_back(std::nullopt, right[r]);
  }
  TestPipeline p;
  p.set_threads(3);
  PAssert::That(p | "Left" >> Create(left) |
                JoinByFields(p | "Right" >> Create(right)).On<"zip", "zip">().FullOuter())
      .ContainsInAnyOrder(want);
  EXPECT_TRUE(p.RunOk());
}

TEST(GroupByFields, OfNothing) {
  TestPipeline p;
  using Out = Row<RowField<"cents", int32_t>, RowField<"n", int64_t>>;
  PAssert::That(p | Create(std::vector<Order>()) | GroupByFields<&Order::cents>().Count<"n">())
      .ContainsInAnyOrder(std::vector<Out>());
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist
