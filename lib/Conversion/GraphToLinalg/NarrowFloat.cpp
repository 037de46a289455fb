// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Conversion between f32 and the 8-bit and 4-bit float formats, in integer arithmetic that vectorizes.
#include "tegula/Conversion/GraphToLinalg/Lowering.h"

#include "llvm/ADT/APFloat.h"

#include <cmath>

using namespace mlir;
using namespace tegula;
using llvm::APFloat;

bool tegula::isNarrowFloat(Type element) {
  auto type = dyn_cast<FloatType>(element);
  return type && type.getWidth() <= 8;
}

namespace {
/// A format as the conversions see it: codes without the sign bit grow with the value.
struct Format {
  explicit Format(FloatType type) : width(type.getWidth()) {
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    mantissa = APFloat::semanticsPrecision(semantics) - 1;
    lowestExponent = APFloat::semanticsMinExponent(semantics);
    largest = bits(APFloat::getLargest(semantics));
    hasInfinity = APFloat::semanticsHasInf(semantics);
    hasNan = APFloat::semanticsHasNaN(semantics);
    // The FNUZ formats have one NaN, at the place of -0.
    hasNegativeZero = !hasNan || bits(APFloat::getNaN(semantics)) != signBit();
    nan = hasNan ? bits(APFloat::getNaN(semantics)) & (signBit() - 1) : 0;
    infinity = hasInfinity ? bits(APFloat::getInf(semantics)) : 0;
  }
  static unsigned bits(const APFloat &value) { return value.bitcastToAPInt().getZExtValue(); }
  unsigned signBit() const { return 1u << (width - 1); }

  unsigned width, mantissa, largest, nan, infinity;
  int lowestExponent;
  bool hasInfinity, hasNan, hasNegativeZero;
};

/// Shorthands for integer arithmetic with constants.
struct Arithmetic {
  OpBuilder &b;
  Location loc;
  Value constant(int64_t value, unsigned width = 32) {
    return arith::ConstantOp::create(b, loc,
                                     b.getIntegerAttr(b.getIntegerType(width), APInt(width, value, true, true)));
  }
  Value real(float value) { return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value)); }
  Value bitAnd(Value x, int64_t mask) { return arith::AndIOp::create(b, loc, x, constant(mask)); }
  Value bitOr(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value subtract(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value shiftLeft(Value x, int64_t n) { return arith::ShLIOp::create(b, loc, x, constant(n)); }
  Value shiftRight(Value x, int64_t n) { return arith::ShRUIOp::create(b, loc, x, constant(n)); }
  Value above(Value x, int64_t y) { // unsigned
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ugt, x, constant(y));
  }
  Value equal(Value x, int64_t y) { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, constant(y)); }
  Value choose(Value condition, Value x, Value y) { return arith::SelectOp::create(b, loc, condition, x, y); }
  Value asFloat(Value x) { return arith::BitcastOp::create(b, loc, b.getF32Type(), x); }
  Value asInteger(Value x) { return arith::BitcastOp::create(b, loc, b.getI32Type(), x); }
  Value widen(Value x) { return arith::ExtUIOp::create(b, loc, b.getI32Type(), x); }
  Value narrow(Value x) { return arith::TruncIOp::create(b, loc, b.getI8Type(), x); }
};
} // namespace

Value tegula::decodeNarrowFloat(OpBuilder &b, Location loc, Value stored, Type element) {
  Arithmetic a{b, loc};
  Value code = a.widen(stored);
  if (isa<Float8E8M0FNUType>(element)) {
    // A bare exponent; code 0 is 2^-127, a denormal of f32.
    Value value = a.choose(a.equal(code, 0), a.constant(0x00400000), a.shiftLeft(code, 23));
    return a.asFloat(a.choose(a.equal(code, 0xff), a.constant(0x7fc00000), value));
  }
  Format format(cast<FloatType>(element));
  // With the fields moved to their places in f32, the value lacks a power of two; multiplying restores it, and makes
  // denormals normal, exactly.
  Value magnitude = a.bitAnd(code, format.signBit() - 1);
  Value unscaled = a.asFloat(a.shiftLeft(magnitude, 23 - format.mantissa));
  // The exponent field 1 means lowestExponent in the format and -126 in f32.
  Value bits =
      a.asInteger(arith::MulFOp::create(b, loc, unscaled, a.real(std::ldexp(1.0f, format.lowestExponent + 126))));
  if (format.hasInfinity)
    bits = a.choose(a.equal(magnitude, format.infinity), a.constant(0x7f800000), bits);
  if (format.hasNan && format.hasNegativeZero)
    bits = a.choose(a.above(magnitude, format.hasInfinity ? format.infinity : format.largest), a.constant(0x7fc00000),
                    bits);
  bits = a.bitOr(bits, a.shiftLeft(a.bitAnd(code, format.signBit()), 32 - format.width));
  if (!format.hasNegativeZero)
    bits = a.choose(a.equal(code, format.signBit()), a.constant(0x7fc00000), bits);
  return a.asFloat(bits);
}

