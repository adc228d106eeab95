// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/proto_rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <unordered_map>

namespace joist::tables {

namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FieldDescriptorProto;
using ProtoType = FieldDescriptorProto::Type;

/// Messages lie in one another at most so deep: as records do.
constexpr int kDeepestMessage = kDeepestField + 1;
/// Fields with numbers below this are found in an array.
constexpr uint32_t kSmallNumbers = 1024;

enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// A row's bytes, read from the front.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes)
      : at_(reinterpret_cast<const uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {}

  bool done() const { return at_ == end_; }

  bool Varint(uint64_t* value) {
    if (at_ != end_ && *at_ < 0x80) {
      *value = *at_++;
      return true;
    }
    uint64_t read = 0;
    for (int shift = 0; shift < 70 && at_ != end_; shift += 7) {
      const uint8_t byte = *at_++;
      if (shift < 64) read |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) {
        *value = read;
        return true;
      }
    }
    return false;
  }

  template <class T>
  bool Fixed(T* value) {
    if (static_cast<size_t>(end_ - at_) < sizeof(T)) return false;
    std::memcpy(value, at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }

  bool Bytes(std::string_view* bytes) {
    uint64_t size = 0;
    if (!Varint(&size) || size > static_cast<uint64_t>(end_ - at_)) return false;
    *bytes = {reinterpret_cast<const char*>(at_), size};
    at_ += size;
    return true;
  }

  /// Groups are none: BigQuery has no column for them.
  bool Skip(uint8_t wire) {
    uint64_t number = 0;
    uint32_t half = 0;
    std::string_view bytes;
    switch (wire) {
      case kVarint: return Varint(&number);
      case kFixed64: return Fixed(&number);
      case kBytes: return Bytes(&bytes);
      case kFixed32: return Fixed(&half);
      default: return false;
    }
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

uint8_t WireOf(ProtoType type) {
  switch (type) {
    case FieldDescriptorProto::TYPE_DOUBLE:
    case FieldDescriptorProto::TYPE_FIXED64:
    case FieldDescriptorProto::TYPE_SFIXED64: return kFixed64;
    case FieldDescriptorProto::TYPE_FLOAT:
    case FieldDescriptorProto::TYPE_FIXED32:
    case FieldDescriptorProto::TYPE_SFIXED32: return kFixed32;
    case FieldDescriptorProto::TYPE_STRING:
    case FieldDescriptorProto::TYPE_BYTES:
    case FieldDescriptorProto::TYPE_MESSAGE: return kBytes;
    default: return kVarint;
  }
}

bool IsWhole(ProtoType type) {
  switch (type) {
    case FieldDescriptorProto::TYPE_INT64:
    case FieldDescriptorProto::TYPE_INT32:
    case FieldDescriptorProto::TYPE_UINT32:
    case FieldDescriptorProto::TYPE_SINT32:
    case FieldDescriptorProto::TYPE_SINT64:
    case FieldDescriptorProto::TYPE_FIXED32:
    case FieldDescriptorProto::TYPE_SFIXED32:
    case FieldDescriptorProto::TYPE_SFIXED64: return true;
    default: return false;
  }
}

/// Whether a proto field of that type can be written to a column of the other.
bool Fits(ProtoType proto, FieldType column) {
  const bool whole = IsWhole(proto);
  const bool text = proto == FieldDescriptorProto::TYPE_STRING;
  const bool bytes = proto == FieldDescriptorProto::TYPE_BYTES;
  const bool real =
      proto == FieldDescriptorProto::TYPE_DOUBLE || proto == FieldDescriptorProto::TYPE_FLOAT;
  const bool is_enum = proto == FieldDescriptorProto::TYPE_ENUM;
  const bool is_bool = proto == FieldDescriptorProto::TYPE_BOOL;
  switch (column) {
    case FieldType::kString: return text || is_enum;
    case FieldType::kBytes: return bytes || text;
    case FieldType::kInteger: return whole || is_enum;
    case FieldType::kFloat: return real || whole;
    case FieldType::kNumeric: return whole || real || text || bytes;
    case FieldType::kBoolean: return is_bool || whole;
    case FieldType::kTimestamp:
    case FieldType::kDatetime:
    case FieldType::kTime:
    case FieldType::kDate: return whole || text;
    case FieldType::kJson: return text;
    case FieldType::kRecord: return proto == FieldDescriptorProto::TYPE_MESSAGE;
  }
  return false;
}

std::string_view LastPart(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

/// The messages within which a field stands, outermost first. What a writer describes is complete
/// in itself, but its names may carry the packages of a file that isn't sent: the last part counts,
/// looked for from within.
using Scopes = std::vector<const DescriptorProto*>;

const DescriptorProto* FindMessage(const Scopes& scopes, std::string_view type_name) {
  const std::string_view name = LastPart(type_name);
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    for (const DescriptorProto& nested : (*scope)->nested_type()) {
      if (nested.name() == name) return &nested;
    }
    if ((*scope)->name() == name) return *scope;
  }
  return nullptr;
}

const EnumDescriptorProto* FindEnum(const Scopes& scopes, std::string_view type_name) {
  const std::string_view name = LastPart(type_name);
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    for (const EnumDescriptorProto& nested : (*scope)->enum_type()) {
      if (nested.name() == name) return &nested;
    }
  }
  return nullptr;
}

Status Broken() { return InvalidArgument("the row is no message of the type that was described"); }

Status OutOfRangeOf(const Field& field) {
  return InvalidArgument("Field " + field.name + ": the value is no " +
                         std::string(FieldTypeName(field.type)) + ", or out of its range");
}

}  // namespace

struct ProtoPlan::FieldPlan {
  uint32_t number = 0;
  ProtoType type = FieldDescriptorProto::TYPE_INT64;
  uint8_t wire = 0;
  bool repeated = false;
  /// The column of the table, or the part of the record.
  size_t column = 0;
  /// Names of an enum's values.
  std::unordered_map<int32_t, std::string> names = {};
  /// Of a message.
  std::unique_ptr<MessagePlan> message = nullptr;
};

struct ProtoPlan::MessagePlan {
  std::vector<FieldPlan> fields = {};
  /// By number, below kSmallNumbers: the index in `fields`, or -1.
  std::vector<int16_t> small = {};
  std::unordered_map<uint32_t, size_t> large = {};
  /// How many columns a row of this message has.
  size_t columns = 0;

