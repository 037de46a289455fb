// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sine, cosine and tangent by the distance to the nearest multiple of pi/2, exact for every f32, and their inverses.
#include "Functions.h"

using namespace mlir;
using namespace tegula;

constexpr double pi = 3.141592653589793;

namespace {
struct Sum {
  Value high, low; ///< high + low is the exact sum; high is the rounded one
};

struct Quadrants {
  Value number; ///< of quadrants, an integer modulo four
  Value angle;  ///< what is left, between -pi/4 and pi/4; f64
};
} // namespace

static Sum exactSum(FloatEmitter &emit, Value x, Value y) {
  Value high = emit.add(x, y), second = emit.subtract(high, x);
  Value low = emit.add(emit.subtract(x, emit.subtract(high, second)), emit.subtract(y, second));
  return {high, low};
}

/// x modulo four, between -2 and 2; exact, |x| < 2^52.
static Value moduloFour(FloatEmitter &emit, Value x) {
  return emit.subtract(x, emit.multiply(emit.round(emit.multiply(x, 0.25)).number, 4));
}

/// Products of x with 24-bit pieces of 2/pi are exact. A piece whose product is a multiple of four quadrants only does
/// not count, and five pieces from the first that counts leave an error of 2^-70 of a quadrant.
static Quadrants quadrantsOf(FloatEmitter &emit, Value x) {
  constexpr int pieceCount = 9, windows = 5, window = 5;
  constexpr int32_t digits[pieceCount] = {0xa2f983, 0x6e4e44, 0x1529fc, 0x2757d1, 0xf534dd,
                                          0xc0db62, 0x95993c, 0x439041, 0xfe5163};
  double pieces[pieceCount];
  for (int k = 0; k < pieceCount; ++k)
    pieces[k] = std::ldexp(digits[k], -24 * (k + 1));
  Value magnitude = emit.absolute(x), products[window];
  Value starts[windows];
  for (int first = 1; first < windows; ++first)
    starts[first] = emit.less(magnitude, std::ldexp(1.0, 25 + 24 * first));
  for (int k = 0; k < window; ++k) {
    Value piece = emit.constant(pieces[windows - 1 + k], x);
    for (int first = windows - 1; first >= 1; --first)
      piece = emit.choose(starts[first], pieces[first - 1 + k], piece);
    products[k] = emit.multiply(x, piece);
  }
  Sum large = exactSum(emit, moduloFour(emit, products[0]), moduloFour(emit, products[1]));
  Sum all = exactSum(emit, large.high, products[2]);
  auto [number, integer] = emit.round(all.high);
  Value rest = emit.add(emit.add(all.low, large.low), emit.add(products[3], products[4]));
  rest = emit.add(emit.subtract(all.high, number), rest);
  return {integer, emit.multiply(rest, pi / 2)};
}

/// The series of the sine (first power 1) or cosine (0) up to the power `last`: the next term is below 2^-40.
static Value series(FloatEmitter &emit, Value angle, int firstPower) {
  double coefficients[8] = {1};
  for (int k = 1; k < 8; ++k)
    coefficients[k] = -coefficients[k - 1] / ((2 * k - 1 + firstPower) * (2 * k + firstPower));
  Value sum = emit.polynomial(emit.multiply(angle, angle), coefficients);
  return firstPower ? emit.multiply(sum, angle) : sum;
}

static Value sineOfQuadrants(FloatEmitter &emit, Quadrants quadrants) {
  Value result =
      emit.choose(emit.hasBit(quadrants.number, 1), series(emit, quadrants.angle, 0), series(emit, quadrants.angle, 1));
  return emit.toSingle(emit.choose(emit.hasBit(quadrants.number, 2), emit.negate(result), result));
}

/// Odd functions with slope one: x itself where it is small, which keeps the sign of zero.
static Value exceptSmall(FloatEmitter &emit, Value x, Value result) {
  return emit.choose(emit.less(emit.absolute(x), 0x1p-13), x, result);
}

Value functions::sine(FloatEmitter &emit, Value x) {
  return exceptSmall(emit, x, sineOfQuadrants(emit, quadrantsOf(emit, emit.toDouble(x))));
}

