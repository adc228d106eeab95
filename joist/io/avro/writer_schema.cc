// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/avro/writer_schema.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>

namespace joist::avro {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kTypeNames[] = {"null",   "boolean", "int",    "long",  "float",
                                           "double", "bytes",   "string", "array", "map",
                                           "fixed",  "enum",    "record", "union"};
constexpr size_t kPrimitives = 8;
constexpr uint64_t kLongestFixed = 1 << 30;
// Of a decimal: digits of more cannot be had from 16 bytes.
constexpr int64_t kMostDigits = 38;

struct LogicalName {
  std::string_view name;
  AvroLogical logical;
  AvroType type;
};
// The local ones know no time zone; a Timestamp takes them as UTC.
constexpr LogicalName kLogicalNames[] = {
    {"date", AvroLogical::kDate, AvroType::kInt},
    {"time-millis", AvroLogical::kTimeMillis, AvroType::kInt},
    {"time-micros", AvroLogical::kTimeMicros, AvroType::kLong},
    {"timestamp-millis", AvroLogical::kTimestampMillis, AvroType::kLong},
    {"timestamp-micros", AvroLogical::kTimestampMicros, AvroType::kLong},
    {"timestamp-nanos", AvroLogical::kTimestampNanos, AvroType::kLong},
    {"local-timestamp-millis", AvroLogical::kTimestampMillis, AvroType::kLong},
    {"local-timestamp-micros", AvroLogical::kTimestampMicros, AvroType::kLong},
    {"local-timestamp-nanos", AvroLogical::kTimestampNanos, AvroType::kLong},
    {"decimal", AvroLogical::kDecimal, AvroType::kBytes},
    {"decimal", AvroLogical::kDecimal, AvroType::kFixed},
    {kDurationMillisName, AvroLogical::kDurationMillis, AvroType::kLong},
};

std::optional<AvroType> PrimitiveOf(std::string_view name) {
  const auto* end = kTypeNames + kPrimitives;
  const auto* found = std::find(kTypeNames, end, name);
  if (found == end) return std::nullopt;
  return static_cast<AvroType>(found - kTypeNames);
}

std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int64_t Number(const Json& object, const char* key, int64_t otherwise) {
  const auto found = object.find(key);
  if (found == object.end()) return otherwise;
  return found->is_number_integer() ? found->get<int64_t>() : -1;
}

Status Wrong(std::string_view what) {
  return InvalidArgument("its schema is wrong: " + std::string(what));
}

class Parser {
 public:
  Result<uint32_t> Parse(const Json& json, const std::string& space, uint32_t depth) {
    if (depth > WriterSchema::kDeepest) return TooDeep();
    if (json.is_string()) return Named(json.get<std::string>(), space);
    if (json.is_array()) return Union(json, space, depth);
    if (!json.is_object()) return Wrong("a type is neither a name, an object nor an array");
    const auto type = json.find("type");
    if (type == json.end()) return Wrong("a type without \"type\"");
    if (!type->is_string()) return Parse(*type, space, depth + 1);
    const auto name = type->get<std::string>();
    if (name == "record" || name == "error") return Record(json, space, depth);
    if (name == "enum") return Enum(json, space);
    if (name == "fixed") return Fixed(json, space);
    if (name == "array" || name == "map") return Collection(json, name == "map", space, depth);
    if (const std::optional<AvroType> primitive = PrimitiveOf(name)) {
      SchemaNode node;
      node.type = *primitive;
      JOIST_RETURN_IF_ERROR(SetLogical(json, &node));
      return Add(std::move(node));
    }
    return Named(name, space);
  }
  std::vector<SchemaNode> TakeNodes() { return std::move(nodes_); }

 private:
  static Status TooDeep() {
    return Wrong("it nests values deeper than " + std::to_string(WriterSchema::kDeepest));
  }

  static uint64_t LeastBytes(const SchemaNode& node, uint64_t sum) {
    switch (node.type) {
      case AvroType::kNull: return 0;
      case AvroType::kFloat: return 4;
      case AvroType::kDouble: return 8;
      case AvroType::kFixed: return node.size;
      case AvroType::kRecord: return sum;
      default: return 1;
    }
  }

