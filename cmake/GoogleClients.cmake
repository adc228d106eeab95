# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# Google's Python clients, with which the tests of joist/serve speak to its services: installed from
# PyPI with pip when the build is configured for the first time, into a folder of build/packages
# that has the digest of the pins in its name. Which versions, and their digests:
# cmake/google_clients.txt. JOIST_GOOGLE_CLIENTS_PATH is what PYTHONPATH is to be; empty where they
# cannot be had, or where Python isn't 3.11, for which they are.
#
# joist_clients_test(NAME SCRIPT): the test that runs SCRIPT, a Python program, against `joist serve`;
# skipped without the clients. Its label is clients alone: there is nothing in it for a second process
# or a sanitizer.

include_guard(GLOBAL)

function(joist_clients_test NAME SCRIPT)
  add_test(NAME ${NAME} COMMAND ${Python3_EXECUTABLE}
    ${CMAKE_CURRENT_SOURCE_DIR}/${SCRIPT} $<TARGET_FILE:joist_program>)
  set_tests_properties(${NAME} PROPERTIES LABELS clients TIMEOUT 300 SKIP_RETURN_CODE 77
    ENVIRONMENT "PYTHONPATH=${JOIST_GOOGLE_CLIENTS_PATH}")
endfunction()

include(ArrowPackage)
include(FastavroPackage)

set(JOIST_GOOGLE_CLIENTS_PATH "")
# FastavroPackage has looked at the system and at Python.
if(NOT JOIST_FASTAVRO_PATH OR NOT JOIST_PYARROW_DIR)
  return()
endif()

set(pins ${PROJECT_SOURCE_DIR}/cmake/google_clients.txt)
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pins})
file(SHA256 ${pins} digest)
string(SUBSTRING ${digest} 0 12 digest)
set(folder ${PROJECT_SOURCE_DIR}/build/packages/google-clients-${digest})
if(NOT IS_DIRECTORY ${folder})
  message(STATUS "Fetching Google's Python clients")
  string(RANDOM LENGTH 8 name)
  set(unfinished ${PROJECT_SOURCE_DIR}/build/packages/.fetch-${name})
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -m pip install --quiet --disable-pip-version-check --no-deps
            --require-hashes --only-binary=:all: --target=${unfinished} -r ${pins}
    RESULT_VARIABLE failed OUTPUT_VARIABLE why ERROR_VARIABLE why)
  if(failed)
    file(REMOVE_RECURSE ${unfinished})
    message(WARNING "joist/serve is tested without Google's Python clients: pip cannot install "
      "them. Configure again to try again.\n${why}")
    return()
  endif()
  # Fails where another build was quicker.
  file(RENAME ${unfinished} ${folder} RESULT failed)
  file(REMOVE_RECURSE ${unfinished})
  if(NOT IS_DIRECTORY ${folder})
    message(WARNING "joist/serve is tested without Google's Python clients: ${failed}")
    return()
  endif()
endif()
set(JOIST_GOOGLE_CLIENTS_PATH "${folder}:${JOIST_PYARROW_DIR}:${JOIST_FASTAVRO_PATH}")
