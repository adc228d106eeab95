// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Word count with a fault of the programmer's, or so slow that there is time to stop it: for
// wordcount_test.py, which looks at what a user then sees.

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "joist/joist.h"

namespace {

enum class Fault { kDuplicateName, kException, kSlow };
JOIST_ENUM(Fault, kDuplicateName, kException, kSlow)

struct FaultyOptions {
  std::string input;
  std::string output;
  Fault fault = Fault::kException;
};
JOIST_OPTIONS(FaultyOptions, (input, "", joist::kRequired), (output, "", joist::kRequired), fault)

}  // namespace

int main(int argc, char** argv) {
  joist::Pipeline p(argc, argv);
  const auto options = p.options<FaultyOptions>();
  auto words = p | "Read" >> joist::text::Read(options.input) | "Words" >> joist::text::Words();
  auto checked = words | "Check" >> joist::Map([fault = options.fault](std::string_view word) {
                           if (fault == Fault::kException && word == "bad") {
                             throw std::runtime_error("this word is not welcome");
                           }
                           if (fault == Fault::kSlow) {
                             std::this_thread::sleep_for(std::chrono::milliseconds(1));
                           }
                           return std::string(word);
                         });
  const char* name = options.fault == Fault::kDuplicateName ? "Words" : "Write";
  checked | name >> joist::text::Write(options.output);
  return p.Run().WaitUntilFinish().exit_code();
}
