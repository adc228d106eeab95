// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WriteAtOffsets: elements to streams of a service that are told at which offset an append belongs,
// as BigQuery's Storage Write is. Keys are streams, an offset is a number of rows. A sink:
//
//   struct Rows {
//     using Element = Row;
//     AppendAnswer Append(const std::string& stream, int64_t offset,
//                         const std::vector<Row>& block);       // All of the block, or nothing.
//     int64_t EndOf(const std::string& stream);   // Optional: where to go on; else 0.
//     static int64_t RowsOf(const Row& element);  // Optional: what an element adds to the offset,
//   };                                            // where it stands for several; else 1.
//
//   rows | joist::sink::WriteAtOffsets(Rows{…})   // KV<std::string, Row> to KV<stream, its end>
//
// Guarantees: each element is in its stream exactly once, those of a stream in the order in which
// they came to this step. A block and its offset are kept in state, then in a checkpoint (of
// bounded input: until the end of the stage), and only then appended, one after the other: what is
// appended again is the same block at the same offset, whatever panes a replay would make. An
// element is handed over as its coder gives it back: a sink whose bytes do not follow from it takes
// std::string or Bytes, made by a step before.
//
// A stream belongs to this step: where somebody else appends to it, or takes something away, the
// job ends with a line that names stream and offset.

#ifndef JOIST_IO_SINK_OFFSET_ADDRESSED_H_
#define JOIST_IO_SINK_OFFSET_ADDRESSED_H_

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/sink/sink_step.h"
#include "joist/sdk/par_do.h"

namespace joist::sink {

/// What a service says of a block at an offset.
enum class AppendAnswer : uint8_t {
  kAppended,
  kAlreadyExists,  ///< The stream has that offset: the block was appended before.
  kOutOfRange,     ///< The stream ends before that offset.
};

template <class S>
concept OffsetAddressedSink =
    requires(S sink, const std::string& stream, const std::vector<typename S::Element>& block) {
      { sink.Append(stream, int64_t{}, block) } -> std::same_as<AppendAnswer>;
    };

namespace offset_internal {

template <class Sink, class Elements>
int64_t RowsOf(const Elements& elements) {
  if constexpr (requires { Sink::RowsOf(*elements.begin()); }) {
    int64_t rows = 0;
    for (const auto& element : elements) rows += Sink::RowsOf(element);
    return rows;
  } else {
    return static_cast<int64_t>(elements.size());
  }
}

/// What is appended at once.
template <class T>
struct Block {
  int64_t number = 0;  ///< Of the stream's blocks, from 0 on.
  int64_t offset = 0;
  std::vector<T> elements;
};
template <class T>
constexpr FieldList<Block<T>, &Block<T>::number, &Block<T>::offset, &Block<T>::elements>
JoistFields(const Block<T>*) {
  return {"Block", {"number", "offset", "elements"}};
}

/// Counts the answer, and throws where it is kOutOfRange.
void TakeAnswer(AppendAnswer answer, const std::string& stream, int64_t offset, int64_t rows);

/// Gives each block its place.
template <class Sink>
struct CutBlocks : SinkStep<Sink> {
  using T = typename Sink::Element;
  using Out = KV<std::string, Block<T>>;
  struct Waiting {};
  struct Blocks {};
  struct End {};
  struct Limit {};
  int64_t block_size = 1;
  int64_t most_millis = 0;

  void Process(const KV<std::string, T>& element, BagState<T, Waiting> waiting,
               ValueState<int64_t, Blocks> blocks, ValueState<int64_t, End> end,
               ProcessingTimer<Limit> limit, Emit<Out> emit) {
    if constexpr (requires { this->sink.EndOf(element.key); }) {
      if (end.IsEmpty()) end.Write(this->sink.EndOf(element.key));
    }
    waiting.Add(element.value);
    if (waiting.size() == 1) limit.SetRelative(Duration::Millis(most_millis));
    if (static_cast<int64_t>(waiting.size()) < block_size) return;
    limit.Clear();
    Cut(element.key, waiting, blocks, end, emit);
  }
  void OnTimer(Limit, TimerKey<std::string> stream, BagState<T, Waiting> waiting,
               ValueState<int64_t, Blocks> blocks, ValueState<int64_t, End> end,
               Emit<Out> emit) const {
    Cut(*stream, waiting, blocks, end, emit);
  }
  void OnWindowExpiration(TimerKey<std::string> stream, BagState<T, Waiting> waiting,
                          ValueState<int64_t, Blocks> blocks, ValueState<int64_t, End> end,
                          Emit<Out> emit) const {
    Cut(*stream, waiting, blocks, end, emit);
  }

