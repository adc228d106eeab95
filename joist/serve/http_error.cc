// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/http_error.h"

#include <array>
#include <cstdint>
#include <utility>

#include "joist/base/utf8.h"

namespace joist::serve {
namespace {

constexpr std::array<std::pair<StatusCode, int>, 17> kHttpStatuses = {{
    {StatusCode::kOk, 200},
    {StatusCode::kInvalidArgument, 400},
    {StatusCode::kFailedPrecondition, 400},
    {StatusCode::kOutOfRange, 400},
    {StatusCode::kUnauthenticated, 401},
    {StatusCode::kPermissionDenied, 403},
    {StatusCode::kNotFound, 404},
    {StatusCode::kAlreadyExists, 409},
    {StatusCode::kAborted, 409},
    {StatusCode::kResourceExhausted, 429},
    {StatusCode::kCancelled, 499},
    {StatusCode::kUnknown, 500},
    {StatusCode::kInternal, 500},
    {StatusCode::kDataLoss, 500},
    {StatusCode::kUnimplemented, 501},
    {StatusCode::kUnavailable, 503},
    {StatusCode::kDeadlineExceeded, 504},
}};

/// Statuses that no code stands for are named after the one that is nearest.
StatusCode CodeOf(int http_status) {
  for (const auto& [code, status] : kHttpStatuses) {
    if (status == http_status) return code;
  }
  if (http_status == 408) return StatusCode::kDeadlineExceeded;
  if (http_status == 413) return StatusCode::kResourceExhausted;
  return http_status < 500 ? StatusCode::kInvalidArgument : StatusCode::kInternal;
}

HttpAnswer Answer(int http_status, StatusCode code, std::string_view message) {
  HttpAnswer answer;
  answer.status = http_status;
  answer.body = "{\"error\":{\"code\":" + std::to_string(http_status) +
                ",\"message\":" + JsonText(message) + ",\"status\":\"" +
                std::string(StatusCodeName(code)) + "\"}}\n";
  return answer;
}

}  // namespace

int HttpStatusOf(StatusCode code) {
  for (const auto& [known, status] : kHttpStatuses) {
    if (known == code) return status;
  }
  return 500;
}

std::string JsonText(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  while (!text.empty()) {
    const size_t size = Utf8Size(text);
    const auto first = static_cast<uint8_t>(text[0]);
    if (size == 0) {
      out += "\xEF\xBF\xBD";
    } else if (first == '"' || first == '\\') {
      out += {'\\', text[0]};
    } else if (first < 0x20) {
      out += {'\\', 'u', '0', '0', kDigits[first >> 4], kDigits[first & 15]};
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out + '"';
}

HttpAnswer ErrorAnswer(const Status& error) {
  return Answer(HttpStatusOf(error.code()), error.code(), error.message());
}

HttpAnswer ErrorAnswer(int http_status, std::string_view message) {
  return Answer(http_status, CodeOf(http_status), message);
}

}  // namespace joist::serve
