// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the runner itself does to elements that it knows as encoded bytes (std::string): steps of an
// engine's graph between the stages of SDKs.

#ifndef JOIST_PORTABILITY_ELEMENT_STEPS_H_
#define JOIST_PORTABILITY_ELEMENT_STEPS_H_

#include <memory>

#include "joist/exec/step.h"
#include "joist/portability/wire_coder.h"

namespace joist::portability {

/// Beam's Impulse: one empty byte string, in the global window, at the beginning of time.
std::shared_ptr<Step> MakeImpulse();

/// Nothing at all: a Flatten of no collections.
std::shared_ptr<Step> MakeNothing();

/// std::string to KV<std::string, std::string>: the encoded key and value of `kv`. Copies no bytes.
std::shared_ptr<Step> MakeSplitKv(const WireCoder& kv);

/// KV<std::string, Iterable<std::string>> to std::string: the encoded key, then Beam's iterable of
/// the encoded values.
std::shared_ptr<Step> MakeJoinGroups();

/// Passes elements on in a collection that is windowed by `windowing`, and ends or not.
std::shared_ptr<Step> MakeWindowedAs(const WindowingStrategy& windowing, bool is_bounded);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_ELEMENT_STEPS_H_
