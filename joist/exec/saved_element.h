// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SavedElement<T>: an element in a checkpoint: its value by its coder, then its times. What the
// decoded value refers to are the checkpoint's bytes.

#ifndef JOIST_EXEC_SAVED_ELEMENT_H_
#define JOIST_EXEC_SAVED_ELEMENT_H_

#include <string>

#include "joist/base/status.h"
#include "joist/exec/batch.h"
#include "joist/exec/element_code.h"
#include "joist/model/type_name.h"

namespace joist {

/// Throws: values of this type cannot be in a checkpoint.
[[noreturn]] void RefuseToSave(std::string_view type);

/// A value by its coder.
template <class T>
void SaveValue([[maybe_unused]] const T& value, [[maybe_unused]] std::string* out) {
  if constexpr (kHasCoder<T>) {
    Coder<T>::Encode(value, out, /*nested=*/true);
  } else {
    RefuseToSave(TypeName<T>());
  }
}
template <class T>
bool RestoreValue([[maybe_unused]] ByteReader* in, [[maybe_unused]] T* value) {
  if constexpr (kHasCoder<T>) {
    return Coder<T>::Decode(in, value, /*nested=*/true);
  } else {
    return false;
  }
}

template <class T>
struct SavedElement {
  Stored<T> value{};
  Timestamp timestamp;
  Window window;
  PaneInfo pane;

  View<T> view() const { return ElementForm<T>::ViewOf(value); }
  Meta meta() const {
    return {SharedColumn<Timestamp>(timestamp), SharedColumn<Window>(window),
            SharedColumn<PaneInfo>(pane)};
  }

  static void Save(const View<T>& view, Timestamp timestamp, const Window& window,
                   const PaneInfo& pane, std::string* out) {
    if constexpr (ElementCode<T>::kExists) {
      ElementCode<T>::Encode(view, out);
      SaveValue(timestamp, out);
      SaveValue(window, out);
      SaveValue(pane, out);
    } else {
      RefuseToSave(TypeName<T>());
    }
  }
  bool Restore(ByteReader* in) {
    if constexpr (ElementCode<T>::kExists) {
      return ElementCode<T>::Decode(in, &value) && RestoreValue(in, &timestamp) &&
             RestoreValue(in, &window) && RestoreValue(in, &pane);
    } else {
      return false;
    }
  }
};

/// Saves the elements pushed to it.
template <class T>
class ElementSaver final : public BatchReceiver<T> {
 public:
  explicit ElementSaver(std::string* out) : out_(out) {}
  void Push(const Batch<T>& batch) override {
    for (size_t i = 0; i < batch.count; ++i) {
      SavedElement<T>::Save(batch[i], batch.timestamp(i), batch.window(i), batch.pane(i), out_);
    }
  }

 private:
  std::string* out_;
};

}  // namespace joist

#endif  // JOIST_EXEC_SAVED_ELEMENT_H_
