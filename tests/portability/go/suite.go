// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

// Package portability pins Beam's own suite of a runner's primitives, which go_suite.py compiles.
package portability

import _ "github.com/apache/beam/sdks/v2/go/test/integration/primitives"
