// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace joist::tables {

/// Statements that give DuckDB the commonest functions of BigQuery that it lacks, as macros.
std::vector<std::string> SqlFunctions();

}  // namespace joist::tables
