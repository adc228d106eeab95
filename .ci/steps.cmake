# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# The steps of .ci/run, read by ctest from build/ci; there @root@ is the repository.

# The tests of the release build, as they are.
subdirs("../release")

# step(NAME command …): a test that has the machine for itself.
macro(step NAME)
  add_test(${NAME} ${ARGN})
  set_tests_properties(${NAME} PROPERTIES
    LABELS ci RUN_SERIAL TRUE TIMEOUT 2400 WORKING_DIRECTORY "@root@")
endmacro()

step(ci.build "@root@/dev" build)
step(ci.demo "@root@/dev" demo --once)
step(ci.second_process "@root@/dev" test --second-process)
step(ci.lint "@root@/dev" lint --all)
# Each module under the sanitizer that looks for what it may get wrong: foreign bytes and memory, or
# threads. `./dev sanitize` does everything under both; here that would take an hour.
step(ci.asan "@root@/dev" sanitize asan base model exec io store)
step(ci.tsan "@root@/dev" sanitize tsan engine serve)
step(ci.fuzz "@root@/dev" fuzz 5)
