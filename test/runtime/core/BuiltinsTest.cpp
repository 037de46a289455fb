// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The arithmetic that compiled models carry, against LLVM's software floating point and against the laws of division.
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "gtest/gtest.h"

#include <cmath>
#include <random>

extern "C" {
_Float16 __truncdfhf2(double);
_Float16 __truncsfhf2(float);
__bf16 __truncdfbf2(double);
__bf16 __truncsfbf2(float);
float __extendhfsf2(_Float16);
unsigned __int128 __udivti3(unsigned __int128, unsigned __int128);
unsigned __int128 __umodti3(unsigned __int128, unsigned __int128);
__int128 __divti3(__int128, __int128);
__int128 __modti3(__int128, __int128);
double __powidf2(double, int);
float __powisf2(float, int);
}

namespace {

template <typename Narrow> uint16_t bitsOf(Narrow value) {
  uint16_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/// What `value` is in the format; a NaN's payload is not compared.
uint16_t expected(llvm::APFloat value, const llvm::fltSemantics &format) {
  bool losesInfo;
  value.convert(format, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return uint16_t(value.bitcastToAPInt().getZExtValue());
}

void check(double value) {
  auto single = float(value);
  if (std::isnan(value)) {
    EXPECT_TRUE(std::isnan(__extendhfsf2(__truncdfhf2(value))));
    EXPECT_TRUE(std::isnan(__extendhfsf2(__truncsfhf2(single))));
    EXPECT_GT(bitsOf(__truncdfbf2(value)) & 0x7fff, 0x7f80);
    EXPECT_GT(bitsOf(__truncsfbf2(single)) & 0x7fff, 0x7f80);
    return;
  }
  const llvm::fltSemantics &half = llvm::APFloat::IEEEhalf(), &bfloat = llvm::APFloat::BFloat();
  EXPECT_EQ(bitsOf(__truncdfhf2(value)), expected(llvm::APFloat(value), half)) << value;
  EXPECT_EQ(bitsOf(__truncdfbf2(value)), expected(llvm::APFloat(value), bfloat)) << value;
  EXPECT_EQ(bitsOf(__truncsfhf2(single)), expected(llvm::APFloat(single), half)) << single;
  EXPECT_EQ(bitsOf(__truncsfbf2(single)), expected(llvm::APFloat(single), bfloat)) << single;
}

TEST(BuiltinsTest, EveryHalfExtends) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    _Float16 value;
    auto narrow = uint16_t(bits);
    memcpy(&value, &narrow, sizeof(value));
    llvm::APFloat wide(llvm::APFloat::IEEEhalf(), llvm::APInt(16, bits));
    bool losesInfo;
    wide.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    ASSERT_EQ(llvm::bit_cast<uint32_t>(__extendhfsf2(value)), wide.bitcastToAPInt().getZExtValue()) << bits;
  }
}

TEST(BuiltinsTest, NeighboursOfEveryNarrowNumberTruncate) {
  for (uint32_t bits = 0; bits < 65536; ++bits)
    for (const llvm::fltSemantics *format : {&llvm::APFloat::IEEEhalf(), &llvm::APFloat::BFloat()}) {
      llvm::APFloat number(*format, llvm::APInt(16, bits)), next = number;
      if (number.isNaN())
        continue;
      next.next(false);
      double here = number.convertToDouble(), middle = here / 2 + next.convertToDouble() / 2;
      for (double value : {here, middle, std::nextafter(middle, 0.0), std::nextafter(middle, INFINITY)})
        check(value);
    }
}

TEST(BuiltinsTest, RandomNumbersTruncate) {
  std::mt19937_64 random(1);
  for (int k = 0; k < 200000; ++k) {
    check(llvm::bit_cast<double>(random()));
    check(llvm::bit_cast<float>(uint32_t(random())));
  }
}

TEST(BuiltinsTest, QuotientAndRemainder) {
  std::mt19937_64 random(2);
  for (int k = 0; k < 100000; ++k) {
    // Numbers of every length.
    auto draw = [&] { return (static_cast<unsigned __int128>(random()) << 64 | random()) >> (random() % 128); };
    unsigned __int128 a = draw(), b = draw();
    if (b == 0)
      continue;
    unsigned __int128 quotient = __udivti3(a, b), remainder = __umodti3(a, b);
    ASSERT_TRUE(remainder < b && quotient * b + remainder == a && quotient <= a);
    auto x = static_cast<__int128>(a), y = static_cast<__int128>(b);
    if (random() % 2)
      x = -x;
    if (random() % 2)
      y = -y;
    __int128 signedQuotient = __divti3(x, y), signedRemainder = __modti3(x, y);
    ASSERT_TRUE(signedQuotient * y + signedRemainder == x);
    ASSERT_TRUE(signedRemainder == 0 || (signedRemainder < 0) == (x < 0));
    ASSERT_TRUE((signedRemainder < 0 ? -signedRemainder : signedRemainder) < (y < 0 ? -y : y) || y == -y);
  }
}

TEST(BuiltinsTest, IntegerPowers) {
  EXPECT_EQ(__powidf2(3, 5), 243);
  EXPECT_EQ(__powidf2(2, -3), 0.125);
  EXPECT_EQ(__powidf2(7, 0), 1);
  EXPECT_EQ(__powisf2(-2, 3), -8);
  EXPECT_EQ(__powisf2(1, INT32_MIN), 1);
}

} // namespace
