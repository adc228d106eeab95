// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows within rows have no type in SQL.
// expect: static assertion failed: Joist: Sql takes collections of rows .JOIST_ROW or joist::Row. whose

#include "joist/joist.h"
#include "joist/sql/sql.h"

namespace shop {
struct Address {
  std::string city;
};
JOIST_ROW(Address, city)
struct User {
  std::string name;
  Address address;
};
JOIST_ROW(User, name, address)
}  // namespace shop

void Build(joist::Pipeline& p) {
  p | joist::Create<shop::User>({{"ann", {"Bern"}}}) |
      joist::Sql<shop::Address>("SELECT name AS city FROM PCOLLECTION");
}
