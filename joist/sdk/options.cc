// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/options.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <set>

#include <nlohmann/json.hpp>

#include "joist/sdk/display_data.h"
#include "joist/sdk/standard_options.h"

namespace joist {
namespace {

using nlohmann::json;

// All structs that the program was linked with, the latest registered first.
constinit const OptionStruct* registered_structs = nullptr;

constexpr size_t kHelpColumn = 36;
constexpr size_t kHelpWidth = 100;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// snake_case of what may have dashes or be camelCase; Beam's second names become its first ones.
std::string Canonical(std::string_view name) {
  std::string snake;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '-') {
      snake += '_';
    } else if (IsUpper(c)) {
      if (i > 0 && (IsLower(name[i - 1]) || IsDigit(name[i - 1]))) snake += '_';
      snake += static_cast<char>(c - 'A' + 'a');
    } else {
      snake += c;
    }
  }
  static constexpr std::string_view kSecondNames[][2] = {
      {"dataflow_service_option", "dataflow_service_options"},
      {"environment_option", "environment_options"},
      {"experiment", "experiments"},
      {"label", "labels"},
      {"machine_type", "worker_machine_type"},
      {"resource_hint", "resource_hints"},
      {"worker_disk_type", "disk_type"},
  };
  for (const auto& [second, first] : kSecondNames) {
    if (snake == second) return std::string(first);
  }
  return snake;
}

// Every field of every struct that has the canonical name `name`.
std::vector<OptionField> FieldsNamed(std::string_view name) {
  std::vector<OptionField> found;
  for (const OptionStruct* s = registered_structs; s != nullptr; s = s->next()) {
    const OptionFields defaults = s->Defaults();
    for (const OptionField& field : defaults.list()) {
      if (field.name == name) found.push_back(field);
    }
  }
  return found;
}

std::set<std::string> AllNames() {
  std::set<std::string> names = {"help", "options_file"};
  for (const OptionStruct* s = registered_structs; s != nullptr; s = s->next()) {
    const OptionFields defaults = s->Defaults();
    for (const OptionField& field : defaults.list()) names.insert(field.name);
  }
  return names;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

Status UnknownOption(std::string_view given, const std::string& where) {
  const std::set<std::string> names = AllNames();
  const std::string nearest = NearestName(Canonical(given), {names.begin(), names.end()});
  return InvalidArgument(
      "unknown option --" + std::string(given) + where +
      (nearest.empty() ? "; --help lists all options" : "; did you mean --" + nearest + "?"));
}

std::string Quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

Status WrongValue(const OptionField& field, std::string_view value) {
  return InvalidArgument("option --" + field.name + ": expected " + field.expected + ", got " +
                         Quoted(value));
}

// The items of a list option's value: separated by commas, a backslash before a comma or a
// backslash makes it a part of the item.
std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> items;
  if (text.empty()) return items;
  items.emplace_back();
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escaped =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == ',' || text[i + 1] == '\\');
    if (escaped) {
      items.back() += text[++i];
    } else if (text[i] == ',') {
      items.emplace_back();
    } else {
      items.back() += text[i];
    }
  }
  return items;
}

