// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A program of somebody who has Joist installed.

#include <joist/base/arena.h>
#include <joist/base/status.h>

#include <string>

int main() {
  joist::Arena arena;
  const std::string text(100000, 'x');
  return arena.Copy(text) == text ? 0 : 1;
}
