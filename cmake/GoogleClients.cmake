# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# Google's Python clients, with which the tests of joist/serve speak to its services: installed from
# PyPI by PythonEnvironment.cmake. Which versions, and their digests: cmake/google_clients.txt.
# JOIST_GOOGLE_CLIENTS_PATH is what PYTHONPATH is to be; empty where they cannot be had, or where
# Python isn't 3.11, for which they are.
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
include(PythonEnvironment)

set(JOIST_GOOGLE_CLIENTS_PATH "")
# FastavroPackage has looked at the system and at Python.
if(NOT JOIST_FASTAVRO_PATH OR NOT JOIST_PYARROW_DIR)
  return()
endif()

joist_python_environment(folder google_clients.txt google-clients
  "joist/serve is tested without Google's Python clients")
if(folder)
  set(JOIST_GOOGLE_CLIENTS_PATH "${folder}:${JOIST_PYARROW_DIR}:${JOIST_FASTAVRO_PATH}")
endif()