std::string EscapedItem(std::string_view item) {
  std::string escaped;
  for (const char c : item) {
    if (c == ',' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string_view BaseName(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }

void AppendWrapped(std::string_view text, std::string* out) {
  if (text.empty()) {
    out->resize(out->find_last_not_of(' ') + 1);
    *out += '\n';
    return;
  }
  size_t column = kHelpColumn;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (column > kHelpColumn && column + word.size() > kHelpWidth) {
      out->back() = '\n';
      out->append(kHelpColumn, ' ');
      column = kHelpColumn;
    }
    out->append(word).append(" ");
    column += word.size() + 1;
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  }
  out->back() = '\n';
}

void AppendOption(std::string name, const std::string& explanation, std::string* out) {
  name.insert(0, "  ");
  if (name.size() + 2 > kHelpColumn) {
    *out += name + '\n';
    out->append(kHelpColumn, ' ');
  } else {
    name.resize(kHelpColumn, ' ');
    *out += name;
  }
  AppendWrapped(explanation, out);
}

void AppendStruct(const OptionStruct& options, std::string_view title, std::string* out) {
  out->append("\n").append(title).append(":\n");
  const OptionFields defaults = options.Defaults();
  for (const OptionField& field : defaults.list()) {
    std::string name = "--" + field.name;
    if (!field.is_flag) name.append("=").append(field.type);
    std::string explanation = field.help;
    if (field.presence == kRequired) {
      explanation += explanation.empty() ? "(required)" : " (required)";
    } else if (!field.default_text.empty() && field.default_text != "false") {
      explanation += explanation.empty() ? "(" : " (";
      explanation += "default: " + field.default_text + ")";
    }
    AppendOption(std::move(name), explanation, out);
  }
}

// What a value of the type could look like on the example line.
std::string ExampleOf(const OptionField& field) {
  if (!field.default_text.empty()) return field.default_text;
  if (field.is_number) return "1";
  std::string upper;
  for (const char c : field.name) {
    upper += IsLower(c) ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return upper;
}

}  // namespace

std::string NearestName(std::string_view name, const std::vector<std::string>& names) {
  std::string nearest;
  size_t least = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& known : names) {
    const size_t distance = EditDistance(name, known);
    if (distance < least || (distance == least && known.starts_with(name))) {
      least = distance;
      nearest = known;
    }
  }
  return nearest;
}

// --- Fields and structs -------------------------------------------------------------------------

bool OptionField::Assign(const std::vector<std::string>& values, std::string* wrong) const {
  const auto parse_one = [&](const std::string& value) {
    if (parse(value, target)) return true;
    *wrong = value;
    return false;
  };
  if (!is_list) return parse_one(values.back());
  clear(target);
  for (const std::string& value : values) {
    for (const std::string& item : SplitList(value)) {
      if (!parse_one(item)) return false;
    }
  }
  return true;
}

OptionField& OptionFields::AddField(const char* name, const char* help, OptionPresence presence) {
  OptionField& field = fields_.emplace_back();
  field.name = Canonical(name);
  field.help = help;
  field.presence = presence;
  return field;
}

OptionStruct::OptionStruct(const char* name, const char* title, void (*describe)(OptionFields&))
    : name_(name), title_(title), describe_(describe), next_(registered_structs) {
  registered_structs = this;
}

// --- Reading ------------------------------------------------------------------------------------

Result<PipelineOptions> PipelineOptions::Parse(int argc, const char* const* argv,
                                               bool* help_wanted) {
  PipelineOptions options;
  PipelineOptions from_files;
  if (argc > 0) options.program_ = argv[0];
  if (help_wanted != nullptr) {
    *help_wanted = false;
    for (int i = 1; i < argc; ++i) {
      const std::string_view argument = argv[i];
      if (argument == "--help" || argument == "-h") {
        *help_wanted = true;
        return options;
      }
    }
  }
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (!argument.starts_with("--") || argument.size() == 2) {
      return InvalidArgument("unexpected argument " + Quoted(argument) +
                             "; options look like --name=value");
    }
    argument.remove_prefix(2);
    const size_t equals = argument.find('=');
    const std::string_view given_name = argument.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string_view::npos) value = argument.substr(equals + 1);
    std::string name = Canonical(given_name);

    const bool is_file = name == "options_file";
    std::vector<OptionField> fields = FieldsNamed(name);
    if (fields.empty() && !is_file && name.starts_with("no") && !value) {
      // --noflag and --no_flag.
      std::string flag = name.substr(name.starts_with("no_") ? 3 : 2);
      fields = FieldsNamed(flag);
      if (!fields.empty() && fields[0].is_flag) {
        options.At(flag).values = {"false"};
        continue;
      }
      fields.clear();
    }
    if (fields.empty() && !is_file) return UnknownOption(given_name, "");
    if (!value) {
      const std::string_view next = i + 1 < argc ? argv[i + 1] : "--";
      if (!is_file && fields[0].is_flag) {
        const bool states_it = next == "true" || next == "false";
        value = states_it ? next : "true";
        if (states_it) ++i;
      } else if (next.starts_with("--")) {
        return InvalidArgument("option --" + name + " needs a value: --" + name + "=" +
                               (is_file ? "FILE.json" : fields[0].type));
      } else {
        value = next;
        ++i;
      }
    }
    if (is_file) {
      JOIST_RETURN_IF_ERROR(from_files.ReadFile(*value));
      continue;
    }
    Given& given = options.At(name);
    if (!fields[0].is_list) given.values.clear();
    given.values.push_back(std::move(*value));
  }
  for (Given& given : from_files.given_) {
    if (!options.Has(given.name)) options.given_.push_back(std::move(given));
  }
  JOIST_RETURN_IF_ERROR(options.CheckTypes());
  return options;
}

