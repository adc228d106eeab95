// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/kept_failure.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "joist/engine/disk.h"
#include "joist/engine/packed_block.h"
#include "joist/model/wire.h"

namespace joist {
namespace {

constexpr std::string_view kFailureMagic = "JOISTFL1";
constexpr std::string_view kFailureName = "failure-";
constexpr size_t kReadOfFileAtOnce = size_t{1} << 20;

void PutText(std::string_view text, std::string* out) { PutBytes(text, out, /*nested=*/true); }

bool TakeText(ByteReader* in, std::string* text) {
  std::string_view bytes;
  if (!in->TakeBytes(&bytes, /*nested=*/true)) return false;
  *text = bytes;
  return true;
}

template <class Texts>
void PutTexts(const Texts& texts, std::string* out) {
  PutVarint(texts.size(), out);
  for (const std::string& text : texts) PutText(text, out);
}

/// Each takes a byte at the least, so nothing is made that the bytes don't pay for.
template <class Texts>
bool TakeTexts(ByteReader* in, Texts* texts) {
  uint64_t count;
  if (!in->TakeVarint(&count)) return false;
  texts->clear();
  for (; count > 0; --count) {
    if (!TakeText(in, &texts->emplace_back())) return false;
  }
  return true;
}

void PutBundle(const KeptBundle& bundle, std::string* out) {
  PutText(bundle.whole, out);
  PutText(bundle.keys, out);
  for (const uint64_t count : {bundle.key_count, bundle.elements, bundle.lost_elements}) {
    PutVarint(count, out);
  }
  PutByte(bundle.lacks_keys ? 1 : 0, out);
  PutByte(bundle.has_clocks ? 1 : 0, out);
  PutInstant(bundle.processing_time.millis, out);
  PutInstant(bundle.watermark.millis, out);
  PutTexts(bundle.side_inputs, out);
  PutTexts(bundle.batches, out);
}

bool TakeBundle(ByteReader* in, KeptBundle* bundle) {
  uint8_t lacks_keys;
  uint8_t has_clocks;
  if (!TakeText(in, &bundle->whole) || !TakeText(in, &bundle->keys) ||
      !in->TakeVarint(&bundle->key_count) || !in->TakeVarint(&bundle->elements) ||
      !in->TakeVarint(&bundle->lost_elements) || !in->TakeByte(&lacks_keys) ||
      !in->TakeByte(&has_clocks) || !in->TakeInstant(&bundle->processing_time.millis) ||
      !in->TakeInstant(&bundle->watermark.millis)) {
    return false;
  }
  bundle->lacks_keys = lacks_keys != 0;
  bundle->has_clocks = has_clocks != 0;
  return TakeTexts(in, &bundle->side_inputs) && TakeTexts(in, &bundle->batches);
}

/// A number of six digits or more; 0 where the name is another's.
uint64_t NumberOf(std::string_view name) {
  if (!name.starts_with(kFailureName)) return 0;
  name.remove_prefix(kFailureName.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() && name.size() >= 6 ? number : 0;
}

std::string NameOfFailure(uint64_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, 6 - std::min<size_t>(digits.size(), 6), '0');
  return std::string(kFailureName) + digits;
}

Result<std::vector<uint64_t>> NumbersIn(const std::string& directory) {
  std::vector<std::string> names;
  if (!SystemDisk()->List(directory, &names)) {
    return FromErrno(errno, "cannot read the folder " + directory);
  }
  std::vector<uint64_t> numbers;
  for (const std::string& name : names) {
    if (const uint64_t number = NumberOf(name); number > 0) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Status MakeOwnFolder(const std::string& directory) {
  const std::filesystem::path parent = std::filesystem::path(directory).parent_path();
  if (!parent.empty() && !SystemDisk()->MakeDirectories(parent.string())) {
    return FromErrno(errno, "cannot make the folder " + parent.string());
  }
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return FromErrno(errno, "cannot make the folder " + directory);
  }
  return OkStatus();
}

/// A new file that its owner alone may read.
Status WriteOwnFile(const std::string& path, std::string_view head, std::string_view content) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return FromErrno(errno, "cannot write " + path);
  int failed = 0;
  for (std::string_view bytes : {head, content}) {
    while (!bytes.empty() && failed == 0) {
      const ssize_t written = write(file, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) failed = errno;
      if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
    }
  }
  if (failed == 0 && fsync(file) != 0) failed = errno;
  close(file);
  return failed == 0 ? OkStatus() : FromErrno(failed, "cannot write " + path);
}

/// Not in place of a file that is there: then false.
Result<bool> GiveName(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST) return false;
  if (errno == EINVAL || errno == ENOSYS) {  // A file system that cannot say so.
    if (link(from.c_str(), to.c_str()) == 0) {
      unlink(from.c_str());
      return true;
    }
    if (errno == EEXIST) return false;
  }
  return FromErrno(errno, "cannot write " + to);
}

Result<std::string> ReadWholeFile(const std::string& path) {
  const auto file = SystemDisk()->Open(path);
  if (file == nullptr) return FromErrno(errno, "cannot read " + path);
  std::string bytes;
  for (size_t got = 1; got > 0;) {
    const size_t before = bytes.size();
    if (before > kMostKeptBytes) return DataLoss(path + " is too large for a kept failure");
    bytes.resize(before + kReadOfFileAtOnce);
    if (!file->Read(bytes.data() + before, kReadOfFileAtOnce, &got)) {
      return FromErrno(errno, "cannot read " + path);
    }
    bytes.resize(before + got);
  }
  return bytes;
}

std::string LinkAt(const char* path) {
  std::error_code error;
  std::string to = std::filesystem::read_symlink(path, error).string();
  constexpr std::string_view kReplaced = " (deleted)";
  if (to.ends_with(kReplaced)) to.resize(to.size() - kReplaced.size());
  return error ? std::string() : to;
}

}  // namespace

