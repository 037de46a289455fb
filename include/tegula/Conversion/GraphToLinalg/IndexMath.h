// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Index arithmetic that folds while it is built, and generics whose body addresses tensors by computed indices.
// Internal to lib/Conversion/GraphToLinalg.
#ifndef TEGULA_CONVERSION_GRAPHTOLINALG_INDEXMATH_H
#define TEGULA_CONVERSION_GRAPHTOLINALG_INDEXMATH_H

#include "tegula/Conversion/GraphToLinalg/Lowering.h"

namespace tegula {

/// Arithmetic on values of type index (or any one integer type); constants fold.
struct IndexMath {
  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Value constant(int64_t value) const { return constantIndex(b, loc, value); }
  mlir::Value add(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::AddIOp>(loc, x, y); }
  mlir::Value sub(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::SubIOp>(loc, x, y); }
  mlir::Value mul(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::MulIOp>(loc, x, y); }
  mlir::Value div(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::DivSIOp>(loc, x, y); }
  mlir::Value rem(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::RemSIOp>(loc, x, y); }
  mlir::Value min(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::MinSIOp>(loc, x, y); }
  mlir::Value max(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::MaxSIOp>(loc, x, y); }
  mlir::Value clamp(mlir::Value x, mlir::Value low, mlir::Value high) const { return max(low, min(x, high)); }
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value x, mlir::Value y) const {
    return b.createOrFold<mlir::arith::CmpIOp>(loc, predicate, x, y);
  }
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y) const {
    return b.createOrFold<mlir::arith::SelectOp>(loc, condition, x, y);
  }
  mlir::Value logicalAnd(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::AndIOp>(loc, x, y); }
  mlir::Value logicalOr(mlir::Value x, mlir::Value y) const { return b.createOrFold<mlir::arith::OrIOp>(loc, x, y); }
  mlir::Value isNegative(mlir::Value x) const { return compare(mlir::arith::CmpIPredicate::slt, x, zeroLike(x)); }
  mlir::Value zeroLike(mlir::Value x) const { return constantScalar(b, loc, 0, x.getType()); }
  /// An exec.check, unless the condition is known to hold.
  void check(mlir::Value condition, int32_t status) const;
  /// `index` (negative: from the end) checked against `extent`, and safe to use whatever it was (for extents above 0).
  mlir::Value checkedIndex(mlir::Value index, mlir::Value extent) const;
};

/// The constant that an index value or attribute is.
std::optional<int64_t> getConstantIndex(mlir::OpFoldResult extent);

/// Extents of a result: what `type` declares static is static, and checked where `extents` cannot tell.
llvm::SmallVector<mlir::OpFoldResult> resolveExtents(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange extents,
                                                     mlir::RankedTensorType type);

/// Body of an indexed generic: stored scalars of the inputs, the loop indices; gives a stored scalar.
using IndexedBody = llvm::function_ref<mlir::Value(const IndexMath &, mlir::ValueRange, mlir::ValueRange)>;
/// A parallel generic over `extents` whose body sees its indices; `inputs` are read through `maps`. The result is cast
/// to `type`.
mlir::Value buildIndexed(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<mlir::OpFoldResult> extents,
                         mlir::RankedTensorType type, mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps,
                         IndexedBody body);

/// tensor.extract_slice; an empty tensor where a size or an extent of `x` is known to be 0, as no view may start at the
/// end of its operand.
mlir::Value buildSlice(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x,
                       llvm::ArrayRef<mlir::OpFoldResult> offsets, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                       llvm::ArrayRef<mlir::OpFoldResult> strides);

/// Element `index` of a one-dimensional (or the element of a rank-0) tensor; a select chain over host scalars.
mlir::Value extractAt(const IndexMath &math, mlir::Value tensor, mlir::Value index);

/// The entries of integer tensor `values` (one-dimensional, static) by dimension: entry d is the one whose axis is d,
/// or `fallback(d)`. `axes` null means 0, 1, ... Axes that are not constant are matched at run time.
llvm::SmallVector<mlir::Value> scatterByAxes(mlir::OpBuilder &b, mlir::Location loc, mlir::Value values, int64_t offset,
                                             mlir::Value axes, int64_t count, int64_t rank,
                                             llvm::function_ref<mlir::Value(int64_t)> fallback);

/// Whether the result of an op that only moves elements is made of host scalars: it is one, and its operand is small.
bool movesHostScalars(mlir::Type result, mlir::Value operand);

} // namespace tegula

#endif
