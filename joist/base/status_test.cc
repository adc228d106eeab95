// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/base/status.h"

#include <cerrno>
#include <memory>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(Status, IsOkOrSaysWhy) {
  EXPECT_TRUE(OkStatus().ok());
  EXPECT_TRUE(Status().ok());
  const Status status = NotFound("no file counts.txt");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no file counts.txt");
  EXPECT_EQ(status, Status(StatusCode::kNotFound, "no file counts.txt"));
  EXPECT_NE(status, Internal("no file counts.txt"));
}

TEST(Status, CodesHaveTheNamesOfGrpc) {
  EXPECT_EQ(StatusCodeName(StatusCode::kOk), "OK");
  EXPECT_EQ(StatusCodeName(StatusCode::kInvalidArgument), "INVALID_ARGUMENT");
  EXPECT_EQ(StatusCodeName(StatusCode::kDataLoss), "DATA_LOSS");
  EXPECT_EQ(StatusCodeName(StatusCode::kUnauthenticated), "UNAUTHENTICATED");
}

TEST(Status, FromErrno) {
  EXPECT_EQ(FromErrno(ENOENT, "cannot open x").message(),
            "cannot open x: No such file or directory");
  EXPECT_EQ(FromErrno(ENOENT, "").code(), StatusCode::kNotFound);
  EXPECT_EQ(FromErrno(EROFS, "").code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(FromErrno(ENOSPC, "").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(FromErrno(EISDIR, "").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(FromErrno(EIO, "").code(), StatusCode::kDataLoss);
  EXPECT_EQ(FromErrno(EEXIST, "").code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(FromErrno(ECHILD, "").code(), StatusCode::kUnknown);
}

Result<int> Half(int n) {
  if (n % 2 != 0) return InvalidArgument("odd");
  return n / 2;
}

Result<int> Quarter(int n) {
  JOIST_ASSIGN_OR_RETURN(const int half, Half(n));
  JOIST_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

Status Check(int n) {
  JOIST_RETURN_IF_ERROR(Quarter(n).status());
  return OkStatus();
}

TEST(Result, HoldsAValueOrTheReason) {
  EXPECT_EQ(*Half(4), 2);
  EXPECT_EQ(Half(3).status(), InvalidArgument("odd"));
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).status(), InvalidArgument("odd"));
  EXPECT_TRUE(Check(8).ok());
  EXPECT_FALSE(Check(2).ok());
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 7);
  Result<std::string> text(std::string("abc"));
  EXPECT_EQ(text->size(), 3u);
  text->push_back('d');
  EXPECT_EQ(*text, "abcd");
}

TEST(ResultDeathTest, NoValueIsAProgrammersFault) {
  EXPECT_DEATH((void)Half(3).value(), "check failed: ok\\(\\)");
  EXPECT_DEATH(JOIST_CHECK(1 + 1 == 3), "status_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace joist
