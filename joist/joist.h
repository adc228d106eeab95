// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Everything that a pipeline is written with, and text files. The other connectors have headers of
// their own (joist/io/…).

#ifndef JOIST_JOIST_H_
#define JOIST_JOIST_H_

#include "joist/sdk/co_group_by_key.h"
#include "joist/sdk/combine.h"
#include "joist/sdk/common_steps.h"
#include "joist/sdk/flatten.h"
#include "joist/sdk/group_by_key.h"
#include "joist/sdk/keys.h"
#include "joist/sdk/metrics.h"
#include "joist/sdk/options.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/pcollection.h"
#include "joist/sdk/pipeline.h"
#include "joist/sdk/read.h"
#include "joist/sdk/side_input.h"
#include "joist/sdk/window_into.h"

// Apart from the others: what the compiler says of a mistake is shorter where the SDK is known.
#include "joist/io/text/text.h"

#endif  // JOIST_JOIST_H_
