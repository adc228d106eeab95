// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/avro/decoder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#ifdef __BMI2__
#include <immintrin.h>
#endif

#include "joist/model/timestamp.h"

namespace joist::avro {

using plan_internal::Code;
using plan_internal::kVariable;
using plan_internal::SymbolTable;
using plan_internal::UnionTable;

namespace {

constexpr size_t kLongestVarint = 10;
static_assert(kLongestVarint <= Decoder::kSlack);
// Elements by which a list grows before any of them was seen.
constexpr uint64_t kGrowth = 256;
// Bytes of a decimal whose value can be had.
constexpr uint64_t kMostDecimalBytes = 16;

constexpr std::string_view kTooEarly = "ends too early";
constexpr std::string_view kOverlong = "is a number of more than 10 bytes";

// The place after a varint that is too long: behind every end.
inline const char* Overlong() { return reinterpret_cast<const char*>(UINTPTR_MAX); }

const char* LongVarint(const char* at, uint64_t* word) {
  uint64_t value = 0;
  for (size_t i = 0; i < kLongestVarint; ++i) {
    const auto byte = static_cast<uint8_t>(at[i]);
    value |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if (byte < 0x80) {
      if (i == kLongestVarint - 1 && byte > 1) break;
      *word = value;
      return at + i + 1;
    }
  }
  *word = 0;
  return Overlong();
}

// An unsigned varint, of which up to kLongestVarint bytes are looked at.
inline const char* TakeVarint(const char* at, uint64_t* word) {
  const auto first = static_cast<uint8_t>(*at);
  if (first < 0x80) {
    *word = first;
    return at + 1;
  }
#ifdef __BMI2__
  uint64_t bytes;
  std::memcpy(&bytes, at, sizeof(bytes));
  const uint64_t ends = ~bytes & 0x8080808080808080;
  if (ends != 0) [[likely]] {
    const int last = std::countr_zero(ends);  // The top bit of the last byte.
    *word = _pext_u64(bytes & (ends ^ (ends - 1)), 0x7F7F7F7F7F7F7F7F);
    return at + last / 8 + 1;
  }
#endif
  return LongVarint(at, word);
}

inline int64_t Unzigzag(uint64_t word) {
  return static_cast<int64_t>(word >> 1 ^ (0 - (word & 1)));
}

inline const char* TakeLong(const char* at, int64_t* value) {
  uint64_t word;
  at = TakeVarint(at, &word);
  *value = Unzigzag(word);
  return at;
}

template <class T>
inline void Store(char* field, T value) {
  std::memcpy(field, &value, sizeof(value));
}
template <class T>
inline T Load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// Whether `size` bytes from `at` lie before `end`.
inline bool Fits(const char* at, const char* end, uint64_t size) {
  return at <= end && size <= static_cast<uint64_t>(end - at);
}

// Whether an integer of `width` bytes holds the value; stores it.
bool StoreNarrow(int64_t value, uint8_t width, bool is_signed, char* field) {
  const auto store = [&]<class T>(T narrow) {
    Store(field, narrow);
    return static_cast<int64_t>(narrow) == value && (is_signed || value >= 0);
  };
  switch (width) {
    case 1:
      return is_signed ? store(static_cast<int8_t>(value)) : store(static_cast<uint8_t>(value));
    case 2:
      return is_signed ? store(static_cast<int16_t>(value)) : store(static_cast<uint16_t>(value));
    case 4:
      return is_signed ? store(static_cast<int32_t>(value)) : store(static_cast<uint32_t>(value));
    default: return store(value);
  }
}

// "-12.50" of -1250 with a scale of 2.
std::string DecimalText(__int128 value, uint32_t scale) {
  const bool negative = value < 0;
  auto rest = static_cast<unsigned __int128>(value);
  if (negative) rest = 0 - rest;
  std::string text;
  for (uint32_t digits = 0; rest != 0 || digits <= scale; ++digits) {
    if (digits == scale && scale > 0) text += '.';
    text += static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  }
  if (negative) text += '-';
  std::reverse(text.begin(), text.end());
  return text;
}

}  // namespace

class Decoder::ElementFiller final : public ValueFiller {
 public:
  ElementFiller(Decoder* decoder, const Program* program) : decoder_(decoder), program_(program) {}
  bool Fill(void* value) override { return decoder_->Run(*program_, static_cast<char*>(value)); }

