// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/columns.h"

#include <gtest/gtest.h>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "joist/io/bigquery/encode_row.h"

namespace joist::bigquery {
namespace {

struct Item {
  std::string name;
  int64_t count = 0;
};
JOIST_ROW(Item, name, count)

struct Order {
  std::string user;
  int32_t small = 0;
  std::optional<int64_t> total = std::nullopt;
  double price = 0;
  float rate = 0;
  bool is_paid = false;
  Timestamp at = {};
  Bytes token = {};
  std::vector<Item> items = {};
  std::optional<Item> gift = std::nullopt;
  std::vector<std::string> tags = {};
};
JOIST_ROW(Order, user, small, total, price, rate, is_paid, at, token, items, gift, tags)

/// What protobuf itself makes of an order, as text.
std::string ReadByProtobuf(const Order& order) {
  google::protobuf::FileDescriptorProto file;
  file.set_name("order.proto");
  EXPECT_TRUE(file.add_message_type()->ParseFromString(DescriptorOf(ColumnsOf<Order>())));
  google::protobuf::DescriptorPool pool;
  const auto* const built = pool.BuildFile(file);
  EXPECT_NE(built, nullptr);
  if (built == nullptr) return "";
  google::protobuf::DynamicMessageFactory factory(&pool);
  const std::unique_ptr<google::protobuf::Message> message(
      factory.GetPrototype(built->message_type(0))->New());
  std::string bytes;
  EncodeRow(order, &bytes);
  EXPECT_TRUE(message->ParseFromString(bytes));
  EXPECT_EQ(message->SerializeAsString(), bytes);
  return message->ShortDebugString();
}

TEST(EncodeRow, IsWhatProtobufReads) {
  Order order{.user = "ann",
              .small = -3,
              .price = 0.5,
              .rate = -2,
              .is_paid = true,
              .at = Timestamp::Millis(1795406896125),
              .token = Bytes("\x01x")};
  order.items = {{"tea", 2}, {"", std::numeric_limits<int64_t>::min()}};
  order.tags = {"new", ""};
  EXPECT_EQ(ReadByProtobuf(order),
            "user: \"ann\" small: -3 price: 0.5 rate: -2 is_paid: true at: 1795406896125000 "
            "token: \"\\001x\" items { name: \"tea\" count: 2 } items { name: \"\" count: "
            "-9223372036854775808 } tags: \"new\" tags: \"\"");
  order.total = 0;
  order.gift = Item{std::string(300, 'g'), 1};
  const std::string text = ReadByProtobuf(order);
  EXPECT_NE(text.find(" total: 0 "), std::string::npos) << text;
  EXPECT_NE(text.find("gift { name: \"" + std::string(300, 'g') + "\" count: 1 }"),
            std::string::npos)
      << text;
}

TEST(SchemaJson, AsTheRestApiHasIt) {
  EXPECT_EQ(SchemaJson(ColumnsOf<Item>()),
            R"([{"name":"name","type":"STRING","mode":"REQUIRED"},)"
            R"({"name":"count","type":"INTEGER","mode":"REQUIRED"}])");
  const std::string order = SchemaJson(ColumnsOf<Order>());
  for (const char* const column :
       {R"({"name":"total","type":"INTEGER","mode":"NULLABLE"})",
        R"({"name":"at","type":"TIMESTAMP","mode":"REQUIRED"})",
        R"({"name":"token","type":"BYTES","mode":"REQUIRED"})",
        R"({"name":"items","type":"RECORD","mode":"REPEATED","fields":[{"name":"name",)",
        R"({"name":"tags","type":"STRING","mode":"REPEATED"})"}) {
    EXPECT_NE(order.find(column), std::string::npos) << column << " in " << order;
  }
}

TEST(TablePath, InBothForms) {
  const std::string path = "projects/shop/datasets/d/tables/t";
  EXPECT_EQ(*TablePath("shop.d.t"), path);
  EXPECT_EQ(*TablePath("shop:d.t"), path);
  EXPECT_EQ(*TablePath(path), path);
  EXPECT_EQ(*TablePath("example.com:shop.d.t"), "projects/example.com:shop/datasets/d/tables/t");
  for (const char* const table :
       {"", "t", "d.t", ".d.t", "shop..t", "shop.d.", "shop/x.d.t", "projects/p/datasets/d",
        "projects/p/datasets/d/tables/", "projects/p/datasets/d/tables/t/u"}) {
    EXPECT_FALSE(TablePath(table).ok()) << table;
  }
}

}  // namespace
}  // namespace joist::bigquery
