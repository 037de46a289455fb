// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_DIALECT_EXEC_TRANSFORMS_PASSES_H
#define TEGULA_DIALECT_EXEC_TRANSFORMS_PASSES_H

#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace tegula {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "tegula/Dialect/Exec/Transforms/Passes.h.inc"

namespace exec {
/// Whether `op` is `acc + a * b` over two operands with at least one reduction loop: what contraction families take.
bool isContraction(mlir::linalg::GenericOp op);

/// Operations in the body of `op`.
int64_t countBodyOps(mlir::linalg::GenericOp op);
/// A kernel that is fused of several operations has no more body operations than this: LLVM's time and registers per
/// operation grow with the length of a block.
constexpr int64_t maxFusedOps = 192;
/// Why the operation that makes `operand` is not fused into its owner by exec-fuse-elementwise; empty if it should be.
llvm::StringRef findFusionObstacle(mlir::OpOperand *operand);
} // namespace exec
} // namespace tegula

#endif
