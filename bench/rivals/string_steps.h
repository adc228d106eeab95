// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Five steps on strings of 40 bytes, joined by hand:
//  - Arena batches: a batch is an array of views, each step writes into an arena that the next
//    batch reuses; one virtual call a batch. A filter copies views, never bytes.
//  - vector<string> batches: the same with a std::string an element, as a plain design has it.
//  - Fused: the five functions in one loop over one std::string, copied from the input and changed
//    in place.

#ifndef JOIST_BENCH_RIVALS_STRING_STEPS_H_
#define JOIST_BENCH_RIVALS_STRING_STEPS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/steps.h"

namespace joist::bench {

/// Bytes of one batch. A batch that needs more than the one before grows it by a further block.
class BatchArena {
 public:
  char* Allocate(size_t size) {
    if (static_cast<size_t>(end_ - next_) < size) AddBlock(size);
    char* result = next_;
    next_ += size;
    return result;
  }
  void Reset() {
    if (blocks_.size() > 1) {
      blocks_.erase(blocks_.begin(), blocks_.end() - 1);
    }
    if (!blocks_.empty()) next_ = blocks_.back().get();
  }

 private:
  void AddBlock(size_t size) {
    block_bytes_ = std::max(block_bytes_ * 2, size);
    blocks_.push_back(std::make_unique<char[]>(block_bytes_));
    next_ = blocks_.back().get();
    end_ = next_ + block_bytes_;
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_bytes_ = 8 << 10;
  char* next_ = nullptr;
  char* end_ = nullptr;
};

template <typename Element>
class StringStep {
 public:
  virtual ~StringStep() = default;
  virtual void Process(Element* in, size_t count) = 0;
};

template <size_t kBatch, typename Function>
class ArenaMap final : public StringStep<const std::string_view> {
 public:
  ArenaMap(Function function, StringStep<const std::string_view>& next)
      : function_(function), next_(next) {}
  void Process(const std::string_view* in, size_t count) override {
    arena_.Reset();
    for (size_t i = 0; i < count; ++i) out_[i] = function_(in[i], arena_);
    next_.Process(out_.data(), count);
  }

 private:
  Function function_;
  StringStep<const std::string_view>& next_;
  BatchArena arena_;
  std::array<std::string_view, kBatch> out_;
};

template <size_t kBatch, typename Function>
class ArenaFilter final : public StringStep<const std::string_view> {
 public:
  ArenaFilter(Function function, StringStep<const std::string_view>& next)
      : function_(function), next_(next) {}
  void Process(const std::string_view* in, size_t count) override {
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) {
      out_[kept] = in[i];
      kept += function_(in[i]) ? 1 : 0;
    }
    next_.Process(out_.data(), kept);
  }

 private:
  Function function_;
  StringStep<const std::string_view>& next_;
  std::array<std::string_view, kBatch> out_;
};

template <bool kExact, typename Element>
class StringSum final : public StringStep<Element> {
 public:
  void Process(Element* in, size_t count) override {
    StepSink<kExact> sink;
    for (size_t i = 0; i < count; ++i) sink.Add(std::string_view(in[i]));
    digest_.Merge(sink.digest);
  }
  const Digest& digest() const { return digest_; }

