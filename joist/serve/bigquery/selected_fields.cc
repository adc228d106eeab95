// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/bigquery/selected_fields.h"

#include <optional>
#include <string_view>
#include <utility>

namespace joist::serve {

namespace {

using tables::Field;
using tables::FieldMode;
using tables::FieldType;

/// The first part of a path, which becomes what follows it.
std::string_view TakePart(std::string_view* path) {
  const std::string_view part = path->substr(0, path->find('.'));
  path->remove_prefix(std::min(part.size() + 1, path->size()));
  return part;
}

bool IsThere(const std::vector<Field>& fields, std::string_view path) {
  const std::string_view name = TakePart(&path);
  for (const Field& field : fields) {
    if (!tables::SameName(field.name, name)) continue;
    return path.empty() || (field.type == FieldType::kRecord && IsThere(field.fields, path));
  }
  return false;
}

/// What of the field is selected; null where nothing is. Paths are relative to the record around.
std::optional<Field> SelectedOf(const Field& field, const std::vector<std::string_view>& paths) {
  std::vector<std::string_view> within;
  for (std::string_view path : paths) {
    if (!tables::SameName(TakePart(&path), field.name)) continue;
    if (path.empty()) return field;
    within.push_back(path);
  }
  if (within.empty()) return std::nullopt;
  Field selected = field;
  selected.fields.clear();
  for (const Field& part : field.fields) {
    if (std::optional<Field> found = SelectedOf(part, within)) {
      selected.fields.push_back(*std::move(found));
    }
  }
  return selected;
}

std::string Narrowed(const std::string& value, const Field& whole, const Field& selected,
                     int depth);

/// A record made anew of what is selected of another.
std::string NarrowedRecord(const std::string& value, const Field& whole, const Field& selected,
                           int depth) {
  std::string parts;
  for (const Field& part : selected.fields) {
    for (const Field& known : whole.fields) {
      if (known.name != part.name) continue;
      parts += (parts.empty() ? "" : ", ") + tables::Quoted(part.name) + " := " +
               Narrowed("struct_extract(" + value + ", " + tables::QuotedText(part.name) + ")",
                        known, part, depth);
    }
  }
  return "CASE WHEN " + value + " IS NULL THEN NULL ELSE struct_pack(" + parts + ") END";
}

std::string Narrowed(const std::string& value, const Field& whole, const Field& selected,
                     int depth) {
  if (whole == selected) return value;
  if (whole.mode != FieldMode::kRepeated) return NarrowedRecord(value, whole, selected, depth);
  const std::string element = "e" + std::to_string(depth);
  return "list_transform(" + value + ", lambda " + element + ": " +
         NarrowedRecord(element, whole, selected, depth + 1) + ")";
}

}  // namespace

Result<SelectedFields> SelectFields(const tables::Schema& table,
                                    const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (IsThere(table.fields, name)) continue;
    return InvalidArgument(
        "request failed: The following selected fields do not exist in the table schema: " + name);
  }
  const std::vector<std::string_view> paths(names.begin(), names.end());
  SelectedFields all;
  for (const Field& field : table.fields) {
    const std::optional<Field> selected = names.empty() ? field : SelectedOf(field, paths);
    if (!selected.has_value()) continue;
    const std::string name = tables::Quoted(field.name);
    std::string value = Narrowed(name, field, *selected, 0);
    if (field.type == FieldType::kJson && field.mode != FieldMode::kRepeated) {
      value = "CAST(" + name + " AS VARCHAR)";
    }
    all.columns += (all.columns.empty() ? "" : ", ") + value;
    if (value != name) all.columns += " AS " + name;
    all.schema.fields.push_back(*selected);
  }
  return all;
}

}  // namespace joist::serve
