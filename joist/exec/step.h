// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What a step is made of, seen by the engine: interfaces without element types. The templates
// beside this file implement them for the user's types; the engine plans, schedules, retries and
// commits without knowing any. A Step is immutable and shared; what it makes belongs to one thread
// unless said otherwise.

#ifndef JOIST_EXEC_STEP_H_
#define JOIST_EXEC_STEP_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "joist/base/status.h"
#include "joist/exec/batch.h"
#include "joist/exec/cold_state.h"
#include "joist/exec/element_tape.h"
#include "joist/exec/memory.h"
#include "joist/exec/metrics.h"
#include "joist/exec/saved_state.h"
#include "joist/model/coder.h"
#include "joist/model/graph.h"
#include "joist/model/type_name.h"

namespace joist {

/// The coder of a collection's elements. A group's values are lent to functions, never owned by
/// them, so Iterable has no Coder of its own; on a wire it is Beam's iterable.
template <class T>
struct ElementCoder {
  static constexpr bool kExists = kHasCoder<T>;
  static CoderSpec Spec() {
    if constexpr (kExists) {
      return Coder<T>::Spec();
    } else {
      return {};  // Whoever adds the step says that there is none.
    }
  }
};
template <class V>
struct ElementCoder<Iterable<V>> {
  static constexpr bool kExists = ElementCoder<V>::kExists;
  static CoderSpec Spec() { return Coder<std::vector<V>>::Spec(); }
};
template <class K, class V>
struct ElementCoder<KV<K, V>> {
  static constexpr bool kExists = ElementCoder<K>::kExists && ElementCoder<V>::kExists;
  static CoderSpec Spec() {
    return MakeCoderSpec(kKvCoder, {ElementCoder<K>::Spec(), ElementCoder<V>::Spec()});
  }
};

template <class T>
inline const ElementType element_type = {&typeid(T), [] { return std::string(TypeName<T>()); },
                                         [] { return ElementCoder<T>::Spec(); }, &element_tape<T>};

class BundleLimits;  // exec/bundle_limits.h

/// The views of a side input that one share's functions are handed. Belongs to one thread.
class SideViews {
 public:
  virtual ~SideViews() = default;
  /// The view for an element in `main`, a window of the main input; good until the next call. Null
  /// if there is none yet, which happens in streams.
  virtual const void* At(const Window& main) = 0;
};

/// What an operator is given when it is made.
struct OperatorContext {
  std::string_view step;                                ///< Full name; outlives the operator.
  StepStats* stats = nullptr;                           ///< The share's; outlives the operator.
  std::vector<std::shared_ptr<SideViews>> side_inputs;  ///< In the order of declaration.
  MemoryBudget* memory = nullptr;                       ///< Null: nothing is limited or counted.
  const WindowingStrategy* windowing = nullptr;  ///< Of the (first) input; null: Beam's default.
  bool is_stream = false;                        ///< Its clocks are moved from outside.
  bool has_checkpoints = false;                  ///< Of a stream.
  int lane = 0;                                  ///< Of a stream: which of its lanes; see
  int lanes = 1;                                 ///< exec/exchange.h.
  BundleLimits* limits = nullptr;                ///< Of a stream.
  std::shared_ptr<ColdState> cold;               ///< Of a stream: the step's; null: there is none.
  BundleRecord* record = nullptr;                ///< Of a step that has failed before, in a stream.
  /// What a sink may gather before it goes to disk.
  int64_t memory_bytes = std::numeric_limits<int64_t>::max();
};

/// What a breaker is given when it is made; outlives it.
struct BreakerContext {
  std::string_view step;                         ///< Full name.
  MemoryBudget* memory = nullptr;                ///< Null: nothing is limited or counted.
  const WindowingStrategy* windowing = nullptr;  ///< Of its (first) input; null: Beam's default.
};

/// What an operator of a stream has in hand between bundles, for those who watch.
struct OperatorStatus {
  /// What its hold() waits for.
  enum class Holds : uint8_t { kNothing, kWork, kSideInput, kCheckpoint, kWindows, kTimers };
  Holds holds = Holds::kNothing;
  uint64_t waiting = 0;  ///< Elements, or pieces of work, that have come and not gone on.
  /// Positions of pieces that have an end; none: nobody knows.
  std::optional<uint64_t> backlog = std::nullopt;
  uint64_t keys = 0;   ///< Of which it knows something.
  uint64_t cells = 0;  ///< Keys by window.
  int64_t bytes = 0;   ///< That it holds; 0 where nobody counts them.
};

/// One step's working part in one share. Lifecycle: made, connected, Start, batches, Finish,
/// destroyed; without Finish where the share failed. In a stream Start, batches and Finish come
/// again for each bundle.
class Operator {
 public:
  virtual ~Operator() = default;
  /// Where the batches of an input go; only groupings have several.
  virtual Receiver* input(int index) = 0;
  virtual void Connect(int output, Receiver* consumer) = 0;
  /// Setup, the first time, and StartBundle.
  virtual void Start() {}
  /// FinishBundle; may still push.
  virtual void Finish() {}
  /// What was pushed is safe; in a stream with checkpoints, what was before the last Save: it is
  /// called once for each. Throws nothing.
  virtual void Committed() {}
  // Of a stream, at the end of a bundle, in this order; both clocks never go back. All may push.

