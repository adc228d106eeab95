// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What a stage of SDK code pays for each element beside the SDK: its header, and its state requests
// as the SDK sends them for a value that is read and written.

#include <benchmark/benchmark.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <string>
#include <vector>

#include "joist/portability/keyed_state.h"
#include "joist/portability/window_codec.h"

namespace joist::portability {
namespace {

constexpr int kElements = 10'000;

/// Headers of a bundle, one after the other, `varies` in time from one to the next.
void BM_TakeHeaders(benchmark::State& state) {
  const bool varies = state.range(0) != 0;
  const WindowCodec codec = WindowCodec::ForIntervals();
  const Window window{Timestamp::Millis(0), Timestamp::Millis(60'000)};
  std::string bytes;
  for (int i = 0; i < kElements; ++i) {
    ThrowIfError(codec.EncodeHeader(Timestamp::Millis(varies ? i : 0), {&window, 1}, {}, &bytes));
  }
  for (auto _ : state) {
    ByteReader in(bytes);
    WindowedHeader header;
    for (int i = 0; i < kElements; ++i) JOIST_CHECK(codec.TakeHeader(&in, &header));
    benchmark::DoNotOptimize(header);
  }
  state.SetItemsProcessed(state.iterations() * kElements);
}
BENCHMARK(BM_TakeHeaders)->Arg(0)->Arg(1);

void BM_EncodeHeaders(benchmark::State& state) {
  const WindowCodec codec = WindowCodec::ForIntervals();
  const Window window{Timestamp::Millis(0), Timestamp::Millis(60'000)};
  std::string bytes;
  for (auto _ : state) {
    bytes.clear();
    for (int i = 0; i < kElements; ++i) {
      ThrowIfError(codec.EncodeHeader(Timestamp::Millis(i), {&window, 1}, {}, &bytes));
    }
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * kElements);
}
BENCHMARK(BM_EncodeHeaders);

/// For each element: its key is entered, and its value read, cleared and written.
void BM_ReadModifyWrite(benchmark::State& state) {
  OperatorContext context;
  context.is_stream = true;
  KeyedState kept(context, {.states = {{.transform_id = "transform", .user_state_id = "count"}}});
  std::vector<fn::StateRequest> gets, clears, appends;
  for (int i = 0; i < kElements; ++i) {
    fn::StateRequest request;
    auto* const bag = request.mutable_state_key()->mutable_bag_user_state();
    bag->set_transform_id("transform");
    bag->set_user_state_id("count");
    PutBytes("key " + std::to_string(i), bag->mutable_key(), /*nested=*/true);
    request.mutable_get();
    gets.push_back(request);
    request.mutable_clear();
    clears.push_back(request);
    request.mutable_append()->set_data("12345678");
    appends.push_back(std::move(request));
  }
  for (auto _ : state) {
    for (int i = 0; i < kElements; ++i) {
      const std::string& key = gets[i].state_key().bag_user_state().key();
      JOIST_CHECK(kept.Enter(key, Window::Global(), {}));
      for (const auto* const requests : {&gets, &clears, &appends}) {
        fn::StateResponse response;
        ThrowIfError(kept.Handle((*requests)[i], &response));
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * kElements);
}
BENCHMARK(BM_ReadModifyWrite);

}  // namespace
}  // namespace joist::portability
