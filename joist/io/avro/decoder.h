// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Decoder: carries out a plan over a block's data. Belongs to one thread at a time.
//
// Invariants:
//  1. It reads nothing behind kSlack bytes after the data's end, and believes nothing that lies
//     there.
//  2. A list's memory grows with the bytes that its elements take, not with the number that the
//     data claims; of elements that take no bytes a block has kMostEmpty at most.
//  3. It nests as deep as the schema does: WriterSchema::kDeepest.

#ifndef JOIST_IO_AVRO_DECODER_H_
#define JOIST_IO_AVRO_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "joist/io/avro/plan.h"

namespace joist::avro {

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
  /// Never behind the data: after a failure, where it was seen.
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

#endif  // JOIST_IO_AVRO_DECODER_H_
