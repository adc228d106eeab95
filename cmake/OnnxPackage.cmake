# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# ONNX Runtime for joist/ml/onnx: the target onnxruntime::onnxruntime. Debian 12 has no package of
# it. libonnxruntime.so is as published for Python, its C header is taken out of a Go module that
# carries it; which versions, and their digests: cmake/onnxruntime_library.txt and
# cmake/onnxruntime_header.txt. Where they cannot be had, JOIST_ONNX_FOUND is off
# (docs/adr/0009-onnx-through-its-runtime.md).

include_guard(GLOBAL)
include(FetchPackages)

set(JOIST_ONNX_FOUND OFF)
joist_fetch_packages(folder JOIST_ONNX "ONNX models" "ONNX Runtime" onnxruntime
  "pip onnxruntime_library.txt library */libonnxruntime.so.* */LICENSE */ThirdPartyNotices.txt"
  "go onnxruntime_header.txt include *_c_api.h LICENSE")
if(NOT folder)
  return()
endif()

# Programs look for the library by its soname, which the package has no file of.
set(library ${folder}/library/onnxruntime/capi/libonnxruntime.so)
if(NOT EXISTS ${library}.1)
  file(GLOB published ${library}.*)
  file(CREATE_LINK ${published} ${library}.1 SYMBOLIC)
endif()
add_library(onnxruntime::onnxruntime SHARED IMPORTED GLOBAL)
set_target_properties(onnxruntime::onnxruntime PROPERTIES
  IMPORTED_LOCATION ${library}.1 INTERFACE_INCLUDE_DIRECTORIES ${folder}/include)
set(JOIST_ONNX_FOUND ON)