 private:
  Digest digest_;
};

/// Five named steps by batches of views over the elements [begin, end) of the pool's sequence.
template <bool kExact, size_t kBatch = 1024>
Digest StringArenaBatches(const string_steps::Pool& pool, uint64_t begin, uint64_t end) {
  using namespace string_steps;  // NOLINT: the five functions are what this is about.
  const auto capitalize = [](std::string_view s, BatchArena& a) { return Capitalize(s, a); };
  const auto rotate = [](std::string_view s, BatchArena& a) { return Rotate(s, a); };
  const auto keep = [](std::string_view s) { return Keep(s); };
  const auto mark = [](std::string_view s, BatchArena& a) { return Mark(s, a); };
  const auto select = [](std::string_view s) { return Select(s); };
  StringSum<kExact, const std::string_view> sum;
  ArenaFilter<kBatch, decltype(select)> step5(select, sum);
  ArenaMap<kBatch, decltype(mark)> step4(mark, step5);
  ArenaFilter<kBatch, decltype(keep)> step3(keep, step4);
  ArenaMap<kBatch, decltype(rotate)> step2(rotate, step3);
  ArenaMap<kBatch, decltype(capitalize)> step1(capitalize, step2);

  StringStep<const std::string_view>* first = &step1;
  asm volatile("" : "+r"(first));  // What it is, is not known when compiling.
  std::array<std::string_view, kBatch> in;
  while (begin < end) {
    const size_t count = std::min<uint64_t>(kBatch, end - begin);
    for (size_t i = 0; i < count; ++i) in[i] = pool[begin + i];
    first->Process(in.data(), count);
    begin += count;
  }
  return sum.digest();
}

template <size_t kBatch, typename Function>
class OwnedMap final : public StringStep<std::string> {
 public:
  OwnedMap(Function function, StringStep<std::string>& next) : function_(function), next_(next) {}
  void Process(std::string* in, size_t count) override {
    for (size_t i = 0; i < count; ++i) out_[i] = function_(in[i]);
    next_.Process(out_.data(), count);
  }

 private:
  Function function_;
  StringStep<std::string>& next_;
  std::vector<std::string> out_ = std::vector<std::string>(kBatch);
};

template <size_t kBatch, typename Function>
class OwnedFilter final : public StringStep<std::string> {
 public:
  OwnedFilter(Function function, StringStep<std::string>& next)
      : function_(function), next_(next) {}
  void Process(std::string* in, size_t count) override {
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) {
      if (function_(in[i])) out_[kept++] = std::move(in[i]);
    }
    next_.Process(out_.data(), kept);
  }

 private:
  Function function_;
  StringStep<std::string>& next_;
  std::vector<std::string> out_ = std::vector<std::string>(kBatch);
};

/// The same by batches of std::string, with functions that return a new one.
template <bool kExact, size_t kBatch = 1024>
Digest StringOwnedBatches(const string_steps::Pool& pool, uint64_t begin, uint64_t end) {
  using namespace string_steps;  // NOLINT
  const auto capitalize = [](const std::string& s) {
    std::string out = s;
    CapitalizeInPlace(out);
    return out;
  };
  const auto rotate = [](const std::string& s) {
    std::string out = s;
    RotateInPlace(out);
    return out;
  };
  const auto keep = [](const std::string& s) { return Keep(s); };
  const auto mark = [](const std::string& s) {
    std::string out = s;
    MarkInPlace(out);
    return out;
  };
  const auto select = [](const std::string& s) { return Select(s); };
  StringSum<kExact, std::string> sum;
  OwnedFilter<kBatch, decltype(select)> step5(select, sum);
  OwnedMap<kBatch, decltype(mark)> step4(mark, step5);
  OwnedFilter<kBatch, decltype(keep)> step3(keep, step4);
  OwnedMap<kBatch, decltype(rotate)> step2(rotate, step3);
  OwnedMap<kBatch, decltype(capitalize)> step1(capitalize, step2);

  StringStep<std::string>* first = &step1;
  asm volatile("" : "+r"(first));
  std::vector<std::string> in(kBatch);
  while (begin < end) {
    const size_t count = std::min<uint64_t>(kBatch, end - begin);
    for (size_t i = 0; i < count; ++i) in[i] = pool[begin + i];
    first->Process(in.data(), count);
    begin += count;
  }
  return sum.digest();
}

/// The same in one loop over one string.
template <bool kExact>
Digest StringFused(const string_steps::Pool& pool, uint64_t begin, uint64_t end) {
  using namespace string_steps;  // NOLINT
  StepSink<kExact> sink;
  std::string s;
  for (; begin < end; ++begin) {
    s = pool[begin];
    CapitalizeInPlace(s);
    RotateInPlace(s);
    if (!Keep(s)) continue;
    MarkInPlace(s);
    if (!Select(s)) continue;
    sink.Add(std::string_view(s));
  }
  return sink.digest;
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_STRING_STEPS_H_
