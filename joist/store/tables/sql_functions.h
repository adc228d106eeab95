// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_STORE_TABLES_SQL_FUNCTIONS_H_
#define JOIST_STORE_TABLES_SQL_FUNCTIONS_H_

#include <string>
#include <vector>

namespace joist::tables {

/// Statements that give DuckDB the commonest functions of BigQuery that it lacks, as macros.
std::vector<std::string> SqlFunctions();

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_SQL_FUNCTIONS_H_
