// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/command_options.h"

#include <algorithm>
#include <cstddef>
#include <map>

namespace joist::cli {
namespace {

/// Dashes and underscores are one.
std::string Canonical(std::string_view name) {
  std::string canonical(name);
  std::replace(canonical.begin(), canonical.end(), '-', '_');
  return canonical;
}

const OptionField* Find(const OptionFields& fields, const std::string& name) {
  for (const OptionField& field : fields.list()) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

Status Unknown(const OptionFields& fields, const std::string& name) {
  std::vector<std::string> names;
  for (const OptionField& field : fields.list()) names.push_back(field.name);
  const std::string nearest = NearestName(name, names);
  return InvalidArgument(
      "unknown option --" + name + "; " +
      (nearest.empty() ? "--help lists them" : "did you mean --" + nearest + "?"));
}

Status Assign(const OptionField& field, const std::vector<std::string>& values) {
  std::string wrong;
  if (field.Assign(values, &wrong)) return OkStatus();
  return InvalidArgument("option --" + field.name + ": expected " + field.expected + ", got \"" +
                         wrong + "\"");
}

}  // namespace

Status ReadCommandOptions(std::span<const std::string_view> arguments, const OptionFields& fields,
                          std::vector<std::string>* words) {
  std::map<std::string, std::vector<std::string>> given;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (!argument.starts_with("--") || argument.size() == 2) {
      if (words == nullptr) {
        return InvalidArgument("\"" + std::string(argument) + "\" belongs to no option");
      }
      words->emplace_back(argument);
      continue;
    }
    argument.remove_prefix(2);
    const size_t equals = argument.find('=');
    std::string name = Canonical(argument.substr(0, equals));
    const OptionField* field = Find(fields, name);
    std::string value;
    if (equals != std::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (field != nullptr && field->is_flag) {
      value = "true";
    } else if (field == nullptr && name.starts_with("no")) {
      field = Find(fields, name.substr(2));
      if (field == nullptr || !field->is_flag) return Unknown(fields, name);
      value = "false";
    } else if (field != nullptr) {
      if (++i == arguments.size()) return InvalidArgument("option --" + name + " needs a value");
      value = arguments[i];
    }
    if (field == nullptr) return Unknown(fields, name);
    given[field->name].push_back(value);
  }
  for (const OptionField& field : fields.list()) {
    const auto values = given.find(field.name);
    if (values != given.end()) {
      JOIST_RETURN_IF_ERROR(Assign(field, values->second));
    } else if (field.presence == kRequired) {
      return InvalidArgument("option --" + field.name + " must be given; --help says more");
    }
  }
  return OkStatus();
}

std::string CommandOptionsHelp(const OptionFields& fields) {
  std::string help;
  for (const OptionField& field : fields.list()) {
    help += "  --" + field.name + (field.is_flag ? "" : std::string("=") + field.type) +
            "\n      " + field.help;
    if (field.presence == kRequired) {
      help += " (must be given)";
    } else if (!field.default_text.empty() && field.default_text != "\"\"") {
      help += " [" + field.default_text + "]";
    }
    help += '\n';
  }
  return help;
}

bool AskForHelp(std::span<const std::string_view> arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](std::string_view argument) {
    return argument == "--help" || argument == "-h";
  });
}

}  // namespace joist::cli
