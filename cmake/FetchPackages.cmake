# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# joist_fetch_packages(OUT OPTION FEATURE LIBRARY NAME FETCH…): sets OUT to the folder
# build/packages/NAME-VERSION, into which a LIBRARY's published packages are unpacked when the build
# is configured for the first time. A FETCH is a text "KIND PIN SUBFOLDER [PATTERN …]", the
# arguments of fetch_package.py with a PIN of this folder; VERSION is that of the first.
#
# OUT is empty where the packages cannot be had, so that all but the FEATURE is built: on other
# systems than Linux on x86-64, with the OPTION off, and where fetching fails. Why is said once.

include_guard(GLOBAL)

function(joist_fetch_packages OUT OPTION FEATURE LIBRARY NAME)
  set(${OUT} "" PARENT_SCOPE)
  option(${OPTION} "Build what needs ${LIBRARY}" ON)
  if(NOT ${OPTION})
    return()
  endif()
  if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    message(STATUS "No ${FEATURE}: ${LIBRARY}'s package is for Linux on x86-64, this is "
      "${CMAKE_SYSTEM_NAME} on ${CMAKE_SYSTEM_PROCESSOR}")
    return()
  endif()

  set(version "")
  foreach(fetch ${ARGN})
    separate_arguments(fetch UNIX_COMMAND "${fetch}")
    list(POP_FRONT fetch kind pin subfolder)
    set(pin ${PROJECT_SOURCE_DIR}/cmake/${pin})
    if(NOT version)
      file(STRINGS ${pin} requirement REGEX "==")
      string(REGEX MATCH "==([0-9][0-9.]*)" version "${requirement}")
      set(version ${CMAKE_MATCH_1})
      set(folder ${PROJECT_SOURCE_DIR}/build/packages/${NAME}-${version})
    endif()
    if(IS_DIRECTORY ${folder}/${subfolder})
      continue()
    endif()
    message(STATUS "Fetching ${LIBRARY} ${version} (${kind})")
    find_package(Python3 COMPONENTS Interpreter)
    if(NOT Python3_FOUND)
      message(WARNING "No ${FEATURE}: python3 is needed to fetch ${LIBRARY} ${version}")
      return()
    endif()
    execute_process(
      COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/fetch_package.py ${kind} ${pin}
              ${folder}/${subfolder} ${fetch}
      RESULT_VARIABLE failed ERROR_VARIABLE why)
    if(failed)
      message(WARNING "No ${FEATURE}: ${LIBRARY} ${version} cannot be fetched. Everything else is "
        "built. Configure again to try again, or with -D${OPTION}=OFF to do without.\n${why}")
      return()
    endif()
  endforeach()
  set(${OUT} ${folder} PARENT_SCOPE)
endfunction()
