/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Arithmetic that LLVM calls where a processor has no instruction for it, under the names it expects: conversions of
 * half and bfloat16, division of 128-bit integers, integer powers. Compiled models carry a copy of what they use, since
 * not every program links a compiler's support library.
 *
 * Conversions round to nearest, ties to even; a NaN stays one and becomes quiet. None of this file may be compiled into
 * a call of itself: formats are taken apart as integers. */
#include <stdint.h>
#include <string.h>

typedef __int128 int128;
typedef unsigned __int128 uint128;

static uint32_t bitsOfFloat(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static uint64_t bitsOfDouble(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static float floatOfBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

static _Float16 halfOfBits(uint16_t bits) {
  _Float16 value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

static __bf16 bfloatOfBits(uint16_t bits) {
  __bf16 value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

/* A 16-bit format with `fraction` bits after the point, from a double's bits. */
static uint16_t narrow(uint64_t bits, int fraction) {
  const int exponentBits = 15 - fraction;
  const int bias = (1 << (exponentBits - 1)) - 1;
  const uint16_t sign = (uint16_t)(bits >> 63 << 15);
  const uint16_t infinity = (uint16_t)(((1 << exponentBits) - 1) << fraction);
  uint64_t magnitude = bits & INT64_MAX;
  if (magnitude > UINT64_C(0x7ff) << 52) /* NaN: the payload's upper bits, quiet */
    return (uint16_t)(sign | infinity | 1u << (fraction - 1) | (magnitude >> (52 - fraction) & ((1u << fraction) - 1)));
  int exponent = (int)(magnitude >> 52) - 1023 + bias;
  if (exponent >= (1 << exponentBits) - 1)
    return sign | infinity;
  uint64_t significand = (magnitude & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
  int shift = 52 - fraction;
  if (exponent <= 0) { /* subnormal: the point moves instead of the exponent */
    shift += 1 - exponent;
    exponent = 0;
    if (shift > 54)
      return sign;
  }
  uint64_t kept = significand >> shift;
  uint64_t rest = significand & ((UINT64_C(1) << shift) - 1), half = UINT64_C(1) << (shift - 1);
  kept += rest > half || (rest == half && (kept & 1));
  /* The leading bit of a normal number adds one to the exponent, and so does a carry out of the fraction. */
  if (exponent > 0)
    kept += (uint64_t)(exponent - 1) << fraction;
  return (uint16_t)(sign | kept);
}

_Float16 __truncdfhf2(double value) { return halfOfBits(narrow(bitsOfDouble(value), 10)); }
_Float16 __truncsfhf2(float value) { return halfOfBits(narrow(bitsOfDouble((double)value), 10)); }
__bf16 __truncdfbf2(double value) { return bfloatOfBits(narrow(bitsOfDouble(value), 7)); }
__bf16 __truncsfbf2(float value) { return bfloatOfBits(narrow(bitsOfDouble((double)value), 7)); }

float __extendhfsf2(_Float16 value) {
  uint16_t bits;
  memcpy(&bits, &value, sizeof(bits));
  uint32_t sign = (uint32_t)(bits >> 15) << 31, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 31)
    return floatOfBits(sign | 0x7f800000u | fraction << 13 | (fraction ? 0x400000u : 0));
  if (exponent == 0) /* exact: a multiple of 2^-24 */
    return floatOfBits(bitsOfFloat((float)fraction * 0x1p-24f) | sign);
  return floatOfBits(sign | (exponent + 112) << 23 | fraction << 13);
}

/* Schoolbook division, a bit at a time from the dividend's first one. */
static uint128 divide(uint128 dividend, uint128 divisor, uint128 *remainder) {
  if (!(uint64_t)(dividend >> 64) && !(uint64_t)(divisor >> 64)) {
    *remainder = (uint64_t)dividend % (uint64_t)divisor;
    return (uint64_t)dividend / (uint64_t)divisor;
  }
  uint128 quotient = 0, rest = 0;
  uint64_t high = (uint64_t)(dividend >> 64), low = (uint64_t)dividend;
  int bits = high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll(low | 1);
  for (int k = bits - 1; k >= 0; --k) {
    int carry = (int)(rest >> 127);
    rest = rest << 1 | (dividend >> k & 1);
    quotient <<= 1;
    if (carry || rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
  }
  *remainder = rest;
  return quotient;
}

static uint128 absolute(int128 value) { return value < 0 ? -(uint128)value : (uint128)value; }

uint128 __udivti3(uint128 a, uint128 b) {
  uint128 remainder;
  return divide(a, b, &remainder);
}

uint128 __umodti3(uint128 a, uint128 b) {
  uint128 remainder;
  divide(a, b, &remainder);
  return remainder;
}

int128 __divti3(int128 a, int128 b) {
  uint128 remainder, quotient = divide(absolute(a), absolute(b), &remainder);
  return (int128)((a < 0) != (b < 0) ? -quotient : quotient);
}

int128 __modti3(int128 a, int128 b) {
  uint128 remainder;
  divide(absolute(a), absolute(b), &remainder);
  return (int128)(a < 0 ? -remainder : remainder);
}

double __powidf2(double base, int exponent) {
  uint32_t left = exponent < 0 ? -(uint32_t)exponent : (uint32_t)exponent;
  double power = 1;
  for (; left; left >>= 1, base *= base)
    if (left & 1)
      power *= base;
  return exponent < 0 ? 1 / power : power;
}

float __powisf2(float base, int exponent) {
  uint32_t left = exponent < 0 ? -(uint32_t)exponent : (uint32_t)exponent;
  float power = 1;
  for (; left; left >>= 1, base *= base)
    if (left & 1)
      power *= base;
  return exponent < 0 ? 1 / power : power;
}
