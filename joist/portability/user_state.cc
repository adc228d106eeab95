// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/user_state.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "joist/model/coder.h"

namespace joist::portability {
namespace {

/// What a node of a map takes beside its key and value, about.
constexpr size_t kNodeBytes = 96;

Status BadToken() {
  return InvalidArgument("a state request's continuation token is none of this state's answers");
}
Status BadRequest(std::string_view state) {
  return InvalidArgument("a state request asks for something that " + std::string(state) +
                         " cannot do");
}

/// The number that a token is.
bool TakeTokenNumber(const std::string& token, uint64_t* number) {
  *number = 0;
  if (token.empty()) return true;
  ByteReader in(token);
  return in.TakeVarint(number) && in.remaining() == 0;
}

Status ReadBag(const EncodedBag& bag, const fn::StateGetRequest& request,
               fn::StateGetResponse* response) {
  uint64_t from;
  std::string_view elements;
  if (!TakeTokenNumber(request.continuation_token(), &from) ||
      !bag.Read(from, kPieceBytes, &elements)) {
    return BadToken();
  }
  response->set_data(elements.data(), elements.size());
  if (from + elements.size() < bag.size()) {
    PutVarint(from + elements.size(), response->mutable_continuation_token());
  }
  return OkStatus();
}

/// Pieces by key, in their order: put(key, bag, data) for each key after the one that the request's
/// token is, as long as the answer is not full.
template <class Multimap, class Put>
Status ReadKeys(const Multimap& multimap, const fn::StateGetRequest& request, Put put,
                fn::StateGetResponse* response) {
  const std::string& token = request.continuation_token();
  // A token is the last key of the answer before, behind a byte: the key may be empty.
  auto at =
      token.empty() ? multimap.begin() : multimap.upper_bound(std::string_view(token).substr(1));
  std::string* const data = response->mutable_data();
  for (; at != multimap.end(); ++at) {
    JOIST_RETURN_IF_ERROR(put(at->first, at->second, data));
    if (data->size() >= kPieceBytes && std::next(at) != multimap.end()) {
      response->set_continuation_token("k" + at->first);
      break;
    }
  }
  return OkStatus();
}

/// A key with its values as an iterable.
Status PutEntry(const std::string& key, const EncodedBag& bag, const WireCoder& values,
                std::string* data) {
  std::string_view elements;
  bag.Read(0, std::numeric_limits<size_t>::max(), &elements);
  ByteReader in(elements);
  uint32_t count = 0;
  while (in.remaining() > 0) {
    const size_t before = in.position();
    if (!values.Skip(&in) || in.position() == before) {
      return InvalidArgument("a multimap state's values are not of its coder");
    }
    ++count;
  }
  data->append(key);
  PutBigEndian32(count, data);
  data->append(elements);
  return OkStatus();
}

/// Sort keys with values, each to the others of its sort key.
Status AppendEntries(std::string_view entries, std::map<int64_t, EncodedBag>* list) {
  ByteReader in(entries);
  while (in.remaining() > 0) {
    const size_t begin = in.position();
    uint64_t sort_key;
    std::string_view value;
    if (!in.TakeVarint(&sort_key) || !in.TakeBytes(&value, /*nested=*/true)) {
      return InvalidArgument(std::string("what is appended to an ordered list is no entry: ") +
                             in.error());
    }
    (*list)[static_cast<int64_t>(sort_key)].Append(entries.substr(begin, in.position() - begin));
  }
  return OkStatus();
}

/// Entries of [at, end), from the sort key, and byte of its entries, that the request's token is.
template <class Iterator>
Status ReadEntries(Iterator at, Iterator end, const fn::StateGetRequest& request,
                   fn::StateGetResponse* response) {
  uint64_t from = 0;
  if (!request.continuation_token().empty()) {
    ByteReader in(request.continuation_token());
    int64_t sort_key;
    if (!in.TakeInstant(&sort_key) || !in.TakeVarint(&from) || in.remaining() > 0) {
      return BadToken();
    }
    while (at != end && at->first < sort_key) ++at;
    if (at == end || at->first != sort_key) return BadToken();  // Outside, or cleared since.
  }
  std::string* const data = response->mutable_data();
  while (at != end) {
    std::string_view entries;
    if (!at->second.Read(from, kPieceBytes - data->size(), &entries)) return BadToken();
    data->append(entries);
    from += entries.size();
    if (from == at->second.size()) {
      ++at;
      from = 0;
    }
    if (data->size() >= kPieceBytes && at != end) {
      PutInstant(at->first, response->mutable_continuation_token());
      PutVarint(from, response->mutable_continuation_token());
      break;
    }
  }
  return OkStatus();
}

template <class Map>
size_t HeldBytes(const Map& map) {
  size_t bytes = 0;
  for (const auto& [key, bag] : map) {
    bytes += kNodeBytes + bag.held_bytes();
    if constexpr (requires { key.size(); }) bytes += key.size();
  }
  return bytes;
}

/// Bags by key, of which take(key) takes one.
template <class Map, class TakeKey>
bool RestoreMap(ByteReader* in, Map* map, TakeKey take) {
  uint64_t size;
  if (!in->TakeVarint(&size)) return false;
  for (; size > 0; --size) {
    typename Map::key_type key{};
    if (!take(&key)) return false;
    const auto [at, is_new] = map->try_emplace(std::move(key));
    if (!is_new) return in->Fail("a state has a key twice");
    if (!at->second.Restore(in)) return false;
  }
  return true;
}

}  // namespace

// ---- EncodedBag

void EncodedBag::Append(std::string_view elements) {
  if (elements.empty()) return;
  const uint64_t begin_of_last = ends_.size() < 2 ? 0 : ends_[ends_.size() - 2];
  bytes_.append(elements);
  if (!ends_.empty() && ends_.back() - begin_of_last < kLeastPiece) {
    ends_.back() = bytes_.size();
  } else {
    ends_.push_back(bytes_.size());
  }
}

bool EncodedBag::Read(uint64_t from, size_t most_bytes, std::string_view* elements) const {
  *elements = {};
  if (from == bytes_.size()) return true;
  auto next = std::upper_bound(ends_.begin(), ends_.end(), from);
  if (next == ends_.end() || (from > 0 && (next == ends_.begin() || *(next - 1) != from))) {
    return false;
  }
  const uint64_t limit = most_bytes < bytes_.size() - from ? from + most_bytes : bytes_.size();
  const auto last = std::upper_bound(next, ends_.end(), limit);
  const uint64_t end = last == next ? *next : *(last - 1);
  *elements = std::string_view(bytes_).substr(from, end - from);
  return true;
}

void EncodedBag::Save(std::string* out) const {
  PutVarint(ends_.size(), out);
  uint64_t begin = 0;
  for (const uint64_t end : ends_) PutVarint(end - std::exchange(begin, end), out);
  out->append(bytes_);
}

bool EncodedBag::Restore(ByteReader* in) {
  uint64_t pieces;
  if (!in->TakeVarint(&pieces)) return false;
  ends_.reserve(in->ReserveHint(pieces));
  uint64_t end = 0;
  for (; pieces > 0; --pieces) {
    uint64_t size;
    if (!in->TakeVarint(&size)) return false;
    if (size == 0 || size > in->remaining() || end > in->remaining() - size) {
      return in->Fail("a piece of a state exceeds the bytes that are left");
    }
    ends_.push_back(end += size);
  }
  std::string_view bytes;
  if (!in->Take(end, &bytes)) return false;
  bytes_ = bytes;
  return true;
}

// ---- UserState

Status UserState::Handle(const fn::StateRequest& request, const WireCoder* values,
                         fn::StateResponse* response) {
  const fn::StateKey& key = request.state_key();
  switch (request.request_case()) {
    case fn::StateRequest::kGet: response->mutable_get(); break;
    case fn::StateRequest::kAppend: response->mutable_append(); break;
    case fn::StateRequest::kClear: response->mutable_clear(); break;
    default: return InvalidArgument("a state request neither gets nor appends nor clears");
  }
  switch (key.type_case()) {
    case fn::StateKey::kBagUserState: return HandleBag(request, response);
    case fn::StateKey::kMultimapUserState:
    case fn::StateKey::kMultimapKeysUserState:
    case fn::StateKey::kMultimapEntriesUserState: return HandleMultimap(request, values, response);
    case fn::StateKey::kOrderedListUserState: return HandleOrderedList(request, response);
    default: return InvalidArgument("a state request is for no user state");
  }
}

Status UserState::HandleBag(const fn::StateRequest& request, fn::StateResponse* response) {
  if (empty()) state_.emplace<EncodedBag>();
  EncodedBag* const bag = std::get_if<EncodedBag>(&state_);
  if (bag == nullptr) return BadRequest("a state that is no bag");
  Status status;
  if (request.has_get()) {
    status = ReadBag(*bag, request.get(), response->mutable_get());
  } else if (request.has_append()) {
    bag->Append(request.append().data());
  } else {
    *bag = {};
  }
  if (bag->size() == 0) state_.emplace<std::monostate>();
  return status;
}

Status UserState::HandleMultimap(const fn::StateRequest& request, const WireCoder* values,
                                 fn::StateResponse* response) {
  if (empty()) state_.emplace<Multimap>();
  Multimap* const multimap = std::get_if<Multimap>(&state_);
  if (multimap == nullptr) return BadRequest("a state that is no multimap");
  const fn::StateKey& key = request.state_key();
  Status status;
  if (key.has_multimap_user_state()) {
    const std::string& map_key = key.multimap_user_state().map_key();
    if (request.has_get()) {
      const auto found = multimap->find(map_key);
      status = ReadBag(found == multimap->end() ? EncodedBag() : found->second, request.get(),
                       response->mutable_get());
    } else if (request.has_clear()) {
      multimap->erase(map_key);
    } else if (!request.append().data().empty()) {
      (*multimap)[map_key].Append(request.append().data());
    }
  } else if (request.has_clear()) {
    multimap->clear();
  } else if (request.has_append()) {
    status = BadRequest("the keys of a multimap");
  } else if (key.has_multimap_keys_user_state()) {
    const auto put_key = [](const std::string& one, const EncodedBag&, std::string* data) {
      data->append(one);
      return OkStatus();
    };
    status = ReadKeys(*multimap, request.get(), put_key, response->mutable_get());
  } else if (values == nullptr) {
    status = {StatusCode::kUnimplemented,
              "the entries of a multimap state whose values have a coder that only the SDK knows"};
  } else {
    const auto put_entry = [&](const std::string& one, const EncodedBag& bag, std::string* data) {
      return PutEntry(one, bag, *values, data);
    };
    status = ReadKeys(*multimap, request.get(), put_entry, response->mutable_get());
  }
  if (multimap->empty()) state_.emplace<std::monostate>();
  return status;
}

Status UserState::HandleOrderedList(const fn::StateRequest& request, fn::StateResponse* response) {
  if (empty()) state_.emplace<OrderedList>();
  OrderedList* const list = std::get_if<OrderedList>(&state_);
  if (list == nullptr) return BadRequest("a state that is no ordered list");
  const fn::StateKey::OrderedListUserState& key = request.state_key().ordered_list_user_state();
  // Without a range: all.
  const auto begin = key.has_range() ? list->lower_bound(key.range().start()) : list->begin();
  auto end = key.has_range() ? list->lower_bound(key.range().end()) : list->end();
  if (key.has_range() && key.range().end() <= key.range().start()) end = begin;
  Status status;
  if (request.has_clear()) {
    list->erase(begin, end);
  } else if (request.has_append()) {
    status = AppendEntries(request.append().data(), list);
  } else {
    status = ReadEntries(begin, end, request.get(), response->mutable_get());
  }
  if (list->empty()) state_.emplace<std::monostate>();
  return status;
}

size_t UserState::held_bytes() const {
  if (const auto* const bag = std::get_if<EncodedBag>(&state_)) return bag->held_bytes();
  if (const auto* const multimap = std::get_if<Multimap>(&state_)) return HeldBytes(*multimap);
  if (const auto* const list = std::get_if<OrderedList>(&state_)) return HeldBytes(*list);
  return 0;
}

void UserState::Save(std::string* out) const {
  PutByte(static_cast<uint8_t>(state_.index()), out);
  if (const auto* const bag = std::get_if<EncodedBag>(&state_)) {
    bag->Save(out);
  } else if (const auto* const multimap = std::get_if<Multimap>(&state_)) {
    PutVarint(multimap->size(), out);
    for (const auto& [key, values] : *multimap) {
      PutBytes(key, out, /*nested=*/true);
      values.Save(out);
    }
  } else if (const auto* const list = std::get_if<OrderedList>(&state_)) {
    PutVarint(list->size(), out);
    for (const auto& [sort_key, entries] : *list) {
      PutInstant(sort_key, out);
      entries.Save(out);
    }
  }
}

bool UserState::Restore(ByteReader* in) {
  uint8_t kind;
  if (!in->TakeByte(&kind)) return false;
  switch (kind) {
    case 0: state_.emplace<std::monostate>(); return true;
    case 1: return state_.emplace<EncodedBag>().Restore(in);
    case 2: {
      auto& multimap = state_.emplace<Multimap>();
      return RestoreMap(in, &multimap, [&](std::string* key) {
        std::string_view bytes;
        if (!in->TakeBytes(&bytes, /*nested=*/true)) return false;
        *key = bytes;
        return true;
      });
    }
    case 3: {
      auto& list = state_.emplace<OrderedList>();
      return RestoreMap(in, &list, [&](int64_t* key) { return in->TakeInstant(key); });
    }
    default: return in->Fail("a state is of an unknown kind");
  }
}

}  // namespace joist::portability