ProgramStart StartOfThisProgram() {
  ProgramStart start;
  start.program = LinkAt("/proc/self/exe");
  start.folder = LinkAt("/proc/self/cwd");
  const Result<std::string> line = ReadWholeFile("/proc/self/cmdline");
  for (size_t begin = 0; line.ok() && begin < line->size();) {
    start.arguments.emplace_back(line->c_str() + begin);
    begin += start.arguments.back().size() + 1;
  }
  return start;
}

std::string EncodeKeptFailure(const KeptFailure& failure) {
  std::string bytes;
  PutInstant(failure.made_at.millis, &bytes);
  PutText(failure.start.program, &bytes);
  PutText(failure.start.folder, &bytes);
  PutTexts(failure.start.arguments, &bytes);
  PutText(failure.job_name, &bytes);
  PutBigEndian64(failure.fingerprint, &bytes);
  PutByte(failure.is_stream ? 1 : 0, &bytes);
  PutText(failure.step, &bytes);
  PutText(failure.error, &bytes);
  PutText(failure.element, &bytes);
  PutVarint(static_cast<uint64_t>(failure.attempts), &bytes);
  PutBundle(failure.bundle, &bytes);
  return bytes;
}

bool DecodeKeptFailure(std::string_view bytes, KeptFailure* failure) {
  ByteReader in(bytes);
  uint8_t is_stream;
  uint64_t attempts;
  if (!in.TakeInstant(&failure->made_at.millis) || !TakeText(&in, &failure->start.program) ||
      !TakeText(&in, &failure->start.folder) || !TakeTexts(&in, &failure->start.arguments) ||
      !TakeText(&in, &failure->job_name) || !in.TakeBigEndian64(&failure->fingerprint) ||
      !in.TakeByte(&is_stream) || !TakeText(&in, &failure->step) ||
      !TakeText(&in, &failure->error) || !TakeText(&in, &failure->element) ||
      !in.TakeVarint(&attempts) || attempts > INT32_MAX || !TakeBundle(&in, &failure->bundle)) {
    return false;
  }
  failure->is_stream = is_stream != 0;
  failure->attempts = static_cast<int>(attempts);
  return in.remaining() == 0;
}

Result<std::string> KeepFailure(const std::string& directory, const KeptFailure& failure) {
  const std::string plain = EncodeKeptFailure(failure);
  if (plain.size() > kMostKeptBytes) {
    return Status(StatusCode::kResourceExhausted,
                  "it has " + std::to_string(plain.size()) + " bytes, which is too much");
  }
  JOIST_RETURN_IF_ERROR(MakeOwnFolder(directory));
  JOIST_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, NumbersIn(directory));
  if (numbers.size() >= kMostKeptFailures) {
    return Status(StatusCode::kResourceExhausted, "the folder " + directory + " has " +
                                                      std::to_string(numbers.size()) +
                                                      " already; remove some");
  }
  BlockPacker packer;
  JOIST_ASSIGN_OR_RETURN(const std::string_view packed, packer.Pack(plain));
  const std::string unfinished = directory + "/unfinished-" + std::to_string(getpid());
  Status status = WriteOwnFile(unfinished, kFailureMagic, packed);
  for (uint64_t number = numbers.empty() ? 1 : numbers.back() + 1; status.ok(); ++number) {
    const std::string path = directory + "/" + NameOfFailure(number);
    const Result<bool> named = GiveName(unfinished, path);
    if (!named.ok()) status = named.status();
    if (!named.ok() || !*named) continue;
    SystemDisk()->SyncNames(directory);
    return path;
  }
  unlink(unfinished.c_str());
  return status;
}

Result<KeptFailure> ReadKeptFailure(const std::string& path) {
  JOIST_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(path));
  const auto damaged = [&](std::string_view how) {
    return DataLoss("the kept failure " + path + " is damaged: " + std::string(how));
  };
  if (!bytes.starts_with(kFailureMagic)) return DataLoss(path + " is no kept failure");
  std::string plain;
  const std::string_view packed = std::string_view(bytes).substr(kFailureMagic.size());
  if (const char* const wrong = BlockUnpacker().Unpack(packed, kMostKeptBytes, &plain)) {
    return damaged(wrong);
  }
  KeptFailure failure;
  if (!DecodeKeptFailure(plain, &failure)) return damaged("what it says makes no sense");
  return failure;
}

Result<std::vector<std::string>> KeptFailuresIn(const std::string& directory) {
  JOIST_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, NumbersIn(directory));
  std::vector<std::string> paths;
  for (const uint64_t number : numbers) paths.push_back(directory + "/" + NameOfFailure(number));
  return paths;
}

}  // namespace joist
