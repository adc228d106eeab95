# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# Installs the build tree BUILD under WORK, builds the project OUTSIDE against it and runs it.

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
    ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN} failed (${result}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/installed)
# A copy, so that nothing of this repository lies above it by chance.
file(COPY ${OUTSIDE}/ DESTINATION ${WORK}/outside)
run(${CMAKE_COMMAND} -S ${WORK}/outside -B ${WORK}/build -G Ninja
  -D CMAKE_PREFIX_PATH=${WORK}/installed -D CMAKE_CXX_COMPILER=${COMPILER}
  -D CMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${WORK}/build)
file(WRITE ${WORK}/text.txt "to be or not to be\n")
run(${WORK}/build/outside ${WORK}/text.txt ${WORK}/counts)
file(GLOB shards ${WORK}/counts-*)
set(counts)
foreach(shard ${shards})
  file(STRINGS ${shard} lines)
  list(APPEND counts ${lines})
endforeach()
list(SORT counts)
if(NOT counts STREQUAL "be: 2;not: 1;or: 1;to: 2")
  message(FATAL_ERROR "the program outside counted: ${counts}")
endif()

# Only what belongs to users is handed to them.
file(READ ${WORK}/installed/lib/cmake/joist/joistTargets.cmake targets)
foreach(private -fsanitize -Wall --coverage ${BUILD})
  if(targets MATCHES "${private}")
    message(FATAL_ERROR "the installed package passes ${private} on to its users")
  endif()
endforeach()
