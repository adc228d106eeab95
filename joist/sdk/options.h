// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Pipeline options: a plain struct whose fields are read from the command line or a JSON file.
//
//   struct WordCountOptions {
//     std::string input = "README.md";
//     std::string output;
//     int top = 10;
//   };
//   JOIST_OPTIONS(WordCountOptions, input,
//                 (output, "Prefix of the files to write", joist::kRequired),
//                 (top, "How many words to show"))
//
// JOIST_OPTIONS stands at namespace scope, in the struct's namespace. A field is a bool, an
// integer, a double, a std::string, a Duration ("90s", "1h30m"), a ByteCount ("2GB"), an
// enumeration with JOIST_ENUM, or a std::optional or std::vector of those. A default in the struct
// is the option's default.
//
// On the command line: --output=x, --output x, --flag, --noflag, --flag=false; dashes, underscores
// and Java's camelCase are one (--temp-location, --temp_location, --tempLocation). Of a value given
// twice the last one counts, as in Beam's Python SDK; a vector takes them all, and splits at commas
// as in Beam's Java SDK. --options_file=FILE.json reads {"name": value, …}; the command line beats
// the file. --help explains every option that the program was linked with.
//
// PipelineOptions is a value: as thread-safe as a std::string. Options structs register themselves
// while the program is loaded; afterwards their list is read-only.

#ifndef JOIST_SDK_OPTIONS_H_
#define JOIST_SDK_OPTIONS_H_

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/fields.h"
#include "joist/model/timestamp.h"

namespace joist {

class DisplayData;

/// Whether an option must be given.
enum OptionPresence : uint8_t { kOptional, kRequired };

/// How values of type T are read and shown. Parse returns false if `text` is not a T; Expected says
/// what would be: "a whole number from 0 to 255".
template <class T>
struct OptionTraits;

/// An amount of memory or disk: "512MB", "2G", "1GiB", "65536". Units are powers of 1,024.
struct ByteCount {
  uint64_t bytes = 0;
  friend bool operator==(ByteCount, ByteCount) = default;
};

namespace options_internal {

template <class T>
std::vector<std::string> RenderAll(const T& value) {
  return {OptionTraits<T>::Render(value)};
}
template <class T>
std::vector<std::string> RenderAll(const std::optional<T>& value) {
  if (!value) return {};
  return {OptionTraits<T>::Render(*value)};
}
template <class T>
std::vector<std::string> RenderAll(const std::vector<T>& values) {
  std::vector<std::string> items;
  for (const auto& value : values) items.push_back(OptionTraits<T>::Render(value));
  return items;
}

}  // namespace options_internal

/// What is known of a field, its type erased.
struct OptionField {
  std::string name;  ///< canonical: snake_case
  const char* help = "";
  OptionPresence presence = kOptional;
  bool is_flag = false;
  bool is_list = false;
  bool is_number = false;
  const char* type = "";
  std::string default_text;
  std::string expected;
  void* target = nullptr;
  /// Whether `text` is a value, or one item of a list.
  bool (*accepts)(std::string_view text) = nullptr;
  bool (*parse)(std::string_view text, void* target) = nullptr;
  /// The values; one unless the field is a list or an empty optional.
  std::vector<std::string> (*render)(const void* target) = nullptr;
  void (*clear)(void* target) = nullptr;

  /// Reads the values as they were given into the target. False if one of them is wrong, which then
  /// stands in `wrong`.
  bool Assign(const std::vector<std::string>& values, std::string* wrong) const;
};

/// Collects the fields of one options struct; the macro calls it.
class OptionFields {
 public:
  template <class T>
  void Add(T& field, const char* name, const char* help = "", OptionPresence presence = kOptional) {
    using Traits = OptionTraits<T>;
    OptionField& added = AddField(name, help, presence);
    added.is_flag = Traits::kFlag;
    added.is_list = Traits::kList;
    added.is_number = Traits::kNumber;
    added.type = Traits::Type();
    added.expected = Traits::Expected();
    added.target = &field;
    added.default_text = Traits::Render(field);
    added.accepts = [](std::string_view text) {
      T value{};
      return Traits::Parse(text, &value);
    };
    added.parse = [](std::string_view text, void* target) {
      return Traits::Parse(text, static_cast<T*>(target));
    };
    added.render = [](const void* target) {
      return options_internal::RenderAll(*static_cast<const T*>(target));
    };
    added.clear = [](void* target) { *static_cast<T*>(target) = T(); };
  }

