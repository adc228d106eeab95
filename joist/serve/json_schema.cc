// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/json_schema.h"

#include <re2/re2.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <vector>

namespace joist::serve {

struct JsonSchema::Node {
  struct Property {
    std::shared_ptr<const Node> node;  ///< Null: anything.
    int required = -1;                 ///< Its place in `required`.
  };

  /// Bits by JsonKind; integers have one of their own. 0: any.
  uint32_t kinds = 0;
  std::string kinds_text = {};
  std::map<std::string, Property, std::less<>> properties = {};
  std::vector<std::string> required = {};
  bool forbids_other_properties = false;
  std::shared_ptr<const Node> other_properties = nullptr;
  /// Texts of scalars: a string with its quotes, a number as its double.
  std::vector<std::string> choices = {};
  std::optional<double> minimum = {};
  std::optional<double> maximum = {};
  uint64_t least_length = 0;
  uint64_t most_length = std::numeric_limits<uint64_t>::max();
  std::shared_ptr<const RE2> pattern = nullptr;
  std::shared_ptr<const Node> items = nullptr;
  uint64_t least_items = 0;
  uint64_t most_items = std::numeric_limits<uint64_t>::max();
};

namespace {

using Json = nlohmann::json;
using Node = JsonSchema::Node;

constexpr uint32_t kInteger = 1U << 16;
constexpr size_t kMostRequired = 64;
constexpr int kMostSchemaDepth = 50;
constexpr size_t kMostSchemaBytes = 1 << 20;

uint32_t BitOf(JsonKind kind) { return 1U << static_cast<uint32_t>(kind); }

// --- Reading a schema

/// One schema at `path`, within `depth` others.
class SchemaReader {
 public:
  Result<std::shared_ptr<const Node>> Read(const Json& schema, const std::string& path, int depth);

