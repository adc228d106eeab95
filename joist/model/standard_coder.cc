// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/standard_coder.h"

#include <algorithm>
#include <utility>

#include "joist/model/coder.h"
#include "joist/model/wire.h"

namespace joist {

// One coder of the tree, with all that its spec says already understood.
struct StandardCoder::Node {
  enum class Kind : uint8_t {
    kBytes,
    kBool,
    kString,
    kVarint,
    kVarint32,
    kInt16,
    kByte,
    kDouble,
    kFloat,
    kInstant,
    kDecimal,
    kVoid,
    kPane,
    kGlobalWindow,
    kIntervalWindow,
    kCustomWindow,
    kKv,
    kTuple,
    kIterable,
    kMap,
    kNullable,
    kLengthPrefix,
    kShardedKey,
    kTimer,
    kWindowedValue,
    kParamWindowedValue,
    kRow,
  };

  Kind kind = Kind::kBytes;
  std::vector<Node> parts;

  // kBytes and kString: no more bytes or characters than this; filled up to it where is_fixed.
  int64_t length = -1;
  bool is_fixed = false;

  // kRow, by index of the field in the schema (as are `parts`).
  std::vector<std::string> names;
  std::vector<bool> nullable;
  std::vector<size_t> order;  // The indices in the order of encoding.

  // kParamWindowedValue: what each value has.
  Timestamp timestamp;
  Value::List windows;
  PaneInfo pane;

  bool deterministic() const {
    if (kind == Kind::kMap) return false;
    return std::all_of(parts.begin(), parts.end(),
                       [](const Node& part) { return part.deterministic(); });
  }
};

namespace {

using Node = StandardCoder::Node;
using Kind = Node::Kind;

// What counts towards the length of a type: bytes, or the code points of a text.
int64_t TextSize(const Node& node, std::string_view text) {
  if (node.kind == Kind::kBytes) return static_cast<int64_t>(text.size());
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
}

// ---- Reading values ----------------------------------------------------------------------------

class Decoder {
 public:
  Decoder(size_t input_bytes, const StandardCoder::StateReader* state)
      : parts_left_(StandardCoder::kFreeParts + StandardCoder::kPartsPerByte * input_bytes),
        state_(state) {}

  bool Take(const Node& node, ByteReader* in, bool nested, Value* value) {
    if (!Spend(1, in)) return false;
    switch (node.kind) {
      case Kind::kBytes:
        return TakeAs<Bytes>(in, nested, value) &&
               (node.length < 0 || IsWithin(node, value->As<Bytes>()->data, in));
      case Kind::kBool: return TakeAs<bool>(in, nested, value);
      case Kind::kString:
        return TakeAs<std::string>(in, nested, value) &&
               (node.length < 0 || IsWithin(node, *value->As<std::string>(), in));
      case Kind::kVarint: return TakeAs<int64_t>(in, nested, value);
      case Kind::kVarint32: return TakeInteger<int32_t>(in, value);
      case Kind::kInt16: return TakeInteger<int16_t>(in, value);
      case Kind::kByte: return TakeInteger<int8_t>(in, value);
      case Kind::kDouble: return TakeAs<double>(in, nested, value);
      case Kind::kFloat: return TakeAs<float>(in, nested, value);
      case Kind::kInstant: return TakeAs<Timestamp>(in, nested, value);
      case Kind::kDecimal: return TakeDecimal(in, nested, value);
      case Kind::kVoid: *value = Value(); return true;
      case Kind::kPane: return TakeAs<PaneInfo>(in, nested, value);
      case Kind::kGlobalWindow: *value = Window::Global(); return true;
      case Kind::kIntervalWindow: return TakeAs<Window>(in, nested, value);
      case Kind::kCustomWindow: return TakeCustomWindow(node, in, nested, value);
      case Kind::kKv: return TakeKv(node, in, nested, value);
      case Kind::kTuple: return TakeTuple(node, in, nested, value);
      case Kind::kIterable: return TakeIterable(node, in, value);
      case Kind::kMap: return TakeMap(node, in, value);
      case Kind::kNullable: return TakeNullable(node, in, nested, value);
      case Kind::kLengthPrefix: return TakeLengthPrefix(node, in, value);
      case Kind::kShardedKey: return TakeShardedKey(node, in, value);
      case Kind::kTimer: return TakeTimer(node, in, value);
      case Kind::kWindowedValue: return TakeWindowedValue(node, in, nested, value);
      case Kind::kParamWindowedValue: return TakeParamWindowedValue(node, in, nested, value);
      case Kind::kRow: return TakeRow(node, in, value);
    }
    return false;
  }

