// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What an SDK may send, as any bytes: headers, timers, state requests and continuation tokens; and
// what a checkpoint may hold. What can be read must come back the same.

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/portability/keyed_state.h"
#include "joist/portability/timer_codec.h"
#include "joist/portability/user_state.h"
#include "joist/portability/window_codec.h"

namespace joist::portability {
namespace {

void CheckHeaders(const WindowCodec& codec, std::string_view bytes) {
  ByteReader in(bytes);
  WindowedHeader header;  // That of before helps with the next.
  while (in.remaining() > 0 && codec.TakeHeader(&in, &header)) {
    std::string again;
    ThrowIfError(codec.EncodeHeader(header.timestamp, header.windows, header.pane, &again));
    ByteReader back(again);
    WindowedHeader same;
    JOIST_CHECK(codec.TakeHeader(&back, &same) && back.remaining() == 0);
    JOIST_CHECK(same.timestamp == header.timestamp && same.windows == header.windows);
    // Of panes some bytes say the same.
    std::string third;
    ThrowIfError(codec.EncodeHeader(same.timestamp, same.windows, same.pane, &third));
    JOIST_CHECK(third == again);
  }
}

void CheckTimers(const WindowCodec& codec, std::string_view bytes) {
  ByteReader in(bytes);
  WireTimer timer;
  while (in.remaining() > 0 && TakeTimer(&in, WireCoder(), codec, &timer)) {
    std::string again;
    ThrowIfError(EncodeTimer(timer, codec, &again));
    ByteReader back(again);
    WireTimer same;
    JOIST_CHECK(TakeTimer(&back, WireCoder(), codec, &same) && back.remaining() == 0);
    JOIST_CHECK(same.key == timer.key && same.tag == timer.tag && same.windows == timer.windows);
  }
}

/// Gets what there is, from a place that is given.
void CheckToken(UserState& state, const fn::StateKey& key, std::string_view token) {
  fn::StateRequest request;
  *request.mutable_state_key() = key;
  request.mutable_get()->set_continuation_token(std::string(token));
  for (int pieces = 0; pieces < 4; ++pieces) {
    fn::StateResponse response;
    if (!state.Handle(request, nullptr, &response).ok()) return;
    if (response.get().continuation_token().empty()) return;
    request.mutable_get()->set_continuation_token(response.get().continuation_token());
  }
}

std::vector<fn::StateKey> KindsOfState() {
  std::vector<fn::StateKey> kinds(5);
  kinds[0].mutable_bag_user_state();
  kinds[1].mutable_multimap_user_state();
  kinds[2].mutable_multimap_keys_user_state();
  kinds[3].mutable_multimap_entries_user_state();
  kinds[4].mutable_ordered_list_user_state();
  return kinds;
}

void CheckSaved(std::string_view bytes) {
  UserState state;
  ByteReader in(bytes);
  if (!state.Restore(&in)) return;
  std::string again;
  state.Save(&again);
  UserState back;
  ByteReader reader(again);
  JOIST_CHECK(back.Restore(&reader) && reader.remaining() == 0);
  std::string third;
  back.Save(&third);
  JOIST_CHECK(third == again);
  for (const fn::StateKey& kind : KindsOfState()) CheckToken(state, kind, in.rest());
}

/// A state of each kind with some pieces of elements.
std::vector<UserState> FilledStates() {
  std::vector<UserState> states;
  for (const fn::StateKey& kind : KindsOfState()) {
    UserState& state = states.emplace_back();
    fn::StateRequest request;
    *request.mutable_state_key() = kind;
    const std::string element("\x02\x03xyz", 5);  // Also an entry of a list.
    for (int i = 0; i < 4000; ++i) request.mutable_append()->mutable_data()->append(element);
    for (int i = 0; i < 3; ++i) {
      fn::StateResponse response;
      if (!state.Handle(request, nullptr, &response).ok()) break;  // Keys cannot be appended.
    }
  }
  return states;
}

void CheckTokens(std::string_view bytes) {
  static std::vector<UserState> states = FilledStates();
  const std::vector<fn::StateKey> kinds = KindsOfState();
  for (size_t i = 0; i < kinds.size(); ++i) CheckToken(states[i], kinds[i], bytes);
}

void CheckKeyedState(std::string_view bytes, bool is_stream) {
  OperatorContext context;
  context.is_stream = is_stream;
  KeyedState state(context, {.windows = WindowCodec::ForIntervals(),
                             .states = {{.transform_id = "", .user_state_id = ""}},
                             .timers = {{.transform_id = "", .timer_family_id = ""},
                                        {.transform_id = "e", .is_expiration = true}}});
  fn::StateRequest request;
  if (request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    fn::StateResponse response;
    (void)state.Handle(request, &response).ok();
  }
  (void)state.TakeTimers("", "", bytes).ok();
  state.EndTime();
  std::vector<FiredTimer> fired;
  for (bool any = true; any;) {
    for (any = false; state.NextTimers(TimeDomain::kEvent, &fired); any = true) {
      for (const FiredTimer& timer : fired) {
        ByteReader in(timer.bytes);
        WireTimer wire;
        JOIST_CHECK(TakeTimer(&in, WireCoder(), WindowCodec::ForIntervals(), &wire));
      }
    }
    state.EndTimers();
  }
  JOIST_CHECK(state.cells() == 0);
}

}  // namespace

void CheckState(std::string_view bytes) {
  for (const WindowCodec& codec :
       {WindowCodec::ForGlobal(), WindowCodec::ForIntervals(),
        WindowCodec(WindowCode(MakeCoderSpec("mine"), std::make_shared<OpaqueWindows>()))}) {
    CheckHeaders(codec, bytes);
    CheckTimers(codec, bytes);
  }
  CheckSaved(bytes);
  CheckTokens(bytes);
  CheckKeyedState(bytes, /*is_stream=*/true);
  CheckKeyedState(bytes, /*is_stream=*/false);
}

}  // namespace joist::portability

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static google::protobuf::LogSilencer silent;
  joist::portability::CheckState({reinterpret_cast<const char*>(data), size});
  return 0;
}
