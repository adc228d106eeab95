// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/bundle_record.h"

#include "joist/exec/saved_element.h"

namespace joist {
namespace {

// Of a batch.
constexpr uint8_t kHasTimestamps = 1;
constexpr uint8_t kHasWindows = 2;
constexpr uint8_t kHasPanes = 4;
constexpr uint8_t kIsSliced = 8;

/// What a key takes in a set beside its text, about.
constexpr size_t kKnownKeyBytes = 64;

template <class T>
void EncodeColumn(const SharedColumn<T>& column, size_t count, std::string* out) {
  const size_t values = column.is_constant() ? 1 : count;
  for (size_t i = 0; i < values; ++i) SaveValue(column[i], out);
}

template <class T>
bool DecodeColumn(ByteReader* in, bool has_many, size_t count, std::vector<T>* values,
                  SharedColumn<T>* column) {
  T value;
  values->clear();
  for (size_t i = 0; i < (has_many ? count : 1); ++i) {
    if (!RestoreValue(in, &value)) return false;
    values->push_back(value);
  }
  *column = has_many ? SharedColumn<T>(values->data()) : SharedColumn<T>(value);
  return true;
}

}  // namespace

void BundleRecord::Begin(std::string whole) {
  bundle_ = {};
  bundle_.whole = std::move(whole);
  of_batch_.clear();
  input_bytes_ = 0;
  state_ = {};
  known_.clear();
  known_bytes_ = 0;
}

void BundleRecord::AddBatch(std::string batch, uint64_t elements) {
  input_bytes_ += batch.size();
  bundle_.elements += elements;
  bundle_.batches.push_back(std::move(batch));
  of_batch_.push_back(elements);
  // The last one is what has failed, if one has.
  while (input_bytes_ > most_bytes_ && bundle_.batches.size() > 1) {
    const uint64_t lost = of_batch_[of_batch_.size() - bundle_.batches.size()];
    input_bytes_ -= bundle_.batches.front().size();
    bundle_.batches.pop_front();
    bundle_.elements -= lost;
    bundle_.lost_elements += lost;
  }
}

void BundleRecord::LoseBatch(uint64_t elements) {
  // What is kept is the end of the input, without holes.
  bundle_.lost_elements += bundle_.elements + elements;
  bundle_.elements = 0;
  bundle_.batches.clear();
  input_bytes_ = 0;
}

bool BundleRecord::IsNewKey(std::string_view key) {
  if (bundle_.lacks_keys || !known_.emplace(key).second) return false;
  known_bytes_ += key.size() + kKnownKeyBytes;
  bundle_.lacks_keys = known_bytes_ > most_bytes_;
  return !bundle_.lacks_keys;
}

void BundleRecord::AddKey(uint32_t partition, std::string_view key, std::string_view state) {
  if (state_.keys().size() + key.size() + state.size() > most_bytes_) {
    bundle_.lacks_keys = true;
    return;
  }
  state_.Put(partition, key, state);
  ++bundle_.key_count;
}

void BundleRecord::SetClocks(Timestamp processing_time, Timestamp watermark) {
  bundle_.has_clocks = true;
  bundle_.processing_time = processing_time;
  bundle_.watermark = watermark;
}

KeptBundle BundleRecord::Take() {
  bundle_.keys = state_.TakeKeys();
  return std::move(bundle_);
}

void BatchCode::Encode(const Meta& meta, size_t count, std::string* out) {
  PutVarint(count, out);
  PutByte(static_cast<uint8_t>((meta.timestamps.is_constant() ? 0 : kHasTimestamps) |
                               (meta.windows.is_constant() ? 0 : kHasWindows) |
                               (meta.panes.is_constant() ? 0 : kHasPanes) |
                               (meta.slices_of == nullptr ? 0 : kIsSliced)),
          out);
  EncodeColumn(meta.timestamps, count, out);
  EncodeColumn(meta.windows, count, out);
  EncodeColumn(meta.panes, count, out);
}

bool BatchCode::Decode(ByteReader* in, const WindowFn* sliding) {
  uint64_t size;
  uint8_t has;
  if (!in->TakeVarint(&size) || size > kBatchSize || !in->TakeByte(&has)) return false;
  count = static_cast<size_t>(size);
  const bool is_sliced = (has & kIsSliced) != 0;
  if (is_sliced && sliding == nullptr) return false;
  meta.slices_of = is_sliced ? sliding : nullptr;
  return DecodeColumn(in, (has & kHasTimestamps) != 0, count, &timestamps, &meta.timestamps) &&
         DecodeColumn(in, (has & kHasWindows) != 0, count, &windows, &meta.windows) &&
         DecodeColumn(in, (has & kHasPanes) != 0, count, &panes, &meta.panes);
}

}  // namespace joist
