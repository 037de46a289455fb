// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the families share that write vector loops over flat memory.
//
#ifndef TEGULA_CODEGEN_COMMON_EMISSION_H
#define TEGULA_CODEGEN_COMMON_EMISSION_H

#include "tegula/Codegen/Common/IndexMath.h"

#include "mlir/IR/IRMapping.h"

namespace tegula::matmul {

/// An operand seen as flat memory: the address of an element is `base` plus one term for each loop.
struct FlatAccess {
  mlir::Value flat;
  mlir::Type element;
  Index base;
  llvm::SmallVector<Index> steps;
};

/// `forms` holds for each dimension of `buffer` (a memref) the coefficients of the loops, then the constant; `extents`
/// are the loops'. With `math` remembering products, equal strides are equal values.
FlatAccess makeFlatAccess(mlir::OpBuilder &b, mlir::Location loc, IndexMath &math, mlir::Value buffer,
                          llvm::ArrayRef<llvm::SmallVector<int64_t>> forms, llvm::ArrayRef<Index> extents);

/// Clones elementwise op `op` with operands from `mapping`; results become vectors as soon as one operand is a vector.
mlir::Value cloneElementwise(mlir::OpBuilder &b, mlir::Location loc, mlir::Operation *op, mlir::IRMapping &mapping);

/// Transposes a square of as many vectors as each has lanes.
void transposeSquare(mlir::OpBuilder &b, mlir::Location loc, llvm::MutableArrayRef<mlir::Value> rows);

/// The first of `items` in this worker's even share of them, and the end of the share.
std::pair<Index, Index> shareOf(mlir::OpBuilder &b, mlir::Location loc, IndexMath &math, Index items);

/// A loop; no more than its body when it runs at most once for certain.
void emitLoop(mlir::OpBuilder &b, mlir::Location loc, IndexMath &math, Index begin, Index end, int64_t step,
              llvm::function_ref<void(mlir::Value)> body);
/// A branch; no more than one side when the condition is known.
void emitIf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value condition, llvm::function_ref<void()> body,
            llvm::function_ref<void()> otherwise = nullptr);

} // namespace tegula::matmul

#endif