  const FieldPlan* Find(uint32_t number) const {
    if (number < small.size()) return small[number] < 0 ? nullptr : &fields[small[number]];
    if (number < kSmallNumbers) return nullptr;
    const auto found = large.find(number);
    return found == large.end() ? nullptr : &fields[found->second];
  }
};

namespace {

using FieldPlan = ProtoPlan::FieldPlan;
using MessagePlan = ProtoPlan::MessagePlan;

int FindField(const std::vector<Field>& fields, std::string_view name) {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (SameName(fields[i].name, name)) return static_cast<int>(i);
  }
  return -1;
}

Result<std::unique_ptr<MessagePlan>> CompileMessage(const std::vector<Field>& columns,
                                                    Scopes* scopes, const std::string& where);

Result<FieldPlan> CompileField(const FieldDescriptorProto& proto, const Field& column,
                               Scopes* scopes, const std::string& where) {
  FieldPlan plan;
  plan.number = static_cast<uint32_t>(proto.number());
  plan.type = proto.type();
  plan.wire = WireOf(proto.type());
  plan.repeated = proto.label() == FieldDescriptorProto::LABEL_REPEATED;
  const std::string name = where + proto.name();
  if (!Fits(plan.type, column.type)) {
    return InvalidArgument("The proto field mismatched with BigQuery field at " + name +
                           ", the proto field type " +
                           Lower(FieldDescriptorProto::Type_Name(plan.type)).substr(5) +
                           ", BigQuery field type " + std::string(FieldTypeName(column.type)));
  }
  if (plan.repeated != (column.mode == FieldMode::kRepeated)) {
    return InvalidArgument("The proto field " + name +
                           " and the BigQuery field differ in being repeated");
  }
  if (plan.type == FieldDescriptorProto::TYPE_ENUM) {
    const EnumDescriptorProto* values = FindEnum(*scopes, proto.type_name());
    if (values == nullptr && column.type == FieldType::kString) {
      return InvalidArgument("The enum " + proto.type_name() + " of " + name + " isn't described");
    }
    for (int i = 0; values != nullptr && i < values->value_size(); ++i) {
      plan.names.emplace(values->value(i).number(), values->value(i).name());
    }
  }
  if (plan.type == FieldDescriptorProto::TYPE_MESSAGE) {
    const DescriptorProto* message = FindMessage(*scopes, proto.type_name());
    if (message == nullptr) {
      return InvalidArgument("The message " + proto.type_name() + " of " + name +
                             " isn't described");
    }
    scopes->push_back(message);
    JOIST_ASSIGN_OR_RETURN(plan.message, CompileMessage(column.fields, scopes, name + "."));
    scopes->pop_back();
  }
  return plan;
}

Result<std::unique_ptr<MessagePlan>> CompileMessage(const std::vector<Field>& columns,
                                                    Scopes* scopes, const std::string& where) {
  const DescriptorProto& message = *scopes->back();
  if (scopes->size() > static_cast<size_t>(kDeepestMessage)) {
    return InvalidArgument("the messages of the writer's schema lie too deep (15)");
  }
  if (message.field_size() > static_cast<int>(kMostFields)) {
    return InvalidArgument("the writer's schema has more than 2000 fields");
  }
  auto plan = std::make_unique<MessagePlan>();
  plan->columns = columns.size();
  std::vector<bool> given(columns.size());
  for (const FieldDescriptorProto& proto : message.field()) {
    const int column = FindField(columns, proto.name());
    if (column < 0) {
      return InvalidArgument("Input schema has more fields than BigQuery schema, extra fields: '" +
                             where + proto.name() + "'");
    }
    if (given[static_cast<size_t>(column)] || proto.number() <= 0) {
      return InvalidArgument("the field " + where + proto.name() +
                             " of the writer's schema is there twice, or has no number");
    }
    given[static_cast<size_t>(column)] = true;
    JOIST_ASSIGN_OR_RETURN(FieldPlan field, CompileField(proto, columns[column], scopes, where));
    field.column = static_cast<size_t>(column);
    if (field.number < kSmallNumbers) {
      if (plan->small.size() <= field.number) plan->small.resize(field.number + 1, -1);
      plan->small[field.number] = static_cast<int16_t>(plan->fields.size());
    } else {
      plan->large.emplace(field.number, plan->fields.size());
    }
    plan->fields.push_back(std::move(field));
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (given[i] || columns[i].mode != FieldMode::kRequired) continue;
    return InvalidArgument("The required field " + where + columns[i].name +
                           " is missing in the proto message");
  }
  return plan;
}

/// A number as it came over the wire, by the proto's type.
struct WireNumber {
  int64_t whole = 0;
  double real = 0;
  bool is_real = false;
};

bool ReadNumber(ProtoType type, WireReader* reader, WireNumber* number) {
  uint64_t bits = 0;
  uint32_t half = 0;
  switch (WireOf(type)) {
    case kFixed64:
      if (!reader->Fixed(&bits)) return false;
      break;
    case kFixed32:
      if (!reader->Fixed(&half)) return false;
      break;
    default:
      if (!reader->Varint(&bits)) return false;
  }
  switch (type) {
    case FieldDescriptorProto::TYPE_DOUBLE:
      *number = {0, std::bit_cast<double>(bits), true};
      return true;
    case FieldDescriptorProto::TYPE_FLOAT:
      *number = {0, static_cast<double>(std::bit_cast<float>(half)), true};
      return true;
    case FieldDescriptorProto::TYPE_FIXED32: number->whole = half; return true;
    case FieldDescriptorProto::TYPE_SFIXED32:
      number->whole = static_cast<int32_t>(half);
      return true;
    case FieldDescriptorProto::TYPE_UINT32:
      number->whole = static_cast<uint32_t>(bits);
      return true;
    case FieldDescriptorProto::TYPE_INT32:
    case FieldDescriptorProto::TYPE_ENUM: number->whole = static_cast<int32_t>(bits); return true;
    case FieldDescriptorProto::TYPE_SINT32:
    case FieldDescriptorProto::TYPE_SINT64:
      number->whole = static_cast<int64_t>(bits >> 1) ^ -static_cast<int64_t>(bits & 1);
      return true;
    default: number->whole = static_cast<int64_t>(bits); return true;
  }
}

std::optional<Numeric> NumericOfReal(double value) {
  if (!std::isfinite(value) || std::abs(value) >= 1e29) return std::nullopt;
  const auto whole = static_cast<Numeric>(value);
  return whole * 1'000'000'000 +
         static_cast<Numeric>(std::llround((value - static_cast<double>(whole)) * 1e9));
}

bool PutNumber(const FieldPlan& plan, const WireNumber& number, size_t row, ColumnWriter* column) {
  switch (column->field().type) {
    case FieldType::kInteger: column->SetInteger(row, number.whole); return true;
    case FieldType::kFloat:
      column->SetFloat(row, number.is_real ? number.real : static_cast<double>(number.whole));
      return true;
    case FieldType::kBoolean: column->SetBoolean(row, number.whole != 0); return true;
    case FieldType::kTimestamp:
      column->SetInteger(row, number.whole);
      return IsMoment(number.whole);
    case FieldType::kDate:
      if (!IsDay(number.whole)) return false;
      column->SetDate(row, static_cast<int32_t>(number.whole));
      return true;
    case FieldType::kTime:
    case FieldType::kDatetime: {
      const auto micros = column->field().type == FieldType::kTime ? UnpackTime(number.whole)
                                                                   : UnpackDatetime(number.whole);
      if (micros) column->SetInteger(row, *micros);
      return micros.has_value();
    }
    case FieldType::kNumeric: {
      const auto value = number.is_real
                             ? NumericOfReal(number.real)
                             : std::optional<Numeric>(Numeric{number.whole} * 1'000'000'000);
      if (value) column->SetNumeric(row, *value);
      return value.has_value();
    }
    case FieldType::kString: {
      const auto name = plan.names.find(static_cast<int32_t>(number.whole));
      if (name == plan.names.end()) return false;
      column->SetText(row, name->second);
      return true;
    }
    default: return false;
  }
}

bool PutBytes(const FieldPlan& plan, std::string_view bytes, size_t row, ColumnWriter* column) {
  switch (column->field().type) {
    case FieldType::kBytes: column->SetText(row, bytes); return true;
    case FieldType::kNumeric:
      if (plan.type == FieldDescriptorProto::TYPE_BYTES) {
        const auto value = UnpackNumeric(bytes);
        if (value) column->SetNumeric(row, *value);
        return value.has_value();
      }
      return column->SetFromText(row, bytes);
    default: return column->SetFromText(row, bytes);
  }
}

/// Which columns of a row were given values; on the stack for up to 512 of them.
class GivenColumns {
 public:
  explicit GivenColumns(size_t columns) {
    if (columns > kInPlace * 64) more_.resize((columns + 63) / 64);
    words_ = more_.empty() ? here_.data() : more_.data();
  }
  GivenColumns(const GivenColumns&) = delete;
  GivenColumns& operator=(const GivenColumns&) = delete;
  bool Has(size_t i) const { return (words_[i / 64] >> i % 64 & 1) != 0; }
  void Add(size_t i) { words_[i / 64] |= uint64_t{1} << i % 64; }

 private:
  static constexpr size_t kInPlace = 8;
  std::array<uint64_t, kInPlace> here_ = {};
  std::vector<uint64_t> more_;
  uint64_t* words_ = nullptr;
};

Status DecodeMessage(const MessagePlan& plan, std::string_view bytes, size_t row,
                     std::vector<ColumnWriter>* columns);

/// One value that isn't in a packed list.
Status DecodeValue(const FieldPlan& plan, WireReader* reader, size_t row, ColumnWriter* column) {
  if (plan.wire != kBytes) {
    WireNumber number;
    if (!ReadNumber(plan.type, reader, &number)) return Broken();
    return PutNumber(plan, number, row, column) ? OkStatus() : OutOfRangeOf(column->field());
  }
  std::string_view bytes;
  if (!reader->Bytes(&bytes)) return Broken();
  if (plan.message != nullptr) return DecodeMessage(*plan.message, bytes, row, &column->parts());
  return PutBytes(plan, bytes, row, column) ? OkStatus() : OutOfRangeOf(column->field());
}

/// Sets an element that could not be decoded, so that the chunk stays whole.
Status DecodeElement(const FieldPlan& plan, WireReader* reader, size_t row, ColumnWriter* column) {
  const size_t place = column->AddElement(row);
  Status status = DecodeValue(plan, reader, place, &column->element());
  if (!status.ok()) column->element().SetNull(place);
  return status;
}

Status DecodeField(const FieldPlan& plan, uint8_t wire, WireReader* reader, size_t row,
                   ColumnWriter* column) {
  if (!plan.repeated) {
    if (wire != plan.wire) return Broken();
    return DecodeValue(plan, reader, row, column);
  }
  if (wire == plan.wire) return DecodeElement(plan, reader, row, column);
  if (wire != kBytes) return Broken();
  std::string_view packed;
  if (!reader->Bytes(&packed)) return Broken();
  WireReader elements(packed);
  while (!elements.done()) {
    JOIST_RETURN_IF_ERROR(DecodeElement(plan, &elements, row, column));
  }
  return OkStatus();
}

Status DecodeMessage(const MessagePlan& plan, std::string_view bytes, size_t row,
                     std::vector<ColumnWriter>* columns) {
  GivenColumns given(plan.columns);
  WireReader reader(bytes);
  while (!reader.done()) {
    uint64_t tag = 0;
    if (!reader.Varint(&tag) || tag >> 3 == 0 || tag > UINT32_MAX) return Broken();
    const auto wire = static_cast<uint8_t>(tag & 7);
    const FieldPlan* field = plan.Find(static_cast<uint32_t>(tag >> 3));
    if (field == nullptr) {
      if (!reader.Skip(wire)) return Broken();
      continue;
    }
    ColumnWriter& column = (*columns)[field->column];
    if (!given.Has(field->column)) {
      given.Add(field->column);
      if (field->repeated) column.BeginList(row);
    } else if (field->message != nullptr && !field->repeated) {
      return InvalidArgument("Field " + column.field().name + " is in the row twice");
    }
    JOIST_RETURN_IF_ERROR(DecodeField(*field, wire, &reader, row, &column));
  }
  for (size_t i = 0; i < plan.columns; ++i) {
    if (given.Has(i)) continue;
    ColumnWriter& column = (*columns)[i];
    if (column.field().mode == FieldMode::kRequired) {
      return InvalidArgument("Field " + column.field().name +
                             ": it is REQUIRED, and the row lacks it");
    }
    if (column.is_list()) {
      column.BeginList(row);  // BigQuery knows no NULL of arrays.
    } else {
      column.SetNull(row);
    }
  }
  return OkStatus();
}

}  // namespace

ProtoPlan::ProtoPlan(std::shared_ptr<const Schema> schema) : schema_(std::move(schema)) {}
ProtoPlan::~ProtoPlan() = default;

Result<std::shared_ptr<const ProtoPlan>> ProtoPlan::Compile(std::shared_ptr<const Schema> schema,
                                                            const DescriptorProto& message) {
  Scopes scopes = {&message};
  JOIST_ASSIGN_OR_RETURN(auto root, CompileMessage(schema->fields, &scopes, ""));
  std::shared_ptr<ProtoPlan> plan(new ProtoPlan(std::move(schema)));
  plan->root_ = std::move(root);
  return std::shared_ptr<const ProtoPlan>(std::move(plan));
}

Status ProtoPlan::Decode(std::string_view row, RowBatch* batch) const {
  batch->BeginRow();
  Status status = DecodeMessage(*root_, row, batch->row_in_chunk(), &batch->columns());
  if (!status.ok()) {
    batch->DropRow();
    return status;
  }
  batch->EndRow();
  batch->AddBytes(row.size());
  return OkStatus();
}

}  // namespace joist::tables
