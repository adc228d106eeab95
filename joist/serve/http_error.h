// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Errors as Google's APIs answer them: {"error":{"code":404,"message":"…","status":"NOT_FOUND"}}.
// Functions of their arguments alone.

#ifndef JOIST_SERVE_HTTP_ERROR_H_
#define JOIST_SERVE_HTTP_ERROR_H_

#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/serve/http.h"

namespace joist::serve {

/// The HTTP status that stands for the code, as google/rpc/code.proto has it.
int HttpStatusOf(StatusCode code);

/// The answer for an error, with the HTTP status of its code.
HttpAnswer ErrorAnswer(const Status& error);

/// The answer for an HTTP status that has no code of its own (405, 413, …).
HttpAnswer ErrorAnswer(int http_status, std::string_view message);

/// `text` between quotation marks, escaped as JSON wants it. What is no UTF-8 becomes U+FFFD.
std::string JsonText(std::string_view text);

}  // namespace joist::serve

#endif  // JOIST_SERVE_HTTP_ERROR_H_
