// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_SERVE_BIGQUERY_DISCOVERY_H_
#define JOIST_SERVE_BIGQUERY_DISCOVERY_H_

#include <string>
#include <string_view>

namespace joist::serve {

/// What Google's tools that make their calls out of a description (`bq`) ask a server for: the
/// methods that it has, in the form of API discovery. `host` is the server's, with its port.
std::string DiscoveryDocument(std::string_view host);

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_DISCOVERY_H_
