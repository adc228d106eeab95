// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/side_input_state.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "joist/exec/view.h"
#include "joist/portability/quoted.h"
#include "joist/portability/user_state.h"

namespace joist::portability {
namespace {

Status BadPlace() {
  return InvalidArgument(
      "a state request's continuation token is none of this side input's answers");
}

/// A token is the number of the element, or key, that comes next.
bool TakePlace(const fn::StateGetRequest& request, uint64_t* number) {
  *number = 0;
  if (request.continuation_token().empty()) return true;
  ByteReader in(request.continuation_token());
  return in.TakeVarint(number) && in.remaining() == 0;
}

void PutPlace(uint64_t number, fn::StateGetResponse* response) {
  PutVarint(number, response->mutable_continuation_token());
}

Status ReadElements(const ListView<std::string>& view, uint64_t from,
                    fn::StateGetResponse* response) {
  if (from > view.size()) return BadPlace();
  std::string* const data = response->mutable_data();
  for (; from < view.size(); ++from) {
    const std::string_view element = view[from];
    if (!data->empty() && data->size() + element.size() > kPieceBytes) {
      PutPlace(from, response);
      break;
    }
    data->append(element);
    if ((from & 1023) == 1023) view.BeginCall();  // Pages that were read may go.
  }
  return OkStatus();
}

Status ReadViewKeys(const KeyedValuesView& view, uint64_t from, fn::StateGetResponse* response) {
  const std::vector<std::string_view>& keys = view.keys();
  if (from > keys.size()) return BadPlace();
  std::string* const data = response->mutable_data();
  for (; from < keys.size(); ++from) {
    if (!data->empty() && data->size() + keys[from].size() > kPieceBytes) {
      PutPlace(from, response);
      break;
    }
    data->append(keys[from]);
  }
  return OkStatus();
}

/// Keys, each with its values as an iterable.
Status ReadViewEntries(const KeyedValuesView& view, uint64_t from, fn::StateGetResponse* response) {
  const std::vector<std::string_view>& keys = view.keys();
  if (from > keys.size()) return BadPlace();
  std::string* const data = response->mutable_data();
  for (; from < keys.size() && data->size() < kPieceBytes; ++from) {
    view.BeginCall();
    const Iterable<std::string> values = view.Get(keys[from]);
    const size_t begin = data->size();
    data->append(keys[from]);
    PutBigEndian32(static_cast<uint32_t>(values.size()), data);
    for (const std::string_view value : values) {
      data->append(value);
      if (data->size() - begin > SideInputState::kMostBytesOfEntry) {
        return {StatusCode::kResourceExhausted,
                "a key of a side input has more values than fit into one answer; look it up"};
      }
    }
  }
  if (from < keys.size()) PutPlace(from, response);
  return OkStatus();
}

}  // namespace

SideInputState::SideInputState(std::vector<std::shared_ptr<SideViews>> views,
                               std::vector<SideInputSpec> specs, std::string_view run_id) {
  JOIST_CHECK(views.size() == specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    if (!run_id.empty()) {
      fn::ProcessBundleRequest::CacheToken token;
      token.mutable_side_input()->set_transform_id(specs[i].transform_id);
      token.mutable_side_input()->set_side_input_id(specs[i].side_input_id);
      token.set_token(std::string(run_id));
      cache_tokens_.push_back(token.SerializeAsString());
    }
    inputs_.push_back({std::move(specs[i]), std::move(views[i])});
  }
}

Status SideInputState::Handle(const fn::StateRequest& request, fn::StateResponse* response) {
  if (!request.has_get()) return InvalidArgument("a side input can only be read");
  const std::lock_guard lock(mutex_);
  try {
    return Answer(request, response);
  } catch (const StatusException& e) {
    return e.status();
  } catch (const std::exception& e) {
    return Internal(std::string("reading a side input: ") + e.what());
  }
}

Status SideInputState::Answer(const fn::StateRequest& request, fn::StateResponse* response) {
  fn::StateGetResponse* const get = response->mutable_get();
  const fn::StateKey& key = request.state_key();
  uint64_t from;
  if (!TakePlace(request.get(), &from)) return BadPlace();
  switch (key.type_case()) {
    case fn::StateKey::kIterableSideInput: {
      const auto view =
          Find<ListView<std::string>>(key.iterable_side_input(), SideInputAccess::kIterable);
      JOIST_RETURN_IF_ERROR(view.status());
      return ReadElements(**view, from, get);
    }
    case fn::StateKey::kMultimapSideInput: {
      const auto view =
          Find<KeyedValuesView>(key.multimap_side_input(), SideInputAccess::kMultimap);
      JOIST_RETURN_IF_ERROR(view.status());
      return ReadValues(**view, key.multimap_side_input().key(), from, response);
    }
    case fn::StateKey::kMultimapKeysSideInput: {
      const auto view =
          Find<KeyedValuesView>(key.multimap_keys_side_input(), SideInputAccess::kMultimap);
      JOIST_RETURN_IF_ERROR(view.status());
      return ReadViewKeys(**view, from, get);
    }
    case fn::StateKey::kMultimapKeysValuesSideInput: {
      const auto view =
          Find<KeyedValuesView>(key.multimap_keys_values_side_input(), SideInputAccess::kMultimap);
      JOIST_RETURN_IF_ERROR(view.status());
      return ReadViewEntries(**view, from, get);
    }
    default: return InvalidArgument("a state request is for no side input");
  }
}

template <class View, class Key>
Result<const View*> SideInputState::Find(const Key& key, SideInputAccess access) {
  const auto found = std::find_if(inputs_.begin(), inputs_.end(), [&](const Input& input) {
    return input.spec.transform_id == key.transform_id() &&
           input.spec.side_input_id == key.side_input_id();
  });
  if (found == inputs_.end()) {
    return InvalidArgument("transform " + Quoted(key.transform_id()) + " has no side input " +
                           Quoted(key.side_input_id()) + " in this stage");
  }
  const auto name = [&] {
    return "side input " + Quoted(key.side_input_id()) + " of " + Quoted(key.transform_id());
  };
  if (found->spec.access != access) {
    return InvalidArgument(name() + " is not accessed in the way that its pipeline says");
  }
  const Result<Window> window = found->spec.windows.Decode(key.window());
  if (!window.ok()) return InvalidArgument(name() + ": " + window.status().message());
  // A window of a standard function of time is the one that its own last moment is mapped to.
  const auto* const view = static_cast<const View*>(found->views->At(*window));
  if (view == nullptr) {
    return Status(StatusCode::kFailedPrecondition,
                  name() + " has nothing yet in window " + window->ToString());
  }
  view->BeginCall();
  return view;
}

Status SideInputState::ReadValues(const KeyedValuesView& view, const std::string& key,
                                  uint64_t from, fn::StateResponse* response) {
  const Iterable<std::string> values = view.Get(key);
  if (from > values.size()) return BadPlace();
  Iterable<std::string>::iterator next;
  if (from > 0 && place_.of == view.shared() && place_.number == from && place_.key == key) {
    next = std::move(place_.next);
  } else {
    next = values.begin();
    for (uint64_t i = 0; i < from; ++i) ++next;
  }
  place_ = {};
  fn::StateGetResponse* const get = response->mutable_get();
  std::string* const data = get->mutable_data();
  for (; from < values.size(); ++from, ++next) {
    const std::string_view value = *next;
    if (!data->empty() && data->size() + value.size() > kPieceBytes) {
      PutPlace(from, get);
      // More than a page of a cache holds: it is in memory, or paged by itself.
      place_ = {view.shared(), key, from, std::move(next)};
      break;
    }
    data->append(value);
  }
  return OkStatus();
}

bool SideInputState::IsReady(const Window& main) {
  const std::lock_guard lock(mutex_);
  for (const Input& input : inputs_) {
    if (input.views->At(main) == nullptr) return false;
  }
  return true;
}

}  // namespace joist::portability
