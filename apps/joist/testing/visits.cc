// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A stream of visits that are counted by page, until there is one that the function cannot take:
// what `joist replay` is tried on. With VISITS_MENDED in the environment the function can.

#include <joist/joist.h>
#include <joist/transforms/generate_sequence.h>

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace visits {

struct VisitsOptions {
  int64_t visits = 1'000'000;
  int64_t bad = 500'000;
  bool ends = false;
};
JOIST_OPTIONS(VisitsOptions, (visits, "How many there are"), (bad, "The one that is bad"),
              (ends, "Input that ends"))

struct CountPages {
  struct Count {};
  int64_t bad = 0;

  void Process(const joist::KV<std::string, int64_t>& visit,
               joist::ValueState<int64_t, Count> count,
               joist::Emit<joist::KV<std::string, int64_t>> emit) const {
    const int64_t now = count.ReadOr(0) + 1;
    count.Write(now);
    if (visit.value == bad && getenv("VISITS_MENDED") == nullptr) {
      throw std::domain_error("visit " + std::to_string(now) + " of a page is too much");
    }
    emit(joist::KV<std::string, int64_t>{visit.key, now});
  }
};
JOIST_ROW(CountPages, bad)

}  // namespace visits

int main(int argc, char** argv) {
  joist::Pipeline p(argc, argv);
  const auto options = p.options<visits::VisitsOptions>();
  auto numbers = options.ends ? p | joist::GenerateSequence(0).To(options.visits)
                              : p | joist::GenerateSequence(0).WithRate(
                                        options.visits, joist::Duration::Seconds(1));
  numbers | "ByPage" >> joist::Map([](int64_t n) {
              return joist::KV<std::string, int64_t>{"page " + std::to_string(n % 7), n};
            }) |
      "CountPages" >> joist::ParDo(visits::CountPages{options.bad});
  return p.Run().WaitUntilFinish().exit_code();
}
