// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/checkpoints.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "joist/engine/checkpoint_store.h"
#include "joist/engine/saved_run.h"

namespace joist::cli {
namespace {

Result<std::vector<std::string>> FilesIn(const std::string& directory) {
  JOIST_ASSIGN_OR_RETURN(std::vector<std::string> files, CheckpointStore::List(directory));
  if (files.empty()) return NotFound("there are no checkpoints in " + directory);
  return files;
}

std::string Padded(std::string text, size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

}  // namespace

Result<std::string> ListCheckpoints(const std::string& directory) {
  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesIn(directory));
  std::string out = "NUMBER  MADE AT                   STATE BYTES  FILE\n";
  for (const std::string& file : files) {
    const Result<CheckpointStore::Checkpoint> checkpoint = CheckpointStore::Read(file);
    if (!checkpoint.ok()) {
      out += "-       " + checkpoint.status().message() + "\n";
      continue;
    }
    out += Padded(std::to_string(checkpoint->number), 8) + checkpoint->made_at.ToString() + "  " +
           Padded(std::to_string(checkpoint->state.size()), 13) + file + "\n";
  }
  return out;
}

Result<std::string> ShowCheckpoint(const std::string& path) {
  std::string file = path;
  if (std::filesystem::is_directory(path)) {
    JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesIn(path));
    file = files.back();
  }
  JOIST_ASSIGN_OR_RETURN(const CheckpointStore::Checkpoint checkpoint, CheckpointStore::Read(file));
  SavedRun run;
  if (!DecodeSavedRun(checkpoint.state, &run)) {
    return DataLoss("checkpoint " + file + " makes no sense");
  }
  size_t width = std::string("STEP").size();
  for (const SavedStep& step : run.steps) width = std::max(width, step.name.size());
  std::string out = "checkpoint " + std::to_string(checkpoint.number) + " of " +
                    checkpoint.made_at.ToString() + (run.is_drained ? ", drained" : "") + "\n" +
                    Padded("STEP", width + 2) + "WATERMARK                 STATE BYTES\n";
  for (const SavedStep& step : run.steps) {
    const bool at_end = step.watermark == Timestamp::Max();
    const bool at_start = step.watermark == Timestamp::Min();
    const std::string watermark = at_end ? "the end" : at_start ? "-" : step.watermark.ToString();
    size_t bytes = 0;
    for (const std::string_view state : step.states) bytes += state.size();
    out += Padded(std::string(step.name), width + 2) + Padded(watermark, 26) +
           std::to_string(bytes) + "\n";
  }
  return out;
}

Result<std::string> VerifyCheckpoints(const std::string& directory) {
  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesIn(directory));
  for (const std::string& file : files) {
    JOIST_ASSIGN_OR_RETURN(const CheckpointStore::Checkpoint checkpoint,
                           CheckpointStore::Read(file));
    SavedRun run;
    if (!DecodeSavedRun(checkpoint.state, &run)) {
      return DataLoss("checkpoint " + file + " makes no sense");
    }
  }
  return std::to_string(files.size()) + " checkpoints are whole\n";
}

}  // namespace joist::cli
