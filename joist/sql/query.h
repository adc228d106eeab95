// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Query: what a Sql transform runs, and its steps. Between packing rows into blocks and unpacking
// them nothing depends on the user's types, so all of it is compiled once.

#ifndef JOIST_SQL_QUERY_H_
#define JOIST_SQL_QUERY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "joist/sdk/par_do.h"
#include "joist/sql/block.h"

namespace joist::sql {

struct Query {
  std::string text;  ///< The user's, without a semicolon at its end.
  std::vector<Table> tables;
  std::vector<Column> output;
  std::string output_type;  ///< Of the program, for messages.
  std::string statement;    ///< What is run: the text with the output's columns, in their order.
  int64_t memory = 0;       ///< Bytes; 0: the default.
  bool per_bundle = false;
};
JOIST_ROW(Query, text, tables, output, output_type, statement, memory, per_bundle)

/// Whether DuckDB understands the query over its tables and the result is what `output` says; makes
/// the statement. The error is one line.
Status Prepare(Query* query);

/// The results of the query over the blocks, as blocks, with the end of each window as timestamp.
/// The query has been prepared.
PCollection<Bytes> Run(const PCollection<Bytes>& blocks, Query query);

/// Collects the rows of each batch and window into a block for a table.
template <IsSqlRow T>
class PackStep final : public StepOf<PackStep<T>, uint32_t> {
 public:
  using StepOf<PackStep<T>, uint32_t>::StepOf;
  StepKind kind() const override { return StepKind::kParDo; }
  std::vector<const ElementType*> outputs() const override { return {&element_type<Bytes>}; }
  std::unique_ptr<Operator> MakeOperator(const OperatorContext& context) const override {
    return std::make_unique<Packer>(this->definition(), context);
  }

 private:
  class Packer final : public Operator, public BatchReceiver<T> {
   public:
    Packer(uint32_t table, const OperatorContext& context) : table_(table), context_(context) {}
    Receiver* input(int) override { return static_cast<BatchReceiver<T>*>(this); }
    void Connect(int, Receiver* consumer) override { output_.Connect(consumer); }

    void Push(const Batch<T>& batch) override {
      const StepScope scope(context_.stats);
      context_.stats->elements_in += batch.count;
      ++context_.stats->batches_in;
      ForEachUnsliced(batch, [this](const Batch<T>& unsliced) { PackAll(unsliced); });
    }

   private:
    void PackAll(const Batch<T>& batch) {
      const T* const rows = batch.values.data();
      if (batch.meta.windows.is_constant()) {
        Pack(batch.window(0), [rows](size_t i) -> const T& { return rows[i]; }, batch.count);
        return;
      }
      // Rows of many windows may be mixed: each window's rows become one block.
      std::vector<bool> packed(batch.count);
      for (size_t first = 0; first < batch.count; ++first) {
        if (packed[first]) continue;
        const Window window = batch.window(first);
        indices_.clear();
        for (size_t i = first; i < batch.count; ++i) {
          if (packed[i] || batch.window(i) != window) continue;
          packed[i] = true;
          indices_.push_back(i);
        }
        Pack(window, [&](size_t i) -> const T& { return rows[indices_[i]]; }, indices_.size());
      }
    }

    template <class RowAt>
    void Pack(Window window, RowAt row, size_t count) {
      try {
        *column_.data() = PackBlock<T>(table_, row, count);
      } catch (...) {
        RethrowAsStepFailure(context_.step, "");
      }
      ++context_.stats->elements_out;
      output_.Push({column_.view(),
                    1,
                    {SharedColumn<Timestamp>(window.max_timestamp()), SharedColumn<Window>(window),
                     SharedColumn<PaneInfo>(PaneInfo::OnTimeAndOnly())}});
    }

    uint32_t table_;
    OperatorContext context_;
    Output<Bytes> output_;
    ColumnBuffer<Bytes> column_;
    std::vector<size_t> indices_;
  };
};

template <IsSqlRow Out>
struct Unpack {
  void operator()(const Bytes& block, Emit<Out> emit) const {
    UnpackBlock<Out>(block.view(), [&emit](const Out& row) { emit(row); });
  }
};

}  // namespace joist::sql

#endif  // JOIST_SQL_QUERY_H_
