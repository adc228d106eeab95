// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// State requests as an SDK makes them, for tests, of texts in windows of a minute.

#ifndef JOIST_PORTABILITY_TESTING_STATE_REQUESTS_H_
#define JOIST_PORTABILITY_TESTING_STATE_REQUESTS_H_

#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/window.h"
#include "joist/model/wire.h"
#include "joist/portability/beam_names.h"

namespace joist::portability {

inline Window Minute(int64_t n) {
  return {Timestamp::Millis(n * 60'000), Timestamp::Millis((n + 1) * 60'000)};
}
inline std::string Nested(std::string_view text) {
  std::string bytes;
  PutBytes(text, &bytes, /*nested=*/true);
  return bytes;
}
/// The texts that nested ones are, one after the other.
inline std::vector<std::string> TextsOf(std::string_view bytes) {
  std::vector<std::string> texts;
  ByteReader in(bytes);
  while (in.remaining() > 0) {
    std::string_view text;
    if (!in.TakeBytes(&text, /*nested=*/true)) {
      ADD_FAILURE() << "elements are cut: " << in.error();
      break;
    }
    texts.emplace_back(text);
  }
  return texts;
}

inline fn::StateRequest GetOf(const fn::StateKey& key, const std::string& token = "") {
  fn::StateRequest request;
  *request.mutable_state_key() = key;
  request.mutable_get()->set_continuation_token(token);
  return request;
}
inline fn::StateRequest AppendTo(const fn::StateKey& key, const std::string& data) {
  fn::StateRequest request;
  *request.mutable_state_key() = key;
  request.mutable_append()->set_data(data);
  return request;
}
inline fn::StateRequest ClearOf(const fn::StateKey& key) {
  fn::StateRequest request;
  *request.mutable_state_key() = key;
  request.mutable_clear();
  return request;
}

/// handle(request, &response) by pieces until the end. Each piece has whole elements.
template <class Handle>
std::string GetAll(const fn::StateKey& key, Handle handle, size_t* pieces = nullptr) {
  std::string all, token;
  do {
    fn::StateResponse response;
    const Status status = handle(GetOf(key, token), &response);
    EXPECT_TRUE(status.ok()) << status.message();
    if (!status.ok()) break;
    all += response.get().data();
    token = response.get().continuation_token();
    if (pieces != nullptr) ++*pieces;
  } while (!token.empty());
  return all;
}

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_TESTING_STATE_REQUESTS_H_
