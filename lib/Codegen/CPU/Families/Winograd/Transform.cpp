// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Transform.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tegula;

namespace {
using Values = SmallVector<Value>;

/// One-dimensional transformations.
struct Transform {
  OpBuilder &b;
  Location loc;

  Value add(Value left, Value right) const { return arith::AddFOp::create(b, loc, left, right); }
  Value sub(Value left, Value right) const { return arith::SubFOp::create(b, loc, left, right); }
  /// factor * x + y.
  Value fma(double factor, Value x, Value y) const {
    auto type = cast<VectorType>(x.getType());
    auto splat = DenseElementsAttr::get(type, b.getFloatAttr(type.getElementType(), factor));
    return vector::FMAOp::create(b, loc, x, arith::ConstantOp::create(b, loc, splat), y);
  }

  /// B^T d.
  Values operand(ValueRange d, int64_t m) const {
    if (m == 2)
      return {sub(d[0], d[2]), add(d[1], d[2]), sub(d[2], d[1]), sub(d[1], d[3])};
    Value even = fma(-4, d[2], d[4]), odd = fma(-4, d[1], d[3]);
    Value outer = sub(d[4], d[2]), inner = sub(d[3], d[1]);
    return {
        fma(4, d[0], fma(-5, d[2], d[4])), add(even, odd), sub(even, odd), fma(2, inner, outer), fma(-2, inner, outer),
        fma(4, d[1], fma(-5, d[3], d[5]))};
  }

  /// A^T p.
  Values products(ValueRange p, int64_t m) const {
    if (m == 2)
      return {add(add(p[0], p[1]), p[2]), sub(sub(p[1], p[2]), p[3])};
    Value nearSum = add(p[1], p[2]), nearDifference = sub(p[1], p[2]);
    Value farSum = add(p[3], p[4]), farDifference = sub(p[3], p[4]);
    return {add(add(p[0], nearSum), farSum), fma(2, farDifference, nearDifference), fma(4, farSum, nearSum),
            add(fma(8, farDifference, nearDifference), p[5])};
  }
};
} // namespace

/// Applies a one-dimensional transformation to the columns, then to the rows of a square of `side`^2 values.
static Values transformSquare(ValueRange square, int64_t side, function_ref<Values(ValueRange)> transform) {
  SmallVector<Values> columns;
  for (int64_t column = 0; column < side; ++column) {
    Values values;
    for (int64_t row = 0; row < side; ++row)
      values.push_back(square[row * side + column]);
    columns.push_back(transform(values));
  }
  Values result;
  for (size_t row = 0; row < columns.front().size(); ++row) {
    Values values;
    for (const Values &column : columns)
      values.push_back(column[row]);
    llvm::append_range(result, transform(values));
  }
  return result;
}

SmallVector<Value> winograd::transformOperand(OpBuilder &b, Location loc, ValueRange tile, int64_t m) {
  return transformSquare(tile, m + 2, [&](ValueRange d) { return Transform{b, loc}.operand(d, m); });
}

SmallVector<Value> winograd::transformProducts(OpBuilder &b, Location loc, ValueRange products, int64_t m) {
  return transformSquare(products, m + 2, [&](ValueRange p) { return Transform{b, loc}.products(p, m); });
}
