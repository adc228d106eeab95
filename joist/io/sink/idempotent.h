// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WriteIdempotent: elements to a service that knows what it has by an id. A sink for it:
//
//   struct Payments {
//     using Element = Payment;
//     void Write(const std::string& id, const Payment& payment);  // An id that is there: nothing.
//     void Flush();                    // Optional: what Write has only gathered is to be there.
//   };
//
//   payments | joist::sink::WriteIdempotent(Payments{…})  // To the ids that are written.
//
// Guarantees: each element has one id, which is given before a checkpoint (of bounded input: the
// end of the stage) has both and is the same whenever Write is called for it. So each element is
// there exactly once if the service knows ids for as long as the job may stand still. Flush is
// called at the end of each bundle. Where an id follows from the element, an order's number say, a
// function with kRequiresStableInput is enough.

#ifndef JOIST_IO_SINK_IDEMPOTENT_H_
#define JOIST_IO_SINK_IDEMPOTENT_H_

#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "joist/io/sink/element_id.h"
#include "joist/io/sink/sink_step.h"
#include "joist/sdk/par_do.h"

namespace joist::sink {

template <class S>
concept IdempotentSink =
    requires(S sink, const std::string& id, const S::Element& element) { sink.Write(id, element); };

namespace idempotent_internal {

template <class T>
struct GiveIds {
  ElementIds ids;

  void Setup() { ids = {}; }
  void Process(const View<T>& element, Emit<KV<std::string, T>> emit) {
    emit(KV<std::string_view, std::remove_cvref_t<View<T>>>{ids.Next(), element});
  }
};
template <class T>
constexpr FieldList<GiveIds<T>> JoistFields(const GiveIds<T>*) {
  return {"GiveIds", {}};
}

template <class Sink>
struct WriteById : SinkStep<Sink> {
  static constexpr bool kRequiresStableInput = true;
  using Element = typename Sink::Element;

  void Process(const KV<std::string, Element>& element, Emit<std::string> emit) {
    this->sink.Write(element.key, element.value);
    emit(element.key);
  }
  void FinishBundle()
    requires requires(Sink& of) { of.Flush(); }
  {
    this->sink.Flush();
  }
};
template <class Sink>
constexpr FieldList<WriteById<Sink>, &WriteById<Sink>::sink> JoistFields(const WriteById<Sink>*) {
  return {"WriteById", {"sink"}};
}

}  // namespace idempotent_internal

template <IdempotentSink Sink>
class WriteIdempotent : public Transform {
 public:
  static constexpr std::string_view kKind = "sink::WriteIdempotent";
  explicit WriteIdempotent(Sink sink, std::source_location where = std::source_location::current())
      : Transform(where), sink_(std::move(sink)) {}

  /// The ids, each when its element is written (though perhaps not flushed).
  PCollection<std::string> Expand(const PCollection<typename Sink::Element>& in) const {
    idempotent_internal::WriteById<Sink> write;
    write.sink = sink_;
    return in | "Ids" >> ParDo(idempotent_internal::GiveIds<typename Sink::Element>()) |
           "Write" >> ParDo(std::move(write));
  }

 private:
  Sink sink_;
};

}  // namespace joist::sink

#endif  // JOIST_IO_SINK_IDEMPOTENT_H_
