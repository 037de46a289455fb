// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// e^x = 2^n e^r with the nearest integer n to x / ln 2, and what is built on it.
#include "Functions.h"

using namespace mlir;
using namespace tegula;

constexpr double log2OfE = 1.4426950408889634, ln2 = 0.6931471805599453;

/// e^r of |r| <= ln(2) / 2: the series, whose next term is below 2^-37.
static Value exponentialOfRest(FloatEmitter &emit, Value r) {
  double series[10] = {1};
  for (int k = 1; k < 10; ++k)
    series[k] = series[k - 1] / k;
  return emit.polynomial(r, series);
}

Value functions::exponentialOfDouble(FloatEmitter &emit, Value x) {
  x = emit.clamp(x, -130, 130);
  auto [number, integer] = emit.roundProduct(x, log2OfE);
  Value rest = emit.multiplyAdd(number, -ln2, x);
  return emit.multiply(exponentialOfRest(emit, rest), emit.powerOfTwo(integer));
}

static Value exponentialOfClamped(FloatEmitter &emit, Value x) {
  auto [number, integer] = emit.roundProduct(x, log2OfE);
  // ln 2 in two parts; nine bits times an integer are exact, with and without fused instructions.
  constexpr double ln2High = 0.693359375;
  Value rest = emit.multiplyAdd(number, -ln2High, x);
  rest = emit.multiplyAdd(number, ln2High - ln2, rest);
  // (e^r - 1 - r) / r^2, Chebyshev fit of degree 4 for |r| <= 0.35.
  Value curve = emit.polynomial(
      rest, {0.5, 0.16666573286056519, 0.04166654869914055, 0.008363774046301842, 0.0013926926767453551});
  Value mantissa = emit.add(emit.multiplyAdd(emit.multiply(rest, rest), curve, rest), 1);
  return emit.scale(mantissa, integer);
}

Value functions::exponential(FloatEmitter &emit, Value x) {
  return exponentialOfClamped(emit, emit.clamp(x, -104, 89)); // zero below, infinity above
}

Value functions::exponentialOfTwo(FloatEmitter &emit, Value x) {
  Value wide = emit.clamp(emit.toDouble(x), -200, 200); // beyond the exponents of f32
  auto [number, integer] = emit.round(wide);
  Value rest = emit.multiply(emit.subtract(wide, number), ln2);
  return emit.toSingle(emit.multiply(exponentialOfRest(emit, rest), emit.powerOfTwo(integer)));
}

Value functions::exponentialMinusOne(FloatEmitter &emit, Value x) {
  Value wide = emit.toDouble(x);
  // x + x^2 / 2 + ...: small numbers would vanish beside one.
  double series[9] = {0.5};
  for (int k = 1; k < 9; ++k)
    series[k] = series[k - 1] / (k + 2);
  Value small = emit.multiplyAdd(emit.multiply(wide, wide), emit.polynomial(wide, series), wide);
  Value large = emit.add(exponentialOfDouble(emit, wide), -1);
  Value result = emit.toSingle(emit.choose(emit.less(emit.absolute(wide), 0.35), small, large));
  return emit.choose(emit.equal(x, 0), x, result); // the zero's sign
}

Value functions::hyperbolicTangent(FloatEmitter &emit, Value x) {
  Value magnitude = emit.absolute(x);
  // (tanh(x) - x) / x^3 as a polynomial of x^2, Chebyshev fit of degree 5 for |x| <= 0.625.
  Value square = emit.multiply(x, x);
  Value curve = emit.polynomial(square, {-0.3333333432674408, 0.13333304226398468, -0.053959257900714874,
                                         0.02176891826093197, -0.008343945257365704, 0.002292744815349579});
  Value small = emit.multiplyAdd(emit.multiply(square, x), curve, x);
  // 1 - 2 / (e^2x + 1), which is one from 9.02 on.
  Value power = exponentialOfClamped(emit, emit.clamp(emit.add(magnitude, magnitude), 0, 20));
  Value large = emit.subtract(1, emit.divide(2, emit.add(power, 1)));
  return emit.copySign(emit.choose(emit.less(magnitude, 0.625), small, large), x);
}

Value functions::hyperbolicSine(FloatEmitter &emit, Value x) {
  Value wide = emit.toDouble(x), square = emit.multiply(wide, wide);
  double series[6] = {1.0 / 6};
  for (int k = 1; k < 6; ++k)
    series[k] = series[k - 1] / ((2 * k + 2) * (2 * k + 3));
  Value small = emit.multiplyAdd(emit.multiply(wide, square), emit.polynomial(square, series), wide);
  Value power = exponentialOfDouble(emit, emit.absolute(wide));
  Value large = emit.multiply(emit.subtract(power, emit.divide(1, power)), 0.5);
  large = emit.copySign(large, wide);
  return emit.toSingle(emit.choose(emit.less(emit.absolute(wide), 1), small, large));
}

Value functions::hyperbolicCosine(FloatEmitter &emit, Value x) {
  Value power = exponentialOfDouble(emit, emit.absolute(emit.toDouble(x)));
  return emit.toSingle(emit.multiply(emit.add(power, emit.divide(1, power)), 0.5));
}