  Result<uint32_t> Add(SchemaNode node) {
    if (nodes_.size() >= WriterSchema::kMostNodes) {
      return Wrong("it has more than " + std::to_string(WriterSchema::kMostNodes) + " types");
    }
    uint64_t sum = 0;
    for (const uint32_t part : node.parts) {
      sum = std::min(sum + nodes_[part].least_bytes, uint64_t{1} << 60);
      node.height = std::max(node.height, nodes_[part].height + 1);
    }
    if (node.height > WriterSchema::kDeepest) return TooDeep();
    node.least_bytes = LeastBytes(node, sum);
    nodes_.push_back(std::move(node));
    return static_cast<uint32_t>(nodes_.size() - 1);
  }

  Result<uint32_t> Named(const std::string& name, const std::string& space) {
    if (const std::optional<AvroType> primitive = PrimitiveOf(name)) {
      SchemaNode node;
      node.type = *primitive;
      return Add(std::move(node));
    }
    const bool full = space.empty() || name.find('.') != std::string::npos;
    const std::string candidates[] = {full ? name : space + "." + name, name};
    for (const std::string& candidate : candidates) {
      if (open_.contains(candidate)) {
        return InvalidArgument("its type \"" + candidate +
                               "\" contains itself, which a row cannot; read it with another tool");
      }
      const auto found = named_.find(candidate);
      if (found != named_.end()) return found->second;
    }
    return Wrong("it has no type \"" + name + "\"");
  }

  // The full name of a record, an enum or a fixed that is defined here.
  Result<std::string> Define(const Json& json, const std::string& space) {
    std::string name = Text(json, "name");
    if (name.empty()) return Wrong("a named type without a name");
    if (name.find('.') == std::string::npos) {
      const std::string own = json.contains("namespace") ? Text(json, "namespace") : space;
      if (!own.empty()) name = own + "." + name;
    }
    if (named_.contains(name) || open_.contains(name)) {
      return Wrong("it defines \"" + name + "\" twice");
    }
    return name;
  }

  static Result<std::vector<std::string>> Distinct(std::vector<std::string> names,
                                                   std::string_view owner) {
    std::set<std::string_view> seen;
    for (const std::string& name : names) {
      if (!seen.insert(name).second) {
        return Wrong("\"" + std::string(owner) + "\" has \"" + name + "\" twice");
      }
    }
    return names;
  }

  Result<uint32_t> Record(const Json& json, const std::string& space, uint32_t depth) {
    SchemaNode node;
    node.type = AvroType::kRecord;
    JOIST_ASSIGN_OR_RETURN(node.name, Define(json, space));
    const size_t dot = node.name.rfind('.');
    const std::string own = dot == std::string::npos ? "" : node.name.substr(0, dot);
    const auto fields = json.find("fields");
    if (fields == json.end() || !fields->is_array()) {
      return Wrong("the record \"" + node.name + "\" has no array \"fields\"");
    }
    open_.insert(node.name);
    std::vector<std::string> names;
    for (const Json& field : *fields) {
      if (!field.is_object() || !field.contains("type") || Text(field, "name").empty()) {
        return Wrong("a field of \"" + node.name + "\" has no name or no type");
      }
      names.push_back(Text(field, "name"));
      JOIST_ASSIGN_OR_RETURN(const uint32_t part, Parse(field["type"], own, depth + 1));
      node.parts.push_back(part);
    }
    open_.erase(node.name);
    JOIST_ASSIGN_OR_RETURN(node.names, Distinct(std::move(names), node.name));
    return AddNamed(std::move(node));
  }

  Result<uint32_t> Enum(const Json& json, const std::string& space) {
    SchemaNode node;
    node.type = AvroType::kEnum;
    JOIST_ASSIGN_OR_RETURN(node.name, Define(json, space));
    const auto symbols = json.find("symbols");
    if (symbols == json.end() || !symbols->is_array() || symbols->empty()) {
      return Wrong("the enum \"" + node.name + "\" has no symbols");
    }
    std::vector<std::string> names;
    for (const Json& symbol : *symbols) {
      if (!symbol.is_string()) return Wrong("a symbol of \"" + node.name + "\" is no text");
      names.push_back(symbol.get<std::string>());
    }
    JOIST_ASSIGN_OR_RETURN(node.names, Distinct(std::move(names), node.name));
    return AddNamed(std::move(node));
  }

