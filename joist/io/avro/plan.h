// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Plan: how records of a writer's schema become rows of a type: a list of small instructions for a
// record, made once for a file, which a Decoder (decoder.h) carries out. Immutable.
//
// Fields of the record that the row doesn't have become instructions that pass over bytes.

#ifndef JOIST_IO_AVRO_PLAN_H_
#define JOIST_IO_AVRO_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/avro/field_shape.h"
#include "joist/io/avro/writer_schema.h"

namespace joist::avro {

namespace plan_internal {

/// Instead of the size of a fixed: a length stands before the bytes.
inline constexpr uint64_t kVariable = UINT64_MAX;

enum class Code : uint8_t {
  kBool,
  kInt64,
  kInt32,
  kNarrow,  // An integer of another width.
  kFloat,
  kDouble,
  kFloatToDouble,
  kDoubleToFloat,
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

/// Which numbers a field of a row takes.
enum class Narrowing : uint8_t {
  kByType,   ///< Those whose type it can hold, as Avro has it.
  kByValue,  ///< And long and double where it is narrower: an integer that it cannot hold is
             ///< refused when it comes, a double is rounded.
};

class Plan {
 public:
  static constexpr size_t kMostOps = 1'000'000;

  /// What the row cannot take is an error: a phrase that names the field and both types.
  static Result<Plan> Make(const WriterSchema& schema, const FieldShape& row,
                           Narrowing narrowing = Narrowing::kByType);
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

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_PLAN_H_