 private:
  Status ReadKeyword(const std::string& word, const Json& value, const std::string& path, int depth,
                     Node* node);
  static Status ReadType(const Json& value, const std::string& path, Node* node);
  Status ReadProperties(const Json& value, const std::string& path, int depth, Node* node);
  static Status ReadRequired(const Json& value, const std::string& path, Node* node);
  static Status ReadChoices(const Json& value, const std::string& path, Node* node);
  static Status ReadPattern(const Json& value, const std::string& path, Node* node);
};

Status WrongSchema(const std::string& path, const std::string& why) {
  return InvalidArgument("schema " + (path.empty() ? "/" : path) + ": " + why);
}

Result<std::shared_ptr<const Node>> SchemaReader::Read(const Json& schema, const std::string& path,
                                                       int depth) {
  if (depth > kMostSchemaDepth) return WrongSchema(path, "is too deep");
  if (schema.is_boolean() && schema.get<bool>()) return std::shared_ptr<const Node>();
  if (!schema.is_object()) return WrongSchema(path, "is no object");
  auto node = std::make_shared<Node>();
  for (const auto& [word, value] : schema.items()) {
    JOIST_RETURN_IF_ERROR(ReadKeyword(word, value, path, depth, node.get()));
  }
  for (size_t i = 0; i < node->required.size(); ++i) {
    node->properties[node->required[i]].required = static_cast<int>(i);
  }
  return std::shared_ptr<const Node>(std::move(node));
}

Status SchemaReader::ReadKeyword(const std::string& word, const Json& value,
                                 const std::string& path, int depth, Node* node) {
  constexpr std::array<std::string_view, 7> kPassedOver = {
      "$schema", "$id", "$comment", "title", "description", "default", "examples"};
  if (std::find(kPassedOver.begin(), kPassedOver.end(), word) != kPassedOver.end()) {
    return OkStatus();
  }
  if (word == "type") return ReadType(value, path, node);
  if (word == "properties") return ReadProperties(value, path, depth, node);
  if (word == "required") return ReadRequired(value, path, node);
  if (word == "enum") return ReadChoices(value, path, node);
  if (word == "pattern") return ReadPattern(value, path, node);
  if (word == "additionalProperties") {
    if (value.is_boolean() && !value.get<bool>()) {
      node->forbids_other_properties = true;
      return OkStatus();
    }
    JOIST_ASSIGN_OR_RETURN(node->other_properties, Read(value, path + "/" + word, depth + 1));
    return OkStatus();
  }
  if (word == "items") {
    JOIST_ASSIGN_OR_RETURN(node->items, Read(value, path + "/" + word, depth + 1));
    return OkStatus();
  }
  if (word == "minimum" || word == "maximum") {
    if (!value.is_number()) return WrongSchema(path, word + " is no number");
    (word == "minimum" ? node->minimum : node->maximum) = value.get<double>();
    return OkStatus();
  }
  for (const auto& [name, target] :
       {std::pair("minLength", &node->least_length), std::pair("maxLength", &node->most_length),
        std::pair("minItems", &node->least_items), std::pair("maxItems", &node->most_items)}) {
    if (word != name) continue;
    if (!value.is_number_unsigned()) return WrongSchema(path, word + " is no number from 0");
    *target = value.get<uint64_t>();
    return OkStatus();
  }
  return WrongSchema(path, "the keyword \"" + word + "\" is not supported");
}

Status SchemaReader::ReadType(const Json& value, const std::string& path, Node* node) {
  struct Type {
    std::string_view name;
    uint32_t bits;
    std::string_view text;
  };
  const std::array<Type, 7> types = {{
      {"object", BitOf(JsonKind::kObject), "an object"},
      {"array", BitOf(JsonKind::kArray), "an array"},
      {"string", BitOf(JsonKind::kString), "a string"},
      {"number", BitOf(JsonKind::kNumber) | kInteger, "a number"},
      {"integer", kInteger, "a whole number"},
      {"boolean", BitOf(JsonKind::kBoolean), "true or false"},
      {"null", BitOf(JsonKind::kNull), "null"},
  }};
  for (const Json& name : value.is_array() ? value : Json::array({value})) {
    const auto type = std::find_if(types.begin(), types.end(), [&](const Type& known) {
      return name.is_string() && name.get_ref<const std::string&>() == known.name;
    });
    if (type == types.end()) return WrongSchema(path, "there is no type " + name.dump());
    node->kinds |= type->bits;
    if (!node->kinds_text.empty()) node->kinds_text += " or ";
    node->kinds_text += type->text;
  }
  return node->kinds != 0 ? OkStatus() : WrongSchema(path, "type names none");
}

Status SchemaReader::ReadProperties(const Json& value, const std::string& path, int depth,
                                    Node* node) {
  if (!value.is_object()) return WrongSchema(path, "properties is no object");
  for (const auto& [name, schema] : value.items()) {
    JOIST_ASSIGN_OR_RETURN(node->properties[name].node,
                           Read(schema, path + "/properties/" + name, depth + 1));
  }
  return OkStatus();
}

Status SchemaReader::ReadRequired(const Json& value, const std::string& path, Node* node) {
  if (!value.is_array() || value.size() > kMostRequired) {
    return WrongSchema(path, "required is no array of 64 names at most");
  }
  for (const Json& name : value) {
    if (!name.is_string()) return WrongSchema(path, "required has " + name.dump());
    const auto& text = name.get_ref<const std::string&>();
    if (std::find(node->required.begin(), node->required.end(), text) != node->required.end()) {
      return WrongSchema(path, "required has " + name.dump() + " twice");
    }
    node->required.push_back(text);
  }
  return OkStatus();
}

std::string NumberChoice(double number) { return std::to_string(number) + "#"; }

Status SchemaReader::ReadChoices(const Json& value, const std::string& path, Node* node) {
  if (!value.is_array() || value.empty()) return WrongSchema(path, "enum is no array of values");
  for (const Json& choice : value) {
    if (choice.is_structured()) {
      return WrongSchema(path, "enum with arrays or objects is not supported");
    }
    node->choices.push_back(choice.is_number()   ? NumberChoice(choice.get<double>())
                            : choice.is_string() ? '"' + choice.get<std::string>() + '"'
                                                 : choice.dump());
  }
  return OkStatus();
}

Status SchemaReader::ReadPattern(const Json& value, const std::string& path, Node* node) {
  if (!value.is_string()) return WrongSchema(path, "pattern is no string");
  RE2::Options options;
  options.set_log_errors(false);
  auto pattern = std::make_shared<RE2>(value.get<std::string>(), options);
  if (!pattern->ok()) return WrongSchema(path, "pattern: " + pattern->error());
  node->pattern = std::move(pattern);
  return OkStatus();
}

// --- Checking a value

/// Code points, as JSON Schema counts them.
uint64_t LengthOf(std::string_view text) {
  return static_cast<uint64_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

double NumberOf(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc::result_out_of_range || text.find("e-") != std::string_view::npos ||
      text.find("E-") != std::string_view::npos) {
    return number;
  }
  const double infinity = std::numeric_limits<double>::infinity();
  return text.starts_with('-') ? -infinity : infinity;
}

class SchemaChecker {
 public:
  explicit SchemaChecker(JsonScanner* in) : in_(*in) {}

