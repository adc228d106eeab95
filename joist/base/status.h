// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Status and Result<T>: how Joist's functions say that something outside the program went wrong
// (a file, an option, a peer). A programmer's fault is an assertion instead (JOIST_CHECK). Values;
// as thread-safe as a std::string.

#ifndef JOIST_BASE_STATUS_H_
#define JOIST_BASE_STATUS_H_

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace joist {

/// What kind of thing went wrong; the same set as gRPC's, so that it survives a trip over a wire.
enum class StatusCode : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

/// "INVALID_ARGUMENT" and the like.
std::string_view StatusCodeName(StatusCode code);

/// OK, or a code with one clear line: what is wrong, where, and what to do.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

  friend bool operator==(const Status&, const Status&) = default;

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status OkStatus() { return {}; }
inline Status InvalidArgument(std::string message) {
  return {StatusCode::kInvalidArgument, std::move(message)};
}
inline Status NotFound(std::string message) { return {StatusCode::kNotFound, std::move(message)}; }
inline Status DataLoss(std::string message) { return {StatusCode::kDataLoss, std::move(message)}; }
inline Status Internal(std::string message) { return {StatusCode::kInternal, std::move(message)}; }

/// The status that stands for `error_number` (errno), with `what` (and where) before the system's
/// own words: "cannot open counts.txt: Permission denied".
Status FromErrno(int error_number, std::string_view what);

/// A Status as an exception, for functions that return something else (a DoFn's Process).
class StatusException : public std::exception {
 public:
  explicit StatusException(Status status) : status_(std::move(status)) {}
  const Status& status() const { return status_; }
  const char* what() const noexcept override { return status_.message().c_str(); }

 private:
  Status status_;
};

inline void ThrowIfError(Status status) {
  if (!status.ok()) throw StatusException(std::move(status));
}

/// Ends the program with the failed condition and its place. Stays on in release builds.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

#define JOIST_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::joist::CheckFailed(#condition, __FILE__, __LINE__))

/// A T, or the Status that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT: implicit as in StatusOr
  Result(Status status) : status_(std::move(status)) {  // NOLINT
    JOIST_CHECK(!status_.ok());
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  T& value() & {
    JOIST_CHECK(ok());
    return *value_;
  }
  const T& value() const& {
    JOIST_CHECK(ok());
    return *value_;
  }
  T&& value() && {
    JOIST_CHECK(ok());
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::optional<T> value_;
  Status status_;
};

#define JOIST_RETURN_IF_ERROR(expression)                                                        \
  do {                                                                                           \
    if (::joist::Status joist_status_ = (expression); !joist_status_.ok()) return joist_status_; \
  } while (false)

#define JOIST_CONCAT_INNER(a, b) a##b
#define JOIST_CONCAT(a, b) JOIST_CONCAT_INNER(a, b)
#define JOIST_ASSIGN_OR_RETURN(declaration, expression) \
  JOIST_ASSIGN_OR_RETURN_INNER(JOIST_CONCAT(joist_result_, __LINE__), declaration, expression)
#define JOIST_ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                         \
  if (!result.ok()) return result.status();                           \
  declaration = std::move(result).value()

}  // namespace joist

#endif  // JOIST_BASE_STATUS_H_
