// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SideInputState: answers an SDK's requests for side inputs, of one operator: for all elements of a
// window, the values of a key, the keys, or the keys with their values.
//
// Answers come in pieces of about kPieceBytes (user_state.h) of whole elements, with a token for
// the next piece. A window without elements is answered with nothing.

#ifndef JOIST_PORTABILITY_SIDE_INPUT_STATE_H_
#define JOIST_PORTABILITY_SIDE_INPUT_STATE_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/exec/step.h"
#include "joist/model/window.h"
#include "joist/portability/beam_names.h"
#include "joist/portability/side_input_view.h"
#include "joist/portability/window_codec.h"

namespace joist::portability {

enum class SideInputAccess : uint8_t {
  kIterable,  ///< beam:side_input:iterable:v1; a view of MakeIterableSideInput.
  kMultimap,  ///< beam:side_input:multimap:v1; a view of MakeMultimapSideInput.
};

/// A side input of a stage, as its descriptor has it.
struct SideInputSpec {
  std::string transform_id = {};
  std::string side_input_id = {};
  SideInputAccess access = SideInputAccess::kIterable;
  WindowCodec windows = WindowCodec::ForGlobal();  ///< Of the side input.
};

/// Thread-safe. What it shows changes between the bundles of a stream, never during one.
class SideInputState {
 public:
  /// `views`: OperatorContext::side_inputs, one for each of `specs`. `run_id` names the run of the
  /// job that the views are of, in which they never change; empty where they do (streams).
  SideInputState(std::vector<std::shared_ptr<SideViews>> views, std::vector<SideInputSpec> specs,
                 std::string_view run_id);

  /// Fills `response`. kInvalidArgument; whatever befalls the reading of what is on disk.
  Status Handle(const fn::StateRequest& request, fn::StateResponse* response);
  /// Whether elements in `main`, a window of the main input, have all their side inputs; in streams
  /// they may have to wait. Throws StepFailure, StatusException.
  bool IsReady(const Window& main);
  /// For WorkerBundles: tokens under which an SDK may keep what it has read.
  const std::vector<std::string>& cache_tokens() const { return cache_tokens_; }

  /// A key that has more is asked for by itself.
  static constexpr size_t kMostBytesOfEntry = 16 << 20;

 private:
  struct Input {
    SideInputSpec spec;
    std::shared_ptr<SideViews> views;
  };
  /// Where an answer ended.
  struct Place {
    std::shared_ptr<const KeyedValues> of;
    std::string key;
    uint64_t number = 0;  ///< Of `next`.
    Iterable<std::string>::iterator next;
  };

  Status Answer(const fn::StateRequest& request, fn::StateResponse* response);
  /// Of `key`, a StateKey's part. The view of its window.
  template <class View, class Key>
  Result<const View*> Find(const Key& key, SideInputAccess access);
  Status ReadValues(const KeyedValuesView& view, const std::string& key, uint64_t from,
                    fn::StateResponse* response);

  std::vector<Input> inputs_;
  std::vector<std::string> cache_tokens_;
  std::mutex mutex_;
  Place place_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_SIDE_INPUT_STATE_H_
