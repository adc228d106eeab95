# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# Arrow's C++ libraries, by which joist/io/parquet reads and writes: the target Arrow::parquet.
# Debian 12 has no package of them; they are in Arrow's published Python package, which is fetched
# from PyPI with pip when the build is configured for the first time. Which version, and its digest:
# cmake/arrow_package.txt. Where it cannot be had, JOIST_PARQUET_FOUND is off and all else is built
# (docs/adr/0005-parquet-through-arrow.md).

include_guard(GLOBAL)

option(JOIST_PARQUET "Build the Parquet connector" ON)
set(JOIST_PARQUET_FOUND OFF)
if(NOT JOIST_PARQUET)
  return()
endif()

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  message(STATUS "No Parquet connector: Arrow's package is for Linux on x86-64, this is "
    "${CMAKE_SYSTEM_NAME} on ${CMAKE_SYSTEM_PROCESSOR}")
  return()
endif()

file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/arrow_package.txt requirement REGEX "^pyarrow==")
string(REGEX MATCH "[0-9][0-9.]*" version "${requirement}")
set(folder ${PROJECT_SOURCE_DIR}/build/packages/pyarrow-${version})
if(NOT IS_DIRECTORY ${folder})
  find_package(Python3 COMPONENTS Interpreter)
  if(NOT Python3_FOUND)
    message(WARNING "No Parquet connector: python3 is needed to fetch Arrow ${version}")
    return()
  endif()
  message(STATUS "Fetching Arrow ${version}")
  # What `import pyarrow.parquet` needs, for the tests.
  set(for_python "pyarrow/*.py" "pyarrow/lib.*" "pyarrow/_parquet.*" "pyarrow/_fs.*"
    "pyarrow/_compute.*" "pyarrow/libarrow_python.so.*00" "pyarrow/libarrow_compute.so.*"
    "pyarrow/libarrow_dataset.so.*" "pyarrow/libarrow_acero.so.*" "pyarrow/libarrow_substrait.so.*")
  execute_process(
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/fetch_package.py pip
            ${PROJECT_SOURCE_DIR}/cmake/arrow_package.txt ${folder}
            "pyarrow/libarrow.so.*" "pyarrow/libparquet.so.*" "pyarrow/include/*"
            "*/LICENSE.txt" "*/NOTICE.txt" ${for_python}
    RESULT_VARIABLE failed ERROR_VARIABLE why)
  if(failed)
    message(WARNING "No Parquet connector: Arrow ${version} cannot be fetched. Everything else is "
      "built. Configure again to try again, or with -DJOIST_PARQUET=OFF to do without.\n${why}")
    return()
  endif()
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