  Result<uint32_t> Fixed(const Json& json, const std::string& space) {
    SchemaNode node;
    node.type = AvroType::kFixed;
    JOIST_ASSIGN_OR_RETURN(node.name, Define(json, space));
    const int64_t size = Number(json, "size", -1);
    if (size < 0 || static_cast<uint64_t>(size) > kLongestFixed) {
      return Wrong("the fixed \"" + node.name + "\" has no size from 0 to " +
                   std::to_string(kLongestFixed));
    }
    node.size = static_cast<uint64_t>(size);
    JOIST_RETURN_IF_ERROR(SetLogical(json, &node));
    return AddNamed(std::move(node));
  }

  Result<uint32_t> AddNamed(SchemaNode node) {
    const std::string name = node.name;
    JOIST_ASSIGN_OR_RETURN(const uint32_t index, Add(std::move(node)));
    named_[name] = index;
    return index;
  }

  Result<uint32_t> Collection(const Json& json, bool is_map, const std::string& space,
                              uint32_t depth) {
    SchemaNode node;
    node.type = is_map ? AvroType::kMap : AvroType::kArray;
    const auto part = json.find(is_map ? "values" : "items");
    if (part == json.end())
      return Wrong(is_map ? "a map without values" : "an array without items");
    JOIST_ASSIGN_OR_RETURN(const uint32_t index, Parse(*part, space, depth + 1));
    node.parts.push_back(index);
    return Add(std::move(node));
  }

  Result<uint32_t> Union(const Json& json, const std::string& space, uint32_t depth) {
    SchemaNode node;
    node.type = AvroType::kUnion;
    if (json.empty()) return Wrong("a union without branches");
    for (const Json& branch : json) {
      JOIST_ASSIGN_OR_RETURN(const uint32_t part, Parse(branch, space, depth + 1));
      if (nodes_[part].type == AvroType::kUnion) return Wrong("a union in a union");
      node.parts.push_back(part);
    }
    return Add(std::move(node));
  }

  // Leaves a logical type alone that is unknown or doesn't go with its type.
  static Status SetLogical(const Json& json, SchemaNode* node) {
    const std::string name = Text(json, "logicalType");
    for (const LogicalName& one : kLogicalNames) {
      if (one.name == name && one.type == node->type) node->logical = one.logical;
    }
    if (node->logical == AvroLogical::kDecimal) {
      const int64_t scale = Number(json, "scale", 0);
      const int64_t precision = Number(json, "precision", -1);
      if (precision < 1 || scale < 0 || scale > precision || precision > kMostDigits) {
        node->logical = AvroLogical::kNone;
      } else {
        node->scale = static_cast<uint32_t>(scale);
      }
    }
    return OkStatus();
  }

  std::vector<SchemaNode> nodes_;
  std::map<std::string, uint32_t> named_;
  std::set<std::string> open_;  ///< Records whose fields are being read.
};

}  // namespace

Result<WriterSchema> WriterSchema::Parse(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return InvalidArgument("its schema is no JSON");
  Parser parser;
  JOIST_ASSIGN_OR_RETURN(const uint32_t root, parser.Parse(parsed, "", 1));
  std::vector<SchemaNode> nodes = parser.TakeNodes();
  nodes.resize(root + 1);  // The root comes last: nothing contains itself.
  return WriterSchema(std::move(nodes));
}

std::string WriterSchema::Describe(uint32_t index) const {
  const SchemaNode& node = nodes_[index];
  std::string text(kTypeNames[static_cast<size_t>(node.type)]);
  if (node.type == AvroType::kArray || node.type == AvroType::kMap) {
    text += " of " + Describe(node.parts[0]);
  } else if (node.type == AvroType::kUnion) {
    text = "";
    for (size_t i = 0; i < node.parts.size() && i < 8; ++i) {
      text += (i == 0 ? "" : " or ") + Describe(node.parts[i]);
    }
    if (node.parts.size() > 8) text += " or others";
  } else if (!node.name.empty()) {
    text += " " + node.name;
  }
  for (const LogicalName& one : kLogicalNames) {
    if (node.logical == one.logical && node.type == one.type) {
      return text + " (" + std::string(one.name) + ")";
    }
  }
  return text;
}

}  // namespace joist::avro
