// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/coders.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "joist/cli/coder_text.h"
#include "joist/model/standard_coder.h"
#include "joist/model/value.h"
#include "joist/sdk/options.h"

namespace joist::cli {
namespace {

struct Example {
  std::string_view coder;  // With components.
  std::string_view type;   // In C++.
  std::string_view bytes;  // Hexadecimal, outer context; what they mean is computed.
};

// Beam's model/fn-execution/…/standard_coders.yaml says what they mean. Coders that need a payload,
// which has no form that one would type, have no example.
constexpr Example kExamples[] = {
    {"bytes", "Bytes", "616263"},
    {"bool", "bool", "01"},
    {"string_utf8", "std::string", "c3b672"},
    {"varint", "int64_t, other integers", "ac02"},
    {"double", "double", "3ff8000000000000"},
    {"kv<string_utf8, varint>", "KV<std::string, int64_t>", "016102"},
    {"tuple<varint, string_utf8>", "std::tuple<int64_t, std::string>", "0261"},
    {"iterable<varint>", "std::vector<int64_t>, Iterable<int64_t>", "000000020102"},
    {"nullable<varint>", "std::optional<int64_t>", "0105"},
    {"length_prefix<string_utf8>", "", "0161"},
    {"sharded_key<string_utf8>", "ShardedKey<std::string>", "0273310161"},
    {"global_window", "Window", ""},
    {"interval_window", "Window", "80000000000003e8e807"},
    {"custom_window<interval_window>", "", "80000000000003e780000000000003e8e807"},
    {"windowed_value<varint, global_window>", "", "8000000000000000000000010f02"},
    {"timer<string_utf8, global_window>", "", "0161000000000100800000000000000080000000000000000f"},
    {"param_windowed_value", "", ""},
    {"state_backed_iterable", "", ""},
    {"row", "a struct with JOIST_ROW", ""},
    {"joist:coder:float:v1", "float", "3fc00000"},
    {"joist:coder:pane:v1", "PaneInfo", "0f"},
    {"joist:coder:timestamp:v1", "Timestamp", "80000000000003e8"},
    {"joist:coder:void:v1", "Void", ""},
};

std::string ShortName(std::string_view urn) { return MakeCoderSpec(urn).ToString(); }

const Example* ExampleOf(std::string_view urn) {
  const std::string name = ShortName(urn);
  for (const Example& example : kExamples) {
    if (example.coder.substr(0, example.coder.find('<')) == name) return &example;
  }
  return nullptr;
}

bool NeedsPayload(const Example& example) {
  return example.bytes.empty() && example.coder != "global_window" &&
         example.coder != ShortName(kVoidCoder);
}

Status CheckPayloads(const CoderSpec& spec) {
  if (const Example* example = ExampleOf(spec.urn); example != nullptr && NeedsPayload(*example)) {
    return InvalidArgument("coder " + std::string(example->coder) +
                           " needs a payload (a row's is its schema), which cannot be typed here");
  }
  for (const CoderSpec& part : spec.components) JOIST_RETURN_IF_ERROR(CheckPayloads(part));
  return OkStatus();
}

Result<std::string> Decode(const CoderSpec& spec, std::string_view bytes, bool nested) {
  JOIST_ASSIGN_OR_RETURN(const StandardCoder coder, StandardCoder::Make(spec));
  JOIST_ASSIGN_OR_RETURN(const Value value, coder.DecodeFromString(bytes, nested));
  return value.ToString();
}

/// NOT_FOUND with the nearest name where Beam has no such coder.
Status CheckNames(const CoderSpec& spec) {
  const std::vector<std::string_view> urns = StandardCoder::Urns();
  if (std::find(urns.begin(), urns.end(), spec.urn) == urns.end()) {
    std::vector<std::string> names;
    for (std::string_view urn : urns) names.push_back(ShortName(urn));
    const std::string nearest = NearestName(ShortName(spec.urn), names);
    return NotFound(
        "no standard coder is called \"" + ShortName(spec.urn) + "\"; " +
        (nearest.empty() ? "`joist coders` lists them" : "did you mean " + nearest + "?"));
  }
  for (const CoderSpec& component : spec.components) JOIST_RETURN_IF_ERROR(CheckNames(component));
  return OkStatus();
}

void AppendPadded(std::string_view text, size_t width, std::string* out) {
  *out += text;
  out->append(text.size() < width ? width - text.size() : 1, ' ');
}

Result<std::string> List() {
  std::string out;
  const auto add_line = [&](std::string_view coder, std::string_view type, std::string_view bytes,
                            std::string_view value) {
    AppendPadded(coder, 39, &out);
    AppendPadded(type, 41, &out);
    AppendPadded(bytes, 22, &out);
    out += value;
    out.resize(out.find_last_not_of(' ') + 1);
    out += '\n';
  };
  add_line("CODER", "C++", "BYTES", "VALUE");
  for (std::string_view urn : StandardCoder::Urns()) {
    const Example* example = ExampleOf(urn);
    if (example == nullptr) {
      add_line(ShortName(urn), "", "", "");
    } else if (NeedsPayload(*example)) {
      add_line(example->coder, example->type, "", "(needs a payload)");
    } else {
      JOIST_ASSIGN_OR_RETURN(const CoderSpec spec, ParseCoder(example->coder));
      JOIST_ASSIGN_OR_RETURN(const std::string bytes, ParseHex(example->bytes));
      JOIST_ASSIGN_OR_RETURN(const std::string value, Decode(spec, bytes, false));
      add_line(example->coder, example->type, example->bytes, value);
    }
  }
  return out;
}

Result<std::string> Show(std::string_view name) {
  JOIST_ASSIGN_OR_RETURN(const CoderSpec given, ParseCoder(name));
  JOIST_RETURN_IF_ERROR(CheckNames(given));
  std::string out = "URN        " + given.urn + '\n';
  const Example* example = ExampleOf(given.urn);
  if (example == nullptr) return out;
  if (!example->type.empty()) out += "C++        " + std::string(example->type) + '\n';
  if (NeedsPayload(*example)) {
    return out + "           needs a payload, and so cannot be typed\n";
  }
  JOIST_ASSIGN_OR_RETURN(const CoderSpec spec, ParseCoder(example->coder));
  JOIST_ASSIGN_OR_RETURN(const std::string bytes, ParseHex(example->bytes));
  JOIST_ASSIGN_OR_RETURN(const StandardCoder coder, StandardCoder::Make(spec));
  JOIST_ASSIGN_OR_RETURN(const Value value, coder.DecodeFromString(bytes));
  JOIST_ASSIGN_OR_RETURN(const std::string nested, coder.EncodeToString(value, true));
  out += "Example    " + std::string(example->coder) + " of " + value.ToString() + '\n';
  out += "  bytes    " + ToHex(bytes) + '\n';
  out += "  nested   " + ToHex(nested) + "   (inside of other coders)\n";
  return out;
}

}  // namespace

Result<std::string> Coders(std::span<const std::string_view> arguments) {
  std::vector<std::string_view> words;
  bool nested = false;
  for (std::string_view argument : arguments) {
    if (argument == "--nested") {
      nested = true;
    } else if (argument.starts_with("--")) {
      return InvalidArgument("unknown option " + std::string(argument) +
                             "; `coders decode` knows --nested alone");
    } else {
      words.push_back(argument);
    }
  }
  if (!words.empty() && words[0] == "decode") {
    if (words.size() != 3) {
      return InvalidArgument("expected a coder and bytes: coders decode varint ac02");
    }
    JOIST_ASSIGN_OR_RETURN(const CoderSpec spec, ParseCoder(words[1]));
    JOIST_RETURN_IF_ERROR(CheckNames(spec));
    JOIST_RETURN_IF_ERROR(CheckPayloads(spec));
    JOIST_ASSIGN_OR_RETURN(const std::string bytes, ParseHex(words[2]));
    JOIST_ASSIGN_OR_RETURN(std::string value, Decode(spec, bytes, nested));
    return value + '\n';
  }
  if (words.size() > 1) {
    return InvalidArgument("unexpected argument \"" + std::string(words[1]) +
                           "\"; to decode bytes: coders decode " + std::string(words[0]) + " HEX");
  }
  return words.empty() ? List() : Show(words[0]);
}

}  // namespace joist::cli
