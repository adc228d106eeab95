// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/checkpoints.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <vector>

#include "joist/engine/checkpoint_store.h"
#include "joist/engine/job_folder.h"
#include "joist/engine/saved_run.h"

namespace joist::cli {
namespace {

Result<std::vector<std::string>> FilesIn(const std::string& directory) {
  JOIST_ASSIGN_OR_RETURN(std::vector<std::string> files,
                         CheckpointStore::List(SystemDisk(), directory));
  if (files.empty()) return NotFound("there are no checkpoints in " + directory);
  return files;
}

std::string Padded(std::string text, size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

/// One file to its end.
Result<CheckpointHeader> ReadFile(const std::string& file, uint64_t* bytes) {
  JOIST_ASSIGN_OR_RETURN(const auto reader, CheckpointReader::Open(SystemDisk(), file));
  while (true) {
    std::string_view content;
    JOIST_ASSIGN_OR_RETURN(const CheckpointBlock kind, reader->Next(&content));
    if (kind == CheckpointBlock::kEnd) break;
  }
  *bytes = reader->bytes();
  return reader->header();
}

/// With the run in it, decoded.
Result<CheckpointStore::Checkpoint> Read(const std::string& file, SavedRun* run) {
  JOIST_ASSIGN_OR_RETURN(CheckpointStore::Checkpoint checkpoint,
                         CheckpointStore::Read(SystemDisk(), file));
  if (!DecodeSavedRun(checkpoint.run, run)) {
    return DataLoss("checkpoint " + file + " makes no sense");
  }
  return checkpoint;
}

}  // namespace

Result<std::string> ListCheckpoints(const std::string& directory) {
  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesIn(directory));
  std::string out = "NUMBER  MADE AT                   BYTES         KEYS         FILE\n";
  for (const std::string& file : files) {
    uint64_t bytes = 0;
    const Result<CheckpointHeader> header = ReadFile(file, &bytes);
    if (!header.ok()) {
      out += "-       " + header.status().message() + "\n";
      continue;
    }
    const std::string keys = header->base == 0 ? "all" : "since " + std::to_string(header->base);
    out += Padded(std::to_string(header->number), 8) + header->made_at.ToString() + "  " +
           Padded(std::to_string(bytes), 14) + Padded(keys, 13) + file + "\n";
  }
  return out;
}

Result<std::string> ShowCheckpoint(const std::string& path) {
  std::string file = path;
  if (std::filesystem::is_directory(path)) {
    JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesIn(path));
    file = files.back();
  }
  SavedRun run;
  JOIST_ASSIGN_OR_RETURN(const CheckpointStore::Checkpoint checkpoint, Read(file, &run));
  struct Held {
    size_t keys = 0;
    size_t bytes = 0;
  };
  std::map<uint32_t, Held> held;  // By the steps' ids.
  JOIST_RETURN_IF_ERROR(CheckpointStore::ForEachKey(
      SystemDisk(), checkpoint, [&](uint32_t step, const SavedKey& key) {
        ++held[step].keys;
        held[step].bytes += key.key.size() + key.state.size();
      }));
  size_t width = std::string("STEP").size();
  for (const SavedStep& step : run.steps) width = std::max(width, step.name.size());
  std::string out = "checkpoint " + std::to_string(checkpoint.header.number) + " of " +
                    checkpoint.header.made_at.ToString() + (run.is_drained ? ", drained" : "") +
                    "\n" + Padded("STEP", width + 2) + "WATERMARK                 KEYS        " +
                    "STATE BYTES\n";
  for (const SavedStep& step : run.steps) {
    const bool at_end = step.watermark == Timestamp::Max();
    const bool at_start = step.watermark == Timestamp::Min();
    const std::string watermark = at_end ? "the end" : at_start ? "-" : step.watermark.ToString();
    size_t bytes = held[step.id].bytes;
    for (const std::string_view state : step.states) bytes += state.size();
    out += Padded(std::string(step.name), width + 2) + Padded(watermark, 26) +
           Padded(std::to_string(held[step.id].keys), 12) + std::to_string(bytes) + "\n";
  }
  if (checkpoint.header.cold != 0) out += "more of the state is beside it, on disk\n";
  return out;
}

Result<std::string> VerifyCheckpoints(const std::string& directory) {
  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesIn(directory));
  for (const std::string& file : files) {
    SavedRun run;
    JOIST_RETURN_IF_ERROR(Read(file, &run).status());
  }
  return std::to_string(files.size()) + " checkpoints are whole\n";
}

Result<std::string> SaveCheckpoint(const std::string& directory, const std::string& savepoint) {
  JOIST_ASSIGN_OR_RETURN(const uint64_t number, CopyLatestCheckpoint(directory, savepoint));
  return "checkpoint " + std::to_string(number) + " of " + directory + " is in " + savepoint + "\n";
}

Result<std::string> AskJob(const std::string& directory, JobRequest request) {
  JOIST_RETURN_IF_ERROR(RequestOfJob(directory, request));
  return std::string(request == JobRequest::kDrain
                         ? "the job will take nothing new, and end when all is done\n"
                         : "the job will make a checkpoint and end\n");
}

}  // namespace joist::cli
