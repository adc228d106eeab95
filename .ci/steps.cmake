# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# The steps of .ci/run, read by ctest from build/ci.

get_filename_component(root "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

# The tests of the release build, as they are.
subdirs("../release")

# step(NAME command …): a test that has the machine for itself.
macro(step NAME)
  add_test(${NAME} ${ARGN})
  set_tests_properties(${NAME} PROPERTIES
    LABELS ci RUN_SERIAL TRUE TIMEOUT 2400 WORKING_DIRECTORY "${root}")
endmacro()

step(ci.build ./dev build)
step(ci.demo ./dev demo)
step(ci.second_process ./dev test --second-process)
step(ci.lint ./dev lint --all)
step(ci.asan ./dev sanitize asan)
step(ci.tsan ./dev sanitize tsan exec engine sdk)
step(ci.fuzz ./dev fuzz 5)
