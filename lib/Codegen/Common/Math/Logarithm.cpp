// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// log(2^e m) = e ln 2 + log m with m around one, and what is built on it.
#include "Functions.h"

using namespace mlir;
using namespace tegula;

constexpr double ln2 = 0.6931471805599453;

Value functions::logarithmOfDouble(FloatEmitter &emit, Value x) {
  // m lies between the square roots of 1/2 and 2: subtracting the bits of the first moves the border of the exponent.
  constexpr int64_t rootOfHalf = 0x3fe6a09e667f3bcd, bias = int64_t(1024) << 52;
  Value bits = emit.bits(x);
  Value biased = emit.shiftRight(emit.addInteger(bits, bias - rootOfHalf), 52);
  Value exponent = emit.addInteger(biased, -1024);
  Value mantissa = emit.fromBits(emit.subtractInteger(bits, emit.shiftLeft(exponent, 52)));
  // log m = 2 atanh((m - 1) / (m + 1)), whose series is in odd powers of at most 0.172: the next term is below 2^-45.
  Value quotient = emit.divide(emit.add(mantissa, -1), emit.add(mantissa, 1));
  double series[8];
  for (int k = 0; k < 8; ++k)
    series[k] = 2.0 / (2 * k + 1);
  Value logarithm = emit.multiply(quotient, emit.polynomial(emit.multiply(quotient, quotient), series));
  // The exponent as a float: 2^52 + 2^51 has its last bit worth one.
  constexpr int64_t shift = 0x4338000000000000;
  Value number = emit.add(emit.fromBits(emit.addInteger(exponent, shift)), -0x1.8p52);
  Value result = emit.multiplyAdd(number, ln2, logarithm);
  result = emit.choose(emit.less(x, infinity), result, x); // infinity and NaN
  result = emit.choose(emit.less(x, 0), notANumber, result);
  return emit.choose(emit.equal(x, 0), -infinity, result);
}

static Value scaledLogarithm(FloatEmitter &emit, Value x, double scale) {
  return emit.toSingle(emit.multiply(functions::logarithmOfDouble(emit, emit.toDouble(x)), scale));
}

Value functions::logarithm(FloatEmitter &emit, Value x) {
  return emit.toSingle(logarithmOfDouble(emit, emit.toDouble(x)));
}
Value functions::logarithmOfTwo(FloatEmitter &emit, Value x) { return scaledLogarithm(emit, x, 1.4426950408889634); }
Value functions::logarithmOfTen(FloatEmitter &emit, Value x) { return scaledLogarithm(emit, x, 0.4342944819032518); }

/// The odd function x + c[0] x^3 + c[1] x^5 + ... where |x| is small, else `large`; with the sign of x.
static Value oddFunction(FloatEmitter &emit, Value x, double border, ArrayRef<double> series, Value large) {
  Value square = emit.multiply(x, x);
  Value small = emit.multiplyAdd(emit.multiply(x, square), emit.polynomial(square, series), x);
  return emit.copySign(emit.choose(emit.less(emit.absolute(x), border), small, large), x);
}

Value functions::logarithmOfOnePlus(FloatEmitter &emit, Value x) {
  Value wide = emit.toDouble(x);
  Value small = emit.multiplyAdd(emit.multiply(wide, wide), emit.polynomial(wide, {-0.5, 1.0 / 3, -0.25}), wide);
  Value large = logarithmOfDouble(emit, emit.add(wide, 1));
  Value result = emit.toSingle(emit.choose(emit.less(emit.absolute(wide), 0x1p-12), small, large));
  return emit.choose(emit.equal(x, 0), x, result); // the zero's sign
}

Value functions::inverseHyperbolicSine(FloatEmitter &emit, Value x) {
  Value wide = emit.toDouble(x), magnitude = emit.absolute(wide);
  Value root = emit.squareRoot(emit.add(emit.multiply(wide, wide), 1));
  Value large = logarithmOfDouble(emit, emit.add(magnitude, root));
  return emit.toSingle(oddFunction(emit, wide, 0x1p-5, {-1.0 / 6, 3.0 / 40, -15.0 / 336}, large));
}

Value functions::inverseHyperbolicCosine(FloatEmitter &emit, Value x) {
  Value wide = emit.toDouble(x);
  // (x - 1) (x + 1) is exact where x is near one.
  Value root = emit.squareRoot(emit.multiply(emit.add(wide, -1), emit.add(wide, 1)));
  Value result = emit.toSingle(logarithmOfDouble(emit, emit.add(wide, root)));
  return emit.choose(emit.less(x, 1), notANumber, result); // for x < -1 the root is real
}

Value functions::inverseHyperbolicTangent(FloatEmitter &emit, Value x) {
  Value wide = emit.toDouble(x), magnitude = emit.absolute(wide);
  Value large = logarithmOfDouble(emit, emit.divide(emit.add(magnitude, 1), emit.subtract(1, magnitude)));
  return emit.toSingle(oddFunction(emit, wide, 0x1p-5, {1.0 / 3, 1.0 / 5, 1.0 / 7}, emit.multiply(large, 0.5)));
}

Value functions::power(FloatEmitter &emit, Value x, Value y) {
  Value wide = emit.toDouble(y), magnitude = emit.absolute(x);
  Value exponent = emit.multiply(wide, logarithmOfDouble(emit, emit.toDouble(magnitude)));
  Value result = emit.toSingle(exponentialOfDouble(emit, exponent));
  // A negative base: the sign of an odd power, and NaN for a power that is no integer.
  Value isNegative = emit.hasBit(emit.bits(x), int64_t(1) << 31);
  Value isInteger = emit.equal(emit.floor(y), y), half = emit.multiply(y, 0.5);
  Value isOdd = emit.both(isInteger, emit.opposite(emit.equal(emit.floor(half), half)));
  result = emit.choose(emit.both(isNegative, isOdd), emit.negate(result), result);
  Value isFiniteNegative = emit.both(emit.less(x, 0), emit.greater(x, -infinity));
  result = emit.choose(emit.both(isFiniteNegative, emit.opposite(isInteger)), notANumber, result);
  // One to any power, anything to the power zero, and the modulus one to an infinite power.
  Value isInfinite = emit.equal(emit.absolute(y), infinity);
  Value isOne = emit.either(emit.equal(x, 1), emit.equal(y, 0));
  isOne = emit.either(isOne, emit.both(emit.equal(magnitude, 1), isInfinite));
  return emit.choose(isOne, 1, result);
}
