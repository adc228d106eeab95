// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Graph: what a pipeline consists of, independent of who runs it. Nodes are steps, edges are
// collections; composites live on in the names ("Count/Combine"). Built by one thread; immutable
// and shareable once a runner has it.

#ifndef JOIST_MODEL_GRAPH_H_
#define JOIST_MODEL_GRAPH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/coder_spec.h"
#include "joist/model/windowing.h"

namespace joist {

struct ElementTape;  // exec/element_tape.h

/// What is known of a collection's elements: one static instance a C++ type (exec/step.h).
struct ElementType {
  const std::type_info* type;
  std::string (*name)();              ///< Readable: "KV<std::string, int64_t>".
  CoderSpec (*coder)();               ///< How elements look on a wire, in a checkpoint, in spill.
  const ElementTape* tape = nullptr;  ///< How an engine keeps and shows what flows.
};

enum class StepKind : uint8_t {
  kRead,     ///< Makes elements from nothing.
  kParDo,    ///< Element by element; fused with its neighbours.
  kFlatten,  ///< Several collections as one; costs nothing.
  kGroup,    ///< Needs all of its input before it gives anything: grouping, combining, reshuffling.
  kView,     ///< Makes its input readable from inside functions (side inputs).
};

std::string_view StepKindName(StepKind kind);

/// What a step does, as a value that can travel: a key under which any copy of this program finds
/// the code, and the state that the code needs.
class StepPayload {
 public:
  virtual ~StepPayload() = default;
  virtual StepKind kind() const = 0;
  /// The key in the registry of steps; means something within one build of a program only.
  virtual std::string_view type_key() const = 0;
  /// Appends the state. False where the function holds something that cannot be encoded, such as
  /// the captures of a lambda.
  virtual bool EncodeState(std::string* state) const = 0;
  virtual std::vector<const ElementType*> outputs() const = 0;
  /// How its outputs are windowed if its (first) input is so.
  virtual WindowingStrategy OutputWindowing(const WindowingStrategy& input) const { return input; }
  /// Gives its results window by window, pane by pane: grouping, combining.
  virtual bool groups() const { return false; }
  /// Of a kRead: whether its elements come to an end.
  virtual bool is_bounded() const { return true; }
};

struct Collection {
  int producer = -1;  ///< Node.
  int port = 0;       ///< Which of its outputs.
  const ElementType* type = nullptr;
  WindowingStrategy windowing;
  bool is_bounded = true;
};

struct Node {
  std::string name;  ///< Full and unique: "Count/Combine".
  StepKind kind = StepKind::kParDo;
  std::shared_ptr<const StepPayload> payload;  ///< Null for kFlatten.
  std::vector<int> inputs;                     ///< Collections.
  std::vector<int> side_inputs;                ///< Collections made by kView nodes.
  std::vector<int> outputs;                    ///< Collections.
  std::source_location where;                  ///< The user's line.
};

/// One fact about a transform, for people who look at the pipeline: an item of Beam's display data.
struct DisplayItem {
  enum class Type : uint8_t { kString, kInteger, kDouble, kBoolean };
  std::string key;    ///< Beam's where Beam has the transform: "filePattern".
  std::string label;  ///< For people: "File Pattern".
  std::string value;
  Type type = Type::kString;
  friend bool operator==(const DisplayItem&, const DisplayItem&) = default;
};

class Graph {
 public:
  /// Adds a step and its output collections; returns the node's index. A fault (a name used twice)
  /// is kept for Validate, so that building goes on and the first one is reported.
  int Add(Node node, std::vector<const ElementType*> outputs);

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Collection>& collections() const { return collections_; }
  const Node& producer(int collection) const { return nodes_[collections_[collection].producer]; }

  /// OK, or the first fault in the order of building, with the step and the line that made it.
  Status Validate() const;

  /// What the transform of the full name `name`, a step or a composite, says of itself; replaces
  /// what it said before. Nothing of it is part of the fingerprint.
  void SetDisplayData(std::string name, std::vector<DisplayItem> items);
  /// Null where it says nothing.
  const std::vector<DisplayItem>* display_data(std::string_view name) const;

  /// Removes the step that was added last, which must have no outputs.
  Node TakeBackLast();

  /// Whoever builds a pipeline reports what only it can see.
  void AddFault(Status fault);

  /// Whether a collection has no end.
  bool has_unbounded() const;

  /// 64 bits over names, keys, types and edges: equal for two runs of one program that built the
  /// same pipeline.
  uint64_t Fingerprint() const;

 private:
  Status ValidateWindowing(const Node& node) const;

  std::vector<Node> nodes_;
  std::vector<Collection> collections_;
  std::map<std::string, std::vector<DisplayItem>, std::less<>> display_data_;
  Status fault_;
};

/// "main.cc:12", for messages.
std::string DescribeLocation(const std::source_location& where);

/// " at word_count.cc:17" for messages; nothing where the line is not known.
std::string AtLocation(const std::source_location& where);

/// The fault of a step made at `where` that has the name of one made at `other`.
Status SameNameFault(std::string_view name, const std::source_location& where,
                     const std::source_location& other);

}  // namespace joist

#endif  // JOIST_MODEL_GRAPH_H_