  const std::vector<OptionField>& list() const { return fields_; }

 private:
  OptionField& AddField(const char* name, const char* help, OptionPresence presence);

  std::vector<OptionField> fields_;
};

namespace options_internal {
/// Adds the fields of a struct declared with JOIST_OPTIONS.
template <class T>
void Describe(T& value, OptionFields& fields) {
  constexpr bool kDeclared = requires { JoistDescribeOptions(value, fields); };
  static_assert(kDeclared,
                "Joist knows no options in this struct; declare its fields with "
                "JOIST_OPTIONS(Type, fields…) in its namespace.");
  if constexpr (kDeclared) JoistDescribeOptions(value, fields);
}
}  // namespace options_internal

/// An options struct, registered when the program is loaded.
class OptionStruct {
 public:
  OptionStruct(const char* name, const char* title, void (*describe)(OptionFields&));
  OptionStruct(const OptionStruct&) = delete;
  OptionStruct& operator=(const OptionStruct&) = delete;

  const char* name() const { return name_; }
  /// The heading in --help; empty for a struct of the user.
  const char* title() const { return title_; }
  const OptionStruct* next() const { return next_; }
  /// The struct's fields with the defaults of a fresh one; their targets are dead.
  OptionFields Defaults() const {
    OptionFields fields;
    describe_(fields);
    return fields;
  }

 private:
  const char* name_;
  const char* title_;
  void (*describe_)(OptionFields&);
  const OptionStruct* next_;
};

/// The options that a program was given.
class PipelineOptions {
 public:
  PipelineOptions() = default;

  /// Reads the arguments after the program's name. Refuses an unknown option (naming the nearest
  /// one), a word that belongs to no option, a value of the wrong type for every struct that has
  /// the option, and an unreadable options file. `help_wanted` is set if --help is among them; the
  /// rest is then not looked at.
  static Result<PipelineOptions> Parse(int argc, const char* const* argv,
                                       bool* help_wanted = nullptr);

  /// Parse for a main function: prints the help and exits with 0, or says what is wrong in one line
  /// on stderr and exits with 2.
  static PipelineOptions FromArgs(int argc, const char* const* argv);

  /// The inverse of ToJson. Unknown names are refused.
  static Result<PipelineOptions> FromJson(std::string_view json);

  /// A T whose fields have the values that were given, or why there cannot be one.
  template <class T>
  Result<T> Get() const {
    T value;
    OptionFields fields;
    options_internal::Describe(value, fields);
    JOIST_RETURN_IF_ERROR(Fill(fields));
    return value;
  }

  /// Get for a main function: says what is wrong in one line on stderr and exits with 2.
  template <class T>
  T As() const {
    Result<T> value = Get<T>();
    if (!value.ok()) ExitWith(value.status(), program_);
    return std::move(value).value();
  }

  /// Takes over the fields of `value` that differ from the struct's defaults.
  template <class T>
  void Set(const T& value) {
    T copy = value;
    OptionFields fields;
    options_internal::Describe(copy, fields);
    T fresh;
    OptionFields defaults;
    options_internal::Describe(fresh, defaults);
    Take(fields, defaults);
  }

  /// Replaces the value of the option `name`.
  void Set(std::string_view name, std::string value);

  /// Forgets it, so that it has its default.
  void Remove(std::string_view name);
  bool Has(std::string_view name) const;

  /// The program's name as in argv[0]; empty if there was none.
  const std::string& program() const { return program_; }

  /// The options as arguments "--name=value", from which Parse makes the same options again.
  std::vector<std::string> ToArgs() const;

  /// {"name": value, …}: flags as booleans, numbers as numbers, lists as arrays.
  std::string ToJson() const;

  /// The options that were given, each with its name as key and its help as label.
  void DisplayData(joist::DisplayData& data) const;

  /// What --help prints.
  static std::string Help(std::string_view program);

