// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/avro/plan.h"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>

#include "joist/model/timestamp.h"

namespace joist::avro {

using plan_internal::Code;
using plan_internal::kVariable;
using plan_internal::Op;
using plan_internal::Program;
using plan_internal::SymbolTable;
using plan_internal::UnionTable;
using Kind = FieldShape::Kind;

namespace {

bool IsText(Kind kind) { return kind == Kind::kText || kind == Kind::kBytes; }
bool IsTextKey(Kind kind) { return kind == Kind::kText || kind == Kind::kEnum; }

std::string Joined(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

}  // namespace

struct Plan::Parts {
  // Addresses stay.
  std::deque<Program> programs;
  std::deque<UnionTable> unions;
  std::deque<SymbolTable> symbols;
};

Plan::Plan() : parts_(std::make_unique<Parts>()) {}
Plan::Plan(Plan&&) noexcept = default;
Plan& Plan::operator=(Plan&&) noexcept = default;
Plan::~Plan() = default;

class PlanMaker {
 public:
  PlanMaker(const WriterSchema& schema, Narrowing narrowing)
      : schema_(schema), narrowing_(narrowing) {}

  Result<Plan> Make(const FieldShape& row) {
    if (schema_.root().type != AvroType::kRecord) {
      return InvalidArgument("its records are of type " + schema_.Describe(schema_.root_index()) +
                             ", and no rows");
    }
    Program* const root = NewProgram();
    JOIST_RETURN_IF_ERROR(Take(schema_.root_index(), row, 0, "", root));
    plan_.root_ = root;
    return std::move(plan_);
  }

 private:
  Program* NewProgram() { return &plan_.parts_->programs.emplace_back(); }

  Status Add(const Op& op, const std::string& path, Program* program) {
    if (++ops_ > Plan::kMostOps) return InvalidArgument("its schema is too large for this row");
    program->ops.push_back(op);
    program->paths.push_back(path);
    return OkStatus();
  }
  static void Count(uint64_t least_bytes, Program* program) {
    program->least_bytes = std::min(program->least_bytes + least_bytes, uint64_t{1} << 60);
  }

  Status Mismatch(uint32_t index, const FieldShape& shape, const std::string& path) const {
    return InvalidArgument("the field \"" + path + "\" is " + schema_.Describe(index) +
                           " there, which the row's " + shape.type + " cannot take");
  }

  /// Instructions that take a value of the schema's type `index` into what lies at `offset`.
  Status Take(uint32_t index, const FieldShape& shape, size_t offset, const std::string& path,
              Program* program) {
    const SchemaNode& node = schema_.node(index);
    if (node.type == AvroType::kUnion) {
      Count(node.least_bytes, program);
      return TakeUnion(index, shape, offset, path, program);
    }
    if (shape.kind == Kind::kOptional) {
      Op op{.code = Code::kNull, .offset = offset, .shape = &shape};
      if (node.type != AvroType::kNull) {
        op.code = Code::kPresent;
        Program* const value = NewProgram();
        JOIST_RETURN_IF_ERROR(Take(index, *shape.part, 0, path, value));
        op.program = value;
        Count(node.least_bytes, program);
      }
      return Add(op, path, program);
    }
    if (shape.kind == Kind::kLogical) {
      Program* const value = NewProgram();
      JOIST_RETURN_IF_ERROR(Take(index, *shape.part, 0, path, value));
      Op op{.code = Code::kLogical, .offset = offset, .shape = &shape};
      op.program = value;
      Count(node.least_bytes, program);
      return Add(op, path, program);
    }
    if (node.type == AvroType::kRecord) {
      if (shape.kind != Kind::kRow) return Mismatch(index, shape, path);
      return TakeRecord(node, shape, offset, path, program);
    }
    Count(node.least_bytes, program);
    if (node.type == AvroType::kArray || node.type == AvroType::kMap) {
      return TakeList(index, shape, offset, path, program);
    }
    Op op{.code = Code::kNull, .offset = offset, .shape = &shape};
    if (!Resolve(node, shape, &op)) return Mismatch(index, shape, path);
    return Add(op, path, program);
  }

