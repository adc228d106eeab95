// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamGrouping: what groupings of a stream have in common, in one lane. WindowGroups
// (model/window_groups.h) says which group an element belongs to and when a group gives a pane;
// here are the keys, as words or texts, and the panes on their way out. What groups hold is kept by
// the classes derived.

#ifndef JOIST_EXEC_STREAM_GROUPING_H_
#define JOIST_EXEC_STREAM_GROUPING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/exec/changed_keys.h"
#include "joist/exec/erased_grouping.h"
#include "joist/exec/exchange.h"
#include "joist/exec/key_numbers.h"
#include "joist/exec/step.h"
#include "joist/model/window_groups.h"

namespace joist {

class StreamGrouping : public Operator, protected WindowGroups::Owner {
 public:
  /// Keys are words, or texts.
  StreamGrouping(const OperatorContext& context, bool has_words);
  ~StreamGrouping() override;

  void Finish() override;
  void AdvanceWatermark(Timestamp input) override;
  void AdvanceProcessingTime(Timestamp now) override;
  Timestamp hold() const override;
  void Save(SavedState* out) override;
  bool Restore(ByteReader* in, bool is_own) override;
  bool RestoreKey(const SavedKey& key) override;
  void Restored() override;
  OperatorStatus status() const override;

 protected:
  using GroupNumber = WindowGroups::GroupNumber;

  /// To be called for each batch that comes.
  void CountIn(size_t elements);
  /// The groups of `count` elements with the times of `meta`, which isn't sliced; WindowGroups'
  /// kDropped for those that are not to be kept. Valid until the next call. `keys` are those that
  /// it has.
  const GroupNumber* Place(const uint64_t* keys, const Meta& meta, size_t count);
  const GroupNumber* Place(const std::string_view* keys, const Meta& meta, size_t count);

  /// Writes what the group holds as row `row` of the next batch; false if there is nothing to give.
  /// `key`, of a word its bytes, is good until PushPanes returns.
  virtual bool WritePane(size_t row, std::string_view key, const WindowGroups::Firing& firing) = 0;
  /// Pushes the rows written, and forgets them.
  virtual void PushPanes(size_t count, const Meta& meta) = 0;

  /// What the group holds, as bytes.
  virtual void SaveGroup(GroupNumber group, std::string* out) = 0;
  virtual bool RestoreGroup(GroupNumber group, ByteReader* in) = 0;

  virtual uint32_t PartitionOf(std::string_view key) const {
    return PartitionOfText(key, has_words_);
  }

  const OperatorContext& context() const { return context_; }

 private:
  void Fire(const WindowGroups::Firing& firing) final;
  void KeyIsGone(WindowGroups::KeyNumber key) final;
  void Changes(WindowGroups::KeyNumber key) final;
  void Flush();
  void CountDropped();
  template <class Call>
  void Guard(Call call);
  const GroupNumber* PlaceNumbers(const Meta& meta, size_t count);
  bool IsKnown(std::string_view text) const;
  /// Of a word its bytes.
  std::string_view TextOf(WindowGroups::KeyNumber key) const;

  OperatorContext context_;
  const bool has_words_;
  WindowGroups groups_;
  KeyNumbers<uint64_t> words_;
  KeyNumbers<std::string> texts_;
  std::vector<WindowGroups::KeyNumber> numbers_;
  std::vector<GroupNumber> places_;
  ChangedKeys changed_;       ///< Where there are checkpoints.
  int64_t counted_late_ = 0;  ///< Of those dropped, what the metrics have.
  int64_t counted_closed_ = 0;
  size_t rows_ = 0;  ///< Written and not pushed.
  Arena row_keys_;
  std::vector<Timestamp> timestamps_;
  std::vector<Window> windows_;
  std::vector<PaneInfo> panes_;
};

/// Keys of type K as words or texts, and back.
template <class K>
class ErasedKeys {
  using Erased = View<typename ErasedKey<K>::Type>;

 public:
  static constexpr bool kAreWords = ErasedKey<K>::kIsWord;

  /// Valid until the next call, or as long as the batch.
  const Erased* Of(const ColumnView<K>& keys, size_t count) {
    arena_.Reset();
    erased_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      erased_[i] = ErasedKey<K>::Erase(keys[i], &scratch_, arena_);
    }
    return erased_.data();
  }
  /// The key of row `row`; refers to `text`, or to a place that is kept for the row.
  View<K> Restore(size_t row, std::string_view text) {
    if (own_ == nullptr) own_ = std::make_unique<K[]>(kBatchSize);
    if constexpr (ErasedKey<K>::kIsWord) {
      uint64_t word;
      std::memcpy(&word, text.data(), sizeof(word));
      return ErasedKey<K>::Restore(word, nullptr);
    } else {
      return ErasedKey<K>::Restore(text, &own_[row]);
    }
  }

 private:
  Arena arena_;
  std::string scratch_;
  std::vector<Erased> erased_;
  std::unique_ptr<K[]> own_;
};

}  // namespace joist

#endif  // JOIST_EXEC_STREAM_GROUPING_H_
