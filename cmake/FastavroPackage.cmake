# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# fastavro, the other reader and writer of the tests of joist/io/avro, with what it compresses by:
# taken from PyPI with pip when the build is configured for the first time. Which versions, and
# their digests: cmake/fastavro_package.txt and its neighbours. JOIST_FASTAVRO_PATH is what
# PYTHONPATH is to be; empty where they cannot be had, or where Python isn't 3.11, for which they
# are.

include_guard(GLOBAL)

set(JOIST_FASTAVRO_PATH "")
if(NOT JOIST_TESTS OR Python3_VERSION VERSION_LESS 3.11 OR NOT Python3_VERSION VERSION_LESS 3.12
   OR NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  return()
endif()

set(folders)
foreach(package fastavro cramjam backports-zstd)
  set(pin ${PROJECT_SOURCE_DIR}/cmake/${package}_package.txt)
  file(STRINGS ${pin} requirement REGEX "^${package}==")
  string(REGEX MATCH "[0-9][0-9.]*" version "${requirement}")
  set(folder ${PROJECT_SOURCE_DIR}/build/packages/${package}-${version})
  if(NOT IS_DIRECTORY ${folder})
    message(STATUS "Fetching ${package} ${version}")
    execute_process(
      COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/fetch_package.py pip ${pin} ${folder}
      RESULT_VARIABLE failed ERROR_VARIABLE why)
    if(failed)
      message(WARNING "Avro is tested without fastavro: ${package} ${version} cannot be fetched. "
        "Configure again to try again.\n${why}")
      return()
    endif()
  endif()
  list(APPEND folders ${folder})
endforeach()
list(JOIN folders ":" JOIST_FASTAVRO_PATH)