  /// Takes what other lanes have put for this one.
  virtual void Receive() {}
  /// Side inputs have changed; what waited for them goes on.
  virtual void Resume() {}
  virtual void AdvanceProcessingTime(Timestamp) {}
  /// No element comes any more that is before `input`, unless it is late.
  virtual void AdvanceWatermark(Timestamp /*input*/) {}
  /// The earliest timestamp that it may still give an element, of what has come so far.
  virtual Timestamp hold() const { return Timestamp::Max(); }
  /// When (in processing time) it has more to do by itself; Max() if it waits for others only.
  virtual Timestamp next_work() const { return Timestamp::Max(); }
  /// The stream is to come to its end: what has no end of its own is cut.
  virtual void Drain() {}
  /// Says what must outlive the process; of keys, what has changed since it was called last, or
  /// since it was restored. Throws where a type has no coder.
  virtual void Save(SavedState* /*out*/) {}
  /// What Save says that is not by key, as it is now; nothing changes by that.
  virtual void SaveWhole(std::string* /*out*/) {}
  /// Of a new operator: what each lane had said whole, of which there may have been more or fewer.
  /// Takes of it what belongs to this lane: what has a key by its key; what has none if `is_own`.
  /// False where it is malformed.
  virtual bool Restore(ByteReader* /*in*/, bool /*is_own*/) { return true; }
  /// Then: what was said of a key of this lane. Where it is said again, the first call counts.
  virtual bool RestoreKey(const SavedKey&) { return false; }
  /// And in the end.
  virtual void Restored() {}
  /// Something waits for Committed, after a Save or before.
  virtual bool awaits_commit() const { return false; }
  /// Asked for a few times a second, between bundles; takes no time by the element.
  virtual OperatorStatus status() const { return {}; }
};

/// A piece of a source: positions [begin, end) of its item `item` (a file, say). What a position
/// is, only the source knows; any position inside is a legal place to split if `divisible`.
struct SourceRange {
  uint32_t item = 0;
  int64_t begin = 0;
  int64_t end = 0;
  bool divisible = true;
};

/// Hands out a range piece by piece to the thread that reads it, while another may take away the
/// rest. Thread-safe; paid once a batch.
class RangeTracker {
 public:
  RangeTracker(const SourceRange& range, const std::atomic<bool>* cancelled)
      : item_(range.item), range_(range), next_(range.begin), cancelled_(cancelled) {}

  /// Gives away a part of the position that was claimed last, where the source can.
  class Sharer {
   public:
    virtual ~Sharer() = default;
    /// Another thread wants a part; null as long as there is none.
    virtual std::optional<SourceRange> Share() = 0;
  };
  /// While one lives, others may ask `sharer`.
  class SharedBy {
   public:
    SharedBy(RangeTracker* tracker, Sharer* sharer) : tracker_(tracker) { Set(sharer); }
    ~SharedBy() { Set(nullptr); }
    SharedBy(const SharedBy&) = delete;
    SharedBy& operator=(const SharedBy&) = delete;