Value functions::cosine(FloatEmitter &emit, Value x) {
  Quadrants quadrants = quadrantsOf(emit, emit.toDouble(x));
  return sineOfQuadrants(emit, {emit.addInteger(quadrants.number, 1), quadrants.angle});
}

Value functions::tangent(FloatEmitter &emit, Value x) {
  Quadrants quadrants = quadrantsOf(emit, emit.toDouble(x));
  Value sine = series(emit, quadrants.angle, 1), cosine = series(emit, quadrants.angle, 0);
  Value isOdd = emit.hasBit(quadrants.number, 1);
  Value result = emit.divide(emit.choose(isOdd, emit.negate(cosine), sine), emit.choose(isOdd, sine, cosine));
  return exceptSmall(emit, x, emit.toSingle(result));
}

/// asin of |x| <= 1/2, f64: Chebyshev fit of degree 8 of (asin(x) - x) / x^3 as a polynomial of x^2.
static Value inverseSineOfSmall(FloatEmitter &emit, Value x) {
  Value square = emit.multiply(x, x);
  Value curve = emit.polynomial(square, {0.16666666666738632, 0.074999999534297119, 0.044642906474584963,
                                         0.030379945210024933, 0.022412417726695433, 0.016902683886393575,
                                         0.01686409027396012, 0.0010675063150363118, 0.028346745231833329});
  return emit.multiplyAdd(emit.multiply(x, square), curve, x);
}

/// 2 asin(sqrt((1 - x) / 2)) = acos(x), for x from 1/2 on.
static Value inverseCosineOfLarge(FloatEmitter &emit, Value x) {
  Value half = inverseSineOfSmall(emit, emit.squareRoot(emit.multiply(emit.subtract(1, x), 0.5)));
  return emit.add(half, half);
}

Value functions::inverseSine(FloatEmitter &emit, Value x) {
  Value wide = emit.toDouble(x), magnitude = emit.absolute(wide);
  Value large = emit.copySign(emit.subtract(pi / 2, inverseCosineOfLarge(emit, magnitude)), wide);
  return emit.toSingle(emit.choose(emit.less(magnitude, 0.5), inverseSineOfSmall(emit, wide), large));
}

Value functions::inverseCosine(FloatEmitter &emit, Value x) {
  Value wide = emit.toDouble(x), magnitude = emit.absolute(wide), large = inverseCosineOfLarge(emit, magnitude);
  large = emit.choose(emit.less(wide, 0), emit.subtract(pi, large), large);
  Value small = emit.subtract(pi / 2, inverseSineOfSmall(emit, wide));
  return emit.toSingle(emit.choose(emit.less(magnitude, 0.5), small, large));
}

Value functions::inverseTangent(FloatEmitter &emit, Value x) {
  Value wide = emit.toDouble(x), magnitude = emit.absolute(wide);
  // atan(x) = pi/2 - atan(1/x) = pi/4 + atan((x - 1) / (x + 1)): the argument of the polynomial is at most tan(pi/8). A
  // finite number in place of infinity keeps the quotient one.
  constexpr double tangentOfEighth = 0.41421356237309503;
  magnitude = emit.choose(emit.greater(magnitude, 0x1p200), 0x1p200, magnitude);
  Value isLarge = emit.greater(magnitude, 1 / tangentOfEighth), isSmall = emit.less(magnitude, tangentOfEighth);
  Value above = emit.choose(isLarge, -1, emit.choose(isSmall, magnitude, emit.add(magnitude, -1)));
  Value below = emit.choose(isLarge, magnitude, emit.choose(isSmall, 1, emit.add(magnitude, 1)));
  Value start = emit.choose(isLarge, pi / 2, emit.choose(isSmall, 0, emit.constant(pi / 4, wide)));
  Value quotient = emit.divide(above, below), square = emit.multiply(quotient, quotient);
  // Chebyshev fit of degree 8 of (atan(x) - x) / x^3 as a polynomial of x^2.
  Value curve = emit.polynomial(square, {-0.33333333333330906, 0.1999999999770806, -0.14285713928106403,
                                         0.11111089533352441, -0.090902530729264063, 0.076810065760487578,
                                         -0.065506218312635806, 0.051677414433154027, -0.027215937829399477});
  Value angle = emit.add(start, emit.multiplyAdd(emit.multiply(quotient, square), curve, quotient));
  return emit.toSingle(emit.copySign(angle, wide));
}
