// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/coder_text.h"

#include <utility>

#include "joist/model/standard_coder.h"

namespace joist::cli {
namespace {

constexpr size_t kLongestText = 1000;

void SkipBlanks(std::string_view* text) {
  while (text->starts_with(' ')) text->remove_prefix(1);
}

class CoderParser {
 public:
  explicit CoderParser(std::string_view text) : whole_(text), rest_(text) {}

  Result<CoderSpec> Parse() {
    JOIST_ASSIGN_OR_RETURN(CoderSpec spec, ParseOne(0));
    if (!rest_.empty()) return Fault("nothing more");
    return spec;
  }

 private:
  Result<CoderSpec> ParseOne(int depth) {
    if (depth > StandardCoder::kMaxDepth) return Fault("fewer coders within each other");
    SkipBlanks(&rest_);
    const std::string_view name = rest_.substr(0, rest_.find_first_of("<>, "));
    if (name.empty()) return Fault("the name of a coder");
    rest_.remove_prefix(name.size());
    CoderSpec spec;
    spec.urn =
        name.find(':') != name.npos ? std::string(name) : "beam:coder:" + std::string(name) + ":v1";
    SkipBlanks(&rest_);
    if (!rest_.starts_with('<')) return spec;
    do {
      rest_.remove_prefix(1);
      JOIST_ASSIGN_OR_RETURN(CoderSpec component, ParseOne(depth + 1));
      spec.components.push_back(std::move(component));
    } while (rest_.starts_with(','));
    if (!rest_.starts_with('>')) return Fault("a comma or >");
    rest_.remove_prefix(1);
    SkipBlanks(&rest_);
    return spec;
  }

  Status Fault(std::string_view expected) const {
    return InvalidArgument("coder \"" + std::string(whole_) + "\": expected " +
                           std::string(expected) + " at character " +
                           std::to_string(whole_.size() - rest_.size() + 1) +
                           "; coders look like varint and kv<string_utf8, varint>");
  }

  std::string_view whole_;
  std::string_view rest_;
};

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Result<CoderSpec> ParseCoder(std::string_view text) {
  if (text.size() > kLongestText) {
    return InvalidArgument("a coder of " + std::to_string(text.size()) + " characters; at most " +
                           std::to_string(kLongestText) + " are read");
  }
  return CoderParser(text).Parse();
}

Result<std::string> ParseHex(std::string_view text) {
  const std::string_view whole = text;
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  std::string bytes;
  for (SkipBlanks(&text); !text.empty(); SkipBlanks(&text)) {
    const int high = DigitOf(text[0]);
    const int low = text.size() > 1 ? DigitOf(text[1]) : -1;
    if (high < 0 || low < 0) {
      return InvalidArgument("not two hexadecimal digits at character " +
                             std::to_string(whole.size() - text.size() + 1) +
                             "; bytes look like 016102 or \"01 61 02\"");
    }
    bytes += static_cast<char>(16 * high + low);
    text.remove_prefix(2);
  }
  return bytes;
}

std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) / 16];
    hex += kDigits[static_cast<unsigned char>(c) % 16];
  }
  return hex;
}

}  // namespace joist::cli