  bool Take(const Node* node);
  std::string violation() const {
    return why_.empty() ? "" : (path_.empty() ? "the event " : path_ + " ") + why_;
  }

 private:
  bool Violate(std::string why) {
    why_ = std::move(why);
    return false;
  }
  bool In(std::string_view part) {
    path_ = "/" + std::string(part) + path_;
    return false;
  }
  bool TakeObject(const Node& node);
  bool TakeArray(const Node& node);
  bool TakeString(const Node& node);
  bool TakeNumber(const Node& node);
  bool TakeWord(const Node& node, JsonKind kind);
  bool IsChoice(const Node& node, const std::string& value) {
    return node.choices.empty() ||
           std::find(node.choices.begin(), node.choices.end(), value) != node.choices.end() ||
           Violate("is none of the values that are allowed");
  }

  JsonScanner& in_;
  std::string path_;
  std::string why_;
};

bool SchemaChecker::Take(const Node* node) {
  if (node == nullptr) return in_.Skip();
  const JsonKind kind = in_.Next();
  const uint32_t bits = kind == JsonKind::kNumber ? BitOf(kind) | kInteger : BitOf(kind);
  if (kind != JsonKind::kNone && node->kinds != 0 && (node->kinds & bits) == 0) {
    return Violate("must be " + node->kinds_text + ", but is " + std::string(JsonKindName(kind)));
  }
  switch (kind) {
    case JsonKind::kObject: return TakeObject(*node);
    case JsonKind::kArray: return TakeArray(*node);
    case JsonKind::kString: return TakeString(*node);
    case JsonKind::kNumber: return TakeNumber(*node);
    case JsonKind::kBoolean:
    case JsonKind::kNull: return TakeWord(*node, kind);
    case JsonKind::kNone: break;
  }
  return in_.Skip();  // Which says what is wrong.
}

bool SchemaChecker::TakeObject(const Node& node) {
  if (!node.choices.empty()) return Violate("is none of the values that are allowed");
  uint64_t seen = 0;
  const bool taken = in_.TakeObject([&](std::string_view quoted) {
    std::string decoded;
    std::string_view name = quoted;
    if (name.find('\\') != std::string_view::npos) name = decoded = DecodeJsonString(quoted);
    const auto found = node.properties.find(name);
    if (found == node.properties.end()) {
      if (node.forbids_other_properties) return Violate("is not allowed") || In(name);
      return Take(node.other_properties.get()) || In(name);
    }
    if (found->second.required >= 0) seen |= uint64_t{1} << found->second.required;
    return Take(found->second.node.get()) || In(name);
  });
  if (!taken) return false;
  for (size_t i = 0; i < node.required.size(); ++i) {
    if ((seen >> i & 1) == 0) return Violate("is missing") || In(node.required[i]);
  }
  return true;
}

bool SchemaChecker::TakeArray(const Node& node) {
  if (!node.choices.empty()) return Violate("is none of the values that are allowed");
  uint64_t count = 0;
  const bool taken = in_.TakeArray([&] {
    if (!Take(node.items.get())) return In(std::to_string(count));
    ++count;
    return true;
  });
  if (!taken) return false;
  if (count < node.least_items) {
    return Violate("must have " + std::to_string(node.least_items) + " items or more");
  }
  return count <= node.most_items ||
         Violate("must have " + std::to_string(node.most_items) + " items at most");
}

bool SchemaChecker::TakeString(const Node& node) {
  std::string_view text;
  if (!in_.TakeString(&text)) return false;
  std::string decoded;
  if (text.find('\\') != std::string_view::npos) text = decoded = DecodeJsonString(text);
  if (!node.choices.empty() && !IsChoice(node, '"' + std::string(text) + '"')) return false;
  const uint64_t length = LengthOf(text);
  if (length < node.least_length) {
    return Violate("must have " + std::to_string(node.least_length) + " characters or more");
  }
  if (length > node.most_length) {
    return Violate("must have " + std::to_string(node.most_length) + " characters at most");
  }
  return node.pattern == nullptr || RE2::PartialMatch({text.data(), text.size()}, *node.pattern) ||
         Violate("does not match the pattern " + node.pattern->pattern());
}

bool SchemaChecker::TakeNumber(const Node& node) {
  std::string_view text;
  if (!in_.TakeNumber(&text)) return false;
  const double number = NumberOf(text);
  const bool is_integer = number == std::floor(number);
  if (!is_integer && node.kinds != 0 && (node.kinds & BitOf(JsonKind::kNumber)) == 0) {
    return Violate("must be " + node.kinds_text + ", but is " + std::string(text));
  }
  if (!node.choices.empty() && !IsChoice(node, NumberChoice(number))) return false;
  if (node.minimum && number < *node.minimum) {
    return Violate("must be " + Json(*node.minimum).dump() + " or more, but is " +
                   std::string(text));
  }
  return !node.maximum || number <= *node.maximum ||
         Violate("must be " + Json(*node.maximum).dump() + " at most, but is " + std::string(text));
}

bool SchemaChecker::TakeWord(const Node& node, JsonKind kind) {
  const size_t begin = in_.position();
  if (!in_.Skip()) return false;
  if (kind == JsonKind::kNull) return IsChoice(node, "null");
  return IsChoice(node, in_.position() - begin == 4 ? "true" : "false");
}

}  // namespace

Result<JsonSchema> JsonSchema::Read(std::string_view text) {
  if (text.size() > kMostSchemaBytes) return InvalidArgument("schema: has more than 1 MiB");
  JsonScanner scanner(text);  // Bounds the depth before it becomes a tree.
  if (!scanner.Skip() || !scanner.AtEnd()) {
    const std::string problem = scanner.problem();
    return InvalidArgument("schema: is no JSON, " +
                           (problem.empty() ? "something follows it" : problem));
  }
  const Json parsed = Json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return InvalidArgument("schema: is no JSON");
  JOIST_ASSIGN_OR_RETURN(std::shared_ptr<const Node> root, SchemaReader().Read(parsed, "", 0));
  return JsonSchema(std::move(root));
}

bool JsonSchema::Take(JsonScanner* scanner, std::string* violation) const {
  SchemaChecker checker(scanner);
  if (checker.Take(root_.get())) return true;
  *violation = checker.violation();
  return false;
}

}  // namespace joist::serve
