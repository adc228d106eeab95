# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# joist_python_environment(OUT PINS NAME WITHOUT): sets OUT to the folder build/packages/NAME-DIGEST,
# for PYTHONPATH, into which pip installs what the file PINS of this folder lists (NAME==VERSION
# --hash=…, a line each) when the build is configured for the first time. DIGEST is that of the pins.
# pip looks for nothing else: a dependency that has no pin is left out.
#
# OUT is empty where it fails; the warning then begins with WITHOUT, what there is without it. For
# Python 3.11 on Linux on x86-64, as is FastavroPackage.cmake, which callers ask first.

include_guard(GLOBAL)

function(joist_python_environment OUT PINS NAME WITHOUT)
  set(${OUT} "" PARENT_SCOPE)
  set(pins ${PROJECT_SOURCE_DIR}/cmake/${PINS})
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pins})
  file(SHA256 ${pins} digest)
  string(SUBSTRING ${digest} 0 12 digest)
  set(folder ${PROJECT_SOURCE_DIR}/build/packages/${NAME}-${digest})
  if(NOT IS_DIRECTORY ${folder})
    message(STATUS "Fetching ${NAME}, packages for Python")
    string(RANDOM LENGTH 8 name)
    set(unfinished ${PROJECT_SOURCE_DIR}/build/packages/.fetch-${name})
    execute_process(
      COMMAND ${Python3_EXECUTABLE} -m pip install --quiet --disable-pip-version-check --no-deps
              --require-hashes --only-binary=:all: --target=${unfinished} -r ${pins}
      RESULT_VARIABLE failed OUTPUT_VARIABLE why ERROR_VARIABLE why)
    if(failed)
      file(REMOVE_RECURSE ${unfinished})
      message(WARNING "${WITHOUT}: pip cannot install what cmake/${PINS} lists. Configure again to "
        "try again.\n${why}")
      return()
    endif()
    # Fails where another build was quicker.
    file(RENAME ${unfinished} ${folder} RESULT failed)
    file(REMOVE_RECURSE ${unfinished})
    if(NOT IS_DIRECTORY ${folder})
      message(WARNING "${WITHOUT}: ${failed}")
      return()
    endif()
  endif()
  set(${OUT} ${folder} PARENT_SCOPE)
endfunction()
