// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes float functions as arithmetic without branches, calls or tables in memory, so that LLVM vectorizes them.
//
#ifndef TEGULA_LIB_CODEGEN_COMMON_MATH_FLOATEMITTER_H
#define TEGULA_LIB_CODEGEN_COMMON_MATH_FLOATEMITTER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

namespace tegula {

/// Arithmetic at one place of the IR, on scalars or vectors of f32 or f64.
class FloatEmitter {
public:
  /// `canScale`: the processor has an instruction for x * 2^n on vectors of f32.
  FloatEmitter(mlir::OpBuilder &builder, mlir::Location loc, bool canScale)
      : canScale(canScale), builder(builder), loc(loc) {}

  /// The value in every element of a value like `like`.
  mlir::Value constant(double value, mlir::Value like);
  mlir::Value integer(int64_t value, mlir::Value like);

  mlir::Value add(mlir::Value x, mlir::Value y) { return mlir::arith::AddFOp::create(builder, loc, x, y); }
  mlir::Value add(mlir::Value x, double y) { return add(x, constant(y, x)); }
  mlir::Value subtract(mlir::Value x, mlir::Value y) { return mlir::arith::SubFOp::create(builder, loc, x, y); }
  mlir::Value subtract(double x, mlir::Value y) { return subtract(constant(x, y), y); }
  mlir::Value multiply(mlir::Value x, mlir::Value y) { return mlir::arith::MulFOp::create(builder, loc, x, y); }
  mlir::Value multiply(mlir::Value x, double y) { return multiply(x, constant(y, x)); }
  mlir::Value divide(mlir::Value x, mlir::Value y) { return mlir::arith::DivFOp::create(builder, loc, x, y); }
  mlir::Value divide(double x, mlir::Value y) { return divide(constant(x, y), y); }
  mlir::Value negate(mlir::Value x) { return mlir::arith::NegFOp::create(builder, loc, x); }
  mlir::Value absolute(mlir::Value x) { return mlir::math::AbsFOp::create(builder, loc, x); }
  mlir::Value squareRoot(mlir::Value x) { return mlir::math::SqrtOp::create(builder, loc, x); }
  mlir::Value floor(mlir::Value x) { return mlir::math::FloorOp::create(builder, loc, x); }
  mlir::Value exponentialByLibrary(mlir::Value x) { return mlir::math::ExpOp::create(builder, loc, x); }
  mlir::Value copySign(mlir::Value x, mlir::Value sign) {
    return mlir::math::CopySignOp::create(builder, loc, x, sign);
  }

  /// x * y + z, with one rounding where the processor has an instruction for that and with two elsewhere. (math.fma
  /// would be a call there.)
  mlir::Value multiplyAdd(mlir::Value x, mlir::Value y, mlir::Value z);
  mlir::Value multiplyAdd(mlir::Value x, double y, mlir::Value z) { return multiplyAdd(x, constant(y, x), z); }
  /// c[0] + c[1] x + c[2] x^2 + ...
  mlir::Value polynomial(mlir::Value x, llvm::ArrayRef<double> coefficients);

  mlir::Value less(mlir::Value x, mlir::Value y) { return compare(mlir::arith::CmpFPredicate::OLT, x, y); }
  mlir::Value less(mlir::Value x, double y) { return less(x, constant(y, x)); }
  mlir::Value greater(mlir::Value x, double y) { return less(constant(y, x), x); }
  mlir::Value equal(mlir::Value x, mlir::Value y) { return compare(mlir::arith::CmpFPredicate::OEQ, x, y); }
  mlir::Value equal(mlir::Value x, double y) { return equal(x, constant(y, x)); }
  mlir::Value both(mlir::Value x, mlir::Value y) { return mlir::arith::AndIOp::create(builder, loc, x, y); }
  mlir::Value either(mlir::Value x, mlir::Value y) { return mlir::arith::OrIOp::create(builder, loc, x, y); }
  mlir::Value opposite(mlir::Value condition);
  mlir::Value choose(mlir::Value condition, mlir::Value x, mlir::Value y) {
    return mlir::arith::SelectOp::create(builder, loc, condition, x, y);
  }
  mlir::Value choose(mlir::Value condition, mlir::Value x, double y) { return choose(condition, x, constant(y, x)); }
  mlir::Value choose(mlir::Value condition, double x, mlir::Value y) { return choose(condition, constant(x, y), y); }
  /// x where it lies between the bounds, else the bound; NaN stays.
  mlir::Value clamp(mlir::Value x, double low, double high);

  mlir::Value toDouble(mlir::Value x);
  mlir::Value toSingle(mlir::Value x);

  /// The bits of a float as an integer of the same width, and back.
  mlir::Value bits(mlir::Value x);
  mlir::Value fromBits(mlir::Value x);
  mlir::Value addInteger(mlir::Value x, mlir::Value y) { return mlir::arith::AddIOp::create(builder, loc, x, y); }
  mlir::Value addInteger(mlir::Value x, int64_t y) { return addInteger(x, integer(y, x)); }
  mlir::Value subtractInteger(mlir::Value x, mlir::Value y) { return mlir::arith::SubIOp::create(builder, loc, x, y); }
  mlir::Value shiftLeft(mlir::Value x, int64_t count);
  mlir::Value shiftRight(mlir::Value x, int64_t count);
  mlir::Value shiftRightSigned(mlir::Value x, int64_t count);
  /// Whether a bit of an integer is set.
  mlir::Value hasBit(mlir::Value x, int64_t mask);

  struct Rounded {
    mlir::Value number;  ///< as a float
    mlir::Value integer; ///< as an integer of the same width
  };
  /// The nearest integer, ties to even, of |x| below 2^22 (f32) or 2^51 (f64); conversion instructions are missing or
  /// slow on many processors. Without meaning for other x.
  Rounded round(mlir::Value x) { return unshift(add(x, shift(x))); }
  /// The nearest integer of x * y.
  Rounded roundProduct(mlir::Value x, double y) { return unshift(multiplyAdd(x, y, shift(x))); }
  /// 2^n for an integer within the exponents of normal numbers; else without meaning.
  mlir::Value powerOfTwo(mlir::Value n);
  /// x * 2^n of f32, rounded once, for x of about 1 and an integer n from -252 to 254.
  mlir::Value scale(mlir::Value x, mlir::Value n);

private:
  bool canScale;
  static bool isSingle(mlir::Value x) {
    return mlir::getElementTypeOrSelf(x).isF32() || mlir::getElementTypeOrSelf(x).isInteger(32);
  }
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value x, mlir::Value y) {
    return mlir::arith::CmpFOp::create(builder, loc, predicate, x, y);
  }
  /// What is added to a number so that the sum's last bit is worth one, which rounds it. One and a half powers of two,
  /// so that a negative number does not change the exponent.
  mlir::Value shift(mlir::Value like) { return constant(isSingle(like) ? 0x1.8p23 : 0x1.8p52, like); }
  Rounded unshift(mlir::Value shifted) {
    return {subtract(shifted, shift(shifted)), subtractInteger(bits(shifted), bits(shift(shifted)))};
  }

  mlir::OpBuilder &builder;
  mlir::Location loc;
};

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

} // namespace tegula

#endif