 private:
  Decoder* decoder_;
  const Program* program_;
};

bool Decoder::Fail(const Program& program, const Op& op, std::string_view what) {
  const std::string& path = program.paths[static_cast<size_t>(&op - program.ops.data())];
  error_ = (path.empty() ? "it" : path) + " " + std::string(what);
  at_ = std::min(at_, end_);  // What is behind is shown to nobody.
  return false;
}

void Decoder::Refuse(const Program& program, const Op& op, std::string_view what) {
  if (!refusal_.empty()) return;
  const std::string& path = program.paths[static_cast<size_t>(&op - program.ops.data())];
  refusal_ = path + " " + std::string(what);
}

bool Decoder::Run(const Program& program, char* row) {
  const char* at = at_;
  const char* const end = end_;
  for (const Op& op : program.ops) {
    char* const field = row + op.offset;
    switch (op.code) {
      case Code::kBool: {
        const auto byte = static_cast<uint8_t>(*at++);
        Store(field, byte == 1);
        if (byte > 1 && at <= end) Refuse(program, op, "is no boolean");
        break;
      }
      case Code::kInt64: {
        int64_t value;
        at = TakeLong(at, &value);
        Store(field, value);
        break;
      }
      case Code::kInt32: {
        int64_t value;
        at = TakeLong(at, &value);
        Store(field, static_cast<int32_t>(value));
        if (static_cast<int32_t>(value) != value) [[unlikely]] {
          Refuse(program, op, "is an int of more than 32 bits");
        }
        break;
      }
      case Code::kNarrow: {
        int64_t value;
        at = TakeLong(at, &value);
        if (!StoreNarrow(value, op.width, op.is_signed, field)) [[unlikely]] {
          Refuse(program, op,
                 "is " + std::to_string(value) + ", which the row's " + op.shape->type +
                     " cannot hold");
        }
        break;
      }
      case Code::kFloat:
        Store(field, Load<float>(at));
        at += sizeof(float);
        break;
      case Code::kDouble:
        Store(field, Load<double>(at));
        at += sizeof(double);
        break;
      case Code::kFloatToDouble:
        Store(field, static_cast<double>(Load<float>(at)));
        at += sizeof(float);
        break;
      case Code::kDoubleToFloat:
        Store(field, static_cast<float>(Load<double>(at)));
        at += sizeof(double);
        break;
      case Code::kIntToFloat: {
        int64_t value;
        at = TakeLong(at, &value);
        Store(field, static_cast<float>(value));
        break;
      }
      case Code::kIntToDouble: {
        int64_t value;
        at = TakeLong(at, &value);
        Store(field, static_cast<double>(value));
        break;
      }
      case Code::kText: {
        int64_t size;
        at = TakeLong(at, &size);
        if (!Fits(at, end, static_cast<uint64_t>(size))) return Fail(program, op, kTooEarly);
        reinterpret_cast<std::string*>(field)->assign(at, static_cast<size_t>(size));
        at += size;
        break;
      }
      case Code::kByteVector:
      case Code::kFixedByteVector: {
        auto size = static_cast<int64_t>(op.number);
        if (op.code == Code::kByteVector) at = TakeLong(at, &size);
        if (!Fits(at, end, static_cast<uint64_t>(size))) return Fail(program, op, kTooEarly);
        void* const to = op.shape->resize(field, static_cast<size_t>(size));
        if (size > 0) std::memcpy(to, at, static_cast<size_t>(size));
        at += size;
        break;
      }
      case Code::kFixedText:
        if (!Fits(at, end, op.number)) return Fail(program, op, kTooEarly);
        reinterpret_cast<std::string*>(field)->assign(at, op.number);
        at += op.number;
        break;
      case Code::kSymbolText:
      case Code::kSymbolEnum:
        at = TakeSymbol(program, op, at, field);
        if (at == nullptr) return false;
        break;
      case Code::kTextEnum: {
        int64_t size;
        at = TakeLong(at, &size);
        if (!Fits(at, end, static_cast<uint64_t>(size))) return Fail(program, op, kTooEarly);
        const std::string_view text(at, static_cast<size_t>(size));
        if (!op.shape->enum_from_text(text, field)) {
          Refuse(program, op, "is not the name of an enumerator of the row's " + op.shape->type);
        }
        at += size;
        break;
      }
      case Code::kMillis:
      case Code::kFractions: {
        int64_t value;
        at = TakeLong(at, &value);
        const auto number = static_cast<int64_t>(op.number);
        value = op.code == Code::kMillis ? SaturatingMultiply(value, number)
                                         : (value - FloorMod(value, number)) / number;
        if (op.shape->kind == FieldShape::Kind::kTimestamp &&
            (value < Timestamp::Min().millis || value > Timestamp::Max().millis)) [[unlikely]] {
          Refuse(program, op, "is a time that no Timestamp holds");
        }
        Store(field, value);
        break;
      }
      case Code::kDecimal:
        at = TakeDecimal(program, op, at, field);
        if (at == nullptr) return false;
        break;
      case Code::kNull: op.shape->reset(field); break;
      case Code::kPresent: {
        at_ = at;
        if (!Run(*op.program, static_cast<char*>(op.shape->emplace(field)))) return false;
        at = at_;
        break;
      }
      case Code::kNullable: {
        uint64_t branch;
        at = TakeVarint(at, &branch);
        if (branch == 2 * op.number) {
          op.shape->reset(field);
        } else if (branch == 2 - 2 * op.number) [[likely]] {
          if (at > end) return Fail(program, op, kTooEarly);
          at_ = at;
          if (!Run(*op.program, static_cast<char*>(op.shape->emplace(field)))) return false;
          at = at_;
        } else {
          return Fail(program, op, "is of a branch that its union doesn't have");
        }
        break;
      }
      case Code::kUnion:
        at_ = at;
        if (!RunUnion(program, op, field)) return false;
        at = at_;
        break;
      case Code::kList:
      case Code::kCollection:
        at_ = at;
        if (!TakeList(program, op, field)) return false;
        at = at_;
        break;
      case Code::kLogical: {
        at_ = at;
        ElementFiller filler(this, op.program);
        const FieldShape::Added added = op.shape->add(field, filler);
        if (added == FieldShape::Added::kUnfilled) return false;
        if (added == FieldShape::Added::kRefused) {
          Refuse(program, op, "is a value that is not one of its logical type");
        }
        at = at_;
        break;
      }
      case Code::kPassBytes:
        if (!Fits(at, end, op.number)) return Fail(program, op, kTooEarly);
        at += op.number;
        break;
      case Code::kPassNumber: {
        uint64_t word;
        at = TakeVarint(at, &word);
        break;
      }
      case Code::kPassText: {
        int64_t size;
        at = TakeLong(at, &size);
        if (!Fits(at, end, static_cast<uint64_t>(size))) return Fail(program, op, kTooEarly);
        at += size;
        break;
      }
      case Code::kPassUnion: {
        uint64_t index;
        at = TakeVarint(at, &index);
        if (at > end) return Fail(program, op, kTooEarly);
        if (index % 2 != 0 || index / 2 >= op.branches->branches.size()) {
          return Fail(program, op, "is of a branch that its union doesn't have");
        }
        const Program& branch = *op.branches->branches[index / 2].program;
        if (branch.ops.empty()) break;
        at_ = at;
        if (!Run(branch, nullptr)) return false;
        at = at_;
        break;
      }
      case Code::kPassRecord:
        at_ = at;
        if (!Run(*op.program, nullptr)) return false;
        at = at_;
        break;
      case Code::kPassBlocks:
        at_ = at;
        if (!PassBlocks(program, op)) return false;
        at = at_;
        break;
    }
    if (at > end) [[unlikely]] {
      return Fail(program, op, at == Overlong() ? kOverlong : kTooEarly);
    }
  }
  at_ = at;
  return true;
}

bool Decoder::RunUnion(const Program& program, const Op& op, char* field) {
  uint64_t index;
  at_ = TakeVarint(at_, &index);
  if (at_ > end_) return Fail(program, op, kTooEarly);
  const UnionTable& table = *op.branches;
  if (index % 2 != 0 || index / 2 >= table.branches.size()) {
    return Fail(program, op, "is of a branch that its union doesn't have");
  }
  const UnionTable::Branch& branch = table.branches[index / 2];
  if (!branch.refusal.empty()) {
    Refuse(program, op, branch.refusal);
    return Run(*branch.program, nullptr);
  }
  if (branch.is_null) {
    op.shape->reset(field);
    return true;
  }
  void* const value = table.optional ? op.shape->emplace(field) : field;
  return Run(*branch.program, static_cast<char*>(value));
}

bool Decoder::TakeCount(const Program& program, const Op& op, uint64_t* count, uint64_t* bytes) {
  int64_t number;
  at_ = TakeLong(at_, &number);
  *bytes = 0;
  if (number < 0) {
    // The number of bytes follows, for those who pass over them.
    int64_t size = 0;
    if (at_ <= end_) at_ = TakeLong(at_, &size);
    if (!Fits(at_, end_, static_cast<uint64_t>(size))) return Fail(program, op, kTooEarly);
    *bytes = static_cast<uint64_t>(size);
  }
  if (at_ > end_) return Fail(program, op, kTooEarly);
  *count = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  const uint64_t least = op.program->least_bytes;
  if (least > 0) {
    uint64_t size;
    if (__builtin_mul_overflow(*count, least, &size) || size > static_cast<uint64_t>(end_ - at_)) {
      return Fail(program, op, kTooEarly);
    }
    return true;
  }
  empty_ += std::min(*count, kMostEmpty + 1);
  if (empty_ > kMostEmpty) {
    return Fail(program, op,
                "makes the block have more than " + std::to_string(kMostEmpty) +
                    " elements that take no bytes");
  }
  return true;
}

bool Decoder::TakeList(const Program& program, const Op& op, char* field) {
  const FieldShape& shape = *op.shape;
  const bool is_list = op.code == Code::kList;
  if (!is_list) shape.clear(field);
  ElementFiller filler(this, op.program);
  uint64_t size = 0;
  for (;;) {
    uint64_t count;
    uint64_t bytes;
    if (!TakeCount(program, op, &count, &bytes)) return false;
    if (count == 0) break;
    if (!is_list) {
      for (; count > 0; --count) {
        if (shape.add(field, filler) == FieldShape::Added::kUnfilled) return false;
      }
      continue;
    }
    while (count > 0) {
      // As much again as there was, so that the vector grows as vectors do.
      const uint64_t step = std::min(count, std::max(size, kGrowth));
      char* element =
          static_cast<char*>(shape.resize(field, size + step)) + size * shape.part->size;
      for (uint64_t i = 0; i < step; ++i, element += shape.part->size) {
        if (!Run(*op.program, element)) return false;
      }
      size += step;
      count -= step;
    }
  }
  if (is_list) shape.resize(field, size);
  return true;
}

bool Decoder::PassBlocks(const Program& program, const Op& op) {
  const Program& element = *op.program;
  const Code only = element.ops.size() == 1 ? element.ops[0].code : Code::kPassRecord;
  for (;;) {
    uint64_t count;
    uint64_t bytes;
    if (!TakeCount(program, op, &count, &bytes)) return false;
    if (count == 0) return true;
    if (bytes > 0) {
      at_ += bytes;
    } else if (only == Code::kPassBytes) {
      at_ += count * element.ops[0].number;  // Which TakeCount has found to be there.
    } else if (only == Code::kPassNumber) {
      const char* at = at_;
      for (uint64_t word; count > 0 && at <= end_; --count) at = TakeVarint(at, &word);
      at_ = at;
      if (at > end_) return Fail(program, op, at == Overlong() ? kOverlong : kTooEarly);
    } else {
      for (; count > 0; --count) {
        if (!Run(element, nullptr)) return false;
      }
    }
  }
}

const char* Decoder::TakeSymbol(const Program& program, const Op& op, const char* at, char* field) {
  uint64_t index;
  at = TakeVarint(at, &index);
  if (at > end_) {
    Fail(program, op, kTooEarly);
    return nullptr;
  }
  const SymbolTable& table = *op.symbols;
  if (index % 2 != 0 || index / 2 >= table.symbols.size()) {
    Refuse(program, op, "is a symbol that its enum doesn't have");
    return at;
  }
  const std::string& symbol = table.symbols[index / 2];
  if (op.code == Code::kSymbolText) {
    reinterpret_cast<std::string*>(field)->assign(symbol);
  } else if (table.known[index / 2]) {
    std::memcpy(field, &table.values[index / 2], op.shape->size);
  } else {
    Refuse(program, op,
           "is \"" + symbol +
               "\", which is not the name of an enumerator of the "
               "row's " +
               op.shape->type);
  }
  return at;
}

const char* Decoder::TakeDecimal(const Program& program, const Op& op, const char* at,
                                 char* field) {
  auto size = static_cast<int64_t>(op.number);
  if (op.number == kVariable) at = TakeLong(at, &size);
  if (!Fits(at, end_, static_cast<uint64_t>(size))) {
    Fail(program, op, kTooEarly);
    return nullptr;
  }
  const std::string_view bytes(at, static_cast<size_t>(size));
  at += size;
  if (bytes.size() > kMostDecimalBytes) {
    Refuse(program, op, "is a decimal of more than 16 bytes");
    return at;
  }
  // Big-endian, two's complement.
  __int128 value = !bytes.empty() && static_cast<signed char>(bytes[0]) < 0 ? -1 : 0;
  for (const char byte : bytes) {
    value = static_cast<__int128>(static_cast<unsigned __int128>(value) << 8 |
                                  static_cast<uint8_t>(byte));
  }
  if (op.shape->kind == FieldShape::Kind::kText) {
    reinterpret_cast<std::string*>(field)->assign(DecimalText(value, op.scale));
  } else if (op.shape->kind == FieldShape::Kind::kDouble) {
    Store(field, static_cast<double>(static_cast<long double>(value) /
                                     std::pow(10.0L, static_cast<long double>(op.scale))));
  } else {
    const bool holds =
        op.is_signed ? value >= INT64_MIN && value <= INT64_MAX : value >= 0 && value <= UINT64_MAX;
    Store(field, static_cast<uint64_t>(value));
    if (!holds) {
      Refuse(
          program, op,
          "is " + DecimalText(value, 0) + ", which the row's " + op.shape->type + " cannot hold");
    }
  }
  return at;
}

}  // namespace joist::avro
