// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Float arithmetic that folds while it is built, for interpolation. Internal to lib/Conversion/GraphToLinalg.
#ifndef TEGULA_CONVERSION_GRAPHTOLINALG_FLOATMATH_H
#define TEGULA_CONVERSION_GRAPHTOLINALG_FLOATMATH_H

#include "tegula/Conversion/GraphToLinalg/IndexMath.h"

namespace tegula {

/// Arithmetic on one float type.
struct FloatMath {
  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Type type;
  FloatMath(const IndexMath &math, mlir::Type type) : b(math.b), loc(math.loc), type(type) {}
  mlir::Value constant(double value) const { return constantScalar(b, loc, value, type); }
  mlir::Value add(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::AddFOp>(loc, x, y); }
  mlir::Value sub(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::SubFOp>(loc, x, y); }
  mlir::Value mul(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::MulFOp>(loc, x, y); }
  mlir::Value div(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::DivFOp>(loc, x, y); }
  mlir::Value min(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::MinimumFOp>(loc, x, y); }
  mlir::Value max(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::MaximumFOp>(loc, x, y); }
  mlir::Value floor(mlir::Value x) const { return b.createOrFold<mlir::math::FloorOp>(loc, x); }
  mlir::Value ceil(mlir::Value x) const { return b.createOrFold<mlir::math::CeilOp>(loc, x); }
  mlir::Value abs(mlir::Value x) const { return b.createOrFold<mlir::math::AbsFOp>(loc, x); }
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value x, mlir::Value y) const {
    return b.createOrFold<mlir::arith::CmpFOp>(loc, predicate, x, y);
  }
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y) const {
    return b.createOrFold<mlir::arith::SelectOp>(loc, condition, x, y);
  }
  mlir::Value fromIndex(mlir::Value index) const {
    mlir::Value wide = b.createOrFold<mlir::arith::IndexCastOp>(loc, b.getI64Type(), index);
    return b.createOrFold<mlir::arith::SIToFPOp>(loc, type, wide);
  }
  /// Truncates; what no index can be (NaN, far outside) becomes 0 first, as the conversion would be poison.
  mlir::Value toIndexValue(mlir::Value x) const {
    mlir::Value fits = compare(mlir::arith::CmpFPredicate::OLT, abs(x), constant(1e15));
    mlir::Value safe = select(fits, x, constant(0));
    return toIndex(b, loc, b.createOrFold<mlir::arith::FPToSIOp>(loc, b.getI64Type(), safe));
  }
  mlir::Value convert(mlir::Value x) const {
    auto from = mlir::cast<mlir::FloatType>(x.getType());
    if (from == type)
      return x;
    if (from.getWidth() < mlir::cast<mlir::FloatType>(type).getWidth())
      return b.createOrFold<mlir::arith::ExtFOp>(loc, type, x);
    return b.createOrFold<mlir::arith::TruncFOp>(loc, type, x);
  }
  /// Keys' cubic kernel at distance |x| with coefficient a.
  mlir::Value cubicKernel(mlir::Value x, double a) const {
    x = abs(x);
    mlir::Value x2 = mul(x, x), x3 = mul(x2, x), one = constant(1);
    mlir::Value near = add(sub(mul(constant(a + 2), x3), mul(constant(a + 3), x2)), one);
    mlir::Value far =
        sub(add(sub(mul(constant(a), x3), mul(constant(5 * a), x2)), mul(constant(8 * a), x)), constant(4 * a));
    mlir::Value beyond = select(compare(mlir::arith::CmpFPredicate::OLT, x, constant(2)), far, constant(0));
    return select(compare(mlir::arith::CmpFPredicate::OLE, x, one), near, beyond);
  }
};

/// The type in which elements of graph element type `element` are interpolated: f64 stays, everything else is f32.
mlir::Type getInterpolationType(mlir::Type element);
/// A stored element as a float, and back; integers are rounded to nearest even and saturate.
mlir::Value loadFloat(const FloatMath &f, mlir::Value stored, mlir::Type element);
mlir::Value storeFloat(const FloatMath &f, mlir::Value value, mlir::Type element);

} // namespace tegula

#endif