  /// An error that a StateReader gave; it explains more than the reader's.
  const Status& state_error() const { return state_error_; }

 private:
  bool Spend(size_t parts, ByteReader* in) {
    if (parts > parts_left_) return in->Fail("a value has more parts than its bytes can mean");
    parts_left_ -= parts;
    return true;
  }

  template <class T>
  static bool TakeAs(ByteReader* in, bool nested, Value* value) {
    T taken;
    if (!Coder<T>::Decode(in, &taken, nested)) return false;
    *value = std::move(taken);
    return true;
  }

  static bool IsWithin(const Node& node, std::string_view text, ByteReader* in) {
    return TextSize(node, text) <= node.length || in->Fail("a text is longer than its type allows");
  }

  template <class T>
  static bool TakeInteger(ByteReader* in, Value* value) {
    T taken;
    if (!FieldCoder<T>::Take(in, &taken)) return false;
    *value = int64_t{taken};
    return true;
  }

  static bool TakeDecimal(ByteReader* in, bool nested, Value* value) {
    Decimal decimal;
    if (!Coder<int64_t>::Decode(in, &decimal.scale, true) ||
        !Coder<std::string>::Decode(in, &decimal.unscaled, nested)) {
      return false;
    }
    if (decimal.unscaled.empty()) return in->Fail("a decimal has no digits");
    *value = std::move(decimal);
    return true;
  }

  bool TakeField(const Node& node, std::string_view name, ByteReader* in, bool nested,
                 Value::Record* record) {
    auto& [field, value] = record->fields.emplace_back();
    field = name;
    return Take(node, in, nested, &value);
  }

  template <class T>
  static bool TakeFieldAs(std::string_view name, ByteReader* in, Value::Record* record) {
    auto& [field, value] = record->fields.emplace_back();
    field = name;
    return TakeAs<T>(in, true, &value);
  }

  bool TakeCustomWindow(const Node& node, ByteReader* in, bool nested, Value* value) {
    Value max_timestamp;
    Value window;
    if (!TakeAs<Timestamp>(in, true, &max_timestamp) || !Take(node.parts[0], in, nested, &window)) {
      return false;
    }
    if (window.As<Window>() != nullptr) {
      *value = std::move(window);
      return true;
    }
    Value::Record record;
    record.fields.emplace_back("maxTimestamp", std::move(max_timestamp));
    record.fields.emplace_back("window", std::move(window));
    *value = std::move(record);
    return true;
  }

  bool TakeKv(const Node& node, ByteReader* in, bool nested, Value* value) {
    Value::Record record;
    if (!TakeField(node.parts[0], "key", in, true, &record) ||
        !TakeField(node.parts[1], "value", in, nested, &record)) {
      return false;
    }
    *value = std::move(record);
    return true;
  }

  bool TakeTuple(const Node& node, ByteReader* in, bool nested, Value* value) {
    Value::List list;
    for (size_t i = 0; i < node.parts.size(); ++i) {
      if (!Take(node.parts[i], in, nested || i + 1 < node.parts.size(), &list.emplace_back())) {
        return false;
      }
    }
    *value = std::move(list);
    return true;
  }

  bool TakeIterable(const Node& node, ByteReader* in, Value* value) {
    const Node& element = node.parts[0];
    int64_t size;
    if (!coder_internal::TakeSequenceSize(in, &size)) return false;
    Value::List list;
    const auto take_elements = [&](uint64_t count) {
      for (uint64_t i = 0; i < count; ++i) {
        if (!Take(element, in, true, &list.emplace_back())) return false;
      }
      return true;
    };
    if (size >= 0) {
      if (!take_elements(static_cast<uint64_t>(size))) return false;
    } else {
      uint64_t count;
      do {
        if (!in->TakeVarint(&count)) return false;
        if (count == UINT64_MAX) {
          if (!TakeFromState(element, in, &list)) return false;
          break;
        }
        if (count > INT64_MAX) return in->Fail("a sequence has a negative length");
        if (!take_elements(count)) return false;
      } while (count > 0);
    }
    *value = std::move(list);
    return true;
  }