/// f8E8M0FNU: the exponent of |x|, rounded as `roundMode` says.
static Value encodeExponent(Arithmetic a, Value magnitude, bool saturate, StringRef roundMode) {
  Value exponent = a.shiftRight(magnitude, 23), fraction = a.bitAnd(magnitude, 0x7fffff);
  // In the lowest binade of f32 2^-127 has fraction 0x400000 and code 0; elsewhere a power of two has fraction 0.
  Value isLowest = a.equal(exponent, 0);
  Value limit = a.choose(isLowest, a.constant(0x400000), a.constant(0));
  if (roundMode == "nearest")
    limit = a.choose(isLowest, a.constant(0x5fffff), a.constant(0x3fffff));
  Value code = exponent;
  if (roundMode != "down") {
    Value goesUp = arith::CmpIOp::create(a.b, a.loc, arith::CmpIPredicate::ugt, fraction, limit);
    code = a.add(exponent, a.widen(goesUp));
  }
  Value isNan = a.above(magnitude, 0x7f800000);
  Value tooLarge = a.above(code, 0xfe);
  if (saturate)
    return a.choose(isNan, a.constant(0xff), a.choose(tooLarge, a.constant(0xfe), code));
  Value tooSmall = arith::CmpIOp::create(a.b, a.loc, arith::CmpIPredicate::ult, magnitude, a.constant(0x400000));
  return a.choose(a.bitOr(a.bitOr(isNan, tooLarge), tooSmall), a.constant(0xff), code);
}

Value tegula::encodeNarrowFloat(OpBuilder &b, Location loc, Value value, Type element, bool saturate,
                                StringRef roundMode) {
  Arithmetic a{b, loc};
  Value bits = a.asInteger(value);
  Value magnitude = a.bitAnd(bits, 0x7fffffff);
  if (isa<Float8E8M0FNUType>(element))
    return a.narrow(encodeExponent(a, magnitude, saturate, roundMode));

  Format format(cast<FloatType>(element));
  unsigned dropped = 23 - format.mantissa;
  // Normal results: add half of the dropped bits, less one when the kept part is even, then change the bias.
  Value odd = a.bitAnd(a.shiftRight(magnitude, dropped), 1);
  Value rounded = a.add(a.add(magnitude, a.constant((1u << (dropped - 1)) - 1)), odd);
  int64_t bias = int64_t(126 + format.lowestExponent) << format.mantissa;
  Value normal = a.subtract(a.shiftRight(rounded, dropped), a.constant(bias));
  // Denormal results: in this sum one unit of the last place of f32 is one of the format.
  Value magic = a.real(std::ldexp(1.0f, format.lowestExponent - int(format.mantissa) + 23));
  Value sum = arith::AddFOp::create(b, loc, a.asFloat(magnitude), magic);
  Value denormal = a.subtract(a.asInteger(sum), a.asInteger(magic));
  int64_t lowestNormal = int64_t(127 + format.lowestExponent) << 23;
  Value code = a.choose(a.above(magnitude, lowestNormal - 1), normal, denormal);

  bool keepsInRange = saturate || !format.hasNan;
  unsigned overflow = keepsInRange ? format.largest : format.hasInfinity ? format.infinity : format.nan;
  Value overflows = a.above(code, format.largest);
  code = a.choose(overflows, a.constant(overflow), code);
  Value sign = a.bitAnd(a.shiftRight(bits, 32 - format.width), format.signBit());
  if (!format.hasNegativeZero) {
    sign = a.choose(a.equal(code, 0), a.constant(0), sign);
    Value becomesNan = a.above(magnitude, 0x7f800000);
    if (!saturate)
      becomesNan = a.bitOr(becomesNan, overflows);
    return a.narrow(a.choose(becomesNan, a.constant(format.signBit()), a.bitOr(code, sign)));
  }
  Value isNan = a.above(magnitude, 0x7f800000);
  if (format.hasNan) {
    code = a.choose(isNan, a.constant(format.nan), code);
    return a.narrow(a.bitOr(code, sign));
  }
  // Without a NaN it becomes a zero of the other sign, as in ml_dtypes.
  Value zero = arith::XOrIOp::create(b, loc, sign, a.constant(format.signBit()));
  return a.narrow(a.choose(isNan, zero, a.bitOr(code, sign)));
}