  Status TakeRecord(const SchemaNode& node, const FieldShape& shape, size_t offset,
                    const std::string& path, Program* program) {
    std::vector<bool> taken(shape.fields.size());
    for (size_t i = 0; i < node.parts.size(); ++i) {
      const auto field =
          std::find_if(shape.fields.begin(), shape.fields.end(),
                       [&](const FieldPart& part) { return part.name == node.names[i]; });
      const std::string field_path = Joined(path, node.names[i]);
      if (field == shape.fields.end()) {
        JOIST_RETURN_IF_ERROR(Pass(node.parts[i], field_path, program));
      } else {
        taken[static_cast<size_t>(field - shape.fields.begin())] = true;
        JOIST_RETURN_IF_ERROR(
            Take(node.parts[i], *field->shape, offset + field->offset, field_path, program));
      }
    }
    for (size_t i = 0; i < taken.size(); ++i) {
      const FieldPart& field = shape.fields[i];
      if (taken[i]) continue;
      const std::string field_path = Joined(path, field.name);
      if (field.shape->kind != Kind::kOptional) {
        return InvalidArgument("the field \"" + field_path +
                               "\" is missing there, and the row's is no std::optional");
      }
      JOIST_RETURN_IF_ERROR(
          Add({.code = Code::kNull, .offset = offset + field.offset, .shape = field.shape},
              field_path, program));
    }
    return OkStatus();
  }

  Status TakeUnion(uint32_t index, const FieldShape& shape, size_t offset, const std::string& path,
                   Program* program) {
    const SchemaNode& node = schema_.node(index);
    const bool optional = shape.kind == Kind::kOptional;
    const FieldShape& value_shape = optional ? *shape.part : shape;
    UnionTable table;
    table.optional = optional;
    size_t takable = 0;
    for (const uint32_t part : node.parts) {
      UnionTable::Branch& branch = table.branches.emplace_back();
      Program* const value = NewProgram();
      branch.program = value;
      if (schema_.node(part).type == AvroType::kNull) {
        branch.is_null = true;
        if (optional) ++takable;
        if (!optional) branch.refusal = "is null, and the row's field is no std::optional";
        continue;
      }
      Status status = Take(part, value_shape, 0, path, value);
      if (status.ok()) {
        ++takable;
        continue;
      }
      if (ops_ > Plan::kMostOps) return status;
      *value = Program();
      JOIST_RETURN_IF_ERROR(Pass(part, path, value));
      branch.refusal =
          "is " + schema_.Describe(part) + ", which the row's " + value_shape.type + " cannot take";
    }
    // A union of nothing but null with a type that doesn't fit would always be none.
    const bool only_null =
        takable == 1 && optional && node.parts.size() > 1 &&
        std::all_of(table.branches.begin(), table.branches.end(),
                    [](const auto& branch) { return branch.is_null != !branch.refusal.empty(); });
    if (takable == 0 || only_null) return Mismatch(index, value_shape, path);

    Op op{.code = Code::kUnion, .offset = offset, .shape = &shape};
    if (optional && table.branches.size() == 2 && takable == 2 &&
        table.branches[0].is_null != table.branches[1].is_null) {
      op.code = Code::kNullable;
      op.number = table.branches[0].is_null ? 0 : 1;
      op.program = table.branches[1 - op.number].program;
    } else {
      op.branches = &plan_.parts_->unions.emplace_back(std::move(table));
    }
    return Add(op, path, program);
  }

  // A map is a list of entries, each a text and a value: also to those who want a list of KV.
  Status TakeList(uint32_t index, const FieldShape& shape, size_t offset, const std::string& path,
                  Program* program) {
    const SchemaNode& node = schema_.node(index);
    Op op{.code = Code::kCollection, .offset = offset, .shape = &shape};
    if (shape.kind == Kind::kList) {
      op.code = Code::kList;
    } else if (shape.kind != Kind::kCollection && shape.kind != Kind::kMap) {
      return Mismatch(index, shape, path);
    }
    Program* const element = NewProgram();
    if (node.type == AvroType::kArray) {
      JOIST_RETURN_IF_ERROR(Take(node.parts[0], *shape.part, 0, path, element));
    } else {
      const std::vector<FieldPart>& entry = shape.part->fields;
      if (entry.size() != 2 || entry[0].name != "key" || entry[1].name != "value" ||
          !IsTextKey(entry[0].shape->kind)) {
        return Mismatch(index, shape, path);
      }
      SchemaNode text;
      text.type = AvroType::kString;
      Op key{.code = Code::kText, .offset = entry[0].offset, .shape = entry[0].shape};
      if (!Resolve(text, *entry[0].shape, &key)) return Mismatch(index, shape, path);
      JOIST_RETURN_IF_ERROR(Add(key, path, element));
      Count(1, element);
      JOIST_RETURN_IF_ERROR(Take(node.parts[0], *entry[1].shape, entry[1].offset, path, element));
    }
    op.program = element;
    return Add(op, path, program);
  }