  bool TakeFromState(const Node& element, ByteReader* in, Value::List* list) {
    std::string_view token;
    if (!in->TakeBytes(&token, true)) return false;
    if (state_ == nullptr || !*state_) {
      return in->Fail("an iterable continues in a runner's state");
    }
    Result<std::string> rest = (*state_)(token);
    if (!rest.ok()) {
      state_error_ = rest.status();
      return in->Fail("an iterable cannot be read from a runner's state");
    }
    parts_left_ += StandardCoder::kPartsPerByte * rest->size();
    ByteReader more(*rest);
    while (more.remaining() > 0) {
      const size_t before = more.position();
      if (!Take(element, &more, true, &list->emplace_back())) return in->Fail(more.error());
      if (more.position() == before) return in->Fail("an element in a runner's state has no bytes");
    }
    return true;
  }

  bool TakeMap(const Node& node, ByteReader* in, Value* value) {
    int64_t size;
    if (!coder_internal::TakeSequenceSize(in, &size)) return false;
    Value::Map map;
    if (!coder_internal::TakeSequence(in, size, [&] {
          auto& [key, mapped] = map.entries.emplace_back();
          return Take(node.parts[0], in, true, &key) && Take(node.parts[1], in, true, &mapped);
        })) {
      return false;
    }
    *value = std::move(map);
    return true;
  }

  bool TakeNullable(const Node& node, ByteReader* in, bool nested, Value* value) {
    bool present;
    if (!Coder<bool>::Decode(in, &present, true)) return false;
    *value = Value();
    return !present || Take(node.parts[0], in, nested, value);
  }

  bool TakeLengthPrefix(const Node& node, ByteReader* in, Value* value) {
    std::string_view bytes;
    if (!in->TakeBytes(&bytes, true)) return false;
    ByteReader inner(bytes);
    if (!Take(node.parts[0], &inner, false, value)) return in->Fail(inner.error());
    return inner.remaining() == 0 || in->Fail("a value is shorter than its length prefix says");
  }

  bool TakeShardedKey(const Node& node, ByteReader* in, Value* value) {
    Value::Record record;
    if (!TakeFieldAs<Bytes>("shardId", in, &record) ||
        !TakeField(node.parts[0], "key", in, true, &record)) {
      return false;
    }
    *value = std::move(record);
    return true;
  }

  bool TakeTimer(const Node& node, ByteReader* in, Value* value) {
    Value::Record record;
    if (!TakeField(node.parts[0], "userKey", in, true, &record) ||
        !TakeFieldAs<std::string>("dynamicTimerTag", in, &record) ||
        !TakeField(node.parts[1], "windows", in, true, &record) ||
        !TakeFieldAs<bool>("clearBit", in, &record)) {
      return false;
    }
    if (!*record.fields.back().second.As<bool>() &&
        (!TakeFieldAs<Timestamp>("fireTimestamp", in, &record) ||
         !TakeFieldAs<Timestamp>("holdTimestamp", in, &record) ||
         !TakeFieldAs<PaneInfo>("pane", in, &record))) {
      return false;
    }
    *value = std::move(record);
    return true;
  }

  // The parts are the value and the iterable of windows; on the wire the value comes last.
  bool TakeWindowedValue(const Node& node, ByteReader* in, bool nested, Value* value) {
    Value::Record record;
    record.fields.emplace_back("value", Value());
    if (!TakeFieldAs<Timestamp>("timestamp", in, &record) ||
        !TakeField(node.parts[1], "windows", in, true, &record) ||
        !TakeFieldAs<PaneInfo>("pane", in, &record) ||
        !Take(node.parts[0], in, nested, &record.fields[0].second)) {
      return false;
    }
    *value = std::move(record);
    return true;
  }

  bool TakeParamWindowedValue(const Node& node, ByteReader* in, bool nested, Value* value) {
    if (!Spend(node.windows.size(), in)) return false;
    Value::Record record;
    if (!TakeField(node.parts[0], "value", in, nested, &record)) return false;
    record.fields.emplace_back("timestamp", node.timestamp);
    record.fields.emplace_back("windows", node.windows);
    record.fields.emplace_back("pane", node.pane);
    *value = std::move(record);
    return true;
  }

