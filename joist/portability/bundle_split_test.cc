// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/bundle_split.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <string>

namespace joist::portability {
namespace {

EncodedElements Five() {
  EncodedElements elements;
  for (const char* const element : {"a", "b", "c", "d", "e"}) elements.Append(element, {});
  return elements;
}

std::string TextOf(const EncodedElements& elements) {
  return std::string(elements.Bytes(0, elements.size()));
}

fn::ProcessBundleSplitResponse Response(int64_t last_primary, int64_t first_residual) {
  fn::ProcessBundleSplitResponse response;
  auto* const channel = response.add_channel_splits();
  channel->set_last_primary_element(last_primary);
  channel->set_first_residual_element(first_residual);
  return response;
}

TEST(BundleSplitTest, NothingComesOff) {
  EXPECT_FALSE(ReadBundleSplit({}, Five(), 5)->has_value());
  EXPECT_FALSE(ReadBundleSplit(Response(4, 5), Five(), 5)->has_value());
}

TEST(BundleSplitTest, BetweenElements) {
  const auto split = ReadBundleSplit(Response(1, 2), Five(), 4);
  ASSERT_TRUE(split->has_value());
  EXPECT_EQ((*split)->whole, 2);
  EXPECT_EQ((*split)->own, 2);
  EXPECT_EQ(TextOf((*split)->kept), "");
  EXPECT_EQ(TextOf((*split)->rest), "cd");  // The fifth is another's already.
}

TEST(BundleSplitTest, WithinAnElement) {
  fn::ProcessBundleSplitResponse response = Response(1, 3);
  response.add_primary_roots()->set_element("C");
  response.add_residual_roots()->mutable_application()->set_element("c");
  const auto split = ReadBundleSplit(response, Five(), 5);
  ASSERT_TRUE(split->has_value());
  EXPECT_EQ((*split)->whole, 2);
  EXPECT_EQ((*split)->own, 3);
  EXPECT_EQ(TextOf((*split)->kept), "C");
  EXPECT_EQ(TextOf((*split)->rest), "cde");
}

TEST(BundleSplitTest, WithinTheLastElement) {
  fn::ProcessBundleSplitResponse response = Response(3, 5);
  response.add_primary_roots()->set_element("E");
  response.add_residual_roots()->mutable_application()->set_element("e");
  const auto split = ReadBundleSplit(response, Five(), 5);
  ASSERT_TRUE(split->has_value());
  EXPECT_EQ((*split)->own, 5);
  EXPECT_EQ(TextOf((*split)->rest), "e");
}

TEST(BundleSplitTest, AnswersThatMakeNoSenseAreRefused) {
  const auto refused = [](const fn::ProcessBundleSplitResponse& response) {
    const auto split = ReadBundleSplit(response, Five(), 5);
    return !split.ok() && split.status().code() == StatusCode::kInternal &&
           split.status().message().find('\n') == std::string::npos;
  };
  EXPECT_TRUE(refused(Response(1, 3)));  // Nobody has the third.
  EXPECT_TRUE(refused(Response(3, 2)));  // Both have two.
  EXPECT_TRUE(refused(Response(-3, 0)));
  EXPECT_TRUE(refused(Response(5, 7)));  // Of an element that is another's, or none.
  fn::ProcessBundleSplitResponse response = Response(1, 2);
  response.add_residual_roots()->mutable_application()->set_element("c");
  EXPECT_TRUE(refused(response));  // A part of nothing.
  response.clear_channel_splits();
  EXPECT_TRUE(refused(response));  // Of which element?
  response = Response(1, 2);
  *response.add_channel_splits() = response.channel_splits(0);
  EXPECT_TRUE(refused(response));
}

}  // namespace
}  // namespace joist::portability
