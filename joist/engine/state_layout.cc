// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/state_layout.h"

#include <algorithm>
#include <cstddef>

#include "joist/model/schema.h"

namespace joist {
namespace {

/// Coders within coders, at the most.
constexpr int kDeepest = 100;

void EncodeSpec(const CoderSpec& spec, std::string* out) {
  PutBytes(spec.urn, out, /*nested=*/true);
  PutBytes(spec.payload, out, /*nested=*/true);
  PutVarint(spec.components.size(), out);
  for (const CoderSpec& component : spec.components) EncodeSpec(component, out);
}

bool DecodeSpec(ByteReader* in, CoderSpec* spec, int depth) {
  std::string_view urn;
  std::string_view payload;
  uint64_t components;
  if (depth > kDeepest || !in->TakeBytes(&urn, /*nested=*/true) ||
      !in->TakeBytes(&payload, /*nested=*/true) || !in->TakeVarint(&components)) {
    return false;
  }
  spec->urn = urn;
  spec->payload = payload;
  for (; components > 0; --components) {
    if (!DecodeSpec(in, &spec->components.emplace_back(), depth + 1)) return false;
  }
  return true;
}

/// Empty, or how they differ: "field note is gone".
std::string Difference(const Schema& was, const Schema& now);

std::string Difference(const FieldType& was, const FieldType& now) {
  if (was == now) return "";
  const bool are_rows = was.kind == FieldType::Kind::kRow && now.kind == FieldType::Kind::kRow;
  if (are_rows && was.nullable == now.nullable) return Difference(was.row[0], now.row[0]);
  const bool have_parts = was.kind == now.kind && was.nullable == now.nullable &&
                          was.parts.size() == now.parts.size() && !was.parts.empty();
  if (have_parts && was.kind != FieldType::Kind::kLogical) {
    for (size_t i = 0; i < was.parts.size(); ++i) {
      std::string difference = Difference(was.parts[i], now.parts[i]);
      if (!difference.empty()) return difference;
    }
    return "";
  }
  return "was " + was.ToString() + " and is " + now.ToString();
}

std::string Difference(const Schema& was, const Schema& now) {
  const size_t both = std::min(was.fields.size(), now.fields.size());
  for (size_t i = 0; i < both; ++i) {
    const Field& before = was.fields[i];
    const Field& after = now.fields[i];
    if (before.name != after.name) {
      return "field " + before.name + " is " + after.name + " now";
    }
    const std::string difference = Difference(before.type, after.type);
    if (!difference.empty()) return "field " + before.name + ": " + difference;
  }
  if (was.fields.size() > both) return "field " + was.fields[both].name + " is gone";
  for (size_t i = both; i < now.fields.size(); ++i) {
    if (!now.fields[i].type.nullable) {
      return "field " + now.fields[i].name + " is new and not nullable";
    }
  }
  return "";
}

std::string Difference(const CoderSpec& was, const CoderSpec& now) {
  if (was == now) return "";
  if (was.urn == kRowCoder && now.urn == kRowCoder) {
    const Result<Schema> before = Schema::Parse(was.payload);
    const Result<Schema> after = Schema::Parse(now.payload);
    if (before.ok() && after.ok()) return Difference(*before, *after);
  }
  if (was.urn == now.urn && was.payload == now.payload &&
      was.components.size() == now.components.size()) {
    for (size_t i = 0; i < was.components.size(); ++i) {
      std::string difference = Difference(was.components[i], now.components[i]);
      if (!difference.empty()) return difference;
    }
    return "";
  }
  return "its coder was " + was.ToString() + " and is " + now.ToString();
}

}  // namespace

StateLayout LayoutOf(const Graph& graph, int node) {
  const Node& of = graph.nodes()[node];
  StateLayout layout;
  for (size_t i = 0; i < of.inputs.size(); ++i) {
    const Collection& input = graph.collections()[of.inputs[i]];
    if (i == 0) layout.windowing = input.windowing.ToString();
    layout.cells.push_back(
        {i == 0 ? "element" : "element " + std::to_string(i + 1), input.type->coder()});
  }
  if (of.payload == nullptr) return layout;
  for (StateCell& cell : static_cast<const Step&>(*of.payload).state_cells()) {
    layout.cells.push_back(std::move(cell));
  }
  return layout;
}

void EncodeLayout(const StateLayout& layout, std::string* out) {
  PutBytes(layout.windowing, out, /*nested=*/true);
  PutVarint(layout.cells.size(), out);
  for (const StateCell& cell : layout.cells) {
    PutBytes(cell.name, out, /*nested=*/true);
    EncodeSpec(cell.coder, out);
  }
}

bool DecodeLayout(ByteReader* in, StateLayout* layout) {
  std::string_view windowing;
  uint64_t cells;
  if (!in->TakeBytes(&windowing, /*nested=*/true) || !in->TakeVarint(&cells)) return false;
  layout->windowing = windowing;
  layout->cells.clear();
  for (; cells > 0; --cells) {
    StateCell& cell = layout->cells.emplace_back();
    std::string_view name;
    if (!in->TakeBytes(&name, /*nested=*/true) || !DecodeSpec(in, &cell.coder, 0)) return false;
    cell.name = name;
  }
  return true;
}

Status CheckLayout(std::string_view step, const StateLayout& was, const StateLayout& now) {
  const auto refuse = [&](const std::string& why) {
    return Status(StatusCode::kFailedPrecondition,
                  "step \"" + std::string(step) + "\" cannot go on with its state: " + why +
                      "; give this job another --checkpoint_dir, or run the program that made it");
  };
  if (was.windowing != now.windowing) {
    return refuse("its windowing was " + was.windowing + " and is " + now.windowing);
  }
  const size_t both = std::min(was.cells.size(), now.cells.size());
  for (size_t i = 0; i < both; ++i) {
    const StateCell& before = was.cells[i];
    const StateCell& after = now.cells[i];
    if (before.name != after.name) {
      return refuse("it had " + before.name + " where it has " + after.name);
    }
    const std::string difference = Difference(before.coder, after.coder);
    if (!difference.empty()) return refuse(before.name + ": " + difference);
  }
  if (was.cells.size() > both) return refuse("it had " + was.cells[both].name);
  if (now.cells.size() > both) return refuse("it did not have " + now.cells[both].name);
  return OkStatus();
}

}  // namespace joist
