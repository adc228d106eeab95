// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What of a table's columns a read session wants: whole columns, and parts of records. Pure.

#ifndef JOIST_SERVE_BIGQUERY_SELECTED_FIELDS_H_
#define JOIST_SERVE_BIGQUERY_SELECTED_FIELDS_H_

#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/tables/schema.h"

namespace joist::serve {

struct SelectedFields {
  std::string columns = {};    ///< As a SELECT has them.
  tables::Schema schema = {};  ///< Of what it gives; the modes are the table's own.
};

/// `names` are "user" or "place.city"; none is all. In the table's order. JSON is text.
Result<SelectedFields> SelectFields(const tables::Schema& table,
                                    const std::vector<std::string>& names);

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_SELECTED_FIELDS_H_
