// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/topic_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace joist::store {
namespace {

constexpr uint64_t kPositionEvery = 64 << 10;
constexpr size_t kScanBytes = 1 << 20;
constexpr std::string_view kSuffix = ".log";
constexpr size_t kDigits = 20;

Status DiskError(int error, const std::string& what) {
  Status status = FromErrno(error, what);
  const bool is_full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return is_full ? Status(StatusCode::kResourceExhausted, status.message()) : status;
}

Status SyncFolder(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return FromErrno(errno, "cannot open " + folder);
  const int result = fsync(descriptor);
  const int error = errno;
  close(descriptor);
  return result == 0 ? OkStatus() : DiskError(error, "cannot sync " + folder);
}

}  // namespace

struct TopicFiles::File {
  explicit File(int opened) : descriptor(opened) {}
  ~File() { close(descriptor); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// Reads up to `size` bytes; less only at the end of the file.
  Status Read(uint64_t at, size_t size, std::string* bytes) const {
    bytes->resize(size);
    size_t done = 0;
    while (done < size) {
      const ssize_t got =
          pread(descriptor, bytes->data() + done, size - done, static_cast<off_t>(at + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FromErrno(errno, "cannot read a segment of the log");
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    bytes->resize(done);
    return OkStatus();
  }

  const int descriptor;
};

TopicFiles::~TopicFiles() = default;

Result<std::unique_ptr<TopicFiles>> TopicFiles::Open(std::string folder, size_t segment_bytes) {
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(folder, error);
  if (error) return DiskError(error.value(), "cannot create " + folder);
  if (is_new) {  // The folder itself must be there after a power failure.
    const std::filesystem::path above = std::filesystem::path(folder).parent_path();
    JOIST_RETURN_IF_ERROR(SyncFolder(above));
    JOIST_RETURN_IF_ERROR(SyncFolder(above.parent_path()));
  }
  std::unique_ptr<TopicFiles> files(new TopicFiles(std::move(folder), segment_bytes));
  JOIST_RETURN_IF_ERROR(files->List());
  if (files->segments_.empty()) {
    JOIST_RETURN_IF_ERROR(files->AddSegment(0));
  } else {
    JOIST_RETURN_IF_ERROR(files->RecoverLast());
  }
  return files;
}

std::string TopicFiles::PathOf(uint64_t begin) const {
  const std::string digits = std::to_string(begin);
  return folder_ + "/" + std::string(kDigits - digits.size(), '0') + digits + std::string(kSuffix);
}

Status TopicFiles::List() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename();
    Segment segment;
    const auto parsed = std::from_chars(name.data(), name.data() + kDigits, segment.begin);
    if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix) ||
        parsed.ec != std::errc() || parsed.ptr != name.data() + kDigits) {
      return DataLoss(entry.path().string() + " is no segment of a log; move it away");
    }
    segment.size = entry.file_size(error);
    if (error) break;
    segments_.push_back(std::move(segment));
  }
  if (error) return FromErrno(error.value(), "cannot list " + folder_);
  std::sort(segments_.begin(), segments_.end(),
            [](const Segment& a, const Segment& b) { return a.begin < b.begin; });
  for (const Segment& segment : segments_) bytes_ += segment.size;
  return OkStatus();
}

Status TopicFiles::RecoverLast() {
  Segment& last = segments_.back();
  JOIST_RETURN_IF_ERROR(OpenFile(&last));
  uint64_t at = 0;
  end_ = last.begin;
  std::string bytes;
  for (bool is_sound = true; is_sound && at < last.size;) {
    size_t want = kScanBytes;
    JOIST_RETURN_IF_ERROR(last.file->Read(at, want, &bytes));
    if (const auto header = FrameHeader::Decode(bytes); header && header->frame_size() > want) {
      want = std::min<uint64_t>(header->frame_size(), last.size - at);
      JOIST_RETURN_IF_ERROR(last.file->Read(at, want, &bytes));
    }
    std::string_view left = bytes;
    is_sound = false;
    while (const auto header = FrameHeader::Decode(left)) {
      if (header->frame_size() > left.size() || header->first_offset != end_ ||
          Crc32c(left.substr(sizeof(FrameHeader), header->payload_size)) !=
              header->payload_checksum) {
        break;
      }
      AddPosition(*header, at, &last);
      last_micros_ = header->publish_micros;
      end_ = header->end_offset();
      at += header->frame_size();
      left.remove_prefix(header->frame_size());
      is_sound = true;
    }
  }
  last.is_indexed = true;
  if (at < last.size) {
    JOIST_RETURN_IF_ERROR(CheckTail(last, at));
    // What was not answered when the program ended; the disk must not bring it back later.
    if (ftruncate(last.file->descriptor, static_cast<off_t>(at)) != 0 ||
        fdatasync(last.file->descriptor) != 0) {
      return DiskError(errno, "cannot cut " + PathOf(last.begin));
    }
    bytes_ -= last.size - at;
    last.size = at;
  }
  if (segments_.size() > 1 && last.positions.empty()) {
    // Nothing tells the last time here: it is that of the segment before.
    const size_t before = segments_.size() - 2;
    JOIST_RETURN_IF_ERROR(Index(before));
    const auto block = Read(end_ - 1, 1);
    if (!block.ok()) return block.status();
    last_micros_ = block.value()->at(end_ - 1).publish_micros;
  }
  return OkStatus();
}

