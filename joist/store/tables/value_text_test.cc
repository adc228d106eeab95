// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/value_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace joist::tables {
namespace {

TEST(ValueTextTest, Numerics) {
  EXPECT_EQ(NumericText(ReadNumeric("12.5").value()), "12.5");
  EXPECT_EQ(NumericText(ReadNumeric("-0.000000001").value()), "-0.000000001");
  EXPECT_EQ(NumericText(ReadNumeric("0.0000000005").value()), "0.000000001");
  EXPECT_EQ(NumericText(ReadNumeric("0.0000000004").value()), "0");
  EXPECT_EQ(NumericText(ReadNumeric("1.25e3").value()), "1250");
  EXPECT_EQ(NumericText(ReadNumeric("125e-2").value()), "1.25");
  EXPECT_EQ(NumericText(ReadNumeric("99999999999999999999999999999.999999999").value()),
            "99999999999999999999999999999.999999999");
  EXPECT_FALSE(ReadNumeric("100000000000000000000000000000"));
  EXPECT_FALSE(ReadNumeric("1e90"));
  EXPECT_FALSE(ReadNumeric(""));
  EXPECT_FALSE(ReadNumeric("."));
  EXPECT_FALSE(ReadNumeric("1x"));
}

TEST(ValueTextTest, Moments) {
  EXPECT_EQ(ReadTimestamp("1970-01-01 00:00:01 UTC"), 1'000'000);
  EXPECT_EQ(ReadTimestamp("1970-01-01T01:00:00.5+01:00"), 500'000);
  EXPECT_EQ(ReadTimestamp("1970-01-01T00:00:00.000001Z"), 1);
  EXPECT_EQ(ReadTimestamp("1969-12-31 19:00:00-05"), 0);
  EXPECT_EQ(ReadTimestamp("1.5"), 1'500'000);
  EXPECT_EQ(ReadTimestamp("2000-01-01"), 946'684'800'000'000);
  EXPECT_FALSE(ReadTimestamp("2000-02-30"));
  EXPECT_FALSE(ReadTimestamp("2000-01-01 25:00:00"));
  EXPECT_FALSE(ReadTimestamp("yesterday"));
  EXPECT_EQ(TimestampSeconds(1'500'000), "1.5");
  EXPECT_EQ(TimestampSeconds(-1), "-0.000001");
  EXPECT_EQ(TimestampSeconds(std::numeric_limits<int64_t>::min()), "-9223372036854.775808");
  EXPECT_EQ(DatetimeText(ReadDatetime("2024-02-29T12:34:56.789").value()),
            "2024-02-29T12:34:56.789000");
  EXPECT_EQ(DatetimeText(-1), "1969-12-31T23:59:59.999999");
  EXPECT_EQ(DateText(ReadDate("0001-01-01").value()), "0001-01-01");
  EXPECT_EQ(ReadDate("0001-01-01"), kFirstDay);
  EXPECT_EQ(ReadDate("9999-12-31"), kLastDay);
  EXPECT_EQ(TimeText(ReadTime("01:02:03").value()), "01:02:03");
  EXPECT_FALSE(ReadTime("24:00:00"));
}

TEST(ValueTextTest, Packed) {
  // 13:14:15.000016 of 2020-05-06.
  const int64_t time = (((int64_t{13} << 6 | 14) << 6 | 15) << 20) | 16;
  EXPECT_EQ(TimeText(UnpackTime(time).value()), "13:14:15.000016");
  const int64_t datetime = ((int64_t{2020} << 4 | 5) << 5 | 6) << 37 | time;
  EXPECT_EQ(DatetimeText(UnpackDatetime(datetime).value()), "2020-05-06T13:14:15.000016");
  EXPECT_FALSE(UnpackTime(int64_t{24} << 32));
  EXPECT_FALSE(UnpackDatetime(-1));
  EXPECT_EQ(NumericText(UnpackNumeric(std::string_view("\x00\xca\x9a\x3b", 4)).value()), "1");
  EXPECT_EQ(NumericText(UnpackNumeric("\xff").value()), "-0.000000001");
  EXPECT_FALSE(UnpackNumeric(std::string(16, '\x7f')));
  EXPECT_FALSE(UnpackNumeric(""));
}

TEST(ValueTextTest, Base64) {
  for (const std::string_view text : {"", "a", "ab", "abc", "abcd"}) {
    EXPECT_EQ(ReadBase64(Base64Text(text)), text);
  }
  EXPECT_EQ(Base64Text("\xfb\xff"), "+/8=");
  EXPECT_EQ(ReadBase64("-_8"), "\xfb\xff");
  EXPECT_FALSE(ReadBase64("a"));
  EXPECT_FALSE(ReadBase64("ab!c"));
}

TEST(ValueTextTest, Others) {
  EXPECT_EQ(FloatText(1), "1.0");
  EXPECT_EQ(FloatText(0.1), "0.1");
  EXPECT_EQ(FloatText(-std::numeric_limits<double>::infinity()), "-Infinity");
  EXPECT_EQ(ReadInteger("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  EXPECT_FALSE(ReadInteger("9223372036854775808"));
  EXPECT_FALSE(ReadInteger("1.5"));
  EXPECT_EQ(ReadBoolean("TRUE"), true);
  EXPECT_FALSE(ReadBoolean("maybe"));
}

}  // namespace
}  // namespace joist::tables
