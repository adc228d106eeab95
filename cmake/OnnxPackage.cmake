# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# ONNX Runtime for joist/ml/onnx: the target onnxruntime::onnxruntime. Debian 12 has no package of it.
# libonnxruntime.so is as published for Python, its C header is taken out of a Go module that carries
# it; which versions, and their digests: cmake/onnxruntime_library.txt, cmake/onnxruntime_header.txt.
# They are fetched when the build is configured for the first time. Where they cannot be had,
# JOIST_ONNX_FOUND is off and all else is built (docs/adr/0009-onnx-through-its-runtime.md).

include_guard(GLOBAL)

option(JOIST_ONNX "Build joist/ml/onnx, which runs models with ONNX Runtime" ON)
set(JOIST_ONNX_FOUND OFF)
if(NOT JOIST_ONNX)
  return()
endif()

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  message(STATUS "No ONNX models: ONNX Runtime's package is for Linux on x86-64, this is "
    "${CMAKE_SYSTEM_NAME} on ${CMAKE_SYSTEM_PROCESSOR}")
  return()
endif()

file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/onnxruntime_library.txt requirement REGEX "==")
string(REGEX MATCH "==([0-9][0-9.]*)" version "${requirement}")
set(version ${CMAKE_MATCH_1})
set(folder ${PROJECT_SOURCE_DIR}/build/packages/onnxruntime-${version})
if(NOT IS_DIRECTORY ${folder}/library OR NOT IS_DIRECTORY ${folder}/include)
  find_package(Python3 COMPONENTS Interpreter)
  if(NOT Python3_FOUND)
    message(WARNING "No ONNX models: python3 is needed to fetch ONNX Runtime ${version}")
    return()
  endif()
  message(STATUS "Fetching ONNX Runtime ${version}")
  execute_process(
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/fetch_package.py go
            ${PROJECT_SOURCE_DIR}/cmake/onnxruntime_header.txt ${folder}/include *_c_api.h LICENSE
    RESULT_VARIABLE failed ERROR_VARIABLE why)
  if(NOT failed)
    execute_process(
      COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/fetch_package.py pip
              ${PROJECT_SOURCE_DIR}/cmake/onnxruntime_library.txt ${folder}/library
              */libonnxruntime.so.* */LICENSE */ThirdPartyNotices.txt
      RESULT_VARIABLE failed ERROR_VARIABLE why)
  endif()
  if(failed)
    message(WARNING "No ONNX models: ONNX Runtime ${version} cannot be fetched. Everything else is "
      "built. Configure again to try again, or with -DJOIST_ONNX=OFF to do without.\n${why}")
    return()
  endif()
endif()

# Programs look for the library by its soname, which the package has no file of.
set(library ${folder}/library/onnxruntime/capi/libonnxruntime.so)
file(CREATE_LINK libonnxruntime.so.${version} ${library}.1 SYMBOLIC)
add_library(onnxruntime::onnxruntime SHARED IMPORTED GLOBAL)
set_target_properties(onnxruntime::onnxruntime PROPERTIES
  IMPORTED_LOCATION ${library}.1 INTERFACE_INCLUDE_DIRECTORIES ${folder}/include)
set(JOIST_ONNX_FOUND ON)