  /// What takes a value that holds no others; whether there is something.
  bool Resolve(const SchemaNode& node, const FieldShape& shape, Op* op) {
    const auto with = [op](Code code, uint64_t number = 0) {
      op->code = code;
      op->number = number;
      return true;
    };
    const Kind kind = shape.kind;
    switch (node.type) {
      case AvroType::kBoolean: return kind == Kind::kBool && with(Code::kBool);
      case AvroType::kInt:
      case AvroType::kLong: return ResolveInteger(node, shape, op);
      case AvroType::kFloat:
        return kind == Kind::kFloat    ? with(Code::kFloat)
               : kind == Kind::kDouble ? with(Code::kFloatToDouble)
                                       : false;
      case AvroType::kDouble:
        return kind == Kind::kDouble ? with(Code::kDouble)
               : kind == Kind::kFloat && narrowing_ == Narrowing::kByValue
                   ? with(Code::kDoubleToFloat)
                   : false;
      case AvroType::kString:
        if (kind == Kind::kEnum) return with(Code::kTextEnum);
        return IsText(kind)                ? with(Code::kText)
               : kind == Kind::kByteVector ? with(Code::kByteVector)
                                           : false;
      case AvroType::kBytes:
        if (ResolveDecimal(node, kVariable, shape, op)) return true;
        return IsText(kind)                ? with(Code::kText)
               : kind == Kind::kByteVector ? with(Code::kByteVector)
                                           : false;
      case AvroType::kFixed:
        if (ResolveDecimal(node, node.size, shape, op)) return true;
        return kind == Kind::kBytes        ? with(Code::kFixedText, node.size)
               : kind == Kind::kByteVector ? with(Code::kFixedByteVector, node.size)
                                           : false;
      case AvroType::kEnum: return ResolveSymbol(node, shape, op);
      default: return false;
    }
  }

  bool ResolveInteger(const SchemaNode& node, const FieldShape& shape, Op* op) const {
    switch (shape.kind) {
      case Kind::kTimestamp:
        op->code = Code::kMillis;
        op->number = 1;
        if (node.logical == AvroLogical::kDate) op->number = 86'400'000;
        if (node.logical == AvroLogical::kTimestampMicros) op->number = 1000;
        if (node.logical == AvroLogical::kTimestampNanos) op->number = 1'000'000;
        if (op->number == 1000 || op->number == 1'000'000) op->code = Code::kFractions;
        return op->number != 1 || node.logical == AvroLogical::kTimestampMillis;
      case Kind::kDuration:
        op->code = node.logical == AvroLogical::kTimeMicros ? Code::kFractions : Code::kMillis;
        op->number = node.logical == AvroLogical::kTimeMicros ? 1000 : 1;
        return node.logical == AvroLogical::kTimeMicros ||
               node.logical == AvroLogical::kTimeMillis ||
               node.logical == AvroLogical::kDurationMillis;
      case Kind::kFloat: op->code = Code::kIntToFloat; return true;
      case Kind::kDouble: op->code = Code::kIntToDouble; return true;
      case Kind::kInteger: {
        const bool is_long = node.type == AvroType::kLong;
        // What Joist itself writes as a long: uint32_t and wider.
        const bool takes_long = shape.size == 8 || (shape.size == 4 && !shape.is_signed);
        const bool narrows = is_long && !takes_long;
        if (narrows && narrowing_ == Narrowing::kByType) return false;
        op->width = static_cast<uint8_t>(shape.size);
        op->is_signed = shape.is_signed;
        op->code = !shape.is_signed || shape.size < 4 || narrows ? Code::kNarrow
                   : shape.size == 8                             ? Code::kInt64
                                                                 : Code::kInt32;
        return true;
      }
      default: return false;
    }
  }

