// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/window_code.h"

#include <utility>

namespace joist::portability {

WindowCode::WindowCode(const CoderSpec& coder, std::shared_ptr<OpaqueWindows> table)
    : kind_(coder.urn == kGlobalWindowCoder     ? Kind::kGlobal
            : coder.urn == kIntervalWindowCoder ? Kind::kInterval
                                                : Kind::kOpaque),
      wire_coder_(coder),
      table_(std::move(table)) {
  if (kind_ != Kind::kOpaque) return;
  const CoderSpec inner =
      coder.urn == kCustomWindowCoder && coder.components.size() == 1 ? coder.components[0] : coder;
  wire_coder_ = MakeCoderSpec(
      kCustomWindowCoder,
      {inner.urn == kLengthPrefixCoder ? inner : MakeCoderSpec(kLengthPrefixCoder, {inner})});
}

bool WindowCode::Take(ByteReader* in, Window* window) const {
  if (kind_ == Kind::kGlobal) {
    *window = Window::Global();
    return true;
  }
  int64_t millis;
  uint64_t number;
  if (!in->TakeInstant(&millis) || !in->TakeVarint(&number)) return false;
  if (kind_ == Kind::kInterval) {
    if (number > INT64_MAX) return in->Fail("an interval window is too long");
    *window = {Timestamp::Millis(SaturatingSubtract(millis, static_cast<int64_t>(number))),
               Timestamp::Millis(millis)};
    return true;
  }
  std::string_view encoded;
  if (!in->Take(number, &encoded)) return false;
  const Result<Window> interned = table_->Intern(Timestamp::Millis(millis), encoded);
  if (!interned.ok()) return in->Fail("windows cannot be told apart, or are too many");
  *window = *interned;
  return true;
}

Result<std::string> WindowCode::EncodingOf(const Window& window) const {
  std::optional<std::string> encoded = table_->EncodingOf(window);
  if (!encoded.has_value()) {
    return Internal("a window that ends at " + window.end.ToString() + " is not known any more");
  }
  return *std::move(encoded);
}

bool WindowCode::Knows(const Window& window) const {
  return kind_ != Kind::kOpaque || table_->EncodingOf(window).has_value();
}

Status WindowCode::Put(const Window& window, std::string* out) const {
  switch (kind_) {
    case Kind::kGlobal: return OkStatus();
    case Kind::kInterval:
      PutInstant(window.end.millis, out);
      PutVarint(static_cast<uint64_t>(window.span().millis), out);
      return OkStatus();
    case Kind::kOpaque: {
      JOIST_ASSIGN_OR_RETURN(const std::string encoded, EncodingOf(window));
      PutInstant(window.max_timestamp().millis, out);
      PutBytes(encoded, out, /*nested=*/true);
      return OkStatus();
    }
  }
  return OkStatus();
}

CoderSpec WindowCode::runner_coder() const {
  return kind_ == Kind::kOpaque ? MakeCoderSpec(kCustomWindowCoder, {MakeCoderSpec(kBytesCoder)})
                                : wire_coder_;
}

Result<Value> WindowCode::ToValue(const Window& window) const {
  if (kind_ != Kind::kOpaque) return Value(window);
  JOIST_ASSIGN_OR_RETURN(std::string encoded, EncodingOf(window));
  return Value(Value::Record{
      {{"maxTimestamp", window.max_timestamp()}, {"window", Bytes(std::move(encoded))}}});
}

Result<Window> WindowCode::FromValue(const Value& value) const {
  if (const Window* window = value.As<Window>()) return *window;
  const Value::Record* record = value.As<Value::Record>();
  const Value* time = record == nullptr ? nullptr : record->Find("maxTimestamp");
  const Value* encoded = record == nullptr ? nullptr : record->Find("window");
  if (time == nullptr || encoded == nullptr || time->As<Timestamp>() == nullptr ||
      encoded->As<Bytes>() == nullptr) {
    return InvalidArgument("a window is none of the coder " + runner_coder().ToString());
  }
  return table_->Intern(*time->As<Timestamp>(), encoded->As<Bytes>()->data);
}

}  // namespace joist::portability