  friend bool operator==(const PipelineOptions& a, const PipelineOptions& b) {
    return a.given_ == b.given_;
  }

 private:
  struct Given {
    std::string name;
    std::vector<std::string> values;
    friend bool operator==(const Given&, const Given&) = default;
  };

  Status Fill(const OptionFields& fields) const;
  Status CheckTypes() const;
  void Take(const OptionFields& fields, const OptionFields& defaults);
  Status ReadFile(const std::string& path);
  Status MergeJson(std::string_view json, const std::string& where);
  Given& At(std::string_view name);
  const Given* Find(std::string_view name) const;
  [[noreturn]] static void ExitWith(const Status& status, std::string_view program);

  std::string program_;
  std::vector<Given> given_;
};

/// That of `names` which `name` was probably meant to be; empty if none is near.
std::string NearestName(std::string_view name, const std::vector<std::string>& names);

namespace options_internal {

bool ParseSigned(std::string_view text, int64_t min, int64_t max, int64_t* value);
bool ParseUnsigned(std::string_view text, uint64_t max, uint64_t* value);
std::string ExpectedSigned(int64_t min, int64_t max);
std::string ExpectedUnsigned(uint64_t max);
std::string RenderSigned(int64_t value);
std::string RenderUnsigned(uint64_t value);
std::string JoinList(const std::vector<std::string>& items);
std::string ExpectedChoice(const std::vector<std::string>& names);
std::string ChoiceName(std::string_view enumerator);
bool IsChoice(std::string_view text, std::string_view enumerator);

struct Scalar {
  static constexpr bool kFlag = false;
  static constexpr bool kList = false;
  static constexpr bool kNumber = false;
};

}  // namespace options_internal

template <>
struct OptionTraits<bool> : options_internal::Scalar {
  static constexpr bool kFlag = true;
  static const char* Type() { return "true|false"; }
  static std::string Expected() { return "true or false"; }
  static bool Parse(std::string_view text, bool* value);
  static std::string Render(bool value) { return value ? "true" : "false"; }
};

template <std::integral T>
struct OptionTraits<T> : options_internal::Scalar {
  static constexpr bool kNumber = true;
  using Limits = std::numeric_limits<T>;
  static const char* Type() { return "integer"; }
  static std::string Expected() {
    if constexpr (Limits::is_signed) {
      return options_internal::ExpectedSigned(Limits::min(), Limits::max());
    } else {
      return options_internal::ExpectedUnsigned(Limits::max());
    }
  }
  static bool Parse(std::string_view text, T* value) {
    if constexpr (Limits::is_signed) {
      int64_t wide = 0;
      if (!options_internal::ParseSigned(text, Limits::min(), Limits::max(), &wide)) return false;
      *value = static_cast<T>(wide);
    } else {
      uint64_t wide = 0;
      if (!options_internal::ParseUnsigned(text, Limits::max(), &wide)) return false;
      *value = static_cast<T>(wide);
    }
    return true;
  }
  static std::string Render(T value) {
    if constexpr (Limits::is_signed) {
      return options_internal::RenderSigned(value);
    } else {
      return options_internal::RenderUnsigned(value);
    }
  }
};

template <>
struct OptionTraits<double> : options_internal::Scalar {
  static constexpr bool kNumber = true;
  static const char* Type() { return "number"; }
  static std::string Expected() { return "a number"; }
  static bool Parse(std::string_view text, double* value);
  static std::string Render(double value);
};

template <>
struct OptionTraits<std::string> : options_internal::Scalar {
  static const char* Type() { return "text"; }
  static std::string Expected() { return "text"; }
  static bool Parse(std::string_view text, std::string* value) {
    value->assign(text);
    return true;
  }
  static std::string Render(const std::string& value) { return value; }
};

template <>
struct OptionTraits<Duration> : options_internal::Scalar {
  static const char* Type() { return "duration"; }
  static std::string Expected() { return "a duration such as 90s, 250ms or 1h30m"; }
  static bool Parse(std::string_view text, Duration* value);
  static std::string Render(Duration value) { return value.ToString(); }
};

template <>
struct OptionTraits<ByteCount> : options_internal::Scalar {
  static const char* Type() { return "size"; }
  static std::string Expected() { return "a size such as 512MB or 2GB"; }
  static bool Parse(std::string_view text, ByteCount* value);
  static std::string Render(ByteCount value);
};

template <class T>
struct OptionTraits<std::optional<T>> : OptionTraits<T> {
  static bool Parse(std::string_view text, std::optional<T>* value) {
    return OptionTraits<T>::Parse(text, &value->emplace());
  }
  static std::string Render(const std::optional<T>& value) {
    return value ? OptionTraits<T>::Render(*value) : std::string();
  }
};

template <class T>
struct OptionTraits<std::vector<T>> : options_internal::Scalar {
  static constexpr bool kList = true;
  static constexpr bool kNumber = OptionTraits<T>::kNumber;
  static const char* Type() { return "list"; }
  static std::string Expected() { return OptionTraits<T>::Expected() + " (several with commas)"; }
  /// Appends the one item that `text` is.
  static bool Parse(std::string_view text, std::vector<T>* values) {
    T value{};
    if (!OptionTraits<T>::Parse(text, &value)) return false;
    values->push_back(std::move(value));
    return true;
  }
  static std::string Render(const std::vector<T>& values) {
    return options_internal::JoinList(options_internal::RenderAll(values));
  }
};

/// An enumeration with JOIST_ENUM: kDarkBlue is given as dark_blue.
template <IsNamedEnum E>
struct OptionTraits<E> : options_internal::Scalar {
  static constexpr auto kChoices = JoistEnumerators(static_cast<const E*>(nullptr));
  static const char* Type() { return "choice"; }
  static std::string Expected() {
    std::vector<std::string> names;
    for (const Enumerator<E>& choice : kChoices.all) names.push_back(Render(choice.value));
    return options_internal::ExpectedChoice(names);
  }
  static bool Parse(std::string_view text, E* value) {
    for (const Enumerator<E>& choice : kChoices.all) {
      if (!options_internal::IsChoice(text, choice.name)) continue;
      *value = choice.value;
      return true;
    }
    return false;
  }
  static std::string Render(E value) { return options_internal::ChoiceName(EnumText(value)); }
};

}  // namespace joist

