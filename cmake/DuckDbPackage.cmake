# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# DuckDB for joist/sql: the target duckdb::duckdb. Debian 12 has no package of it. libduckdb.so is as
# published in npm, duckdb.h of the same version is taken out of a Go module that carries it; which
# versions, and their digests: cmake/duckdb_library.txt, cmake/duckdb_header.txt. Where they cannot
# be had, JOIST_SQL_FOUND is off (docs/adr/0006-sql-through-duckdb.md).

include_guard(GLOBAL)
include(FetchPackages)

set(JOIST_SQL_FOUND OFF)
joist_fetch_packages(folder JOIST_SQL "SQL" "DuckDB" duckdb
  "npm duckdb_library.txt library libduckdb.so LICENSE"
  "go duckdb_header.txt include include/duckdb.h LICENSE")
if(NOT folder)
  return()
endif()

add_library(duckdb::duckdb SHARED IMPORTED GLOBAL)
set_target_properties(duckdb::duckdb PROPERTIES
  IMPORTED_LOCATION ${folder}/library/libduckdb.so
  INTERFACE_INCLUDE_DIRECTORIES ${folder}/include/include)
set(JOIST_SQL_FOUND ON)
