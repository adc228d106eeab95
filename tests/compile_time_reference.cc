// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A program of the standard library's that is work for a compiler: compile_time.py tells by it how
// fast the machine is right now.

#include <iostream>
#include <regex>
#include <string>

int main(int argc, char** argv) {
  const std::regex word("([a-z]+)|([0-9]+)");
  const std::string text(argv[argc - 1]);
  for (std::sregex_iterator i(text.begin(), text.end(), word), end; i != end; ++i) {
    std::cout << i->str() << '\n';
  }
}