#define JOIST_OPTIONS(Type, ...) JOIST_OPTIONS_DEFINE(inline, Type, "", __VA_ARGS__)

/// JOIST_OPTIONS with a linkage (`inline`, or nothing in a .cc file whose header declares
/// JoistDescribeOptions) and a heading of its own in --help.
#define JOIST_OPTIONS_DEFINE(linkage, Type, title, ...)                               \
  [[maybe_unused]] linkage void JoistDescribeOptions([[maybe_unused]] Type& object,   \
                                                     ::joist::OptionFields& fields) { \
    JOIST_FOR_EACH(JOIST_OPTIONS_ITEM, ~, __VA_ARGS__);                               \
  }                                                                                   \
  linkage const ::joist::OptionStruct joist_option_struct_##Type(                     \
      #Type, title, [](::joist::OptionFields& fields) {                               \
        Type object;                                                                  \
        JoistDescribeOptions(object, fields);                                         \
      });

// An item is `field` or `(field, "help", presence)`: whether it has parentheses chooses the macro.
#define JOIST_OPTIONS_ITEM(context, item) \
  JOIST_OPTIONS_SECOND(JOIST_OPTIONS_PROBE item, JOIST_OPTIONS_BARE, ~)(item)
#define JOIST_OPTIONS_PROBE(...) ~, JOIST_OPTIONS_DESCRIBED
#define JOIST_OPTIONS_SECOND(...) JOIST_OPTIONS_SECOND_OF(__VA_ARGS__)
#define JOIST_OPTIONS_SECOND_OF(first, second, ...) second
#define JOIST_OPTIONS_BARE(field) fields.Add(object.field, #field)
#define JOIST_OPTIONS_DESCRIBED(item) JOIST_OPTIONS_DESCRIBED_OF item
#define JOIST_OPTIONS_DESCRIBED_OF(field, ...) \
  fields.Add(object.field, #field __VA_OPT__(, ) __VA_ARGS__)

#endif  // JOIST_SDK_OPTIONS_H_