Status TopicFiles::CheckTail(const Segment& last, uint64_t at) const {
  uint64_t expected = end_;
  std::string bytes;
  uint64_t bytes_at = at;
  for (uint64_t from = at; from + sizeof(FrameHeader) <= last.size;) {
    if (from + sizeof(FrameHeader) > bytes_at + bytes.size()) {
      JOIST_RETURN_IF_ERROR(last.file->Read(from, kScanBytes, &bytes));
      bytes_at = from;
    }
    const std::string_view left = std::string_view(bytes).substr(from - bytes_at);
    const size_t found = FrameHeader::Find(left);
    if (found == std::string_view::npos) {
      from += left.size() - sizeof(FrameHeader) + 1;
      continue;
    }
    from += found;
    const FrameHeader header = *FrameHeader::Decode(left.substr(found));
    // Bytes within a message may look like a frame, but hardly like one that can be here.
    const bool is_near = header.first_offset >= end_ &&
                         header.first_offset - end_ <= (from - at) / MessageView::kHeader;
    bool is_whole = false;
    if (is_near || from == at) {
      JOIST_ASSIGN_OR_RETURN(is_whole, IsWhole(last, from, header));
    }
    if (is_whole && (from == at || header.durable_before() > end_)) {
      return DataLoss(PathOf(last.begin) + " is damaged at byte " + std::to_string(at) +
                      " (message " + std::to_string(end_) +
                      "), and whole messages follow; restore the file, or give them up: truncate "
                      "-s " +
                      std::to_string(at) + " FILE");
    }
    const bool is_skipped = header.first_offset == expected || is_whole;
    if (is_skipped) expected = header.end_offset();
    from += is_skipped ? header.frame_size() : 1;
  }
  return OkStatus();
}

Result<bool> TopicFiles::IsWhole(const Segment& segment, uint64_t at, const FrameHeader& header) {
  if (header.frame_size() > segment.size - at) return false;
  std::string payload;
  JOIST_RETURN_IF_ERROR(
      segment.file->Read(at + sizeof(FrameHeader), header.payload_size, &payload));
  return Crc32c(payload) == header.payload_checksum;
}

Status TopicFiles::AddSegment(uint64_t begin) {
  const std::string path = PathOf(begin);
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return DiskError(errno, "cannot create " + path);
  Segment segment;
  segment.begin = begin;
  segment.file = std::make_shared<File>(descriptor);
  segment.is_indexed = true;
  JOIST_RETURN_IF_ERROR(SyncFolder(folder_));
  const std::lock_guard lock(mutex_);
  // Old segments are read now and then; the next reader opens them.
  if (!segments_.empty()) segments_.back().file.reset();
  segments_.push_back(std::move(segment));
  return OkStatus();
}

void TopicFiles::AddPosition(const FrameHeader& header, uint64_t at, Segment* segment) {
  if (!segment->positions.empty() && at - segment->positions.back().at < kPositionEvery) return;
  segment->positions.push_back({header.first_offset, at, header.publish_micros});
}

Result<uint64_t> TopicFiles::Append(std::span<PublishBatch* const> batches, int64_t now_micros) {
  if (Last().size >= segment_bytes_) JOIST_RETURN_IF_ERROR(AddSegment(end_));
  const uint64_t first = end_;
  uint64_t next = end_;
  last_micros_ = std::max(last_micros_, now_micros);
  for (PublishBatch* batch : batches) {
    batch->Stamp(next, last_micros_, static_cast<uint32_t>(next - first));
    next += batch->count();
  }
  const Segment& last = Last();
  if (Status status = Write(batches); !status.ok()) {
    // Readers never saw it. Should cutting fail too, the next write overwrites it.
    if (ftruncate(last.file->descriptor, static_cast<off_t>(last.size)) != 0) {
      status = {status.code(), status.message() + "; nor could it be cut off"};
    }
    return status;
  }
  Publish(batches, next);
  return first;
}

