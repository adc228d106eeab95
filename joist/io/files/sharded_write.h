// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Writing a collection of records into shards (joist/io/files/shards.h): what the connectors' Write
// transforms have in common. Records are strings here, whose pieces can be put behind each other;
// how an element becomes one is the connector's business.

#ifndef JOIST_IO_FILES_SHARDED_WRITE_H_
#define JOIST_IO_FILES_SHARDED_WRITE_H_

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "joist/io/files/compression.h"
#include "joist/io/files/shards.h"
#include "joist/model/fields.h"
#include "joist/sdk/display_data.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/pcollection.h"

namespace joist::files {

/// Writes each record into a shard. The result holds the files' names.
PCollection<std::string> WriteSharded(const PCollection<std::string>& records,
                                      WriteSettings settings, bool validate,
                                      const std::source_location& where);

/// The same for each destination, which is the key. It may name folders ("2026/11/sales"), which
/// are made. One shard each unless settings say otherwise.
PCollection<std::string> WriteByKey(const PCollection<KV<std::string, std::string>>& records,
                                    WriteSettings settings, bool validate,
                                    const std::source_location& where);

/// The records of KVs' values. Format has Append(value, std::string* record).
template <class T, class Format>
struct FormatValues {
  Format format;
  std::string record;

  void Process(const View<KV<std::string, T>>& element, Emit<KV<std::string, std::string>> emit) {
    record.clear();
    format.Append(element.value, &record);
    emit(KV<std::string_view, std::string_view>{element.key, record});
  }
};
template <class T, class Format>
constexpr FieldList<FormatValues<T, Format>, &FormatValues<T, Format>::format> JoistFields(
    const FormatValues<T, Format>*) {
  return {"FormatValues", {"format"}};
}

/// What every Write transform can be told; `Self` is the transform. Each function returns a changed
/// copy.
template <class Self>
class WriteTransform : public Transform {
 public:
  /// ".txt", say. A suffix .gz, .zst or .bz2 asks for compression.
  Self WithSuffix(std::string suffix) const {
    return Changed([&](WriteSettings& settings) { settings.suffix = std::move(suffix); });
  }
  /// How many files; by default each thread writes one. Of a destination, or of a window's pane,
  /// there is one by default.
  Self WithNumShards(int32_t shards) const {
    return Changed([&](WriteSettings& settings) {
      settings.shards = shards;
      settings.without_sharding = false;  // Names without a number would be the same.
    });
  }
  /// One file, whose name is the prefix and the suffix; one for each pane with windows.
  Self WithoutSharding() const {
    return Changed([](WriteSettings& settings) {
      settings.shards = 1;
      settings.without_sharding = true;
    });
  }
  /// Each pane of each window becomes files of its own as soon as it is complete, in a batch and in
  /// a stream; joist/io/files/windowed_files.h says what they are called. A pane without elements
  /// has none. Otherwise windows play no part, files are complete when the input ends, and a
  /// collection without end is refused.
  Self WithWindowedWrites() const {
    return Changed([](WriteSettings& settings) { settings.windowed = true; });
  }
  /// Compresses, and puts .gz, .zst or .bz2 behind the suffix unless it is there.
  Self WithCompression(Compression compression) const {
    return Changed([&](WriteSettings& settings) { settings.compression = compression; });
  }
  /// Doesn't look, while the pipeline is being built, whether the folder is there and writable.
  Self WithoutValidation() const {
    Self changed = static_cast<const Self&>(*this);
    changed.validate_ = false;
    return changed;
  }

  void DisplayData(joist::DisplayData& data) const {
    data.Add("filePrefix", "Output File Prefix", settings_.prefix)
        .AddIfNotDefault("fileSuffix", "Output File Suffix", settings_.suffix, "")
        .AddIfNotDefault("numShards", "Maximum Output Shards", settings_.shards, 0)
        .AddIfNotDefault("windowedWrites", "Perform Windowed Writes", settings_.windowed, false)
        .AddIfNotDefault("compressionType", "Compression Type", EnumText(settings_.compression),
                         EnumText(Compression::kAuto));
  }

 protected:
  WriteTransform(std::string prefix, const std::source_location& where) : Transform(where) {
    settings_.prefix = std::move(prefix);
  }
  template <class F>
  Self Changed(F change) const {
    Self changed = static_cast<const Self&>(*this);
    change(changed.settings_);
    return changed;
  }
  PCollection<std::string> WriteRecords(const PCollection<std::string>& records) const {
    return WriteSharded(records, settings_, validate_, where);
  }
  PCollection<std::string> WriteRecords(
      const PCollection<KV<std::string, std::string>>& records) const {
    return WriteByKey(records, settings_, validate_, where);
  }

  WriteSettings settings_;
  bool validate_ = true;
};

}  // namespace joist::files

#endif  // JOIST_IO_FILES_SHARDED_WRITE_H_
