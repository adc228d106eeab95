// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A program of somebody who has Joist installed: counts words in the file of the first argument and
// writes them to the prefix of the second.

#include <joist/joist.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  joist::Pipeline p;
  p | "Read" >> joist::text::Read(argv[1])     //
      | "Words" >> joist::text::Words()        //
      | "Count" >> joist::Count::PerElement()  //
      | "Format" >> joist::Map([](const joist::KV<std::string, int64_t>& count) {
          return count.key + ": " + std::to_string(count.value);
        })  //
      | "Write" >> joist::text::Write(argv[2]);
  return p.Run().WaitUntilFinish().exit_code();
}