Status TopicFiles::Write(std::span<PublishBatch* const> batches) {
  const Segment& last = Last();
  std::vector<iovec> parts;
  parts.reserve(batches.size());
  for (const PublishBatch* batch : batches) {
    parts.push_back({const_cast<char*>(batch->bytes().data()), batch->bytes().size()});
  }
  uint64_t at = last.size;
  for (size_t part = 0; part < parts.size();) {
    const int count = static_cast<int>(std::min<size_t>(parts.size() - part, IOV_MAX));
    const ssize_t written =
        pwritev(last.file->descriptor, &parts[part], count, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      return DiskError(written < 0 ? errno : ENOSPC, "cannot write " + PathOf(last.begin));
    }
    at += static_cast<uint64_t>(written);
    auto left = static_cast<size_t>(written);
    for (; part < parts.size() && left >= parts[part].iov_len; ++part) left -= parts[part].iov_len;
    if (left > 0) {
      parts[part].iov_base = static_cast<char*>(parts[part].iov_base) + left;
      parts[part].iov_len -= left;
    }
  }
  if (fdatasync(last.file->descriptor) != 0) {
    return DiskError(errno, "cannot sync " + PathOf(last.begin));
  }
  return OkStatus();
}

void TopicFiles::Publish(std::span<PublishBatch* const> batches, uint64_t end) {
  const std::lock_guard lock(mutex_);
  Segment& last = segments_.back();
  for (const PublishBatch* batch : batches) {
    AddPosition(*FrameHeader::Decode(batch->bytes().substr(0, sizeof(FrameHeader))), last.size,
                &last);
    last.size += batch->size();
    bytes_ += batch->size();
  }
  end_ = end;
}

uint64_t TopicFiles::begin() const {
  const std::lock_guard lock(mutex_);
  return segments_.front().begin;
}

uint64_t TopicFiles::end() const {
  const std::lock_guard lock(mutex_);
  return end_;
}

uint64_t TopicFiles::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

TopicFiles::Segment& TopicFiles::Last() const {
  const std::lock_guard lock(mutex_);
  return segments_.back();
}

Status TopicFiles::OpenFile(Segment* segment) const {
  if (segment->file != nullptr) return OkStatus();
  const std::string path = PathOf(segment->begin);
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return FromErrno(errno, "cannot open " + path);
  segment->file = std::make_shared<File>(descriptor);
  return OkStatus();
}

Status TopicFiles::Corrupt(const Segment& segment, uint64_t at) const {
  return DataLoss(PathOf(segment.begin) + " is not what was written, at byte " +
                  std::to_string(at) + "; seek the subscription past it");
}

Status TopicFiles::Index(size_t number) const {
  Segment& segment = segments_[number];
  JOIST_RETURN_IF_ERROR(OpenFile(&segment));
  if (segment.is_indexed) return OkStatus();
  const uint64_t end = number + 1 < segments_.size() ? segments_[number + 1].begin : end_;
  segment.positions.clear();
  std::string bytes;
  uint64_t next = segment.begin;
  for (uint64_t at = 0; at < segment.size;) {
    JOIST_RETURN_IF_ERROR(segment.file->Read(at, sizeof(FrameHeader), &bytes));
    const auto header = FrameHeader::Decode(bytes);
    if (!header || header->first_offset != next) return Corrupt(segment, at);
    AddPosition(*header, at, &segment);
    next = header->end_offset();
    at += header->frame_size();
    if (at > segment.size) return Corrupt(segment, at);
  }
  if (next != end) return Corrupt(segment, segment.size);
  segment.is_indexed = true;
  return OkStatus();
}