   private:
    void Set(Sharer* sharer) {
      const std::lock_guard lock(tracker_->mutex_);
      tracker_->sharer_ = sharer;
    }
    RangeTracker* tracker_;
  };

  /// Whether the job is to end early: a source that outputs much for one claim looks at it in
  /// between, and returns.
  bool cancelled() const { return cancelled_->load(std::memory_order_relaxed); }
  const std::atomic<bool>* cancelled_flag() const { return cancelled_; }

  /// Claims the next `count` positions, or what is left of them, as [*begin, *end). False at the
  /// end of the range and when the job is being cancelled.
  bool Claim(int64_t count, int64_t* begin, int64_t* end) {
    if (cancelled()) return false;
    const std::lock_guard lock(mutex_);
    if (next_ >= range_.end) return false;
    *begin = next_;
    *end = next_ = range_.end - next_ < count ? range_.end : next_ + count;
    return true;
  }

  /// Takes away the latter half of what isn't claimed yet, if both halves have `least` positions;
  /// else a part of what is being worked on, if that can be shared.
  std::optional<SourceRange> TrySplit(int64_t least) {
    const std::lock_guard lock(mutex_);
    if (!range_.divisible || (range_.end - next_) / 2 < std::max<int64_t>(least, 1))
      return sharer_ == nullptr ? std::nullopt : sharer_->Share();
    SourceRange rest = range_;
    rest.begin = next_ + (range_.end - next_) / 2;
    range_.end = rest.begin;
    return rest;
  }

  /// Of the range; never changes.
  uint32_t item() const { return item_; }
  /// The range as it is now, that is without what was taken away.
  SourceRange Remaining() const {
    const std::lock_guard lock(mutex_);
    return range_;
  }
  /// Positions claimed so far.
  int64_t claimed() const {
    const std::lock_guard lock(mutex_);
    return next_ - range_.begin;
  }

 private:
  const uint32_t item_;
  mutable std::mutex mutex_;
  SourceRange range_;
  int64_t next_;
  const std::atomic<bool>* cancelled_;
  Sharer* sharer_ = nullptr;
};

/// Reads ranges of a source for one share.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual void Connect(Receiver* consumer) = 0;
  /// Pushes what is in the range. Throws StepFailure.
  virtual void Read(RangeTracker& tracker) = 0;
};

/// What a stage begins with. Shared between threads.
class Source {
 public:
  virtual ~Source() = default;
  /// The ranges to read, at best a few for each of `threads`.
  virtual Result<std::vector<SourceRange>> Split(int threads) = 0;
  virtual std::unique_ptr<Reader> MakeReader(const OperatorContext& context) = 0;
  /// Positions below which a range is not split further.
  virtual int64_t least_split() const { return 1; }
};

/// Where a stage ends: takes the output of many shares, and gives it to later stages once complete.
/// A share's output is in its own sink until Commit; a sink that is destroyed instead leaves no
/// trace.
class Breaker {
 public:
  virtual ~Breaker() = default;
  /// Called by any thread.
  virtual std::unique_ptr<Operator> MakeSink(const OperatorContext& context) = 0;
  /// Takes over what `sink` (made by MakeSink) holds. One call at a time.
  virtual void Commit(Operator& sink) = 0;
  /// Everything was committed. Throws StepFailure.
  virtual void Seal(int threads) = 0;
  /// After Seal: the elements (kGroup).
  virtual std::shared_ptr<Source> MakeOutput() { return nullptr; }
  /// After Seal: what the functions of one share are handed (kView). Thread-safe.
  virtual std::shared_ptr<SideViews> MakeSideViews() const { return nullptr; }
};

class StreamSource;  // exec/stream_operator.h

/// Something that a step knows by key, as checkpoints have it.
struct StateCell {
  std::string name;  ///< Where it is a type's: without what the type is nested in.
  CoderSpec coder;
};

