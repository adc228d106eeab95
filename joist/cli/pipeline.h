// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JOIST_PIPELINE: a pipeline under a name, for programs that hold several of them.
//
//   void WordCount(joist::Pipeline& p) {
//     const auto options = p.options<WordCountOptions>();
//     p | joist::text::Read(options.input) | …;
//   }
//   JOIST_PIPELINE(wordcount, "Counts the words of text files", WordCount)
//
//   int main(int argc, char** argv) { return joist::cli::Main(argc, argv); }  // joist/cli/main.h
//
// Then `program run wordcount --input=…` runs it. Any file of the program may hold pipelines.
// They register themselves while the program is loaded; afterwards their list is read-only.

#ifndef JOIST_CLI_PIPELINE_H_
#define JOIST_CLI_PIPELINE_H_

#include "joist/sdk/pipeline.h"

namespace joist::cli {

/// A pipeline of this program.
class NamedPipeline {
 public:
  /// Adds the steps; the pipeline has its options. What it needs them for it takes with
  /// Pipeline::options.
  using Build = void (*)(Pipeline&);

  NamedPipeline(const char* name, const char* summary, Build build);
  NamedPipeline(const NamedPipeline&) = delete;
  NamedPipeline& operator=(const NamedPipeline&) = delete;

  const char* name() const { return name_; }
  const char* summary() const { return summary_; }
  Build build() const { return build_; }
  /// In no particular order; null at the end.
  const NamedPipeline* next() const { return next_; }
  static const NamedPipeline* First();

 private:
  const char* name_;
  const char* summary_;
  Build build_;
  const NamedPipeline* next_;
};

}  // namespace joist::cli

/// At namespace scope. `summary` is one line that says what the pipeline does.
#define JOIST_PIPELINE(name, summary, build) \
  static const ::joist::cli::NamedPipeline joist_pipeline_##name(#name, summary, build);

#endif  // JOIST_CLI_PIPELINE_H_