Result<std::shared_ptr<const MessageBlock>> TopicFiles::Read(uint64_t offset, size_t bytes) const {
  std::shared_ptr<File> file;
  Segment segment;  // Without its positions.
  uint64_t at = 0;
  {
    const std::lock_guard lock(mutex_);
    if (offset < segments_.front().begin || offset >= end_) {
      return Status(StatusCode::kOutOfRange,
                    "message " + std::to_string(offset) + " is not (or no more) in " + folder_);
    }
    const auto after = std::upper_bound(
        segments_.begin(), segments_.end(), offset,
        [](uint64_t wanted, const Segment& other) { return wanted < other.begin; });
    const auto number = static_cast<size_t>(after - segments_.begin() - 1);
    JOIST_RETURN_IF_ERROR(Index(number));
    const Segment& found = segments_[number];
    segment.begin = found.begin;
    segment.size = found.size;
    file = found.file;
    const auto position = std::upper_bound(
        found.positions.begin(), found.positions.end(), offset,
        [](uint64_t wanted, const Position& other) { return wanted < other.offset; });
    if (position == found.positions.begin()) return Corrupt(segment, 0);
    at = std::prev(position)->at;
  }

  auto block = std::make_shared<MessageBlock>();
  std::string& buffer = block->bytes_;
  const uint64_t start = at;
  // The frame that is asked for lies within kPositionEvery of the position, unless it is long.
  const size_t want = std::min<uint64_t>(bytes + kPositionEvery, segment.size - at);
  JOIST_RETURN_IF_ERROR(file->Read(at, want, &buffer));
  std::string_view left = buffer;
  std::optional<FrameHeader> header;
  while ((header = FrameHeader::Decode(left)) && header->end_offset() <= offset &&
         header->frame_size() <= left.size()) {
    left.remove_prefix(header->frame_size());
    at += header->frame_size();
  }
  if (!header || header->frame_size() > left.size()) {
    // Cut by the end of what was read: once more from here, whole.
    JOIST_RETURN_IF_ERROR(
        file->Read(at, std::min<uint64_t>(kScanBytes, segment.size - at), &buffer));
    header = FrameHeader::Decode(buffer);
    while (header && header->end_offset() <= offset) {
      at += header->frame_size();
      JOIST_RETURN_IF_ERROR(
          file->Read(at, std::min<uint64_t>(kScanBytes, segment.size - at), &buffer));
      header = FrameHeader::Decode(buffer);
    }
    if (!header || header->frame_size() > segment.size - at) return Corrupt(segment, at);
    if (header->frame_size() > buffer.size()) {
      JOIST_RETURN_IF_ERROR(file->Read(at, header->frame_size(), &buffer));
    }
    left = buffer;
  } else if (at != start) {
    buffer.erase(0, at - start);
    left = buffer;
  }

  block->begin_ = header->first_offset;
  size_t taken = 0;
  for (; header && header->frame_size() <= left.size() &&
         (taken == 0 || taken + header->frame_size() <= bytes);
       header = FrameHeader::Decode(left)) {
    std::string_view payload = left.substr(sizeof(FrameHeader), header->payload_size);
    if (header->first_offset != block->end() || Crc32c(payload) != header->payload_checksum) {
      if (taken > 0) break;
      return Corrupt(segment, at);
    }
    for (uint32_t i = 0; i < header->count; ++i) {
      size_t size = 0;
      const auto view = MessageView::Decode(payload, &size);
      if (!view) return Corrupt(segment, at);
      block->messages_.push_back({*view, header->publish_micros});
      payload.remove_prefix(size);
    }
    taken += header->frame_size();
    left.remove_prefix(header->frame_size());
  }
  if (!block->Contains(offset)) return Corrupt(segment, at);
  return std::shared_ptr<const MessageBlock>(std::move(block));
}

Result<uint64_t> TopicFiles::OffsetAt(int64_t micros) const {
  uint64_t from = 0;
  uint64_t end = 0;
  {
    const std::lock_guard lock(mutex_);
    end = end_;
    // The last segment that begins before the time; its last position that does.
    size_t low = 0;
    size_t high = segments_.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      JOIST_RETURN_IF_ERROR(Index(middle));
      const Segment& segment = segments_[middle];
      if (!segment.positions.empty() && segment.positions.front().micros < micros) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low == 0) return segments_.front().begin;
    const Segment& segment = segments_[low - 1];
    const auto after = std::lower_bound(
        segment.positions.begin(), segment.positions.end(), micros,
        [](const Position& position, int64_t wanted) { return position.micros < wanted; });
    from = std::prev(after)->offset;
  }
  while (from < end) {
    auto block = Read(from, kPositionEvery);
    if (!block.ok()) return block.status();
    const MessageBlock& messages = *block.value();
    for (; from < messages.end(); ++from) {
      if (messages.at(from).publish_micros >= micros) return from;
    }
  }
  return end;
}

Status TopicFiles::DropBefore(uint64_t offset) {
  std::vector<std::string> paths;
  {
    const std::lock_guard lock(mutex_);
    size_t count = 0;
    while (count + 1 < segments_.size() && segments_[count + 1].begin <= offset) {
      paths.push_back(PathOf(segments_[count].begin));
      bytes_ -= segments_[count].size;
      ++count;
    }
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  for (const std::string& path : paths) {
    if (unlink(path.c_str()) != 0) return FromErrno(errno, "cannot remove " + path);
  }
  return OkStatus();
}

void TopicFiles::Remove() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace joist::store