PipelineOptions PipelineOptions::FromArgs(int argc, const char* const* argv) {
  bool help_wanted = false;
  Result<PipelineOptions> options = Parse(argc, argv, &help_wanted);
  if (!options.ok()) ExitWith(options.status(), argc > 0 ? argv[0] : "");
  if (help_wanted) {
    std::fputs(Help(options->program()).c_str(), stdout);
    std::exit(0);
  }
  return std::move(options).value();
}

Result<PipelineOptions> PipelineOptions::FromJson(std::string_view text) {
  PipelineOptions options;
  JOIST_RETURN_IF_ERROR(options.MergeJson(text, ""));
  JOIST_RETURN_IF_ERROR(options.CheckTypes());
  return options;
}

Status PipelineOptions::ReadFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return FromErrno(errno, "cannot open options file " + path);
  std::string text;
  char block[4096];
  size_t size = 0;
  while ((size = std::fread(block, 1, sizeof(block), file)) > 0) text.append(block, size);
  const int error = std::ferror(file) ? errno : 0;
  std::fclose(file);
  if (error != 0) return FromErrno(error, "cannot read options file " + path);
  return MergeJson(text, " in " + path);
}

Status PipelineOptions::MergeJson(std::string_view text, const std::string& where) {
  json document;
  try {
    document = json::parse(text);
  } catch (const json::parse_error& error) {
    std::string_view what = error.what();
    what.remove_prefix(std::min(what.size(), what.find("] ") + 2));
    return InvalidArgument("options" + where + " are not JSON: " + std::string(what));
  }
  if (!document.is_object()) {
    return InvalidArgument("options" + where + " are not a JSON object {\"name\": value, …}");
  }
  const auto text_of = [](const json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  for (const auto& [given_name, value] : document.items()) {
    const std::string name = Canonical(given_name);
    const std::vector<OptionField> fields = FieldsNamed(name);
    if (fields.empty()) return UnknownOption(given_name, where);
    if (value.is_null()) continue;
    const bool fits = value.is_array()
                          ? fields[0].is_list &&
                                std::none_of(value.begin(), value.end(),
                                             [](const json& item) { return item.is_structured(); })
                          : !value.is_object() || !fields[0].is_number;
    if (!fits) {
      return InvalidArgument("option " + Quoted(given_name) + where + ": expected " +
                             fields[0].expected + ", got " + value.dump());
    }
    Given& given = At(name);
    given.values.clear();
    if (value.is_array()) {
      std::string joined;
      for (const json& item : value) {
        if (&item != &value.front()) joined += ',';
        joined += EscapedItem(text_of(item));
      }
      given.values.push_back(std::move(joined));
    } else {
      given.values.push_back(fields[0].is_list ? EscapedItem(text_of(value)) : text_of(value));
    }
  }
  return OkStatus();
}

// Structs may share a name and differ in its type (programs of many pipelines do); a value is wrong
// here if none of them takes it. Fill then is strict.
Status PipelineOptions::CheckTypes() const {
  for (const Given& given : given_) {
    const std::vector<OptionField> fields = FieldsNamed(given.name);
    for (const std::string& value : given.values) {
      std::string wrong;
      const auto takes = [&](const OptionField& field) {
        if (!field.is_list) {
          wrong = value;
          return field.accepts(value);
        }
        for (std::string& item : SplitList(value)) {
          wrong = std::move(item);
          if (!field.accepts(wrong)) return false;
        }
        return true;
      };
      if (std::none_of(fields.begin(), fields.end(), takes)) return WrongValue(fields[0], wrong);
    }
  }
  return OkStatus();
}

Status PipelineOptions::Fill(const OptionFields& fields) const {
  for (const OptionField& field : fields.list()) {
    const Given* given = Find(field.name);
    if (given == nullptr) {
      if (field.presence == kOptional) continue;
      return InvalidArgument("option --" + field.name + " is required" +
                             (*field.help != '\0' ? ": " + std::string(field.help) : ""));
    }
    std::string wrong;
    if (!field.Assign(given->values, &wrong)) return WrongValue(field, wrong);
  }
  return OkStatus();
}

void PipelineOptions::ExitWith(const Status& status, std::string_view program) {
  const std::string line =
      std::string(program.empty() ? "joist" : BaseName(program)) + ": " + status.message() + "\n";
  std::fflush(stdout);
  std::fputs(line.c_str(), stderr);
  std::exit(2);
}

// --- Keeping ------------------------------------------------------------------------------------

PipelineOptions::Given& PipelineOptions::At(std::string_view name) {
  for (Given& given : given_) {
    if (given.name == name) return given;
  }
  return given_.emplace_back(Given{std::string(name), {}});
}

const PipelineOptions::Given* PipelineOptions::Find(std::string_view name) const {
  for (const Given& given : given_) {
    if (given.name == name) return &given;
  }
  return nullptr;
}

bool PipelineOptions::Has(std::string_view name) const { return Find(Canonical(name)) != nullptr; }

void PipelineOptions::Remove(std::string_view name) {
  std::erase_if(given_, [&](const Given& given) { return given.name == Canonical(name); });
}

void PipelineOptions::Set(std::string_view name, std::string value) {
  At(Canonical(name)).values = {std::move(value)};
}

void PipelineOptions::Take(const OptionFields& fields, const OptionFields& defaults) {
  for (size_t i = 0; i < fields.list().size(); ++i) {
    const OptionField& field = fields.list()[i];
    const OptionField& fresh = defaults.list()[i];
    std::vector<std::string> values = field.render(field.target);
    const bool is_default = values == fresh.render(fresh.target);
    if ((is_default && field.presence == kOptional) || (values.empty() && !field.is_list)) {
      std::erase_if(given_, [&](const Given& given) { return given.name == field.name; });
      continue;
    }
    if (field.is_list) {
      std::string joined;
      for (const std::string& value : values) {
        if (&value != &values.front()) joined += ',';
        joined += EscapedItem(value);
      }
      values = {std::move(joined)};
    }
    At(field.name).values = std::move(values);
  }
}

std::vector<std::string> PipelineOptions::ToArgs() const {
  std::vector<std::string> args;
  for (const Given& given : given_) {
    for (const std::string& value : given.values) args.push_back("--" + given.name + "=" + value);
  }
  return args;
}

std::string PipelineOptions::ToJson() const {
  json document = json::object();
  for (const Given& given : given_) {
    const std::vector<OptionField> fields = FieldsNamed(given.name);
    const auto typed = [&](const std::string& value) -> json {
      bool flag = false;
      if (!fields.empty() && fields[0].is_flag && OptionTraits<bool>::Parse(value, &flag)) {
        return json(flag);
      }
      if (!fields.empty() && fields[0].is_number) {
        json number = json::parse(value, nullptr, false);
        if (number.is_number()) return number;
      }
      return json(value);
    };
    if (!fields.empty() && fields[0].is_list) {
      json items = json::array();
      for (const std::string& value : given.values) {
        for (const std::string& item : SplitList(value)) items.push_back(typed(item));
      }
      document[given.name] = std::move(items);
    } else {
      document[given.name] = typed(given.values.back());
    }
  }
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

void PipelineOptions::DisplayData(joist::DisplayData& data) const {
  for (const Given& given : given_) {
    const std::vector<OptionField> fields = FieldsNamed(given.name);
    const std::string_view help = fields.empty() ? "" : fields[0].help;
    data.Add(given.name, help.empty() ? given.name : help,
             options_internal::JoinList(given.values));
  }
}

// --- Help ---------------------------------------------------------------------------------------

std::string PipelineOptions::Help(std::string_view program) {
  const std::string name(program.empty() ? "PROGRAM" : BaseName(program));
  std::vector<const OptionStruct*> own;
  for (const OptionStruct* s = registered_structs; s != nullptr; s = s->next()) {
    if (*s->title() == '\0') own.insert(own.begin(), s);
  }
  std::string example = name;
  for (const OptionStruct* options : own) {
    const OptionFields defaults = options->Defaults();
    for (const OptionField& field : defaults.list()) {
      const bool first = example.size() == name.size();
      if (field.presence == kRequired || (first && !field.is_flag)) {
        example += " --" + field.name + "=" + ExampleOf(field);
      }
    }
  }
  if (own.empty()) example += " --runner=embedded";

  std::string help = "Usage: " + name + " [--option=value …]\nExample: " + example + "\n";
  for (const OptionStruct* options : own) {
    AppendStruct(*options, own.size() == 1 ? "Options of this program" : options->name(), &help);
  }
  for (const OptionStruct* options : StandardOptionStructs()) {
    AppendStruct(*options, options->title(), &help);
  }
  help += "\nEverywhere:\n";
  AppendOption("--options_file=FILE.json", "Read options from {\"name\": value, …}", &help);
  AppendOption("--help", "Show this and exit", &help);
  return help;
}

// --- Types --------------------------------------------------------------------------------------

namespace options_internal {

namespace {

template <class T>
bool ParseWhole(std::string_view text, T* value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

bool ParseSigned(std::string_view text, int64_t min, int64_t max, int64_t* value) {
  return ParseWhole(text, value) && *value >= min && *value <= max;
}

bool ParseUnsigned(std::string_view text, uint64_t max, uint64_t* value) {
  return ParseWhole(text, value) && *value <= max;
}

std::string ExpectedSigned(int64_t min, int64_t max) {
  return "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
}

std::string ExpectedUnsigned(uint64_t max) {
  return "a whole number from 0 to " + std::to_string(max);
}

std::string RenderSigned(int64_t value) { return std::to_string(value); }
std::string RenderUnsigned(uint64_t value) { return std::to_string(value); }

std::string JoinList(const std::vector<std::string>& items) {
  std::string joined;
  for (const std::string& item : items) {
    if (&item != &items.front()) joined += ',';
    joined += item;
  }
  return joined;
}

std::string ExpectedChoice(const std::vector<std::string>& names) {
  std::string expected;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) expected += i + 1 == names.size() ? " or " : ", ";
    expected += names[i];
  }
  return expected;
}

std::string ChoiceName(std::string_view enumerator) {
  if (enumerator.size() > 1 && enumerator[0] == 'k' && IsUpper(enumerator[1])) {
    enumerator.remove_prefix(1);
  }
  return Canonical(enumerator);
}

bool IsChoice(std::string_view text, std::string_view enumerator) {
  return text == enumerator || Canonical(text) == ChoiceName(enumerator);
}

}  // namespace options_internal

bool OptionTraits<bool>::Parse(std::string_view text, bool* value) {
  *value = text == "true" || text == "True" || text == "1" || text == "yes";
  return *value || text == "false" || text == "False" || text == "0" || text == "no";
}

bool OptionTraits<double>::Parse(std::string_view text, double* value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string OptionTraits<double>::Render(double value) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

bool OptionTraits<Duration>::Parse(std::string_view text, Duration* value) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty()) return false;
  double millis = 0;
  while (!text.empty()) {
    double amount = 0;
    if (!IsDigit(text[0])) return false;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), amount, std::chars_format::fixed);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    size_t unit_size = 0;
    while (unit_size < text.size() && IsLower(text[unit_size])) ++unit_size;
    const std::string_view unit = text.substr(0, unit_size);
    text.remove_prefix(unit_size);
    static constexpr struct {
      std::string_view name;
      double millis;
    } kUnits[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}};
    const auto* found = std::find_if(std::begin(kUnits), std::end(kUnits),
                                     [&](const auto& known) { return known.name == unit; });
    if (found == std::end(kUnits)) return false;
    millis += amount * found->millis;
  }
  if (millis > 9e15) return false;
  *value = Duration::Millis(std::llround(negative ? -millis : millis));
  return true;
}

bool OptionTraits<ByteCount>::Parse(std::string_view text, ByteCount* value) {
  uint64_t amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (error != std::errc()) return false;
  std::string unit(end, text.data() + text.size());
  for (char& c : unit) {
    if (IsLower(c)) c = static_cast<char>(c - 'a' + 'A');
  }
  if (unit.ends_with("IB")) {
    unit.resize(unit.size() - 2);
  } else if (unit.ends_with('B')) {
    unit.pop_back();
  }
  static constexpr std::string_view kUnits = "KMGT";
  const size_t power = unit.empty() ? 0 : kUnits.find(unit) + 1;
  if (unit.size() > 1 || (!unit.empty() && power == 0)) return false;
  return !__builtin_mul_overflow(amount, uint64_t{1} << (10 * power), &value->bytes);
}

std::string OptionTraits<ByteCount>::Render(ByteCount value) {
  static constexpr std::string_view kUnits[] = {"", "KB", "MB", "GB", "TB"};
  size_t power = 0;
  uint64_t amount = value.bytes;
  while (power < 4 && amount != 0 && amount % 1024 == 0) {
    amount /= 1024;
    ++power;
  }
  return std::to_string(amount).append(kUnits[power]);
}

}  // namespace joist
