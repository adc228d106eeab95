# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# DuckDB for joist/sql: the target duckdb::duckdb. Debian 12 has no package of it. libduckdb.so is as
# published in npm, duckdb.h of the same version is taken out of the crate that carries DuckDB's
# sources; which versions, and their digests: cmake/duckdb_library.txt, cmake/duckdb_header.txt.
# They are fetched when the build is configured for the first time. Where they cannot be had,
# JOIST_SQL_FOUND is off and all else is built (docs/adr/0006-sql-through-duckdb.md).

include_guard(GLOBAL)

option(JOIST_SQL "Build joist/sql, which runs queries with DuckDB" ON)
set(JOIST_SQL_FOUND OFF)
if(NOT JOIST_SQL)
  return()
endif()

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  message(STATUS "No SQL: DuckDB's package is for Linux on x86-64, this is "
    "${CMAKE_SYSTEM_NAME} on ${CMAKE_SYSTEM_PROCESSOR}")
  return()
endif()

file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/duckdb_library.txt requirement REGEX "==")
string(REGEX MATCH "==([0-9][0-9.]*)" version "${requirement}")
set(version ${CMAKE_MATCH_1})
set(folder ${PROJECT_SOURCE_DIR}/build/packages/duckdb-${version})
set(header ${folder}/sources/duckdb/src/include/duckdb.h)
if(NOT EXISTS ${folder}/library/libduckdb.so OR NOT EXISTS ${header})
  find_package(Python3 COMPONENTS Interpreter)
  if(NOT Python3_FOUND)
    message(WARNING "No SQL: python3 is needed to fetch DuckDB ${version}")
    return()
  endif()
  message(STATUS "Fetching DuckDB ${version}")
  execute_process(
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/fetch_package.py npm
            ${PROJECT_SOURCE_DIR}/cmake/duckdb_library.txt ${folder}/library libduckdb.so LICENSE
    RESULT_VARIABLE failed ERROR_VARIABLE why)
  if(NOT failed)
    execute_process(
      COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/fetch_package.py crate
              ${PROJECT_SOURCE_DIR}/cmake/duckdb_header.txt ${folder}/sources duckdb.tar.gz
      RESULT_VARIABLE failed ERROR_VARIABLE why)
  endif()
  if(NOT failed)
    execute_process(
      COMMAND ${CMAKE_COMMAND} -E tar xzf duckdb.tar.gz -- duckdb/src/include/duckdb.h
      WORKING_DIRECTORY ${folder}/sources RESULT_VARIABLE failed ERROR_VARIABLE why)
  endif()
  if(failed)
    message(WARNING "No SQL: DuckDB ${version} cannot be fetched. Everything else is built. "
      "Configure again to try again, or with -DJOIST_SQL=OFF to do without.\n${why}")
    return()
  endif()
endif()

add_library(duckdb::duckdb SHARED IMPORTED GLOBAL)
get_filename_component(include ${header} DIRECTORY)
set_target_properties(duckdb::duckdb PROPERTIES
  IMPORTED_LOCATION ${folder}/library/libduckdb.so INTERFACE_INCLUDE_DIRECTORIES ${include})
set(JOIST_SQL_FOUND ON)