 private:
  static void Cut(const std::string& stream, const BagState<T, Waiting>& waiting,
                  const ValueState<int64_t, Blocks>& blocks, const ValueState<int64_t, End>& end,
                  const Emit<Out>& emit) {
    if (waiting.IsEmpty()) return;
    const int64_t number = blocks.ReadOr(0);
    const int64_t offset = end.ReadOr(0);
    Block<T> block{number, offset, waiting.Read()};
    blocks.Write(number + 1);
    end.Write(offset + RowsOf<Sink>(block.elements));
    emit(Out{stream, std::move(block)});
    waiting.Clear();
  }
};
template <class Sink>
constexpr FieldList<CutBlocks<Sink>, &CutBlocks<Sink>::sink, &CutBlocks<Sink>::block_size,
                    &CutBlocks<Sink>::most_millis>
JoistFields(const CutBlocks<Sink>*) {
  return {"CutBlocks", {"sink", "block_size", "most_millis"}};
}

/// Blocks of a stream become stable in several lanes, so they may come in another order; those that
/// come too early wait in state.
template <class Sink>
struct AppendBlocks : SinkStep<Sink> {
  static constexpr bool kRequiresStableInput = true;
  using T = typename Sink::Element;
  struct Next {};
  struct Early {};

  void Process(const KV<std::string, Block<T>>& block, ValueState<int64_t, Next> next,
               MapState<int64_t, Block<T>, Early> early, Emit<KV<std::string, int64_t>> emit) {
    int64_t number = next.ReadOr(0);
    if (block.value.number > number) {
      early.Put(block.value.number, block.value);
      return;
    }
    Append(block.key, block.value, emit);
    for (++number; const Block<T>* waiting = early.Get(number); ++number) {
      Append(block.key, *waiting, emit);
      early.Remove(number);
    }
    next.Write(number);
  }

 private:
  void Append(const std::string& stream, const Block<T>& block,
              const Emit<KV<std::string, int64_t>>& emit) {
    const int64_t rows = RowsOf<Sink>(block.elements);
    TakeAnswer(this->sink.Append(stream, block.offset, block.elements), stream, block.offset, rows);
    emit(KV<std::string, int64_t>{stream, block.offset + rows});
  }
};
template <class Sink>
constexpr FieldList<AppendBlocks<Sink>, &AppendBlocks<Sink>::sink> JoistFields(
    const AppendBlocks<Sink>*) {
  return {"AppendBlocks", {"sink"}};
}

}  // namespace offset_internal

/// Counts in sink/blocks_appended and sink/blocks_already_there.
template <OffsetAddressedSink Sink>
class WriteAtOffsets : public Transform {
 public:
  static constexpr std::string_view kKind = "sink::WriteAtOffsets";
  explicit WriteAtOffsets(Sink sink, std::source_location where = std::source_location::current())
      : Transform(where), sink_(std::move(sink)) {}
  /// The most elements of a block, 1 or more.
  WriteAtOffsets WithBlockSize(int64_t elements) && {
    block_size_ = elements;
    return std::move(*this);
  }
  /// In a stream a block that is not full is appended when its first element has waited so long.
  WriteAtOffsets WithMaxBufferingDuration(Duration most) && {
    most_ = most;
    return std::move(*this);
  }

  /// Of each block that is appended: its stream, and the offset behind it.
  PCollection<KV<std::string, int64_t>> Expand(
      const PCollection<KV<std::string, typename Sink::Element>>& in) const {
    if (block_size_ < 1) {
      in.builder().AddFault("has a block size of " + std::to_string(block_size_) +
                            "; it takes 1 or more");
    }
    offset_internal::CutBlocks<Sink> cut;
    cut.sink = sink_;
    cut.block_size = block_size_;
    cut.most_millis = most_.millis;
    offset_internal::AppendBlocks<Sink> append;
    append.sink = sink_;
    return InAllWindows(in) | "Cut" >> ParDo(std::move(cut)) | "Append" >> ParDo(std::move(append));
  }

 private:
  Sink sink_;
  int64_t block_size_ = 500;
  Duration most_ = Duration::Seconds(1);
};

}  // namespace joist::sink

#endif  // JOIST_IO_SINK_OFFSET_ADDRESSED_H_
