// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The Read and ReadAll transforms of the connectors, made of a Format
// (joist/io/files/file_source.h) that also has
//
//   static constexpr std::string_view kRead = "csv::Read", kReadAll = "csv::ReadAll";
//   static constexpr bool kFindsBadRecords;   // Whether Reader::Open heeds `bad`.
//   // Says in one static_assert what is wrong with Element; true if nothing is.
//   static consteval bool Check();
//   // What both transforms can be told besides that of ReadOptions, with Changed().
//   template <class Self> class Options : public ReadOptions<Self, Format>;

#ifndef JOIST_IO_FILES_READ_FILES_H_
#define JOIST_IO_FILES_READ_FILES_H_

#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "joist/io/files/file_source.h"
#include "joist/io/files/settings.h"
#include "joist/io/files/watch.h"
#include "joist/sdk/display_data.h"
#include "joist/sdk/pcollection.h"

namespace joist::files {

/// For static_asserts, which explain a concept that does not hold over many lines.
template <class T>
inline constexpr bool kIsRow = IsRow<T>;

/// What every Read and ReadAll can be told; `Self` is the transform. Each function returns a
/// changed copy.
template <class Self, class Format>
class ReadOptions : public Transform {
 public:
  /// Instead of by the files' names.
  Self WithCompression(Compression compression) const {
    return Changed([&](auto& settings) { settings.compression = compression; });
  }
  /// By default a pattern that matches no file is an error.
  Self WithEmptyMatch(EmptyMatch empty) const {
    return Changed([&](auto& settings) { settings.empty_match = empty; });
  }

  void DisplayData(joist::DisplayData& data) const {
    data.AddIfNotDefault("compressionType", "Compression Type", EnumText(settings_.compression),
                         EnumText(typename Format::Settings().compression));
    data.AddIfNotDefault("emptyMatchTreatment", "Empty Match Treatment",
                         EnumText(settings_.empty_match), EnumText(EmptyMatch::kRefuse));
  }

 protected:
  explicit ReadOptions(const std::source_location& where) : Transform(where) {}
  template <class F>
  Self Changed(F change) const {
    Self changed = static_cast<const Self&>(*this);
    change(changed.settings_);
    return changed;
  }

  typename Format::Settings settings_;
};

/// Read…().WithErrors(): the records as output Main, those that are malformed as output Errors.
template <class Format>
class ReadWithErrors : public Transform {
 public:
  ReadWithErrors(std::string pattern, typename Format::Settings settings,
                 const std::source_location& where)
      : Transform(where), pattern_(std::move(pattern)), settings_(std::move(settings)) {}

  static constexpr std::string_view kKind = Format::kRead;
  auto Expand(const Pipeline& pipeline) const {
    return ReadMatchingWithErrors<Format>(OnePattern(pipeline, pattern_), settings_);
  }

 private:
  std::string pattern_;
  typename Format::Settings settings_;
};

/// Read…().WatchForNewFiles(…): the records of the files that match a pattern, those that are there
/// and those that come (joist/io/files/watch.h); records have their file's timestamp. A file that
/// is gone before it is read is an error, unless WithEmptyMatch(EmptyMatch::kAllow) was said.
template <class Format>
class ReadWatchedFiles : public Transform {
 public:
  ReadWatchedFiles(std::string pattern, typename Format::Settings settings,
                   const WatchSettings& watch, const std::source_location& where)
      : Transform(where),
        pattern_(std::move(pattern)),
        settings_(std::move(settings)),
        watch_(watch) {}

  /// By default records have the time at which their file was found. `delay` is not negative: a
  /// file that appears later than that after its last modification is late.
  ReadWatchedFiles WithModificationTimes(Duration delay) && {
    watch_.modification_delay = delay;
    return std::move(*this);
  }
  /// Gives two outputs: the records as Main, a BadRecord for each that is wrong as Errors.
  auto WithErrors() const
    requires Format::kFindsBadRecords
  {
    return Composite(
        [read = *this](const Pipeline& pipeline) {
          return ReadMatchingWithErrors<Format>(WatchPaths(pipeline, read.pattern_, read.watch_),
                                                read.settings_);
        },
        this->where);
  }

  static constexpr std::string_view kKind = Format::kRead;
  PCollection<typename Format::Element> Expand(const Pipeline& pipeline) const {
    return ReadMatching<Format>(WatchPaths(pipeline, pattern_, watch_), settings_);
  }

 private:
  std::string pattern_;
  typename Format::Settings settings_;
  WatchSettings watch_;
};

/// The records of the files that match a pattern.
template <class Format>
class ReadFiles : public Format::template Options<ReadFiles<Format>> {
  using Base = typename Format::template Options<ReadFiles<Format>>;

 public:
  explicit ReadFiles(std::string pattern,
                     const std::source_location& where = std::source_location::current())
      : Base(where), pattern_(std::move(pattern)) {}

  /// Gives two outputs: the records as Main, a BadRecord for each that is wrong as Errors.
  auto WithErrors() const
    requires Format::kFindsBadRecords
  {
    if constexpr (Format::Check()) {
      return ReadWithErrors<Format>(pattern_, this->settings_, this->where);
    } else {
      return *this;
    }
  }

  /// Looks for files at each `interval` (positive), until `termination`; comes after the other
  /// options. With `match_updated_files` a file that was changed is read once more.
  auto WatchForNewFiles(Duration interval, Termination termination = Termination::Never(),
                        bool match_updated_files = false) const {
    if constexpr (Format::Check()) {
      return ReadWatchedFiles<Format>(
          pattern_, this->settings_, {interval, termination, match_updated_files, {}}, this->where);
    } else {
      return *this;
    }
  }

  void DisplayData(joist::DisplayData& data) const {
    data.Add("filePattern", "File Pattern", pattern_);
    Base::DisplayData(data);
  }
  static constexpr std::string_view kKind = Format::kRead;
  auto Expand(const Pipeline& pipeline) const {
    if constexpr (Format::Check()) {
      return ReadPattern<Format>(pipeline, pattern_, this->settings_);
    } else {
      return PCollection<Invalid>(&pipeline.builder());
    }
  }

 private:
  std::string pattern_;
};

/// The records of the files that match the patterns of a collection. Files are spread over the
/// threads; large ones by pieces of 64 MB.
template <class Format>
class ReadAllFiles : public Format::template Options<ReadAllFiles<Format>> {
  using Base = typename Format::template Options<ReadAllFiles<Format>>;

 public:
  explicit ReadAllFiles(const std::source_location& where = std::source_location::current())
      : Base(where) {}

  /// Gives two outputs: the records as Main, a BadRecord for each that is wrong as Errors.
  auto WithErrors() const
    requires Format::kFindsBadRecords
  {
    if constexpr (Format::Check()) {
      return Composite(
          [settings = this->settings_](const PCollection<std::string>& patterns) {
            return ReadMatchingWithErrors<Format>(patterns, settings);
          },
          this->where);
    } else {
      return *this;
    }
  }

  static constexpr std::string_view kKind = Format::kReadAll;
  auto Expand(const PCollection<std::string>& patterns) const {
    if constexpr (Format::Check()) {
      return ReadMatching<Format>(patterns, this->settings_);
    } else {
      return PCollection<Invalid>(&patterns.builder());
    }
  }
};

}  // namespace joist::files

#endif  // JOIST_IO_FILES_READ_FILES_H_