  bool TakeRow(const Node& node, ByteReader* in, Value* value) {
    uint64_t count;
    std::string_view nulls;
    if (!Spend(node.parts.size(), in)) return false;
    if (!in->TakeVarint(&count) || !in->TakeBytes(&nulls, true)) return false;
    if (count > node.parts.size()) return in->Fail("a row has more fields than its schema");
    Value::Record record;
    record.fields.resize(node.parts.size());
    for (size_t position = 0; position < node.parts.size(); ++position) {
      const size_t index = node.order[position];
      record.fields[index].first = node.names[index];
      // As Java has it, a null's bit is at the position of its encoding.
      const bool null = position >= count || (position / 8 < nulls.size() &&
                                              (nulls[position / 8] >> (position % 8) & 1) != 0);
      if (null && !node.nullable[index]) {
        return in->Fail("a row has null in a field that cannot be null");
      }
      if (!null && !Take(node.parts[index], in, true, &record.fields[index].second)) return false;
    }
    *value = std::move(record);
    return true;
  }

  size_t parts_left_;
  const StandardCoder::StateReader* state_;  // May be null, and may be empty.
  Status state_error_;
};

// ---- Writing values ----------------------------------------------------------------------------

Status WrongValue(std::string_view wanted, const Value& value) {
  std::string text = value.ToString();
  if (text.size() > 80) text = text.substr(0, 80) + "…";
  return InvalidArgument("cannot encode " + text + ": it is not " + std::string(wanted));
}

template <class T>
Status PutAs(std::string_view wanted, const Value& value, bool nested, std::string* out) {
  const T* held = value.As<T>();
  if (held == nullptr) return WrongValue(wanted, value);
  Coder<T>::Encode(*held, out, nested);
  return OkStatus();
}

template <class T>
Status PutInteger(std::string_view wanted, const Value& value, std::string* out) {
  const int64_t* held = value.As<int64_t>();
  if (held == nullptr || static_cast<T>(*held) != *held) return WrongValue(wanted, value);
  FieldCoder<T>::Put(static_cast<T>(*held), out);
  return OkStatus();
}

Status Put(const Node& node, const Value& value, bool nested, std::string* out);

Status PutText(const Node& node, std::string_view text, const Value& value, bool nested,
               std::string* out) {
  const bool is_text = node.kind == Kind::kString;
  const int64_t size = TextSize(node, text);
  if (node.length >= 0 && size > node.length) {
    return WrongValue(
        "within " + std::to_string(node.length) + (is_text ? " characters" : " bytes"), value);
  }
  if (node.is_fixed && size < node.length) {
    std::string filled(text);
    filled.append(static_cast<size_t>(node.length - size), is_text ? ' ' : '\0');
    PutBytes(filled, out, nested);
  } else {
    PutBytes(text, out, nested);
  }
  return OkStatus();
}

// The parts of a record by name, in the order of `parts`; a part that is null is optional.
Result<const Value::Record*> RecordOf(std::string_view wanted, const Value& value,
                                      std::initializer_list<std::string_view> names) {
  const Value::Record* record = value.As<Value::Record>();
  if (record == nullptr) return WrongValue(wanted, value);
  for (std::string_view name : names) {
    if (record->Find(name) == nullptr) return WrongValue(wanted, value);
  }
  return record;
}

Status PutIterable(const Node& node, const Value& value, std::string* out) {
  const Value::List* list = value.As<Value::List>();
  if (list == nullptr) return WrongValue("a list", value);
  coder_internal::PutSequenceSize(list->size(), out);
  for (const Value& element : *list) {
    JOIST_RETURN_IF_ERROR(Put(node.parts[0], element, true, out));
  }
  return OkStatus();
}

Status PutRow(const Node& node, const Value& value, std::string* out) {
  const Value::Record* record = value.As<Value::Record>();
  if (record == nullptr || record->fields.size() != node.parts.size()) {
    return WrongValue("a row of " + std::to_string(node.parts.size()) + " fields", value);
  }
  PutVarint(node.parts.size(), out);
  std::string nulls((node.parts.size() + 7) / 8, '\0');
  bool any_null = false;
  for (size_t position = 0; position < node.order.size(); ++position) {
    const size_t index = node.order[position];
    const auto& [name, field] = record->fields[index];
    if (name != node.names[index])
      return WrongValue("a row with a field " + node.names[index], value);
    if (!field.is_null()) continue;
    if (!node.nullable[index]) return WrongValue("a row that has a value for " + name, value);
    nulls[position / 8] = static_cast<char>(nulls[position / 8] | 1 << (position % 8));
    any_null = true;
  }
  PutBytes(any_null ? std::string_view(nulls) : std::string_view(), out, true);
  for (size_t index : node.order) {
    const Value& field = record->fields[index].second;
    if (!field.is_null()) JOIST_RETURN_IF_ERROR(Put(node.parts[index], field, true, out));
  }
  return OkStatus();
}

Status PutTimer(const Node& node, const Value& value, std::string* out) {
  JOIST_ASSIGN_OR_RETURN(
      const Value::Record* record,
      RecordOf("a timer", value, {"userKey", "dynamicTimerTag", "windows", "clearBit"}));
  JOIST_RETURN_IF_ERROR(Put(node.parts[0], *record->Find("userKey"), true, out));
  JOIST_RETURN_IF_ERROR(PutAs<std::string>("a text", *record->Find("dynamicTimerTag"), true, out));
  JOIST_RETURN_IF_ERROR(Put(node.parts[1], *record->Find("windows"), true, out));
  const Value& clear = *record->Find("clearBit");
  JOIST_RETURN_IF_ERROR(PutAs<bool>("a bool", clear, true, out));
  if (*clear.As<bool>()) return OkStatus();
  JOIST_ASSIGN_OR_RETURN(
      record, RecordOf("a timer that is set", value, {"fireTimestamp", "holdTimestamp", "pane"}));
  JOIST_RETURN_IF_ERROR(PutAs<Timestamp>("a time", *record->Find("fireTimestamp"), true, out));
  JOIST_RETURN_IF_ERROR(PutAs<Timestamp>("a time", *record->Find("holdTimestamp"), true, out));
  return PutAs<PaneInfo>("a pane", *record->Find("pane"), true, out);
}

Status PutWindowedValue(const Node& node, const Value& value, bool nested, std::string* out) {
  JOIST_ASSIGN_OR_RETURN(
      const Value::Record* record,
      RecordOf("a windowed value", value, {"value", "timestamp", "windows", "pane"}));
  if (node.kind == Kind::kWindowedValue) {
    JOIST_RETURN_IF_ERROR(PutAs<Timestamp>("a time", *record->Find("timestamp"), true, out));
    JOIST_RETURN_IF_ERROR(Put(node.parts[1], *record->Find("windows"), true, out));
    JOIST_RETURN_IF_ERROR(PutAs<PaneInfo>("a pane", *record->Find("pane"), true, out));
  }
  return Put(node.parts[0], *record->Find("value"), nested, out);
}

Status PutCustomWindow(const Node& node, const Value& value, bool nested, std::string* out) {
  if (const Window* window = value.As<Window>()) {
    Coder<Timestamp>::Encode(window->max_timestamp(), out, true);
    return Put(node.parts[0], value, nested, out);
  }
  JOIST_ASSIGN_OR_RETURN(const Value::Record* record,
                         RecordOf("a window", value, {"maxTimestamp", "window"}));
  JOIST_RETURN_IF_ERROR(PutAs<Timestamp>("a time", *record->Find("maxTimestamp"), true, out));
  return Put(node.parts[0], *record->Find("window"), nested, out);
}

Status Put(const Node& node, const Value& value, bool nested, std::string* out) {
  switch (node.kind) {
    case Kind::kBytes:
      if (const Bytes* bytes = value.As<Bytes>()) {
        return PutText(node, bytes->data, value, nested, out);
      }
      return WrongValue("bytes", value);
    case Kind::kString:
      if (const std::string* text = value.As<std::string>()) {
        return PutText(node, *text, value, nested, out);
      }
      return WrongValue("a text", value);
    case Kind::kBool: return PutAs<bool>("a bool", value, nested, out);
    case Kind::kVarint: return PutAs<int64_t>("a whole number", value, nested, out);
    case Kind::kVarint32: return PutInteger<int32_t>("a whole number of 32 bits", value, out);
    case Kind::kInt16: return PutInteger<int16_t>("a whole number of 16 bits", value, out);
    case Kind::kByte: return PutInteger<int8_t>("a whole number of 8 bits", value, out);
    case Kind::kDouble: return PutAs<double>("a double", value, nested, out);
    case Kind::kFloat: return PutAs<float>("a float", value, nested, out);
    case Kind::kInstant: return PutAs<Timestamp>("a time", value, nested, out);
    case Kind::kDecimal: {
      const Decimal* decimal = value.As<Decimal>();
      if (decimal == nullptr) return WrongValue("a decimal", value);
      Coder<int64_t>::Encode(decimal->scale, out, true);
      PutBytes(decimal->unscaled, out, nested);
      return OkStatus();
    }
    case Kind::kVoid: return value.is_null() ? OkStatus() : WrongValue("null", value);
    case Kind::kPane: return PutAs<PaneInfo>("a pane", value, nested, out);
    case Kind::kGlobalWindow:
      if (value.As<Window>() == nullptr || !value.As<Window>()->is_global()) {
        return WrongValue("the global window", value);
      }
      return OkStatus();
    case Kind::kIntervalWindow: return PutAs<Window>("a window", value, nested, out);
    case Kind::kCustomWindow: return PutCustomWindow(node, value, nested, out);
    case Kind::kKv: {
      JOIST_ASSIGN_OR_RETURN(const Value::Record* record,
                             RecordOf("a key and a value", value, {"key", "value"}));
      JOIST_RETURN_IF_ERROR(Put(node.parts[0], *record->Find("key"), true, out));
      return Put(node.parts[1], *record->Find("value"), nested, out);
    }
    case Kind::kTuple: {
      const Value::List* list = value.As<Value::List>();
      if (list == nullptr || list->size() != node.parts.size()) {
        return WrongValue("a tuple of " + std::to_string(node.parts.size()), value);
      }
      for (size_t i = 0; i < list->size(); ++i) {
        JOIST_RETURN_IF_ERROR(Put(node.parts[i], (*list)[i], nested || i + 1 < list->size(), out));
      }
      return OkStatus();
    }
    case Kind::kIterable: return PutIterable(node, value, out);
    case Kind::kMap: {
      const Value::Map* map = value.As<Value::Map>();
      if (map == nullptr) return WrongValue("a map", value);
      coder_internal::PutSequenceSize(map->entries.size(), out);
      for (const auto& [key, mapped] : map->entries) {
        JOIST_RETURN_IF_ERROR(Put(node.parts[0], key, true, out));
        JOIST_RETURN_IF_ERROR(Put(node.parts[1], mapped, true, out));
      }
      return OkStatus();
    }
    case Kind::kNullable:
      PutByte(value.is_null() ? 0 : 1, out);
      return value.is_null() ? OkStatus() : Put(node.parts[0], value, nested, out);
    case Kind::kLengthPrefix: {
      std::string bytes;
      JOIST_RETURN_IF_ERROR(Put(node.parts[0], value, false, &bytes));
      PutBytes(bytes, out, true);
      return OkStatus();
    }
    case Kind::kShardedKey: {
      JOIST_ASSIGN_OR_RETURN(const Value::Record* record,
                             RecordOf("a sharded key", value, {"shardId", "key"}));
      JOIST_RETURN_IF_ERROR(PutAs<Bytes>("bytes", *record->Find("shardId"), true, out));
      return Put(node.parts[0], *record->Find("key"), true, out);
    }
    case Kind::kTimer: return PutTimer(node, value, out);
    case Kind::kWindowedValue:
    case Kind::kParamWindowedValue: return PutWindowedValue(node, value, nested, out);
    case Kind::kRow: return PutRow(node, value, out);
  }
  return OkStatus();
}

// ---- Understanding specs -----------------------------------------------------------------------

Node Leaf(Kind kind) {
  Node node;
  node.kind = kind;
  return node;
}

Node Around(Kind kind, Node part) {
  Node node = Leaf(kind);
  node.parts.push_back(std::move(part));
  return node;
}

Node RowNode(const Schema& schema);

// The coder of a value of `type` that is not null.
Node FieldNode(const FieldType& type) {
  const auto element = [&type](size_t i) {
    Node node = FieldNode(type.parts[i]);
    return type.parts[i].nullable ? Around(Kind::kNullable, std::move(node)) : node;
  };
  switch (type.kind) {
    case FieldType::Kind::kAtomic: {
      static constexpr Kind kKinds[] = {Kind::kBytes,  Kind::kByte,  Kind::kInt16,  Kind::kVarint32,
                                        Kind::kVarint, Kind::kFloat, Kind::kDouble, Kind::kString,
                                        Kind::kBool,   Kind::kBytes};
      return Leaf(kKinds[static_cast<uint8_t>(type.atomic)]);
    }
    case FieldType::Kind::kArray:
    case FieldType::Kind::kIterable: return Around(Kind::kIterable, element(0));
    case FieldType::Kind::kMap: {
      Node node = Around(Kind::kMap, element(0));
      node.parts.push_back(element(1));
      return node;
    }
    case FieldType::Kind::kRow: return RowNode(type.row[0]);
    case FieldType::Kind::kLogical: break;
  }
  if (type.urn == kMillisInstantType) return Leaf(Kind::kInstant);
  if (type.urn == kDecimalType) return Leaf(Kind::kDecimal);
  Node node = element(0);
  if (type.urn == kFixedBytesType || type.urn == kFixedCharType || type.urn == kVarBytesType ||
      type.urn == kVarCharType) {
    node.length = type.IntegerArgument();
    node.is_fixed = type.urn == kFixedBytesType || type.urn == kFixedCharType;
  }
  return node;
}

Node RowNode(const Schema& schema) {
  Node node = Leaf(Kind::kRow);
  for (const Field& field : schema.fields) {
    node.names.push_back(field.name);
    node.nullable.push_back(field.type.nullable);
    node.parts.push_back(FieldNode(field.type));
  }
  node.order = schema.EncodingOrder();
  return node;
}

struct Known {
  std::string_view urn;
  Kind kind;
  size_t components;
};

constexpr size_t kAnyNumber = SIZE_MAX;
constexpr Known kKnown[] = {
    {kBoolCoder, Kind::kBool, 0},
    {kBytesCoder, Kind::kBytes, 0},
    {kCustomWindowCoder, Kind::kCustomWindow, 1},
    {kDoubleCoder, Kind::kDouble, 0},
    {kGlobalWindowCoder, Kind::kGlobalWindow, 0},
    {kIntervalWindowCoder, Kind::kIntervalWindow, 0},
    {kIterableCoder, Kind::kIterable, 1},
    {kKvCoder, Kind::kKv, 2},
    {kLengthPrefixCoder, Kind::kLengthPrefix, 1},
    {kNullableCoder, Kind::kNullable, 1},
    {kParamWindowedValueCoder, Kind::kParamWindowedValue, 2},
    {kRowCoder, Kind::kRow, 0},
    {kShardedKeyCoder, Kind::kShardedKey, 1},
    {kStateBackedIterableCoder, Kind::kIterable, 1},
    {kStringCoder, Kind::kString, 0},
    {kTimerCoder, Kind::kTimer, 2},
    {kTupleCoder, Kind::kTuple, kAnyNumber},
    {kVarintCoder, Kind::kVarint, 0},
    {kWindowedValueCoder, Kind::kWindowedValue, 2},
    {kFloatCoder, Kind::kFloat, 0},
    {kPaneCoder, Kind::kPane, 0},
    {kTimestampCoder, Kind::kInstant, 0},
    {kVoidCoder, Kind::kVoid, 0},
};

const Known* FindKnown(std::string_view urn) {
  for (const Known& known : kKnown) {
    if (known.urn == urn) return &known;
  }
  return nullptr;
}

Result<Node> NodeOf(const CoderSpec& spec, int depth) {
  if (depth > StandardCoder::kMaxDepth) {
    return InvalidArgument("a coder is made of coders too deep");
  }
  const Known* known = FindKnown(spec.urn);
  if (known == nullptr) {
    return Status(StatusCode::kUnimplemented, "Joist does not know the coder " + spec.urn);
  }
  if (known->components != kAnyNumber && known->components != spec.components.size()) {
    return InvalidArgument("the coder " + spec.urn + " has " +
                           std::to_string(spec.components.size()) + " components instead of " +
                           std::to_string(known->components));
  }
  if (known->kind == Kind::kRow) {
    JOIST_ASSIGN_OR_RETURN(const Schema schema, Schema::Parse(spec.payload));
    return RowNode(schema);
  }
  Node node = Leaf(known->kind);
  for (const CoderSpec& component : spec.components) {
    // What is behind a length can be passed on without being understood.
    if (known->kind == Kind::kLengthPrefix && FindKnown(component.urn) == nullptr) {
      node.parts.push_back(Leaf(Kind::kBytes));
      continue;
    }
    JOIST_ASSIGN_OR_RETURN(Node part, NodeOf(component, depth + 1));
    node.parts.push_back(std::move(part));
  }
  const bool has_windows = node.kind == Kind::kTimer || node.kind == Kind::kWindowedValue ||
                           node.kind == Kind::kParamWindowedValue;
  if (has_windows) node.parts[1] = Around(Kind::kIterable, std::move(node.parts[1]));
  if (node.kind == Kind::kParamWindowedValue) {
    // The payload is a windowed value whose value is empty.
    Decoder decoder(spec.payload.size(), nullptr);
    ByteReader in(spec.payload);
    Value windows;
    if (!Coder<Timestamp>::Decode(&in, &node.timestamp, true) ||
        !decoder.Take(node.parts[1], &in, true, &windows) ||
        !Coder<PaneInfo>::Decode(&in, &node.pane, true)) {
      return InvalidArgument("the payload of the coder " + spec.urn + " is no windowed value");
    }
    node.windows = std::move(*windows.As<Value::List>());
  }
  return node;
}

}  // namespace

std::vector<std::string_view> StandardCoder::Urns() {
  std::vector<std::string_view> urns;
  for (const Known& known : kKnown) urns.push_back(known.urn);
  std::sort(urns.begin(), urns.end());
  return urns;
}

StandardCoder::StandardCoder(std::unique_ptr<const Node> root) : root_(std::move(root)) {}
StandardCoder::StandardCoder(StandardCoder&&) noexcept = default;
StandardCoder& StandardCoder::operator=(StandardCoder&&) noexcept = default;
StandardCoder::~StandardCoder() = default;

Result<StandardCoder> StandardCoder::Make(const CoderSpec& spec) {
  JOIST_ASSIGN_OR_RETURN(Node node, NodeOf(spec, 0));
  return StandardCoder(std::make_unique<const Node>(std::move(node)));
}

Result<StandardCoder> StandardCoder::ForSchema(const Schema& schema) {
  JOIST_RETURN_IF_ERROR(schema.Validate());
  return StandardCoder(std::make_unique<const Node>(RowNode(schema)));
}

bool StandardCoder::deterministic() const { return root_->deterministic(); }

Status StandardCoder::Encode(const Value& value, bool nested, std::string* out) const {
  return Put(*root_, value, nested, out);
}

Result<std::string> StandardCoder::EncodeToString(const Value& value, bool nested) const {
  std::string bytes;
  JOIST_RETURN_IF_ERROR(Encode(value, nested, &bytes));
  return bytes;
}

Result<Value> StandardCoder::DecodeFromString(std::string_view bytes, bool nested,
                                              const StateReader& state) const {
  Decoder decoder(bytes.size(), &state);
  ByteReader in(bytes);
  Value value;
  if (!decoder.Take(*root_, &in, nested, &value) || in.remaining() != 0) {
    return decoder.state_error().ok() ? DecodeError("a value", in) : decoder.state_error();
  }
  return value;
}

Result<Value> StandardCoder::DecodeFront(std::string_view* bytes, const StateReader& state) const {
  Decoder decoder(bytes->size(), &state);
  ByteReader in(*bytes);
  Value value;
  if (!decoder.Take(*root_, &in, true, &value)) {
    return decoder.state_error().ok() ? DecodeError("a value", in) : decoder.state_error();
  }
  bytes->remove_prefix(in.position());
  return value;
}

}  // namespace joist
