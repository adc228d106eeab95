# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# Arrow's C++ libraries, by which joist/io/parquet reads and writes: the target Arrow::parquet.
# Debian 12 has no package of them; they are in Arrow's published Python package. Which version, and
# its digest: cmake/arrow_package.txt. Where it cannot be had, JOIST_PARQUET_FOUND is off
# (docs/adr/0005-parquet-through-arrow.md).

include_guard(GLOBAL)
include(FetchPackages)

set(JOIST_PARQUET_FOUND OFF)
# What `import pyarrow.parquet` needs, for the tests.
string(JOIN " " for_python "pyarrow/*.py" "pyarrow/lib.*" "pyarrow/_parquet.*" "pyarrow/_fs.*"
  "pyarrow/_compute.*" "pyarrow/libarrow_python.so.*00" "pyarrow/libarrow_compute.so.*"
  "pyarrow/libarrow_dataset.so.*" "pyarrow/libarrow_acero.so.*" "pyarrow/libarrow_substrait.so.*")
joist_fetch_packages(folder JOIST_PARQUET "Parquet connector" "Arrow" pyarrow
  "pip arrow_package.txt . pyarrow/libarrow.so.* pyarrow/libparquet.so.* pyarrow/include/* \
   */LICENSE.txt */NOTICE.txt ${for_python}")
if(NOT folder)
  return()
endif()

file(GLOB arrow_library ${folder}/pyarrow/libarrow.so.*)
file(GLOB parquet_library ${folder}/pyarrow/libparquet.so.*)
add_library(Arrow::arrow SHARED IMPORTED GLOBAL)
set_target_properties(Arrow::arrow PROPERTIES
  IMPORTED_LOCATION ${arrow_library} INTERFACE_INCLUDE_DIRECTORIES ${folder}/pyarrow/include)
add_library(Arrow::parquet SHARED IMPORTED GLOBAL)
set_target_properties(Arrow::parquet PROPERTIES
  IMPORTED_LOCATION ${parquet_library} INTERFACE_LINK_LIBRARIES Arrow::arrow)
set(JOIST_PARQUET_FOUND ON)
set(JOIST_PYARROW_DIR ${folder})  # For PYTHONPATH, with Python 3.11.