/// A step of the graph with the code that runs it. Of the first three functions the one is
/// implemented that its kind calls for.
class Step : public StepPayload {
 public:
  virtual std::unique_ptr<Source> MakeSource() const { return nullptr; }
  /// Of what has no end.
  virtual std::unique_ptr<StreamSource> MakeStreamSource() const;
  virtual std::unique_ptr<Operator> MakeOperator(const OperatorContext&) const { return nullptr; }
  virtual std::unique_ptr<Breaker> MakeBreaker(const BreakerContext&) const { return nullptr; }
  /// Instead of the breaker where input has no end, of a grouping and of a view: an operator for
  /// each lane. A view's first is a StreamView. Empty where there is no such thing.
  virtual std::vector<std::unique_ptr<Operator>> MakeStreamOperators(
      std::span<const OperatorContext>) const;
  /// What those of a stream know by key, beside their input's elements.
  virtual std::vector<StateCell> state_cells() const { return {}; }
  /// Something that keeps a kParDo's input until a side input is ready; null if it has none.
  virtual std::unique_ptr<Breaker> MakeInputBreaker(const BreakerContext&) const { return nullptr; }
};

/// What std::make_shared<S> makes, as a Step from the beginning: for each S the compiler would make
/// pointers and counts of their own. For the same reason operators and breakers are made by `new`.
template <class S, class... A>
std::shared_ptr<Step> MakeStep(A&&... arguments) {
  return std::unique_ptr<Step>(new S(std::forward<A>(arguments)...));
}

// --- The registry of steps: how a step is found by a copy of this program
// -------------------------

/// One type of step. Entries form a list that is linked while the program is loaded: no allocation,
/// no order of initialisation to mind. See docs/adr/0001.
struct StepEntry {
  StepEntry(const char* key, std::shared_ptr<Step> (*decode)(std::string_view));

  const char* key;
  /// The step for an encoded state; null where the state is malformed or the type's functions
  /// cannot be made from a state.
  std::shared_ptr<Step> (*decode)(std::string_view state);
  StepEntry* next;
};

/// The entry under `key`. NOT_FOUND in a program that lacks it; FAILED_PRECONDITION where two
/// different types share the name (unnamed namespaces in two files): which of them is meant can't
/// be told.
Result<const StepEntry*> FindStep(std::string_view key);

/// The state of a function that can travel: nothing for an empty type, its fields for a JOIST_ROW.
template <class F>
inline constexpr bool kIsStateless = std::is_empty_v<F> && std::is_default_constructible_v<F>;
template <class F>
inline constexpr bool kTravels =
    kIsStateless<F> || (HasCoder<F> && std::is_default_constructible_v<F>);

/// The definition of a step that needs none.
struct NoState {};

/// Base of a step whose state is one value `Definition`, usually the user's function. `Derived`
/// takes the definition as its only constructor argument.
template <class Derived, class Definition>
class StepOf : public Step {
 public:
  explicit StepOf(Definition definition) : definition_(std::move(definition)) {
    (void)&entry;  // Named here so that the entry exists for every step that is built anywhere.
  }
  std::string_view type_key() const override { return entry.key; }
  bool EncodeState(std::string* state) const override {
    if constexpr (kIsStateless<Definition>) {
      return true;
    } else if constexpr (kTravels<Definition>) {
      Coder<Definition>::Encode(definition_, state, /*nested=*/false);
      return true;
    } else {
      return false;
    }
  }

 protected:
  const Definition& definition() const { return definition_; }

 private:
  static std::shared_ptr<Step> Decode([[maybe_unused]] std::string_view state) {
    if constexpr (kIsStateless<Definition>) {
      return state.empty() ? MakeStep<Derived>(Definition()) : nullptr;
    } else if constexpr (kTravels<Definition>) {
      Result<Definition> definition = DecodeFromString<Definition>(state);
      return definition.ok() ? MakeStep<Derived>(std::move(*definition)) : nullptr;
    } else {
      return nullptr;
    }
  }
  struct Entry : StepEntry {
    Entry() : StepEntry(typeid(Derived).name(), &Decode) {}
  };
  static inline Entry entry;

  Definition definition_;
};

}  // namespace joist

#endif  // JOIST_EXEC_STEP_H_