  static bool ResolveDecimal(const SchemaNode& node, uint64_t size, const FieldShape& shape,
                             Op* op) {
    if (node.logical != AvroLogical::kDecimal) return false;
    const bool integer = shape.kind == Kind::kInteger && node.scale == 0 && shape.size == 8;
    if (shape.kind != Kind::kText && shape.kind != Kind::kDouble && !integer) return false;
    op->code = Code::kDecimal;
    op->number = size;
    op->scale = node.scale;
    op->is_signed = shape.is_signed;
    return true;
  }

  bool ResolveSymbol(const SchemaNode& node, const FieldShape& shape, Op* op) {
    if (shape.kind != Kind::kText && shape.kind != Kind::kEnum) return false;
    SymbolTable& table = plan_.parts_->symbols.emplace_back();
    table.symbols = node.names;
    op->symbols = &table;
    op->code = Code::kSymbolText;
    if (shape.kind == Kind::kText) return true;
    op->code = Code::kSymbolEnum;
    for (const std::string& symbol : node.names) {
      uint64_t value = 0;
      table.known.push_back(shape.enum_from_text(symbol, &value));
      table.values.push_back(value);
    }
    return true;
  }

  /// Instructions that pass over a value.
  Status Pass(uint32_t index, const std::string& path, Program* program) {
    const SchemaNode& node = schema_.node(index);
    Count(node.least_bytes, program);
    Op op{.code = Code::kPassNumber};
    switch (node.type) {
      case AvroType::kNull: return OkStatus();
      case AvroType::kBoolean: return PassBytes(1, path, program);
      case AvroType::kFloat: return PassBytes(4, path, program);
      case AvroType::kDouble: return PassBytes(8, path, program);
      case AvroType::kFixed: return PassBytes(node.size, path, program);
      case AvroType::kInt:
      case AvroType::kLong:
      case AvroType::kEnum: break;
      case AvroType::kBytes:
      case AvroType::kString: op.code = Code::kPassText; break;
      case AvroType::kArray:
      case AvroType::kMap:
      case AvroType::kRecord: {
        op.code = node.type == AvroType::kRecord ? Code::kPassRecord : Code::kPassBlocks;
        JOIST_ASSIGN_OR_RETURN(op.program, PassProgram(index, path));
        break;
      }
      case AvroType::kUnion: {
        op.code = Code::kPassUnion;
        JOIST_ASSIGN_OR_RETURN(op.branches, PassBranches(index, path));
        break;
      }
    }
    return Add(op, path, program);
  }

  Status PassBytes(uint64_t bytes, const std::string& path, Program* program) {
    if (!program->ops.empty() && program->ops.back().code == Code::kPassBytes) {
      program->ops.back().number += bytes;
      return OkStatus();
    }
    return Add({.code = Code::kPassBytes, .number = bytes}, path, program);
  }

  // Of a record, or of an element of an array or a map; once a type, so that types that many
  // others refer to don't multiply.
  Result<const Program*> PassProgram(uint32_t index, const std::string& path) {
    const auto known = passes_.find(index);
    if (known != passes_.end()) return known->second;
    const SchemaNode& node = schema_.node(index);
    Program* const program = NewProgram();
    if (node.type == AvroType::kMap) {
      JOIST_RETURN_IF_ERROR(Add({.code = Code::kPassText}, path, program));
      Count(1, program);
    }
    for (const uint32_t part : node.parts) JOIST_RETURN_IF_ERROR(Pass(part, path, program));
    passes_[index] = program;
    return program;
  }

  Result<const UnionTable*> PassBranches(uint32_t index, const std::string& path) {
    const auto known = pass_branches_.find(index);
    if (known != pass_branches_.end()) return known->second;
    UnionTable table;
    for (const uint32_t part : schema_.node(index).parts) {
      Program* const program = NewProgram();
      JOIST_RETURN_IF_ERROR(Pass(part, path, program));
      table.branches.emplace_back().program = program;
    }
    return pass_branches_[index] = &plan_.parts_->unions.emplace_back(std::move(table));
  }

  const WriterSchema& schema_;
  const Narrowing narrowing_;
  Plan plan_;
  size_t ops_ = 0;
  std::unordered_map<uint32_t, const Program*> passes_;
  std::unordered_map<uint32_t, const UnionTable*> pass_branches_;
};

Result<Plan> Plan::Make(const WriterSchema& schema, const FieldShape& row, Narrowing narrowing) {
  return PlanMaker(schema, narrowing).Make(row);
}

}  // namespace joist::avro
