// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/schema.h"

#include <algorithm>
#include <set>
#include <utility>

#include "joist/base/hash.h"
#include "joist/model/wire.h"

namespace joist {
namespace {

// Types within types; deeper ones are refused when they are read.
constexpr int kMaxDepth = 32;

// Writing and reading of messages: the few forms of protobuf's wire format that Schema needs.
enum WireForm : uint32_t { kVarintForm = 0, kWord64Form = 1, kBytesForm = 2, kWord32Form = 5 };

void PutTag(uint32_t number, WireForm form, std::string* out) {
  PutVarint(number << 3 | form, out);
}

void PutNumber(uint32_t number, uint64_t value, std::string* out) {
  if (value == 0) return;
  PutTag(number, kVarintForm, out);
  PutVarint(value, out);
}

void PutMessage(uint32_t number, std::string_view message, std::string* out) {
  PutTag(number, kBytesForm, out);
  PutBytes(message, out, true);
}

void PutText(uint32_t number, std::string_view text, std::string* out) {
  if (!text.empty()) PutMessage(number, text, out);
}

// Calls `take(number, form, value, bytes)` for each field of a message.
template <class TakeField>
bool ForEachField(std::string_view message, TakeField take) {
  ByteReader in(message);
  while (in.remaining() > 0) {
    uint64_t tag;
    uint64_t value = 0;
    std::string_view bytes;
    if (!in.TakeVarint(&tag)) return false;
    switch (tag & 7) {
      case kVarintForm:
        if (!in.TakeVarint(&value)) return false;
        break;
      case kWord64Form:
        if (!in.Take(8, &bytes)) return false;
        break;
      case kWord32Form:
        if (!in.Take(4, &bytes)) return false;
        break;
      case kBytesForm:
        if (!in.TakeBytes(&bytes, true)) return false;
        break;
      default: return false;
    }
    if (!take(tag >> 3, static_cast<WireForm>(tag & 7), value, bytes)) return false;
  }
  return true;
}

std::string SerializeType(const FieldType& type) {
  std::string out;
  PutNumber(1, type.nullable ? 1 : 0, &out);
  std::string inner;
  const uint32_t number = static_cast<uint32_t>(type.kind);
  switch (type.kind) {
    case FieldType::Kind::kAtomic:
      PutNumber(number, static_cast<uint64_t>(type.atomic), &out);
      return out;
    case FieldType::Kind::kArray:
    case FieldType::Kind::kIterable:
    case FieldType::Kind::kMap:
      for (uint32_t i = 0; i < type.parts.size(); ++i) {
        PutMessage(i + 1, SerializeType(type.parts[i]), &inner);
      }
      break;
    case FieldType::Kind::kRow: PutMessage(1, type.row.at(0).Serialize(), &inner); break;
    case FieldType::Kind::kLogical:
      PutText(1, type.urn, &inner);
      PutText(2, type.logical_payload, &inner);
      for (uint32_t i = 0; i < type.parts.size(); ++i) {
        PutMessage(i + 3, SerializeType(type.parts[i]), &inner);
      }
      PutText(5, type.logical_argument, &inner);
      break;
  }
  PutMessage(number, inner, &out);
  return out;
}

bool ParseSchema(std::string_view message, int depth, Schema* schema);

bool ParseType(std::string_view message, int depth, FieldType* type) {
  if (depth > kMaxDepth) return false;
  bool known = false;
  const auto take_part = [depth, type](size_t index, std::string_view bytes) {
    if (type->parts.size() <= index) type->parts.resize(index + 1);
    type->parts[index] = {};
    return ParseType(bytes, depth + 1, &type->parts[index]);
  };
  const bool ok = ForEachField(message, [&](uint64_t number, WireForm form, uint64_t value,
                                            std::string_view bytes) {
    if (number == 1 && form == kVarintForm) {
      type->nullable = value != 0;
      return true;
    }
    if (number < 2 || number > 7) return true;
    if ((number == 2) != (form == kVarintForm)) return false;
    type->kind = static_cast<FieldType::Kind>(number);
    type->parts.clear();
    type->row.clear();
    known = true;
    switch (type->kind) {
      case FieldType::Kind::kAtomic:
        if (value < 1 || value > 9) return false;
        type->atomic = static_cast<AtomicType>(value);
        return true;
      case FieldType::Kind::kArray:
      case FieldType::Kind::kIterable:
      case FieldType::Kind::kMap:
        return ForEachField(
                   bytes,
                   [&](uint64_t part, WireForm part_form, uint64_t, std::string_view part_bytes) {
                     const uint64_t most = type->kind == FieldType::Kind::kMap ? 2 : 1;
                     if (part < 1 || part > most) return true;
                     return part_form == kBytesForm && take_part(part - 1, part_bytes);
                   }) &&
               type->parts.size() == (type->kind == FieldType::Kind::kMap ? 2u : 1u);
      case FieldType::Kind::kRow:
        return ForEachField(
                   bytes,
                   [&](uint64_t part, WireForm part_form, uint64_t, std::string_view part_bytes) {
                     if (part != 1) return true;
                     type->row.assign(1, {});
                     return part_form == kBytesForm &&
                            ParseSchema(part_bytes, depth + 1, &type->row[0]);
                   }) &&
               type->row.size() == 1;
      case FieldType::Kind::kLogical:
        return ForEachField(
                   bytes,
                   [&](uint64_t part, WireForm part_form, uint64_t, std::string_view part_bytes) {
                     if (part < 1 || part > 5) return true;
                     if (part_form != kBytesForm) return false;
                     if (part == 1) type->urn = part_bytes;
                     if (part == 2) type->logical_payload = part_bytes;
                     if (part == 5) type->logical_argument = part_bytes;
                     return (part != 3 && part != 4) || take_part(part - 3, part_bytes);
                   }) &&
               !type->parts.empty() && !type->urn.empty();
    }
    return false;
  });
  return ok && known;
}

bool ParseField(std::string_view message, int depth, Field* field) {
  bool typed = false;
  return ForEachField(message,
                      [&](uint64_t number, WireForm form, uint64_t value, std::string_view bytes) {
                        if (number < 1 || number > 6) return true;
                        const bool is_number = number == 4 || number == 5;
                        if (form != (is_number ? kVarintForm : kBytesForm)) return false;
                        switch (number) {
                          case 1: field->name = bytes; return true;
                          case 2: field->description = bytes; return true;
                          case 3:
                            typed = true;
                            field->type = {};
                            return ParseType(bytes, depth, &field->type);
                          case 4: field->id = static_cast<int32_t>(value); return true;
                          case 5:
                            field->encoding_position = static_cast<int32_t>(value);
                            return true;
                          default: field->options.emplace_back(bytes); return true;
                        }
                      }) &&
         typed;
}

bool ParseSchema(std::string_view message, int depth, Schema* schema) {
  if (depth > kMaxDepth) return false;
  return ForEachField(message,
                      [&](uint64_t number, WireForm form, uint64_t value, std::string_view bytes) {
                        if (number < 1 || number > 4) return true;
                        if (form != (number == 4 ? kVarintForm : kBytesForm)) return false;
                        switch (number) {
                          case 1: return ParseField(bytes, depth, &schema->fields.emplace_back());
                          case 2: schema->id = bytes; return true;
                          case 3: schema->options.emplace_back(bytes); return true;
                          default: schema->encoding_positions_set = value != 0; return true;
                        }
                      });
}

Status ValidateType(const FieldType& type, int depth) {
  if (depth > kMaxDepth) return InvalidArgument("a schema has types within types too deep");
  for (const FieldType& part : type.parts) JOIST_RETURN_IF_ERROR(ValidateType(part, depth + 1));
  for (const Schema& row : type.row) JOIST_RETURN_IF_ERROR(row.Validate());
  return OkStatus();
}

}  // namespace

FieldType FieldType::Atomic(AtomicType type) {
  FieldType result;
  result.atomic = type;
  return result;
}

FieldType FieldType::Array(FieldType element) {
  FieldType result;
  result.kind = Kind::kArray;
  result.parts.push_back(std::move(element));
  return result;
}

FieldType FieldType::Iterable(FieldType element) {
  FieldType result = Array(std::move(element));
  result.kind = Kind::kIterable;
  return result;
}

FieldType FieldType::Map(FieldType key, FieldType value) {
  FieldType result;
  result.kind = Kind::kMap;
  result.parts.push_back(std::move(key));
  result.parts.push_back(std::move(value));
  return result;
}

FieldType FieldType::Row(Schema schema) {
  FieldType result;
  result.kind = Kind::kRow;
  result.row.push_back(std::move(schema));
  return result;
}

FieldType FieldType::Logical(std::string_view urn, FieldType representation) {
  FieldType result;
  result.kind = Kind::kLogical;
  result.urn = urn;
  result.parts.push_back(std::move(representation));
  return result;
}

FieldType FieldType::Nullable() const {
  FieldType result = *this;
  result.nullable = true;
  return result;
}

int64_t FieldType::IntegerArgument() const {
  // FieldValue.atomic_value (1), in it int32 (3) or int64 (4).
  int64_t argument = -1;
  const bool ok = ForEachField(
      logical_argument, [&](uint64_t number, WireForm form, uint64_t, std::string_view bytes) {
        if (number != 1 || form != kBytesForm) return true;
        return ForEachField(
            bytes, [&](uint64_t part, WireForm part_form, uint64_t value, std::string_view) {
              if ((part == 3 || part == 4) && part_form == kVarintForm) {
                argument = static_cast<int64_t>(value);
              }
              return true;
            });
      });
  return ok ? argument : -1;
}

std::string FieldType::ToString() const {
  static constexpr std::string_view kNames[] = {"",      "BYTE",   "INT16",  "INT32",   "INT64",
                                                "FLOAT", "DOUBLE", "STRING", "BOOLEAN", "BYTES"};
  std::string text;
  switch (kind) {
    case Kind::kAtomic: text = kNames[static_cast<uint8_t>(atomic)]; break;
    case Kind::kArray: text = "ARRAY<" + parts.at(0).ToString() + ">"; break;
    case Kind::kIterable: text = "ITERABLE<" + parts.at(0).ToString() + ">"; break;
    case Kind::kMap:
      text = "MAP<" + parts.at(0).ToString() + ", " + parts.at(1).ToString() + ">";
      break;
    case Kind::kRow: text = "ROW<" + row.at(0).ToString() + ">"; break;
    case Kind::kLogical: text = urn; break;
  }
  if (nullable) text += '?';
  return text;
}

bool operator==(const FieldType& a, const FieldType& b) {
  return a.kind == b.kind && a.nullable == b.nullable &&
         (a.kind != FieldType::Kind::kAtomic || a.atomic == b.atomic) && a.parts == b.parts &&
         a.row == b.row && a.urn == b.urn && a.logical_payload == b.logical_payload &&
         a.logical_argument == b.logical_argument;
}

int Schema::IndexOf(std::string_view name) const {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::vector<size_t> Schema::EncodingOrder() const {
  std::vector<size_t> order(fields.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (encoding_positions_set) {
    std::sort(order.begin(), order.end(), [this](size_t a, size_t b) {
      const int32_t position_a = fields[a].encoding_position;
      const int32_t position_b = fields[b].encoding_position;
      return position_a != position_b ? position_a < position_b : a < b;
    });
  }
  return order;
}

Status Schema::Validate() const {
  std::set<std::string_view> names;
  std::set<int32_t> positions;
  for (const Field& field : fields) {
    if (!names.insert(field.name).second) {
      return InvalidArgument("a schema has two fields named '" + field.name + "'");
    }
    if (encoding_positions_set && (field.encoding_position < 0 ||
                                   static_cast<size_t>(field.encoding_position) >= fields.size() ||
                                   !positions.insert(field.encoding_position).second)) {
      return InvalidArgument("the field '" + field.name + "' of a schema has no place of its own");
    }
    JOIST_RETURN_IF_ERROR(ValidateType(field.type, 0));
  }
  return OkStatus();
}

std::string Schema::ToString() const {
  std::string text;
  for (const Field& field : fields) {
    if (!text.empty()) text += ", ";
    text += field.name + " " + field.type.ToString();
  }
  return text;
}

std::string Schema::Serialize() const {
  std::string out;
  for (const Field& field : fields) {
    std::string message;
    PutText(1, field.name, &message);
    PutText(2, field.description, &message);
    PutMessage(3, SerializeType(field.type), &message);
    PutNumber(4, static_cast<uint64_t>(static_cast<int64_t>(field.id)), &message);
    PutNumber(5, static_cast<uint64_t>(static_cast<int64_t>(field.encoding_position)), &message);
    for (const std::string& option : field.options) PutMessage(6, option, &message);
    PutMessage(1, message, &out);
  }
  PutText(2, id, &out);
  for (const std::string& option : options) PutMessage(3, option, &out);
  PutNumber(4, encoding_positions_set ? 1 : 0, &out);
  return out;
}

Result<Schema> Schema::Parse(std::string_view message) {
  Schema schema;
  if (!ParseSchema(message, 0, &schema)) {
    return InvalidArgument("a row coder's payload is not a schema");
  }
  JOIST_RETURN_IF_ERROR(schema.Validate());
  return schema;
}

std::string Schema::StableId() const {
  Schema anonymous = *this;
  anonymous.id.clear();
  const std::string bytes = anonymous.Serialize();
  const uint64_t words[2] = {HashBytes(bytes), HashCombine(HashBytes(bytes), bytes.size())};
  // The form of a UUID of version 8 (made by its maker's own rule).
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) text += '-';
    uint64_t value = words[nibble / 16] >> (60 - 4 * (nibble % 16)) & 15;
    if (nibble == 12) value = 8;
    if (nibble == 16) value = 8 | (value & 3);
    text += kDigits[value];
  }
  return text;
}

}  // namespace joist
