// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Index arithmetic that folds constants while it is emitted, so that a static kernel contains no arithmetic on extents
// and a dynamic one the least.
//
#ifndef TEGULA_CODEGEN_COMMON_INDEXMATH_H
#define TEGULA_CODEGEN_COMMON_INDEXMATH_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"

namespace tegula::matmul {

/// An index: a constant or a value.
using Index = mlir::OpFoldResult;

class IndexMath {
public:
  IndexMath(mlir::OpBuilder &builder, mlir::Location loc) : b(builder), loc(loc) {}

  Index of(int64_t constant) { return b.getIndexAttr(constant); }
  mlir::Value value(Index index);
  mlir::Value constant(int64_t value) { return mlir::arith::ConstantIndexOp::create(b, loc, value); }

  Index add(Index left, Index right);
  Index sub(Index left, Index right);
  /// Products made while `remembersProducts` are the same value for the same factors, so that strides can be compared.
  Index mul(Index left, Index right);
  Index floorDiv(Index left, Index right);
  Index ceilDiv(Index left, Index right);
  Index rem(Index left, Index right);
  Index min(Index left, Index right);
  Index max(Index left, Index right);
  /// i1 values.
  mlir::Value equal(Index left, Index right);
  mlir::Value less(Index left, Index right);
  mlir::Value lessOrEqual(Index left, Index right);
  mlir::Value logicalAnd(mlir::Value left, mlir::Value right);
  mlir::Value truth(bool value);

  static bool same(Index left, Index right);
  static bool isConstant(Index index, int64_t value) {
    return mlir::getConstantIntValue(index) == std::optional<int64_t>(value);
  }

  bool remembersProducts = false;

private:
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, Index left, Index right);

  mlir::OpBuilder &b;
  mlir::Location loc;
  llvm::DenseMap<std::pair<void *, void *>, mlir::Value> products;
};

} // namespace tegula::matmul

#endif
