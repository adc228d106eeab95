// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Plan: how records of a writer's schema become rows of a type: a list of small instructions for a
// record, made once for a file. Decoder: carries it out. A plan is immutable; a decoder belongs to
// one thread at a time.
//
// Invariants:
//  1. A decoder reads nothing behind kSlack bytes after the data's end, and believes nothing that
//     lies there.
//  2. Fields of the record that the row doesn't have are passed over, not decoded.
//  3. A list's memory grows with the bytes that its elements take, not with the number that the
//     data claims; of elements that take no bytes a block has kMostEmpty at most.
//  4. A decoder nests as deep as the schema does: WriterSchema::kDeepest.

#ifndef JOIST_IO_AVRO_PLAN_H_
#define JOIST_IO_AVRO_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/avro/field_shape.h"
#include "joist/io/avro/writer_schema.h"

namespace joist::avro {

namespace plan_internal {

enum class Code : uint8_t {
  kBool,
  kInt64,
  kInt32,
  kNarrow,  // An integer of another width.
  kFloat,
  kDouble,
  kFloatToDouble,
  kIntToFloat,
  kIntToDouble,
  kText,
  kByteVector,
  kFixedText,        // Of `number` bytes.
  kFixedByteVector,  // Of `number` bytes.
  kSymbolText,
  kSymbolEnum,
  kTextEnum,
  kMillis,     // To be multiplied by `number`.
  kFractions,  // To be divided by `number`.
  kDecimal,    // `number` is the size of a fixed, or kVariable.
  kNull,       // An optional that has none.
  kPresent,    // An optional that has one.
  kNullable,   // A union of null, as its branch `number`, and something else.
  kUnion,
  kList,
  kCollection,
  kLogical,
  kPassBytes,  // `number` of them.
  kPassNumber,
  kPassText,
  kPassBlocks,
  kPassUnion,
  kPassRecord,
};

struct Program;
struct UnionTable;
struct SymbolTable;

struct Op {
  Code code;
  bool is_signed = false;  // Of kNarrow, kDecimal: the field's.
  uint8_t width = 0;       // Of kNarrow.
  uint32_t scale = 0;      // Of kDecimal.
  size_t offset = 0;       // Of the field in the row.
  uint64_t number = 0;
  const FieldShape* shape = nullptr;
  const Program* program = nullptr;  // Of what is nested.
  const UnionTable* branches = nullptr;
  const SymbolTable* symbols = nullptr;
};

struct Program {
  std::vector<Op> ops;
  std::vector<std::string> paths;  // Of the fields, for each op; for messages.
  uint64_t least_bytes = 0;        // That it consumes.
};

struct UnionTable {
  struct Branch {
    const Program* program = nullptr;
    bool is_null = false;
    std::string refusal;  // Why the row cannot take it.
  };
  std::vector<Branch> branches;
  bool optional = false;  // The field is a std::optional.
};

struct SymbolTable {
  std::vector<std::string> symbols;
  std::vector<uint64_t> values;  // In memory, as many bytes as the enum has.
  std::vector<bool> known;
};

}  // namespace plan_internal

class Plan {
 public:
  static constexpr size_t kMostOps = 1'000'000;

  /// What the row cannot take is an error: a phrase that names the field and both types.
  static Result<Plan> Make(const WriterSchema& schema, const FieldShape& row);
  Plan(Plan&&) noexcept;
  Plan& operator=(Plan&&) noexcept;
  ~Plan();

  const plan_internal::Program& root() const { return *root_; }
  /// That a record takes.
  uint64_t least_bytes() const { return root_->least_bytes; }

 private:
  friend class PlanMaker;
  Plan();

  struct Parts;
  std::unique_ptr<Parts> parts_;
  const plan_internal::Program* root_ = nullptr;
};

class Decoder {
 public:
  /// Bytes behind the data that must be readable, though their values mean nothing.
  static constexpr size_t kSlack = 16;
  /// Elements of a block's lists that take no bytes.
  static constexpr uint64_t kMostEmpty = 1 << 20;

  /// Takes up the data of a block.
  void Begin(std::string_view data) {
    at_ = data.data();
    end_ = at_ + data.size();
    empty_ = 0;
  }

  /// Takes the next record. False: the data is damaged, error() says how, and nothing tells where
  /// the next record begins. True with a refusal(): the record has a value that the row cannot
  /// hold; the next one may be taken.
  bool Take(const Plan& plan, void* row) {
    refusal_.clear();
    return Run(plan.root(), static_cast<char*>(row));
  }

  const std::string& refusal() const { return refusal_; }
  const std::string& error() const { return error_; }
  const char* at() const { return at_; }
  bool at_end() const { return at_ == end_; }

 private:
  class ElementFiller;
  using Op = plan_internal::Op;
  using Program = plan_internal::Program;

  bool Run(const Program& program, char* row);
  bool RunUnion(const Program& program, const Op& op, char* field);
  bool TakeList(const Program& program, const Op& op, char* field);
  bool PassBlocks(const Program& program, const Op& op);
  /// The number of elements in the next part of a list; false if it is wrong.
  bool TakeCount(const Program& program, const Op& op, uint64_t* count, uint64_t* bytes);
  const char* TakeSymbol(const Program& program, const Op& op, const char* at, char* field);
  const char* TakeDecimal(const Program& program, const Op& op, const char* at, char* field);

  bool Fail(const Program& program, const Op& op, std::string_view what);
  void Refuse(const Program& program, const Op& op, std::string_view what);

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  uint64_t empty_ = 0;
  std::string error_;
  std::string refusal_;
};

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_PLAN_H_
